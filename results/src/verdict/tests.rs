//! Tests of each check of the verdict with a run that breaks only that check.

use super::*;
use crate::model::{
    Audit, Delivery, Distribution, Flows, Point, Promises, Role, Series, Side, Status, Trial,
};

/// 100,000 flows of 1 ms in 10 s at 10 k/s: ten in flight, nothing wrong.
pub(super) fn clean() -> Trial {
    let times = |ns| {
        let mut times = Distribution::default();
        times.record(ns, 100_000);
        times
    };
    Trial {
        elapsed_ns: 10_000_000_000,
        flows: Flows { due: 100_000, started: 100_000, ended: 100_000, ..Flows::default() },
        asked_per_s: Some(10_000.0),
        mean_in_flight: Some(10.0),
        counted_in_flight: Some(10.0),
        response: times(1_000_000),
        service: times(999_000),
        lag: times(1_000),
        audit: Audit {
            sent: 300_000,
            expected: 300_000,
            delivered: 300_000,
            unique: 300_000,
            ..Audit::default()
        },
        ..Trial::default()
    }
}

pub(super) fn judged(load: LoadKind, change: impl FnOnce(&mut Trial)) -> Verdict {
    let mut trial = clean();
    change(&mut trial);
    judge_run(&Run { load, trials: vec![trial], ..Run::default() })
}

/// By the defaults, with nothing known of the machine.
fn judge_run(run: &Run) -> Verdict {
    judge(run, &Machine::default(), &Thresholds::default())
}

pub(super) fn open(change: impl FnOnce(&mut Trial)) -> Verdict {
    judged(LoadKind::Open, change)
}

#[track_caller]
pub(super) fn assert_reason(verdict: &Verdict, status: Validity, words: &str) {
    assert_eq!(verdict.status, status, "{verdict:?}");
    assert!(verdict.reasons.iter().any(|reason| reason.contains(words)), "{verdict:?}");
}

#[test]
fn a_clean_run_is_valid_without_a_word() {
    for load in [LoadKind::Open, LoadKind::Closed] {
        assert_eq!(judged(load, |_| {}), Verdict::default());
    }
}

#[test]
fn a_missed_rate_is_invalid() {
    let starts = |n| move |trial: &mut Trial| (trial.flows.started, trial.flows.ended) = (n, n);
    let verdict = open(starts(98_000));
    assert_reason(&verdict, Validity::Invalid, "started 9.80 k/s, but 10.0 k/s were due (2.00 % off)");
    assert_eq!(open(starts(99_500)).status, Validity::Valid);
    for (flows, words) in [
        (Flows { shed: 7, ..clean().flows }, "7 flows were due and never started: shed, because the window"),
        (
            Flows { dropped: 1, ..clean().flows },
            "1 flow was due and never started: dropped, because later than --debt allows",
        ),
    ] {
        assert_reason(&open(|trial| trial.flows = flows), Validity::Suspect, words);
    }
    let verdict = open(|trial| trial.asked_per_s = Some(11_000.0));
    assert_reason(
        &verdict,
        Validity::Suspect,
        "the schedule planned 10.0 k/s, but 11.0 k/s were asked for (-9.1 %)",
    );
}

#[test]
fn a_late_load_is_suspect() {
    let late = |ns| move |trial: &mut Trial| trial.lag = Distribution::of((0..1_000).map(|_| ns));
    let verdict = open(late(150_000));
    assert_reason(
        &verdict,
        Validity::Suspect,
        "schedule lag p99 150 µs, limit 100 µs for a median response of 1.00 ms",
    );
    assert_eq!(open(late(90_000)).status, Validity::Valid);
    assert_eq!(judged(LoadKind::Closed, late(150_000)).status, Validity::Valid);
}

#[test]
fn unfinished_flows_are_suspect_and_many_invalid() {
    assert_reason(&open(|trial| trial.flows.unfinished = 5), Validity::Suspect, "5 flows did not end");
    assert_reason(
        &open(|trial| trial.flows.unfinished = 5_000),
        Validity::Invalid,
        "5.00 % of those started",
    );
}

#[test]
fn littles_law_is_checked_on_enough_flows() {
    let verdict = open(|trial| trial.counted_in_flight = Some(10.5));
    assert_reason(
        &verdict,
        Validity::Suspect,
        "Little's law does not hold: 10.500 flows in flight were counted, which is 1.05x the 10.000",
    );
    assert_reason(
        &open(|trial| trial.mean_in_flight = Some(9.0)),
        Validity::Suspect,
        "which is 1.11x the 9.000 that follow from their times",
    );
    assert_eq!(open(|trial| trial.counted_in_flight = Some(10.05)).status, Validity::Valid);
    let few = open(|trial| {
        trial.counted_in_flight = Some(20.0);
        trial.flows = Flows { due: 9_000, started: 9_000, ended: 9_000, ..Flows::default() };
        trial.asked_per_s = None;
    });
    assert_eq!(few.status, Validity::Valid);
}

#[test]
fn counts_that_hide_samples_are_suspect_and_a_few_are_noted() {
    assert_reason(
        &open(|trial| trial.audit.over_range = 400),
        Validity::Suspect,
        "400 times were over the range",
    );
    assert_reason(
        &open(|trial| trial.audit.negative_deltas = 400),
        Validity::Suspect,
        "400 stamps ran backwards",
    );
    assert_reason(&open(|trial| trial.audit.beyond_window = 1), Validity::Suspect, "so far out of order");
    let few = open(|trial| trial.audit.negative_deltas = 3);
    assert_eq!((few.status, few.notes.len()), (Validity::Valid, 1));
}

/// Who lost messages for falling behind is told what to change, which is not the same under both loads.
#[test]
fn what_a_transport_dropped_says_how_it_is_avoided() {
    let drop = |trial: &mut Trial| (trial.audit.lost, trial.audit.lagged) = (7, 7);
    for (load, says) in [
        (
            LoadKind::Closed,
            "7 messages dropped by the transport for slow receivers: a closed load waits for the services that end",
        ),
        (LoadKind::Open, "7 messages dropped by the transport for slow receivers: use a lower --rate"),
    ] {
        let verdict = judged(load, drop);
        assert!(verdict.notes.len() == 1 && verdict.notes[0].starts_with(says), "{verdict:?}");
        assert!(
            verdict.notes[0].contains("--rate") && verdict.notes[0].contains("--capacity"),
            "{verdict:?}"
        );
    }
    assert!(judged(LoadKind::Closed, |trial| trial.audit.lost = 7).notes.is_empty(), "lost is not dropped");
}

#[test]
fn a_failure_is_invalid_with_its_error() {
    let fail = |trial: &mut Trial| {
        trial.status = Status::Failed;
        trial.error = Some("connection lost".into());
    };
    assert_reason(&open(fail), Validity::Invalid, "failed: connection lost");
    let mut trials = vec![clean(); 4];
    trials[1..].iter_mut().for_each(fail);
    let mut run = Run { trials, ..Run::default() };
    assert_eq!(judge_run(&run).reasons, ["3 of 4 trials failed: connection lost"]);
    run.trials.truncate(2);
    run.trials[1].number = 1;
    assert_eq!(judge_run(&run).reasons, ["trial 2 of 2 failed: connection lost"]);
    assert_eq!(open(|trial| trial.status = Status::Interrupted).status, Validity::Suspect);
    assert_reason(&judge_run(&Run::default()), Validity::Invalid, "no trial was started");
    let side = Some(Side {
        role: Role::Head,
        row: String::new(),
        name: String::new(),
        revision: None,
        tool_version: String::new(),
        built: std::collections::BTreeMap::new(),
    });
    assert_reason(
        &judge_run(&Run { side, ..Run::default() }),
        Validity::Invalid,
        "no trial of this side is in the record",
    );
    assert_reason(&open(|trial| trial.flows.ended = 0), Validity::Invalid, "no flow ended");
}

#[test]
fn a_broken_promise_is_listed_but_not_the_verdicts_business() {
    let verdict = open(|trial| (trial.audit.lost, trial.audit.duplicated) = (12, 3));
    assert_reason(
        &verdict,
        Validity::Valid,
        "the audit failed: 12 lost, 3 duplicated of 300,000 expected deliveries",
    );
    let mut trial = clean();
    trial.audit.duplicated = 3;
    let promises = Promises { delivery: Delivery::AtLeastOnce, ..Promises::default() };
    let verdict = judge_run(&Run { trials: vec![trial], promises, ..Run::default() });
    assert!(verdict.reasons.is_empty());
    assert_eq!(verdict.notes[0], "3 messages were delivered again, which the transport's promise allows");
}

#[test]
fn one_is_not_many() {
    let verdict = open(|trial| (trial.audit.negative_deltas, trial.flows.unfinished) = (1, 1));
    assert!(verdict.notes[0].starts_with("1 stamp ran backwards between cores"), "{verdict:?}");
    assert_reason(&verdict, Validity::Suspect, "1 flow did not end");
}

#[test]
fn a_fan_out_says_why_it_has_more_times_than_flows() {
    let notes = |dispatch: &str, more: u64| {
        let mut trial = clean();
        trial.response.merge(&trial.response.clone());
        trial.response.record(1_000_000, more);
        trial.mean_in_flight = None;
        judge_run(&Run { dispatch: dispatch.into(), trials: vec![trial], ..Run::default() }).notes
    };
    let event = "each flow ends 2 times, at each of the subscribers that end it, and has 2 response times";
    assert_eq!(notes("event/rtrb", 0), [event]);
    let message = "each flow ends 2 times, with each of the messages that end it, and has 2 response times";
    assert_eq!(notes("message/rtrb", 0), [message]);
    // A flow that ended at one of its two subscribers has a response time, and is none of those that ended.
    assert_eq!((notes("event/rtrb", 1).len(), notes("event/rtrb", 2).len()), (1, 0));
}

#[test]
fn too_few_samples_are_only_a_note() {
    let verdict = open(|trial| {
        trial.response = Distribution::of([1_000_000; 100]);
        trial.mean_in_flight = None;
    });
    assert_eq!(verdict.status, Validity::Valid);
    assert_eq!(verdict.notes, ["100 response times are too few for a p99, which needs 299"]);
}

/// A hundred intervals of 100 ms: how many flows ended, and the response time of all of them.
fn series(point: impl Fn(u64) -> (u64, u64)) -> Series {
    let point = |i: u64| {
        let (ended, ns) = point(i);
        let mut response = Distribution::coarse();
        response.record(ns, ended);
        let at_ns = (i + 1) * 100_000_000;
        Point { at_ns, ended, ..Point::default() }.with_response(&response)
    };
    Series::from_points((0..100).map(point).collect())
}

#[test]
fn overload_is_not_steady() {
    // 1.2 times the capacity for 10 s: the flow due at t waits 0.2 t.
    let overloaded = |i: u64| (1_000, 1_000_000 + i * 20_000_000);
    let verdict = open(|trial| trial.series = series(overloaded));
    assert_reason(&verdict, Validity::Suspect, "not steady: the median response grew from 2");
    // MSER-5 finds it by itself, in a closed load too.
    let trials = vec![Trial { series: series(overloaded), ..clean() }];
    let mut limits = Thresholds::default();
    limits.set("growth", "none").unwrap();
    for load in [LoadKind::Open, LoadKind::Closed] {
        let run = Run { load, trials: trials.clone(), ..Run::default() };
        let verdict = judge(&run, &Machine::default(), &limits);
        assert_reason(&verdict, Validity::Suspect, "not steady: MSER-5 would cut off the first 75.0 %");
        limits.set("mser_truncated", "none").unwrap();
        assert_eq!(judge(&run, &Machine::default(), &limits).status, Validity::Valid);
        limits.set("mser_truncated", "50%").unwrap();
    }
    let wavy = |i: u64| (1_000, 1_000_000 + (i * 7_919 % 97) * 20_000);
    assert_eq!(open(|trial| trial.series = series(wavy)).status, Validity::Valid);
    // Slower at the end, but not all along: a disturbance that it did not recover from, not an overload.
    let uneven = |i: u64| (1_000, [1_000_000, 3_000_000, 2_000_000, 4_000_000][i as usize / 25]);
    let verdict = open(|trial| trial.series = series(uneven));
    assert_reason(&verdict, Validity::Suspect, "MSER-5 would cut off");
    assert!(!format!("{verdict:?}").contains("grew"), "{verdict:?}");
    // One that it did recover from.
    let disturbed =
        |i: u64| (1_000, if (40..50).contains(&i) { 9_000_000 } else { 1_000_000 + i * 7_919 % 97 });
    assert_eq!(open(|trial| trial.series = series(disturbed)).status, Validity::Valid);
}

#[test]
fn a_closed_load_that_changes_speed_is_not_steady() {
    let slower = |i| (if i < 50 { 1_000 } else { 700 }, 1_000);
    let verdict = judged(LoadKind::Closed, |trial| trial.series = series(slower));
    assert_reason(&verdict, Validity::Suspect, "from 10.0 k/s in the first half to 7.00 k/s in the second");
    let rare = |i| (u64::from(i % 10 == 0 && i != 70), 1_000);
    assert_eq!(judged(LoadKind::Closed, |trial| trial.series = series(rare)).status, Validity::Valid);
}
