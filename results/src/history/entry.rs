//! Entries of a record: what an index keeps of its runs.
//!
//! Lives here also: dates as texts and as seconds. Does not live here: files, and the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entry, Fingerprint, Kind, Standing, Subject};
use crate::goal::Named;
use crate::model::search::{End, Searched};
use crate::model::{Record, Setting, Settings, Status, is_compared};
use crate::rows::{self, Row};

/// Settings of a hold that a search chooses. They are part of its answer and not of what was asked for.
const CHOSEN_BY_SEARCH: [&str; 4] = ["rate_per_s", "duration_ns", "count", "warmup_ns"];

/// A run with all of its figures.
pub type WithFigures = (Entry, Vec<(Named, f64)>);

/// The runs of a record. Of a search each dispatch is one, with the trials at the rate that was found. `file` is the name of the
/// record, and `modified_s` the time of its file, for records that have no date.
#[must_use]
pub fn entries(record: &Record, file: &str, modified_s: i64) -> Vec<WithFigures> {
    let dated = record.started_at.as_deref().and_then(seconds);
    // Of a search each dispatch is a row, in the same order.
    let searched: &[Searched] = record.search.as_ref().map_or(&[], |search| &search.dispatches);
    let entry = |(i, row): (usize, &Row<'_>)| {
        let run = row.run();
        let side = run.and_then(|run| run.side.as_ref());
        let (standing, reason) = standing(row, searched.get(i).and_then(unanswered));
        let figures = row.measured().map(|run| Named::values(run, row.kept_per_s)).unwrap_or_default();
        let own = side.is_none().then(|| record.environment.get("revision")).flatten();
        let revision = side.and_then(|side| side.revision.as_ref()).or(own);
        let entry = Entry {
            file: file.to_owned(),
            record: record.id.clone(),
            at_s: dated.unwrap_or(modified_s),
            is_dated: dated.is_some(),
            subject: Arc::new(subject(record, row)),
            fingerprint: Arc::new(Fingerprint::of(record, side)),
            revision: revision.map(|revision| revision.as_str().into()),
            role: side.map(|side| side.role.word().to_owned()),
            trials: run.map_or(0, |run| run.counted_trials().count() as u64),
            standing,
            reason: reason.or_else(|| record.partial.clone()),
            figures: Vec::new(),
        };
        (entry, figures)
    };
    rows::of_record(record).iter().enumerate().map(entry).collect()
}

fn subject(record: &Record, row: &Row<'_>) -> Subject {
    let first = || record.runs.iter().find(|run| run.dispatch == row.dispatch);
    let mut settings = row.run().or_else(first).map(|run| compared(&run.settings)).unwrap_or_default();
    let kind = match (&record.search, &record.comparison) {
        (Some(search), _) => {
            settings.retain(|key, _| !CHOSEN_BY_SEARCH.contains(&key.as_str()));
            settings.insert("goal".to_owned(), search.goal.clone());
            Kind::Search
        }
        (None, Some(_)) => Kind::Compare,
        (None, None) => Kind::Run,
    };
    Subject { scenario: row.scenario.to_owned(), dispatch: row.dispatch.to_owned(), kind, settings }
}

/// The settings in which comparable runs agree.
fn compared(settings: &Settings) -> BTreeMap<String, String> {
    let text = |(key, value): (&String, &Setting)| (key.clone(), exact(key, value));
    settings.iter().filter(|(key, _)| is_compared(key)).map(text).collect()
}

/// A setting without rounding, as it can be typed: runs whose rates differ by a little are apart.
fn exact(key: &str, value: &Setting) -> String {
    match value {
        Setting::Integer(n) if key.ends_with("_ns") => drumpost_units::duration_text(*n),
        Setting::Integer(n) if key.ends_with("_per_s") => drumpost_units::rate_text(*n as f64),
        Setting::Number(n) if key.ends_with("_per_s") => drumpost_units::rate_text(*n),
        Setting::Integer(n) => n.to_string(),
        other => other.text(key),
    }
}

/// How a row stands, and what speaks against it first. `unanswered`: it is a search that ended without an answer that has figures.
fn standing(row: &Row<'_>, unanswered: Option<Standing>) -> (Standing, Option<String>) {
    let worst = row.faults().into_iter().next().map(|(_, reason)| reason);
    let run = match (unanswered, row.run()) {
        (Some(standing), _) => return (standing, worst),
        (None, Some(run)) => run,
        (None, None) => return (Standing::Failed, worst),
    };
    let standing = match run.status() {
        Status::Ok if row.measured().is_some() => {
            let verdict = run.judged();
            return (Standing::Judged(verdict.status), verdict.reasons.first().cloned().or(worst));
        }
        Status::Ok | Status::Failed => Standing::Failed,
        Status::Interrupted => Standing::Interrupted,
        Status::Refused => Standing::Refused,
    };
    (standing, worst.or_else(|| Some("nothing was measured".to_owned())))
}

/// How a search stands that has no rate to show for it, or was interrupted before it was sure of one; `None`: it found one. The words follow
/// the exit code of the search.
fn unanswered(searched: &Searched) -> Option<Standing> {
    match (searched.answer.end, searched.answer.kept_per_s) {
        (End::Interrupted, _) => Some(Standing::Interrupted),
        (_, Some(_)) => None,
        (End::NeverKept, None) if searched.disturbed_at().is_none() => Some(Standing::NoRate),
        (End::Broke, None) => Some(Standing::Failed),
        (_, None) => Some(Standing::NotJudged),
    }
}

/// Seconds since 1970 of a date in UTC, as records have it: `2026-11-21T10:45:01Z`, also with parts of a second. `None` for another text.
#[must_use]
pub fn seconds(date: &str) -> Option<i64> {
    let number = |text: Option<&str>| text?.parse::<i64>().ok();
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    let mut day = day.splitn(3, '-');
    let (year, month, of_month) = (number(day.next())?, number(day.next())?, number(day.next())?);
    let mut time = time.split('.').next()?.splitn(3, ':');
    let (hour, minute, second) = (number(time.next())?, number(time.next())?, number(time.next())?);
    let (after, of_year) = if month == 12 { (1, year + 1) } else { (month + 1, year) };
    let is_date = (1..=12).contains(&month)
        && (1970..=9999).contains(&year)
        && (1..=days(of_year, after, 1) - days(year, month, 1)).contains(&of_month);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let of_day = hour * 3_600 + minute * 60 + second;
    (is_date && is_time).then(|| days(year, month, of_month) * 86_400 + of_day)
}

/// Days since 1970. The year begins with March, so that the leap day is its last (Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The time to the minute, in UTC (Hinnant, `civil_from_days`).
pub(super) fn date(at_s: i64) -> String {
    let (days, of_day) = (at_s.div_euclid(86_400) + 719_468, at_s.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 3_600, of_day % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, Run, Side, Validity};
    use crate::sample;
    use proptest::prelude::*;

    #[test]
    fn an_entry_says_what_the_record_says() {
        let mut record = sample::record();
        record.started_at = Some("2026-11-21T10:45:01Z".into());
        record.environment.insert("revision".into(), "f".repeat(40) + "-dirty");
        record.runs[0].settings.insert("note".into(), "mine".into());
        record.runs[0].settings.insert("duration_ns".into(), Setting::Integer(1_000_000_000));
        let entries = entries(&record, "a.json", 7);
        assert_eq!(entries.len(), record.runs.len());
        let (entry, figures) = &entries[0];
        assert_eq!((entry.date().as_str(), entry.is_dated), ("2026-11-21 10:45", true));
        assert_eq!(entry.short_revision().as_deref(), Some("ffffffffffff-dirty"));
        assert_eq!(entry.subject.settings["duration_ns"], "1s");
        assert!(!entry.subject.settings.contains_key("note"), "a note keeps no runs apart");
        assert_eq!(entry.standing, Standing::Judged(record.runs[0].judged().status));
        let p99 = record.runs[0].response().quantile_ns(0.99).map(|ns| ns as f64);
        let stored = figures.iter().find(|(figure, _)| figure.to_string() == "p99");
        assert_eq!(stored.map(|(_, value)| *value), p99);
    }

    #[test]
    fn rates_that_differ_by_little_are_apart() {
        let of_rate = |per_s: f64| {
            let mut record = sample::record();
            record.runs[0].settings.insert("rate_per_s".into(), Setting::Number(per_s));
            entries(&record, "a.json", 7).remove(0).0.subject
        };
        assert_ne!(of_rate(12_310.0), of_rate(12_340.0));
        assert_eq!(of_rate(12_310.0), of_rate(12_310.0));
    }

    #[test]
    fn a_day_that_its_month_lacks_is_no_date() {
        for (date, is_date) in [
            ("2026-02-28", true),
            ("2026-02-29", false),
            ("2024-02-29", true),
            ("2026-04-31", false),
            ("2026-12-31", true),
        ] {
            assert_eq!(seconds(&format!("{date}T00:00:00Z")).is_some(), is_date, "{date}");
        }
    }

    #[test]
    fn without_a_date_the_time_is_that_of_the_file() {
        let record = Record { started_at: None, ..sample::record() };
        let (entry, _) = &entries(&record, "a.json", 86_400)[0];
        assert_eq!(entry.date(), "~1970-01-02 00:00");
    }

    #[test]
    fn a_run_that_failed_has_no_standing() {
        let mut record = sample::record();
        record.runs[0].trials.iter_mut().for_each(|trial| {
            trial.status = Status::Failed;
            trial.error = Some("broker lost".into());
        });
        let (entry, _) = &entries(&record, "a.json", 0)[0];
        assert_eq!((entry.standing, entry.reason.as_deref()), (Standing::Failed, Some("broker lost")));
        assert!(!Standing::Failed.is_used() && !Standing::Judged(Validity::Invalid).is_used());
    }

    #[test]
    fn a_run_that_was_interrupted_or_refused_has_not_failed() {
        for (status, standing) in
            [(Status::Interrupted, Standing::Interrupted), (Status::Refused, Standing::Refused)]
        {
            let mut record = sample::record();
            record.runs[0].trials.iter_mut().for_each(|trial| trial.status = status);
            let entry = &entries(&record, "a.json", 0)[0].0;
            assert_eq!((entry.standing, entry.standing.is_used()), (standing, false));
        }
        let empty = Record { runs: vec![Run::default()], ..Record::default() };
        let entry = &entries(&empty, "a.json", 0)[0].0;
        assert_eq!(entry.standing, Standing::Interrupted, "as `show` says it");
        assert_eq!(entry.reason.as_deref(), Some("no trial was started"));
    }

    /// Exit codes 4, 7 and 130 of a search are no failures.
    #[test]
    fn a_search_that_was_answered_has_not_failed() {
        let ended = |end: End, disturbance: Option<&str>| {
            let mut record = sample::searched();
            let searched = &mut record.search.as_mut().unwrap().dispatches[1];
            searched.answer.end = end;
            searched.holds.iter_mut().for_each(|held| held.disturbance = disturbance.map(str::to_owned));
            let (entry, figures) = entries(&record, "s.json", 0).remove(1);
            assert!(figures.is_empty() && !entry.standing.is_used(), "{end:?}");
            entry.standing
        };
        for (end, standing) in [
            (End::NeverKept, Standing::NoRate),
            (End::TooFew, Standing::NotJudged),
            (End::OutOfHolds, Standing::NotJudged),
            (End::Interrupted, Standing::Interrupted),
            (End::Broke, Standing::Failed),
        ] {
            assert_eq!(ended(end, None), standing, "{end:?}");
        }
        assert_eq!(
            ended(End::NeverKept, Some("other processes")),
            Standing::NotJudged,
            "it is not confirmed"
        );
    }

    #[test]
    fn every_standing_has_a_word_of_its_own() {
        for standing in Standing::ALL {
            assert_eq!(Standing::of_word(standing.word()), Some(standing));
        }
    }

    #[test]
    fn a_side_has_its_own_revision_and_no_facts_of_another_build() {
        let mut record = sample::record();
        record.environment.insert("revision".into(), "of-this-program".into());
        record.environment.insert("toolchain".into(), "rustc 1".into());
        record.comparison = Some(crate::model::Compared::default());
        let side = |role, revision: Option<&str>| Side {
            role,
            row: "r".into(),
            name: "main".into(),
            revision: revision.map(str::to_owned),
            tool_version: "9.9".into(),
            built: BTreeMap::new(),
        };
        record.runs.truncate(1);
        record.runs[0].side = Some(side(Role::Head, Some("abc")));
        let (entry, _) = &entries(&record, "a.json", 0)[0];
        assert_eq!((entry.revision.as_deref(), entry.role.as_deref()), (Some("abc"), Some("head")));
        assert_eq!(entry.subject.kind, Kind::Compare);
        let facts = entry.fingerprint.facts();
        assert_eq!((facts.get("toolchain"), facts["drumpost"].as_str()), (None, "9.9"));
        // What its own program says of its build counts, and not what built the program that measured it.
        let own = [("toolchain", "rustc 2"), ("build", "release"), ("rustflags", "none")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        record.environment.insert("build".into(), "debug".into());
        record.runs[0].side = Some(side(Role::Head, None).told("9.9".into(), &own));
        let (entry, _) = &entries(&record, "a.json", 0)[0];
        let facts = entry.fingerprint.facts();
        assert_eq!((facts["toolchain"].as_str(), facts["build"].as_str()), ("rustc 2", "release"));
        assert_eq!(facts.get("allocator"), None, "it does not say");
        assert_eq!(
            facts.get("rustflags"),
            None,
            "no flags are as good as a record that does not know of flags"
        );
        record.runs[0].side = Some(side(Role::Base, None));
        assert_eq!(entries(&record, "a.json", 0)[0].0.revision, None, "it may be another program");
    }

    #[test]
    fn a_search_is_told_by_its_goal_and_not_by_the_rates_it_chose() {
        let record = sample::searched();
        let all = entries(&record, "s.json", 0);
        let (entry, figures) = &all[0];
        assert_eq!(entry.subject.kind, Kind::Search);
        assert!(
            entry.subject.settings.contains_key("goal") && !entry.subject.settings.contains_key("rate_per_s")
        );
        let kept = record.search.as_ref().unwrap().dispatches[0].answer.kept_per_s;
        assert_eq!(figures.iter().find(|(f, _)| f.to_string() == "kept_per_s").map(|(_, v)| *v), kept);
    }

    #[test]
    fn texts_that_are_no_dates_are_none() {
        for text in
            ["", "2026", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "x-y-zT::Z"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds("1970-01-01T00:00:01.5Z"), Some(1));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
    }

    proptest! {
        #[test]
        fn a_date_reads_back(minutes in 0i64..253_402_300_799 / 60) {
            let text = date(minutes * 60).replace(' ', "T") + ":00Z";
            prop_assert_eq!(seconds(&text), Some(minutes * 60), "{}", text);
        }
    }
}
