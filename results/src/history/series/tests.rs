//! Tests of series: what is kept apart, what is joined, and which runs count for changes.

use super::super::{Kind, Standing};
use super::*;
use crate::model::Validity;
use std::sync::Arc;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn entry(at_s: i64, kernel: &str, batch: &str, value: f64) -> Entry {
    Entry {
        file: format!("{at_s}.json"),
        record: at_s.to_string(),
        at_s,
        is_dated: true,
        subject: Arc::new(Subject {
            scenario: "stream".into(),
            dispatch: "message/crossbeam".into(),
            kind: Kind::Run,
            settings: map(&[("batch", batch)]),
        }),
        fingerprint: Arc::new(Fingerprint::from_facts(map(&[("kernel", kernel), ("cores", "2")]))),
        revision: None,
        role: None,
        trials: 1,
        standing: Standing::Judged(Validity::Valid),
        reason: None,
        figures: vec![Some(value)],
    }
}

fn history(entries: Vec<Entry>, across: &[Part]) -> History {
    History { entries, across: across.to_vec(), ..History::default() }
}

#[test]
fn fingerprints_and_settings_are_kept_apart_and_say_what_differs() {
    let entries = vec![
        entry(1, "6.1", "8", 1.0),
        entry(2, "6.8", "8", 2.0),
        entry(3, "6.8", "1", 3.0),
        entry(4, "6.1", "8", 4.0),
    ];
    let history = history(entries, &[]);
    let all = series(&history, 10);
    let values: Vec<&[f64]> = all.iter().map(|series| &series.values[..]).collect();
    assert_eq!(values, [&[1.0, 4.0][..], &[2.0], &[3.0]]);
    assert!(all[0].differs.is_empty());
    assert_eq!(all[1].differs[0].to_string(), "kernel 6.1 → 6.8");
    assert_eq!(all[2].differs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["batch 8 → 1"]);
}

#[test]
fn parts_are_joined_only_when_asked_and_the_series_says_so() {
    let entries = vec![entry(1, "6.1", "8", 1.0), entry(2, "6.8", "8", 2.0), entry(3, "6.1", "8", 3.0)];
    let history = history(entries, &[Part::Kernel]);
    let all = series(&history, 10);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].joined, [Joined { fact: "kernel".into(), values: vec!["6.1".into(), "6.8".into()] }]);
    assert!(!all[0].fingerprint.facts().contains_key("kernel"));
}

#[test]
fn invalid_runs_are_shown_and_do_not_count_for_changes() {
    let level = |at: i64| if at < 8 { 10.0 } else { 20.0 } + (at % 3) as f64 * 0.1;
    let mut entries: Vec<Entry> = (0..16).map(|at| entry(at, "6.1", "8", level(at))).collect();
    for place in [2, 12] {
        entries[place].standing = Standing::Judged(Validity::Invalid);
        entries[place].figures = vec![Some(1e9)];
    }
    let whole = history(entries, &[]);
    let [series] = &series(&whole, 100)[..] else { panic!("one series") };
    assert_eq!((series.entries.len(), series.values[2]), (16, 1e9));
    let [change] = series.changes[..] else { panic!("{:?}", series.changes) };
    assert_eq!((change.entry, series.entries[change.entry].at_s), (8, 8), "an index of all entries");
    assert_eq!((change.by.values_before, change.by.values_after), (7, 7));
    assert!((change.by.share().unwrap() - 1.0).abs() < 0.02);
}

#[test]
fn the_newest_are_shown_and_what_is_left_out_is_counted() {
    let mut entries: Vec<Entry> = (0..9).map(|at| entry(at, "6.1", "8", at as f64)).collect();
    entries[8].figures = vec![None];
    entries[7].role = Some("base".into());
    entries[6].role = Some("head".into());
    let whole = history(entries, &[]);
    let [series] = &series(&whole, 3)[..] else { panic!("one series") };
    assert_eq!((&series.values[..], series.earlier, series.without), (&[4.0, 5.0, 6.0][..], 4, 1));
}

#[test]
fn a_copy_of_a_record_counts_once_and_a_sum_of_runs_not_at_all() {
    let run = entry(100, "6.1", "8", 1.0);
    let copy = Entry { file: "copy/100.json".into(), ..run.clone() };
    let sum = Entry { file: "sum.json".into(), record: "merge-1".into(), ..run.clone() };
    let alone = Entry { record: "merge-2".into(), ..entry(200, "6.1", "8", 2.0) };
    let undated = Entry { is_dated: false, ..entry(300, "6.1", "8", 3.0) };
    let again = Entry { file: "again.json".into(), ..undated.clone() };
    let history = History { entries: vec![run, copy, sum, alone, undated, again], ..History::default() };
    let all = series(&history, 50);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].values, [1.0, 2.0, 3.0, 3.0], "runs in virtual time have no time of their own");
}
