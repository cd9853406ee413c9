//! `drumpost history`: lists saved runs, and draws the trend of a figure. The index of the records is in `drumpost_history`, series
//! and change points are in `drumpost_results::history`.
//!
//! Lives here also: noting records that were just saved.

pub(crate) use crate::files::HOME;

use crate::{Exit, args::HistoryArgs, environment, exit::usage, files::Files, output};
use drumpost_history::{Filter, Index, IndexError};
use drumpost_results::{
    goal::Named,
    history::{History, seconds},
    model::Record,
    report,
};
use std::path::{Path, PathBuf};

/// The figures of the list.
const LISTED: [&str; 5] = ["throughput_per_s", "kept_per_s", "p50", "p99", "cpu_ns_per_message"];
/// From so many records on, reading them takes long enough to be said.
const MANY: usize = 200;

/// Catches up with the records, asks the index, prints.
pub(crate) fn history(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let folder = args.folder.as_deref().unwrap_or(Path::new(HOME));
    if !folder.is_dir() {
        let hint = match args.folder {
            Some(_) => "name the folder in which records are saved",
            None => "drumpost run, search, suite and compare save records there; or name another folder",
        };
        return Err(usage(format!("there is no folder {}: {hint}", folder.display())));
    }
    args.form.check_files(Files::default())?;
    let filter = filter(args)?;
    let figures: Vec<Named> = match args.figure {
        Some(figure) => vec![figure],
        None => LISTED.iter().filter_map(|name| name.parse().ok()).collect(),
    };
    let last = args.last as usize;
    let listed = args.figure.is_none().then_some(last);
    let ask = |index: &Index| -> Result<(History, Option<String>), IndexError> {
        let history = index.history(&filter, &figures, listed)?;
        let unknown = if history.entries.is_empty() { index.unknown(&filter)? } else { None };
        Ok((history, unknown))
    };
    let ((mut history, unknown), notes) = answer(folder, args.rebuild, &ask)?;
    if let Some(unknown) = unknown {
        return Err(usage(unknown));
    }
    history.across = args.across.clone().unwrap_or_default();
    history.notes.extend(notes);
    let trend = args.figure.map(|_| last);
    let report = || if trend.is_some() { report::trend(&history, last) } else { report::history(&history) };
    output::report(report, || anyhow::Ok(report::history_json(&history, trend)), &args.form)?;
    Ok(Exit::Ok)
}

/// What the index of a folder answers with all of its records in it, and what a reader should know about it. A damaged index is replaced,
/// wherever the damage shows. Where there can be no file, the index is in memory. The index is closed when this returns: printing may wait for a
/// pager, and others are not to wait for that.
fn answer<T>(
    folder: &Path,
    is_rebuilt: bool,
    ask: &dyn Fn(&Index) -> Result<T, IndexError>,
) -> anyhow::Result<(T, Vec<String>)> {
    let mut notes = Vec::new();
    let asked = |index: Result<Index, IndexError>| index.and_then(|index| ask(&index));
    let answered = asked(opened(folder, is_rebuilt)).or_else(|error| {
        if !error.is_broken() {
            return Err(error);
        }
        let answer = asked(replaced(folder))?;
        notes.push(format!(
            "{error}; it was moved aside as history.sqlite.damaged and made anew from the records"
        ));
        Ok(answer)
    });
    match answered.map_err(|error| error.with_room_given_back(folder)) {
        Ok(answer) => Ok((answer, notes)),
        Err(error @ IndexError::Folder { .. }) => Err(usage(error.to_string())),
        // What was asked for is the file, and not an answer.
        Err(error) if is_rebuilt => Err(usage(error.to_string())),
        Err(error) => {
            notes.push(format!("{error}; this answer comes from an index in memory"));
            let mut index = Index::in_memory(folder)?;
            index.catch_up(tell)?;
            Ok((ask(&index)?, notes))
        }
    }
}

fn opened(folder: &Path, is_rebuilt: bool) -> Result<Index, IndexError> {
    let mut index = Index::open(folder)?;
    if is_rebuilt {
        index.clear()?;
    }
    index.catch_up(tell)?;
    Ok(index)
}

fn replaced(folder: &Path) -> Result<Index, IndexError> {
    let mut index = Index::replace_damaged(folder)?;
    index.catch_up(tell)?;
    Ok(index)
}

fn tell(records: usize) {
    if records >= MANY {
        let count = drumpost_results::units::count(records as u64);
        output::remark(&format!("reading {count} records into the index"));
    }
}

fn filter(args: &HistoryArgs) -> anyhow::Result<Filter> {
    let time = |flag: &str, text: &Option<String>, of_day_s: i64| {
        let read = |text: &String| {
            time(text, &environment::date(), of_day_s).ok_or_else(|| {
                usage(format!(
                    "{flag} `{text}`: it is neither a date such as 2026-11-21, nor a time such as 2026-11-21T10:45:00Z, nor an age such as 7d"
                ))
            })
        };
        text.as_ref().map(read).transpose()
    };
    Ok(Filter {
        scenario: args.scenario.clone(),
        dispatch: args.dispatch.clone(),
        revision: args.revision.clone(),
        host: args.host.clone(),
        since_s: time("--since", &args.since, 0)?,
        until_s: time("--until", &args.until, 86_399)?,
    })
}

/// Seconds since 1970 of a date, a time or an age before `now`. Of a date it is the second `of_day_s` of the day.
fn time(text: &str, now: &str, of_day_s: i64) -> Option<i64> {
    let text = text.trim();
    let of_date = || Some(seconds(&format!("{text}T00:00:00Z"))? + of_day_s);
    let of_age = || {
        let age = humantime::parse_duration(text).ok()?;
        seconds(now)?.checked_sub(i64::try_from(age.as_secs()).ok()?)
    };
    seconds(text).or_else(of_date).or_else(of_age)
}

/// Notes records that were just saved in the index of their folder. A record that cannot be noted is saved all the same, and the next
/// `history` reads it: that is worth a remark and no more.
pub(crate) fn note(saved: &[(PathBuf, &Record)]) {
    if let Err(error) = drumpost_history::note(Path::new(HOME), saved) {
        output::remark(&format!("note: not in the index of records yet: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_times_and_ages() {
        let now = "2026-11-21T10:00:00Z";
        let read = |text: &str| time(text, now, 86_399);
        assert_eq!(read("2026-11-21T10:00:00Z"), seconds(now));
        assert_eq!(read("2026-11-20"), seconds("2026-11-20T23:59:59Z"));
        assert_eq!(time("2026-11-20", now, 0), seconds("2026-11-20T00:00:00Z"));
        assert_eq!([read("7d"), read("36h")], ["2026-11-14T10:00:00Z", "2026-11-19T22:00:00Z"].map(seconds));
        for text in ["", "yesterday", "2026-13-01", "99999999999999y"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_figures_of_the_list_are_known() {
        assert!(LISTED.iter().all(|name| name.parse::<Named>().is_ok()));
    }
}
