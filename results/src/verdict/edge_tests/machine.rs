//! The load and the machine at their limits: lag, schedules, arrivals, who was busy, clock and cost.

use super::*;

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
