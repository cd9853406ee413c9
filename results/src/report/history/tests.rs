//! Tests of the report on saved runs: what a list and a trend say, in each form.

use super::super::{Layout, history_json, trend};
use super::*;
use crate::history::{Fingerprint, Kind, Part, Subject};
use std::collections::BTreeMap;
use std::sync::Arc;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn entry(day: i64, kernel: &str, standing: Standing, ns: f64) -> Entry {
    Entry {
        file: format!("stream-{day}.json"),
        record: format!("stream-{day}"),
        at_s: 1_795_000_000 + day * 86_400,
        is_dated: true,
        subject: Arc::new(Subject {
            scenario: "stream".into(),
            dispatch: "message/crossbeam".into(),
            kind: Kind::Run,
            settings: map(&[("batch", "8"), ("duration_ns", "1.00 s")]),
        }),
        fingerprint: Arc::new(Fingerprint::from_facts(map(&[
            ("cores", "2"),
            ("kernel", kernel),
            ("processor", "Made Up 9"),
        ]))),
        revision: Some(revision(day).into()),
        role: None,
        trials: 3,
        standing,
        reason: None,
        figures: vec![Some(ns)],
    }
}

/// A commit.
fn revision(day: i64) -> String {
    format!("{day:02}c0ffee{:032}", 0)
}

/// Twelve days at 1.2 ms and eight at 1.5 ms, with an invalid run, and two runs on another kernel.
fn sample() -> History {
    let level = |day: i64| if day < 12 { 1_200_000.0 } else { 1_500_000.0 } + (day * 7 % 5) as f64 * 9_000.0;
    let valid = Standing::Judged(Validity::Valid);
    let mut entries: Vec<Entry> = (0..20).map(|day| entry(day, "6.1", valid, level(day))).collect();
    entries.insert(5, entry(5, "6.1", Standing::Judged(Validity::Invalid), 2_900_000.0));
    entries.extend([entry(21, "6.8", valid, 1_100_000.0), entry(22, "6.8", Standing::Failed, 0.0)]);
    entries[22].figures = vec![None];
    History {
        folder: ".drumpost".into(),
        figures: vec!["p99".parse().unwrap()],
        matching: 23,
        all: 40,
        entries,
        ..History::default()
    }
}

#[test]
fn a_list_has_a_row_for_each_run_and_numbers_fingerprints() {
    insta::assert_snapshot!(history(&sample()).text(Layout::plain(120)));
}

#[test]
fn a_trend_has_a_picture_and_says_each_change_with_its_evidence() {
    insta::assert_snapshot!(trend(&sample(), 50).text(Layout::plain(110)));
}

/// Runs with long names: of a search, of a side, and one with a dispatch of 500 characters.
fn long_names() -> History {
    let figures = ["throughput_per_s", "kept_per_s", "p50", "p99", "cpu_ns_per_message"];
    let dispatches =
        ["event/tokio-broadcast".to_owned(), "x".repeat(500), "message/tokio-broadcast".to_owned()];
    let run = |(day, dispatch): (i64, String)| {
        let one = entry(day, "6.1", Standing::NotJudged, 0.0);
        let subject = Subject { scenario: "payment-confirmation".into(), dispatch, ..(*one.subject).clone() };
        Entry {
            file: format!("payment-confirmation-20261121T10450{day}Z-3f2{day}.json"),
            subject: Arc::new(subject),
            role: (day == 2).then(|| "control".to_owned()),
            figures: vec![Some(12_300.0), Some(12_300.0), Some(2.05e6), Some(1.18e7), Some(1_230.0)],
            ..one
        }
    };
    History {
        folder: ".drumpost".into(),
        figures: figures.iter().map(|name| name.parse().unwrap()).collect(),
        entries: (0..).zip(dispatches).map(run).collect(),
        all: 3,
        matching: 3,
        ..History::default()
    }
}

#[test]
fn long_names_keep_one_table() {
    let history = history(&long_names());
    for width in 72..=200 {
        let text = history.text(Layout::plain(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        let head = |line: &&str| line.contains("dispatch");
        assert_eq!(text.lines().filter(head).count(), 1, "one table at {width}\n{text}");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("not judged")).collect();
        assert!(rows.len() == 3 && rows.iter().all(|row| row.contains("11.8 ms")), "{width}\n{text}");
        assert!(rows[0].contains("event/") && rows[2].contains("copy)"), "{width}\n{text}");
        // The rows of records of one day can be told apart by their files, as long as the other columns leave room for that.
        let is_named = |(i, row): (usize, &&str)| row.ends_with(&format!("3f2{i}.json"));
        assert!(width < 93 || rows.iter().enumerate().all(is_named), "{width}\n{text}");
    }
    let narrow = history.text(Layout::plain(80));
    assert!(narrow.contains("columns left out for want of room: revision, "), "{narrow}");
    let at_120 = history.text(Layout::plain(120));
    assert!(at_120.contains("for want of room: revision, CPU/message (a wider terminal "), "{at_120}");
    assert!(history.markdown().contains(&"x".repeat(500)), "elsewhere names are whole");
}

#[test]
fn a_series_of_one_run_has_no_picture() {
    let mut one = sample();
    one.entries.truncate(1);
    let text = trend(&one, 50).text(Layout::plain(100));
    assert!(!text.contains('│') && !text.contains('●'), "{text}");
    assert!(text.contains("runs     1.20 ms at 2026-11-18 11:06, revision 00c0ffee0000"), "{text}");
}

#[test]
fn settings_that_differ_are_told_as_they_are_elsewhere() {
    let mut two = sample();
    two.entries.truncate(2);
    let with = |settings: &[(&str, &str)]| {
        Arc::new(Subject { settings: map(settings), ..(*two.entries[0].subject).clone() })
    };
    let (closed, open) = (
        with(&[("duration_ns", "1s"), ("load", "closed")]),
        with(&[
            ("arrivals", "poisson"),
            ("duration_ns", "200ms"),
            ("load", "open"),
            ("rate_per_s", "166.66666666666666/s"),
        ]),
    );
    (two.entries[0].subject, two.entries[1].subject) = (closed, open);
    let text = trend(&two, 50).text(Layout::plain(200));
    assert!(text.contains("with     duration 1.00 s; load closed"), "{text}");
    for part in ["arrivals - → poisson", "duration 1.00 s → 200 ms", "rate - → 167 /s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("not recorded") && !text.contains("duration_ns"), "{text}");
}

#[test]
fn joined_fingerprints_are_said() {
    let mut joined = sample();
    joined.across = vec![Part::Kernel];
    let text = trend(&joined, 50).text(Layout::plain(2_000));
    assert!(text.contains("joined   runs with different kernel are in this series: 6.1, 6.8"), "{text}");
    assert!(
        text.contains("As asked with --across, runs are in one series even if they differ in their kernel.")
    );
    assert_eq!(text.matches("stream message/crossbeam").count(), 1, "{text}");
}

#[test]
fn the_document_has_the_series_and_their_changes() {
    let document: serde_json::Value = serde_json::from_str(&history_json(&sample(), Some(50))).unwrap();
    assert_eq!((document["figure"].as_str(), document["unit"].as_str()), (Some("p99"), Some("ns")));
    let series = document["series"].as_array().unwrap();
    assert_eq!((series.len(), series[0]["runs"].as_array().unwrap().len()), (2, 21));
    let change = &series[0]["changes"][0];
    assert_eq!((change["run"].as_u64(), change["worse"].as_bool()), (Some(13), Some(true)));
    assert_eq!(change["revision"].as_str(), Some(revision(12).as_str()));
    assert_eq!(series[1]["differs"][0]["fact"], "kernel");
    let list: serde_json::Value = serde_json::from_str(&history_json(&sample(), None)).unwrap();
    assert_eq!(list["runs"].as_array().unwrap().len(), 23);
    assert_eq!(list["runs"][0]["figures"]["p99"], 1_200_000.0);
}

#[test]
fn a_page_and_a_comment_have_the_picture() {
    let report = trend(&sample(), 50);
    let page = report.html();
    assert!(page.contains("p99 of stream message/crossbeam") && page.contains("change 1"), "no plot");
    let markdown = report.markdown();
    assert!(
        markdown.contains("```text") && markdown.contains('●') && markdown.contains("**changes**"),
        "{markdown}"
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_named() {
    let unreadable = (0..7).map(|n| (format!("bad-{n}.json"), "cut".to_owned())).collect();
    let empty =
        History { unreadable, folder: "here".into(), notes: vec!["in memory".into()], ..History::default() };
    let text = history(&empty).text(Layout::plain(100));
    assert!(text.contains("unread   7 files cannot be read as a record and are left out"), "{text}");
    assert!(
        text.contains("bad-4.json: cut") && !text.contains("bad-5.json") && text.contains("and 2 more"),
        "{text}"
    );
    assert!(text.contains("no record is saved here yet") && text.contains("note: in memory"), "{text}");
}

#[test]
fn pictures_of_few_and_of_equal_values_are_drawn() {
    for count in [2usize, 5] {
        let mut few = sample();
        few.entries.truncate(count);
        few.entries.iter_mut().for_each(|entry| entry.figures = vec![Some(5.0)]);
        let text = trend(&few, 50).text(Layout::plain(60));
        assert_eq!(
            text.lines()
                .filter(|line| line.contains('│'))
                .map(|line| line.matches('●').count())
                .sum::<usize>(),
            count
        );
        assert!(text.contains("too few for change points"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }
    let mut zero = sample();
    zero.entries.iter_mut().for_each(|entry| entry.figures = vec![Some(0.0)]);
    assert!(trend(&zero, 50).text(Layout::plain(60)).contains("none found"));
}

/// Of the pages that `scripts/look-at-pages` looks at, these have counts, shares and dates under the pointer.
#[test]
fn trend_pages_are_written_where_it_is_asked_for() {
    let Some(folder) = std::env::var_os("DRUMPOST_PAGES") else { return };
    for (name, figure, share) in
        [("trend", "p99", 1.0), ("trend-count", "unfinished", 1e-3), ("trend-share", "achieved", 1e-6)]
    {
        let mut history = sample();
        history.figures = vec![figure.parse().unwrap()];
        let figures = history.entries.iter_mut().flat_map(|entry| &mut entry.figures).flatten();
        figures.for_each(|value| *value *= share);
        let page = trend(&history, 50).html();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), page).unwrap();
    }
}

#[test]
fn each_run_of_a_page_has_its_date_and_revision() {
    let first = &sample().entries[0];
    let (date, revision) = (first.date(), first.short_revision().unwrap());
    let page = trend(&sample(), 50).html();
    assert!(page.contains(&format!("[1,1200000,true,\"{date}, revision {revision}\"]")), "{page}");
    assert!(page.contains("\"unit\":\"count\""), "{page}");
}

/// Ten thousand runs, with a change after the 4,000th.
#[test]
fn of_very_many_runs_some_are_drawn() {
    let point = |i: usize| Point {
        value: if i < 4_000 { 1e6 } else { 2e6 } + (i * 7_919 % 97) as f64,
        is_used: i % 50 != 3,
        said: "2026-11-21 10:45, revision 00c0ffee".into(),
    };
    let stretch = |from, to, median| super::picture::Stretch { from, to, median };
    let picture = Picture {
        title: "stream message/crossbeam".into(),
        figure: "p99".parse().unwrap(),
        points: (0..10_000).map(point).collect(),
        stretches: vec![stretch(0, 4_000, 1e6), stretch(4_000, 10_000, 2e6)],
        dates: [String::new(), String::new()],
    };
    let dots = picture.plot().lines[0].dots.iter().map(|dot| dot.at.0 as usize).collect::<Vec<_>>();
    assert!((290..=300).contains(&dots.len()), "{}", dots.len());
    assert!([1, 4_000, 4_001, 10_000].iter().all(|run| dots.contains(run)), "{dots:?}");
    assert!(dots.windows(2).all(|two| two[0] < two[1] && two[1] - two[0] < 40), "{dots:?}");
    let mut report = Report::default();
    report.group([Block::Trend(picture)]);
    let page = report.html();
    assert!(page.contains("Of 10,000 runs") && page.contains("change 1"), "{page}");
    assert!(page.len() < 200_000, "{} bytes", page.len());
}
