//! What lies just at a limit is still allowed, and what a check is not about leaves it silent.

use super::host::tests::{open as open_on, quiet};
use super::tests::{assert_reason, clean, judged, open};
use super::*;
use crate::model::{
    ArrivalCheck, Delivery, Distribution, Flows, Hop, Hygiene, Order, Point, Promises, Series, Setting,
    Status, Trial,
};

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
            assert_eq!(verdict.reasons, ["no flow ended, so there are no response times"]);
            assert_eq!((verdict.status, verdict.notes.len()), (Validity::Invalid, 0), "{verdict:?}");
            assert_eq!(overload(&run, &Thresholds::default()), ["no flow ended"]);
        }
    }
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

fn overloaded(change: impl FnOnce(&mut Trial)) -> Vec<String> {
    let mut trial = clean();
    change(&mut trial);
    overload(&run_of(LoadKind::Open, vec![trial]), &Thresholds::default())
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

#[test]
fn an_overload_is_what_speaks_against_the_load_itself() {
    assert_eq!(overloaded(|_| {}), Vec::<String>::new());
    let missed = overloaded(|trial| (trial.flows.started, trial.flows.ended) = (90_000, 90_000));
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(missed[0].starts_with("the load started 9.00 k/s, but 10.0 k/s were due"), "{missed:?}");
    // Flows that did not end and flows that were lost count together: six in a thousand of each are more than one in a hundred.
    let left = |unfinished, lost| {
        overloaded(|trial| {
            let ended = 100_000 - unfinished - lost;
            trial.flows = Flows { ended, unfinished, lost, ..trial.flows };
        })
    };
    assert_eq!((left(600, 0).len(), left(0, 600).len(), left(500, 500).len()), (0, 0, 0));
    for (unfinished, lost) in [(600, 600), (1_200, 0), (0, 1_200)] {
        assert_eq!(
            left(unfinished, lost),
            ["1,200 flows did not end before the drain deadline (1.20 % of those started)"]
        );
    }
    let growing =
        |trial: &mut Trial| trial.series = medians(&[1, 2, 3, 4, 5, 6, 7, 8].map(|ms| ms * 1_000_000));
    let words =
        "not steady: the median response grew from 1.50 ms in the first quarter to 7.50 ms in the last; ";
    assert_eq!(overloaded(growing), [format!("{words}the load is more than the dispatch can handle")]);
    let busy = overloaded(|trial| {
        growing(trial);
        trial.hygiene = Hygiene { cores_ns: Some(10), steal_ns: Some(1 << 40), ..Hygiene::default() };
    });
    assert_eq!(busy, [format!("{words}the machine was busy, so this says nothing about the dispatch")]);
}

#[test]
fn counts_are_shares_of_what_was_recorded() {
    let noted = |change: &dyn Fn(&mut Trial)| {
        let verdict = open(change);
        assert_eq!((verdict.status, verdict.reasons.len()), (Validity::Valid, 0), "{verdict:?}");
        verdict.notes
    };
    // Of 100,000 flows three times each are recorded.
    assert_eq!(
        noted(&|trial| trial.audit.over_range = 250),
        ["250 times were over the range of the histogram (0.0833 % of those recorded)"]
    );
    // Stamps are compared once at the end of a flow and once a hop.
    let hop = |trial: &mut Trial| {
        let mut time = Distribution::default();
        time.record(1_000, 200_000);
        trial.hops = vec![Hop { time, ..Hop::default() }];
    };
    assert_eq!(
        noted(&|trial| {
            hop(trial);
            trial.audit.negative_deltas = 250;
        }),
        ["250 stamps ran backwards between cores (0.0833 % of those recorded)"]
    );
    // One in a thousand is the limit, and not yet beyond it.
    assert_eq!(noted(&|trial| trial.audit.negative_deltas = 100).len(), 1);
    assert_eq!(open(|trial| trial.audit.negative_deltas = 101).status, Validity::Suspect);
}

#[test]
fn a_limit_of_losses_is_a_share_of_what_was_expected() {
    let lost = |n: u64| {
        let mut trial = clean();
        (trial.audit.lost, trial.audit.unique) = (n, 300_000 - n);
        let promises = Promises { delivery: Delivery::AtMostOnce, ..Promises::default() };
        let run = Run { promises, ..run_of(LoadKind::Closed, vec![trial]) };
        judge_by(&run, &limits(&[("lost", "1%")])).status
    };
    assert_eq!((lost(3_000), lost(3_001)), (Validity::Valid, Validity::Invalid));
}

#[test]
fn what_a_contract_permits_is_noted_where_it_happened() {
    let tolerant = Promises { delivery: Delivery::Any, order: Order::None, ..Promises::default() };
    let notes = |promises: Promises, change: &dyn Fn(&mut Trial)| {
        let mut trial = clean();
        change(&mut trial);
        judge_by(&Run { promises, ..run_of(LoadKind::Open, vec![trial]) }, &Thresholds::default()).notes
    };
    assert!(notes(tolerant, &|_| {}).is_empty(), "nothing happened");
    let all = |trial: &mut Trial| {
        (trial.audit.duplicated, trial.audit.reordered, trial.audit.lost) = (4, 2, 7);
        (trial.audit.redelivered, trial.audit.unknown, trial.audit.unrouted) = (Some(9), 3, 1);
    };
    let found = notes(tolerant, &all);
    let figures =
        ["4 flows", "4 messages", "9 deliveries", "2 messages", "7 of 300,000", "3 deliveries", "1 message"];
    assert_eq!(found.len(), figures.len(), "{found:?}");
    for (note, figure) in found.iter().zip(figures) {
        assert!(note.contains(figure), "{figure}: {note}");
    }
    assert!(found[2].contains("; 5 were"), "five of nine were new: {}", found[2]);
    // A promise that was broken is a reason and no note.
    let broken = notes(Promises::default(), &all);
    assert_eq!(broken, [0, 2, 5, 6].map(|at| found[at].clone()));
    let as_many = notes(tolerant, &|trial| (trial.audit.duplicated, trial.audit.redelivered) = (4, Some(4)));
    assert_eq!(as_many.len(), 1, "{as_many:?}");
}

#[test]
fn what_trials_say_is_said_once() {
    let trial = |said: &str| Trial { notes: vec![said.into()], faults: vec!["killed".into()], ..clean() };
    let run = run_of(LoadKind::Closed, vec![trial("one"), trial("one"), trial("two")]);
    assert_eq!(judge_by(&run, &Thresholds::default()).notes, ["killed", "one", "two"]);
}

#[test]
fn as_many_samples_as_a_p99_needs_are_enough() {
    let notes = |n: u64| {
        judged(LoadKind::Closed, |trial| {
            (trial.flows, trial.mean_in_flight) = (flows(n), None);
            trial.response = Distribution::default();
            trial.response.record(1_000_000, n);
        })
        .notes
    };
    assert_eq!((notes(298).len(), notes(299).len()), (1, 0));
}

#[test]
fn trials_that_ended_alike_are_told_together_and_others_apart() {
    let failed =
        |number, error: &str| Trial { number, status: Status::Failed, error: Some(error.into()), ..clean() };
    let reasons =
        |trials: Vec<Trial>| judge_by(&run_of(LoadKind::Closed, trials), &Thresholds::default()).reasons;
    assert_eq!(reasons(vec![failed(0, "lost")]), ["failed: lost"]);
    let refused = Trial { status: Status::Refused, ..failed(3, "lost") };
    let trials = vec![clean(), failed(1, "lost"), failed(2, "full"), refused, failed(4, "full")];
    assert_eq!(
        reasons(trials),
        ["trial 2 of 5 failed: lost", "2 of 5 trials failed: full", "trial 4 of 5 refused: lost"]
    );
}

#[test]
fn a_share_of_unfinished_flows_at_the_limit_is_not_beyond_it() {
    let status = |unfinished, lost| {
        open(|trial| {
            let ended = 100_000 - unfinished - lost;
            trial.flows = Flows { ended, unfinished, lost, ..trial.flows };
        })
        .status
    };
    assert_eq!((status(1_000, 0), status(1_001, 0)), (Validity::Suspect, Validity::Invalid));
    assert_eq!((status(0, 1_000), status(0, 1_001)), (Validity::Valid, Validity::Suspect));
}

#[test]
fn more_flows_than_were_started_do_not_add_up_either() {
    let verdict = open(|trial| (trial.flows.unfinished, trial.flows.warmup_unfinished) = (5, Some(0)));
    let words = "the counts of trial 1 do not add up: 100,000 flows started, but 100,000 ended, 5 unfinished and 0 lost";
    assert_reason(&verdict, Validity::Invalid, words);
}

#[test]
fn littles_law_is_checked_from_its_number_of_flows_on_and_up_to_its_margin() {
    let status = |n: u64, counted: f64| {
        open(|trial| {
            (trial.flows, trial.asked_per_s) = (flows(n), None);
            trial.response = Distribution::default();
            trial.response.record(1_000_000, n);
            trial.counted_in_flight = Some(counted);
        })
        .status
    };
    assert_eq!((status(9_999, 20.0), status(10_000, 20.0)), (Validity::Valid, Validity::Suspect));
    // On a real clock: a tenth of 60, and a quarter of a flow besides.
    let real = |counted: f64| {
        let (mean_in_flight, counted_in_flight) = (Some(60.0), Some(counted));
        let trial = Trial { mean_in_flight, counted_in_flight, cpu_ns: Some(1), ..clean() };
        judge_by(&run_of(LoadKind::Open, vec![trial]), &Thresholds::default()).status
    };
    for counted in [53.76, 66.24] {
        assert_eq!(real(counted), Validity::Valid, "{counted}");
    }
    for counted in [53.74, 66.26] {
        assert_eq!(real(counted), Validity::Suspect, "{counted}");
    }
}

#[test]
fn a_load_that_gave_flows_up_by_policy_is_not_late_with_the_others() {
    let verdict = |shed, dropped| {
        let verdict = open(|trial| {
            trial.flows = Flows { started: 90_000, ended: 90_000, shed, dropped, ..trial.flows };
        });
        assert_eq!(verdict.status, Validity::Invalid);
        verdict.reasons[0].contains("bottleneck")
    };
    assert_eq!([verdict(4_000, 6_000), verdict(6_000, 4_000), verdict(10_000, 0)], [false; 3]);
    assert_eq!([verdict(4_000, 5_999), verdict(0, 0), verdict(9_999, 0)], [true; 3]);
}

#[test]
fn a_schedule_may_stray_as_far_as_chance_takes_it() {
    let asked = |asked_per_s: f64| open(|trial| trial.asked_per_s = Some(asked_per_s)).status;
    // One in a hundred, and 4/√100,000.
    assert_eq!((asked(10_200.0), asked(9_800.0)), (Validity::Valid, Validity::Valid));
    assert_eq!((asked(10_350.0), asked(9_650.0)), (Validity::Suspect, Validity::Suspect));
    // A quarter, and 4/√256: half of what was asked is just at the limit.
    let half = |n: u64| {
        let response = Distribution::of(vec![1_000_000; n as usize]);
        let trial = Trial {
            elapsed_ns: 1_000_000_000,
            flows: flows(n),
            asked_per_s: Some(512.0),
            mean_in_flight: None,
            response,
            ..clean()
        };
        judge_by(&run_of(LoadKind::Open, vec![trial]), &limits(&[("rate_off", "25%")])).status
    };
    assert_eq!((half(256), half(255)), (Validity::Valid, Validity::Suspect));
    // The mean over trials, of those that ended well.
    let two = run_of(LoadKind::Open, vec![clean(), clean()]);
    assert_silent(&judge_by(&two, &Thresholds::default()));
}

#[test]
fn a_load_is_late_beyond_its_limit() {
    let late = |ns: u64| {
        open(|trial| {
            // A median response of 1 ms at a tenth is as much as the floor of the limit: 100 µs.
            trial.lag = Distribution::of([ns; 1_000]);
        })
        .status
    };
    assert_eq!((late(100_000), late(100_001)), (Validity::Valid, Validity::Suspect));
}

/// In virtual time a load is never slow by itself, so a target that held it up at all is the cause.
#[test]
fn in_virtual_time_the_target_is_blamed_for_any_time_held_up() {
    let late = |cpu_ns| Trial {
        lag: Distribution::of([150_000; 1_000]),
        blocked_ns: 200_000_000,
        cpu_ns,
        ..clean()
    };
    let verdict = |cpu_ns| judge_by(&run_of(LoadKind::Open, vec![late(cpu_ns)]), &Thresholds::default());
    assert_reason(&verdict(None), Validity::Suspect, "the target blocked the senders for 2.00 % of the time");
    let own = "so the load generator's own thread was the bottleneck";
    assert_reason(&verdict(Some(1)), Validity::Suspect, own);
}

/// At a level of one in a hundred some of many trials fail by chance, so more than half of them have to.
#[test]
fn arrivals_are_wrong_where_most_trials_fail() {
    let trial = |planned, sent, lag_ns| {
        let check = ArrivalCheck {
            process: "Poisson".into(),
            planned_a2: Some(planned),
            sent_a2: Some(sent),
            critical: 1.959,
            intervals: 99_999,
        };
        Trial { arrival_check: Some(check), lag: Distribution::of([lag_ns; 1_000]), ..clean() }
    };
    let verdict = |planned: &[f64]| {
        let trials = planned.iter().map(|planned| trial(*planned, 1.0, 1_000)).collect();
        judge_by(&run_of(LoadKind::Open, trials), &Thresholds::default())
    };
    assert_silent(&verdict(&[1.959]));
    assert_silent(&verdict(&[1.0, 9.0]));
    assert_reason(
        &verdict(&[3.0, 1.0, 9.0]),
        Validity::Suspect,
        "not Poisson: Anderson-Darling A² 9.00, limit 1.96",
    );
    // The mean gap is 100 µs: a lag of a quarter of that is not yet too late.
    let sent = |lag_ns| {
        judge_by(&run_of(LoadKind::Open, vec![trial(1.0, 9.0, lag_ns)]), &Thresholds::default()).status
    };
    assert_eq!((sent(25_000), sent(25_001)), (Validity::Valid, Validity::Suspect));
}

#[test]
fn a_busy_machine_is_told_beyond_its_limits() {
    // Three steps of 10 ms: one beyond rounding, which is just the limit of 1 % of a second.
    let steal = |ms: u64| {
        open_on(|trial, _| {
            trial.hygiene = Hygiene {
                cores_ns: Some(1_000_000_000),
                steal_ns: Some(ms * 1_000_000),
                ..Hygiene::default()
            };
        })
    };
    assert_silent(&steal(30));
    assert_reason(&steal(31), Validity::Suspect, "the hypervisor gave 3.10 %");
    let switches = |n| open_on(|trial, _| trial.hygiene.involuntary_switches = Some(n));
    assert_silent(&switches(100_000));
    assert_reason(&switches(100_020), Validity::Suspect, "threads off their core 5.00 k/s per core");
    // Cores that were looked at for no time say nothing.
    assert_silent(&open_on(|trial, _| {
        trial.hygiene = Hygiene {
            cores_ns: Some(0),
            steal_ns: Some(1 << 40),
            involuntary_switches: Some(9),
            ..Hygiene::default()
        };
    }));
    let throttled = |held_ms: u64| {
        open_on(|trial, _| {
            trial.hygiene = Hygiene {
                window_ns: Some(1_000_000_000),
                throttled_ns: Some(held_ms * 1_000_000),
                ..Hygiene::default()
            };
        })
    };
    assert_silent(&throttled(10));
    let words =
        "the CPU quota of a control group stopped threads for 11.0 ms of 1.00 s, limit 1.00 % of the time";
    assert_eq!(throttled(11).host, [words], "without periods nothing is said of them");
}

/// Figures of the machine are over all trials: times are summed, and a process is the same in each.
#[test]
fn who_was_busy_is_told_over_all_trials() {
    use crate::model::{Busy, Process};
    let (trial, machine) = quiet();
    let with = |busiest: &[(u64, u64, bool)]| {
        let busy = |(pid, seconds, by_children): &(u64, u64, bool)| Busy {
            process: Process { pid: *pid, name: "job".into() },
            cpu_ns: seconds * 1_000_000_000,
            by_children: *by_children,
        };
        let hygiene = Hygiene { others_ns: Some(10_000_000_000), ..trial.hygiene };
        Trial { hygiene, busiest: busiest.iter().map(busy).collect(), ..trial.clone() }
    };
    let named = |trials: Vec<Trial>| {
        let verdict = judge(&run_of(LoadKind::Open, trials), &machine, &Thresholds::default());
        verdict.host[0].split_once("limit 10.0 %").expect("the limit").1.to_owned()
    };
    // Together 20 s: job 1 has half of it over both trials, in neither of which it alone would be the most of all.
    let (first, second) = (with(&[(1, 5, true), (2, 3, false)]), with(&[(1, 5, true), (2, 4, false)]));
    assert_eq!(named(vec![first, second]), "; mostly `job` (pid 1) and processes it started");
    let (first, second) = (with(&[(1, 6, false)]), with(&[(1, 6, true)]));
    assert_eq!(named(vec![first, second]), "; mostly `job` (pid 1) and processes it started");
    let (first, second) = (with(&[(1, 4, false), (2, 1, false)]), with(&[(1, 3, false), (2, 2, false)]));
    assert_eq!(named(vec![first, second]), "; the busiest were `job` (pid 1), `job` (pid 2)");
}

#[test]
fn a_clock_and_a_cost_at_their_limits_are_allowed() {
    // The median response is 1 ms.
    let read = |ns: f64| {
        let verdict = open_on(|_, machine| machine.clock_read_ns = Some(ns));
        (verdict.status, verdict.notes.len())
    };
    assert_eq!((read(200_000.0), read(200_001.0)), ((Validity::Valid, 1), (Validity::Suspect, 0)));
    assert_eq!((read(50_000.0), read(50_001.0)), ((Validity::Valid, 0), (Validity::Valid, 1)));
    let step = |ns: f64| open_on(|_, machine| machine.clock_step_ns = Some(ns)).status;
    assert_eq!((step(100_000.0), step(100_001.0)), (Validity::Valid, Validity::Suspect));
    // 6 s of processor time for 300,000 messages.
    let (trial, machine) = quiet();
    let run = run_of(LoadKind::Closed, vec![trial]);
    let cost = |limit| judge(&run, &machine, &limits(&[("cpu_ns_per_message", limit)])).status;
    assert_eq!((cost("20us"), cost("19us")), (Validity::Valid, Validity::Suspect));
}

#[test]
fn a_response_grows_only_from_quarter_to_quarter_and_beyond_its_limits() {
    let grew = |quarters: [u64; 4]| {
        let series = medians(&quarters.map(|ns| [ns; 2]).concat());
        let verdict = open(|trial| trial.series = series.clone());
        !verdict.reasons.is_empty()
    };
    assert!(grew([1_000_000, 1_200_000, 1_400_000, 1_600_000]));
    for quarters in [
        [1_000_000, 1_000_000, 1_400_000, 1_600_000],
        [1_000_000, 1_400_000, 1_400_000, 1_600_000],
        [1_000_000, 1_200_000, 1_600_000, 1_600_000],
        // Half as much again is the limit, and so is a median of 10 µs.
        [1_000_000, 1_200_000, 1_400_000, 1_500_000],
        [1_000_000, 1_100_000, 1_150_000, 1_200_000],
        [1_000, 2_000, 5_000, 10_000],
    ] {
        assert!(!grew(quarters), "{quarters:?}");
    }
    assert!(grew([1_000, 2_000, 5_000, 10_001]));
}

#[test]
fn most_of_the_trials_have_to_be_unsteady() {
    let steady = || Trial { series: medians(&[1_000_000; 8]), ..clean() };
    let unsteady =
        || Trial { series: medians(&[1, 1, 2, 2, 3, 3, 4, 4].map(|ms| ms * 1_000_000)), ..clean() };
    let reasons =
        |trials: Vec<Trial>| judge_by(&run_of(LoadKind::Open, trials), &Thresholds::default()).reasons;
    let grew = "not steady: the median response grew from 1.00 ms in the first quarter to 4.00 ms in the last; the load is \
                more than the dispatch can handle";
    assert_eq!(reasons(vec![unsteady()]), [grew]);
    assert_eq!(reasons(vec![steady(), unsteady()]), Vec::<String>::new());
    assert_eq!(reasons(vec![unsteady(), steady(), unsteady()]), [format!("{grew} (in 2 of 3 trials)")]);
}

/// Eight points of a length that a float holds exactly.
fn speeds(ended: [u64; 8]) -> Trial {
    let point = |(at, ended): (u64, u64)| Point { at_ns: at << 28, ended, ..Point::default() };
    Trial { series: Series::from_points((1..).zip(ended).map(point).collect()), ..clean() }
}

#[test]
fn a_closed_load_drifts_beyond_its_limit() {
    let status = |second: u64| {
        let trial = speeds([1_024, 1_024, 1_024, 1_024, second, second, second, second]);
        judge_by(&run_of(LoadKind::Closed, vec![trial]), &limits(&[("drift", "25%")])).status
    };
    assert_eq!([status(1_024), status(768), status(1_280)], [Validity::Valid; 3]);
    assert_eq!([status(767), status(1_281)], [Validity::Suspect; 2]);
    // Few flows differ by chance: five times the noise of counting are allowed.
    assert_silent(&judged(LoadKind::Closed, |trial| trial.series = speeds([9, 9, 9, 9, 2, 2, 2, 2]).series));
    // Without a length there is no speed.
    let at_once = |at_ns: [u64; 8]| {
        judged(LoadKind::Closed, |trial| {
            let point = |at_ns| Point { at_ns, ended: 1_000, ..Point::default() };
            trial.series = Series::from_points(at_ns.map(point).into());
        })
    };
    assert_silent(&at_once([7; 8]));
    assert_silent(&at_once([0, 0, 0, 0, 1, 2, 3, 4]));
}

/// Points of one response time each, which is their mean.
fn means(intervals: u32, of: &[u64]) -> Series {
    let point = |(at, ns): (u64, &u64)| {
        let mut response = Distribution::coarse();
        response.record(*ns, 10);
        Point { at_ns: at * 1_000_000_000, intervals, ended: 10, response, ..Point::default() }
    };
    Series::from_points((1..).zip(of).map(point).collect())
}

#[test]
fn a_steady_state_is_missed_by_share_and_by_level() {
    let judged = |series: &Series, set: &[(&str, &str)]| {
        let trial = Trial { series: series.clone(), ..clean() };
        judge_by(&run_of(LoadKind::Closed, vec![trial]), &limits(set)).reasons
    };
    let million = |of: &[u64]| of.iter().map(|ms| ms * 1_000_000).collect::<Vec<_>>();
    // Twelve batches of one point each: seven are cut off, and what is kept is a quarter below the second half.
    let fell = means(5, &million(&[30, 28, 26, 24, 22, 20, 9, 3, 3, 3, 3, 3]));
    let reasons = judged(&fell, &[]);
    for figure in ["58.3 % of the window", "3.00 ms", "4.00 ms"] {
        assert!(reasons.len() == 1 && reasons[0].contains(figure), "{reasons:?}");
    }
    assert_eq!(judged(&fell, &[("mser_change", "25%")]), Vec::<String>::new(), "at the limit");
    assert_eq!(judged(&fell, &[("mser_change", "24%")]).len(), 1);
    // By chance the last of a steady series are the most alike: what is kept is at the level of the others.
    let by_chance = means(5, &million(&[104, 96, 104, 96, 104, 96, 104, 100, 100, 100, 100, 100]));
    assert_eq!(judged(&by_chance, &[]), Vec::<String>::new());
    // Points of one interval each: five make a batch. One that grows all along loses three quarters.
    let grows = means(1, &million(&(1..=100).collect::<Vec<_>>()));
    assert_eq!(judged(&grows, &[("mser_truncated", "74%")]).len(), 1);
    assert_eq!(judged(&grows, &[("mser_truncated", "75%")]), Vec::<String>::new(), "at the limit");
}

/// A closed load whose window is the limit: a quarter of two cores is idle, and no thread is busy all the time.
fn with_window(change: impl FnOnce(&mut Run)) -> Vec<String> {
    let second = 1_000_000_000;
    let hygiene = Hygiene {
        window_ns: Some(10 * second),
        cores_ns: Some(20 * second),
        idle_ns: Some(5 * second),
        busiest_thread_ns: Some(6 * second),
        ..Hygiene::default()
    };
    let mut run = run_of(LoadKind::Closed, vec![Trial { hygiene, ..clean() }]);
    run.dispatch = "message/channel".into();
    run.settings.insert("window".into(), 64u64.into());
    change(&mut run);
    judge_by(&run, &Thresholds::default()).notes
}

#[test]
fn a_window_is_the_limit_up_to_what_else_might_be() {
    let limited = |change: fn(&mut Run)| {
        let notes = with_window(change);
        assert!(
            notes.len() < 2 && notes.iter().all(|note| note.contains("limited by the window of 64 flows")),
            "{notes:?}"
        );
        notes.len() == 1
    };
    assert!(limited(|_| {}));
    assert!(limited(|run| drop(run.settings.insert("think".into(), "none".into()))), "nobody thinks");
    // 15 % of the cores have to be idle, and a thread may be busy for 85 % of the time.
    assert!(limited(|run| run.trials[0].hygiene.idle_ns = Some(3_000_000_000)));
    assert!(!limited(|run| run.trials[0].hygiene.idle_ns = Some(2_999_999_999)));
    assert!(limited(|run| run.trials[0].hygiene.busiest_thread_ns = Some(8_500_000_000)));
    assert!(!limited(|run| run.trials[0].hygiene.busiest_thread_ns = Some(8_500_000_001)));
    let server = |busiest_thread_ns| {
        let notes = with_window(|run| {
            run.trials[0].server = Some(crate::model::Server {
                window_ns: 10_000_000_000,
                busiest_thread_ns: Some(busiest_thread_ns),
                ..crate::model::Server::default()
            });
        });
        notes.len()
    };
    assert_eq!((server(8_500_000_000), server(8_500_000_001)), (1, 0));
    // On a machine that was not free nobody knows what the limit was.
    assert!(!limited(|run| run.trials[0].hygiene.steal_ns = Some(5_000_000_000)));
}

/// Figures of a machine are over all trials: one that was not looked at leaves them unknown.
#[test]
fn what_was_left_of_the_machine_is_summed_over_trials() {
    let two = |change: fn(&mut Trial)| {
        with_window(|run| {
            let mut other = run.trials[0].clone();
            change(&mut other);
            run.trials.push(other);
        })
    };
    let share = |notes: Vec<String>| {
        let (_, after) = notes.first()?.split_once("idle for ")?;
        Some(after.split_once(" of the time")?.0.to_owned())
    };
    assert_eq!(share(two(|_| {})).as_deref(), Some("25.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.idle_ns = Some(15_000_000_000))).as_deref(), Some("50.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.cores_ns = Some(30_000_000_000))).as_deref(), Some("20.0 %"));
    assert_eq!(share(two(|trial| trial.hygiene.busiest_thread_ns = Some(9_000_000_000))), None);
    let unseen = |trial: &mut Trial| {
        (trial.hygiene.window_ns, trial.hygiene.busiest_thread_ns) = (Some(0), Some(0));
    };
    assert_eq!(share(two(unseen)), None);
    assert_eq!(share(two(|trial| trial.hygiene.window_ns = None)), None);
}

#[test]
fn a_window_of_which_one_flow_is_under_way_is_filled() {
    let never_filled = |mean: f64, window: u64| {
        let notes = with_window(|run| {
            run.trials[0].mean_in_flight = Some(mean);
            run.trials[0].counted_in_flight = None;
            run.settings.insert("window".into(), window.into());
        });
        notes.iter().any(|note| !note.contains("limited by"))
    };
    assert!(never_filled(0.99, 64) && never_filled(0.99, 2));
    assert!(!never_filled(1.0, 64) && !never_filled(0.99, 1));
}

#[test]
fn a_record_holds_whole_limits_as_whole_numbers() {
    let stored = |key: &str, value: &str| limits(&[(key, value)]).to_settings().remove(key).unwrap();
    assert_eq!(stored("lag_floor_ns", "3us"), Setting::Integer(3_000));
    assert_eq!(stored("rate_off", "7%"), Setting::Number(0.07));
    assert_eq!(stored("growth", "2"), Setting::Integer(2));
    assert_eq!(stored("growth", "none"), Setting::Text("none".into()));
    // Beyond 2^53 not every whole number has a float.
    let mut huge = Thresholds { little_flows: 8e15, ..Thresholds::default() };
    assert_eq!(huge.to_settings()["little_flows"], Setting::Integer(8_000_000_000_000_000));
    huge.little_flows = 9e15;
    assert_eq!(huge.to_settings()["little_flows"], Setting::Number(9e15));
}
