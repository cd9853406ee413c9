//! What a record of two sides says of its measuring is said each time that it is shown.

use super::*;
use crate::model::{Compared, ComparedRow, Role, Side};
use std::collections::BTreeMap;

/// Thirty pairs of two sides, of which the head is slower by a factor.
fn sides(factor: f64) -> Record {
    let side = |role: Role, factor: f64, seed: u64| Run {
        side: Some(Side {
            role,
            row: "message/a".into(),
            name: role.word().into(),
            revision: None,
            tool_version: String::new(),
            built: BTreeMap::new(),
        }),
        ..run("message/a", 30, factor, 0.01, seed)
    };
    let rows = vec![ComparedRow { name: "message/a".into(), ..ComparedRow::default() }];
    let stopped = Stop::LastLook.words().into();
    let (base, head) = ("main".into(), ".".into());
    Record {
        comparison: Some(Compared { base, head, rows, looks: vec![15, 30], stopped, ..Compared::default() }),
        ..paired(vec![side(Role::Base, 1.0, 1), side(Role::Head, factor, 2)])
    }
}

fn shown(record: &Record) -> Comparison {
    compare_sides(record, &Options::default()).unwrap()
}

#[test]
fn repeated_and_kept_pairs_are_in_the_record() {
    let mut repeating = Repeating::default();
    for _ in 0..15 {
        repeating.is_repeated(Some(Cause::Others), false, 20);
    }
    assert!(repeating.is_repeated(Some(Cause::Steal), false, 40));
    let repeats = repeating.so_far();
    let mut record = sides(1.0);
    assert_eq!(shown(&record).notes, Vec::<String>::new());
    repeats.record(record.comparison.as_mut().unwrap());
    let text = crate::format::to_json(&record).unwrap();
    let again = crate::format::from_json(&text).unwrap();
    assert_eq!(Repeats::recorded(again.comparison.as_ref().unwrap()), *repeats);
    assert_eq!(shown(&again).notes, [repeats.sentence().unwrap()]);
    assert!(shown(&again).notes[0].contains(": 11 repeated whole, ") && shown(&again).course.cut.is_none());
}

#[test]
fn pairs_that_failed_are_counted_and_the_first_says_why() {
    let mut record = sides(1.0);
    assert!(!shown(&record).course.is_failed());
    // Of the second pair both trials failed, which is one pair.
    for (run, number, position) in [(0, 2, 5), (1, 2, 6), (1, 7, 3)] {
        let trial = &mut record.runs[run].trials[number];
        (trial.status, trial.position) = (Status::Failed, position);
        trial.error = Some(format!("broker lost at {position}"));
    }
    let comparison = shown(&record);
    assert_eq!((comparison.course.failed_pairs, comparison.course.is_failed()), (2, true));
    assert_eq!(
        comparison.notes,
        ["2 pairs failed and are left out: the first was head of message/a: broker lost at 3"]
    );
    assert_eq!(comparison.rows[0].pairs, 28);
}

#[test]
fn a_comparison_that_was_cut_off_says_so() {
    for (stopped, is_failed) in [(Cut::INTERRUPTED, false), ("", false), (Cut::FAILED, true)] {
        let mut record = sides(1.1);
        assert_eq!((shown(&record).course.cut, shown(&record).looks.is_some()), (None, true));
        record.partial = Some("for a reason".into());
        record.comparison.as_mut().unwrap().stopped = stopped.into();
        let comparison = shown(&record);
        assert_eq!(comparison.course.cut.as_ref().map(Cut::why), Some("for a reason"));
        assert_eq!(
            (comparison.course.is_interrupted(), comparison.course.is_failed()),
            (!is_failed, is_failed),
            "{stopped}"
        );
        assert_eq!(comparison.looks, None);
    }
}

/// Base and head have the same dispatch, so that two dispatches would be those of either.
#[test]
fn a_record_of_two_sides_is_not_compared_by_dispatch() {
    let record = sides(1.1);
    let refused = compare_within(&record, "message/a", "message/a", &Options::default());
    assert_eq!(refused, Err(CompareError::TwoSides));
    // Two such records are compared side by side, and each side with the same one.
    let both = compare(&record, &sides(1.2), &Options::default()).unwrap();
    assert_eq!((both.rows.len(), both.notes.len()), (2, 0));
    let names: Vec<_> = both.rows.iter().filter_map(|row| row.name.as_deref()).collect();
    assert_eq!(names, ["base message/a", "head message/a"]);
    assert!((both.rows[0].gates[0].ratio - 1.0).abs() < 0.01, "{:?}", both.rows[0].gates[0].ratio);
}
