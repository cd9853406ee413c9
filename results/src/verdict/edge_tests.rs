//! What lies just at a limit is still allowed, and what a check is not about leaves it silent.

use super::host::tests::{open as open_on, quiet};
use super::tests::{assert_reason, clean, judged, open};
use super::*;
use crate::model::{
    ArrivalCheck, Delivery, Distribution, Flows, Hop, Hygiene, Order, Point, Promises, Series, Setting,
    Status, Trial,
};

mod counts;
mod machine;
mod steady;

fn run_of(load: LoadKind, trials: Vec<Trial>) -> Run {
    Run { load, trials, ..Run::default() }
}

fn judge_by(run: &Run, limits: &Thresholds) -> Verdict {
    judge(run, &Machine::default(), limits)
}

fn limits(set: &[(&str, &str)]) -> Thresholds {
    let mut limits = Thresholds::default();
    set.iter().for_each(|(key, value)| limits.set(key, value).unwrap());
    limits
}

/// As many flows as that, all of which ended.
fn flows(n: u64) -> Flows {
    Flows { due: n, started: n, ended: n, ..Flows::default() }
}

#[track_caller]
fn assert_silent(verdict: &Verdict) {
    assert_eq!(*verdict, Verdict::default());
}

#[test]
fn a_run_without_an_ended_flow_is_judged_by_nothing_else() {
    let nothing = Trial {
        flows: Flows { due: 100_000, ..Flows::default() },
        response: Distribution::default(),
        service: Distribution::default(),
        lag: Distribution::default(),
        mean_in_flight: Some(0.0),
        hygiene: Hygiene { cores_ns: Some(1_000_000_000), steal_ns: Some(900_000_000), ..Hygiene::default() },
        ..clean()
    };
    for load in [LoadKind::Open, LoadKind::Closed] {
        for steal_ns in [nothing.hygiene.steal_ns, None] {
            let hygiene = Hygiene { steal_ns, ..nothing.hygiene };
            let mut run = run_of(load, vec![Trial { hygiene, ..nothing.clone() }]);
            run.settings.insert("window".into(), 64u64.into());
            let verdict = judge_by(&run, &Thresholds::default());
            let [reason] = &verdict.reasons[..] else { panic!("{verdict:?}") };
            assert!(reason.starts_with("no flow ended, so there are no response times"), "{reason}");
            assert_eq!((verdict.status, verdict.notes.len()), (Validity::Invalid, 0), "{verdict:?}");
            assert_eq!(overload(&run, &Thresholds::default()), ["no flow ended"]);
        }
    }
}

/// A load far above what the dispatch can do sends the flows of the warm-up until its end. What to do is another thing in each case.
#[test]
fn an_open_load_that_started_no_flow_says_why() {
    let says = |due, shed, dropped, sent| {
        let verdict = open(|trial| {
            trial.flows = Flows { due, shed, dropped, ..Flows::default() };
            (trial.response, trial.mean_in_flight) = (Distribution::default(), None);
            trial.audit.sent = sent;
        });
        assert_eq!(verdict.status, Validity::Invalid);
        let said = verdict.reasons.join("; ");
        said.strip_prefix("no flow ended, so there are no response times: ").expect("a reason").to_owned()
    };
    let behind = "none of the 5,000,000 flows that were due (500 k/s) was started, because the load was behind: until its end it was \
                  still sending flows that had been due before, in the warm-up. Lower --rate";
    assert_eq!(says(5_000_000, 0, 0, 300_000), behind);
    assert!(says(5_000_000, 0, 0, 0).ends_with("was started, and nothing was sent at all"));
    let shed = says(9, 9, 0, 1);
    assert!(shed.contains("none of the 9 flows") && shed.contains("the window was full"), "{shed}");
    assert!(
        says(9, 2, 7, 1)
            .contains("all were dropped: they were later than --debt allows, or the window was full")
    );
    assert_eq!(says(0, 0, 0, 1), "no flow was due in the measured window; raise --duration or --rate");
    // A closed load has no schedule that it could be behind.
    let closed = judged(LoadKind::Closed, |trial| trial.flows = Flows::default());
    assert_eq!(closed.reasons, ["no flow ended, so there are no response times"]);
}

/// With flows of the warm-up in the way, as where a consumer hangs, no rate is low enough.
#[test]
fn an_open_load_whose_window_is_full_of_the_warm_up_is_not_told_to_lower_its_rate() {
    for (shed, dropped) in [(0, 0), (1_000, 0), (0, 1_000)] {
        let verdict = open(|trial| {
            trial.flows =
                Flows { due: 1_000, shed, dropped, warmup_unfinished: Some(10), ..Flows::default() };
            (trial.response, trial.mean_in_flight) = (Distribution::default(), None);
        });
        let said = "none of the 1,000 flows that were due (100 /s) was started: 10 flows of the warm-up never ended, so the window or \
                    the queues were full; no message was lost, so a handler may not end its flows";
        assert_reason(&verdict, Validity::Invalid, said);
        assert!(!verdict.reasons.join("; ").contains("ower --rate"), "{verdict:?}");
    }
    let blocked = open(|trial| {
        trial.flows = Flows { due: 1_000, ..Flows::default() };
        (trial.response, trial.mean_in_flight) = (Distribution::default(), None);
        trial.blocked_ns = 9_000_000_000;
    });
    let said =
        "in the warm-up, and a full transport blocked the senders for 90.0 % of the time. Lower --rate";
    assert_reason(&blocked, Validity::Invalid, said);
}

#[test]
fn a_runs_own_reasons_are_those_after_the_machines() {
    let verdict = open_on(|trial, _| {
        trial.hygiene.steal_ns = Some(2_000_000_000);
        trial.hygiene.stops = Some(1);
    });
    assert_eq!((verdict.host.len(), verdict.reasons.len()), (1, 2));
    assert_eq!(verdict.own_reasons(), &verdict.reasons[1..]);
    assert!(verdict.own_reasons()[0].starts_with("the process was stopped"), "{verdict:?}");
    assert!(Verdict::default().own_reasons().is_empty());
}

/// Points of a second each with these median response times.
fn medians(of: &[u64]) -> Series {
    let point = |(at, ns): (u64, &u64)| Point {
        at_ns: at * 1_000_000_000,
        response_p50_ns: Some(*ns),
        ..Point::default()
    };
    Series::from_points((1..).zip(of).map(point).collect())
}
