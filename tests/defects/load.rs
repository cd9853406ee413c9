//! Rows g, h and j: the schedule of an open load.

use super::{Holds, constant, distorted, ensure, measured, near, plan, poisson, tells_apart};
use drumpost::oracle::{ANDERSON_DARLING_LIMIT, anderson_darling, stall_wait};
use drumpost_core::{
    load::{Debt, Extent, LoadPlan},
    outcome::Outcome,
    plan::TrialPlan,
};
use drumpost_defects::{Defect, with};

const SIM: &str = "service=fixed:1us";
const TEN_SECONDS: Extent = Extent::Duration(10_000_000_000);

/// The intervals between starts, of the only sender.
fn started_ns(plan: &TrialPlan) -> Vec<u64> {
    let mut outcome = measured(SIM, plan);
    assert_eq!(outcome.gaps.len(), 1);
    outcome.gaps.remove(0).started_ns
}

/// Due with the next whole tick of 10 ms, as a limiter does that looks a hundred times a second.
fn in_whole_ticks(due_ns: u64) -> u64 {
    due_ns.next_multiple_of(10_000_000)
}

/// Nothing is due for 100 ms of each second, and all of it at once afterwards.
fn with_pauses(due_ns: u64) -> u64 {
    let (second, within) = (due_ns / 1_000_000_000 * 1_000_000_000, due_ns % 1_000_000_000);
    second + within.max(100_000_000)
}

#[test]
fn g_gaps_are_as_planned() {
    let even = plan(constant(10_000.0), TEN_SECONDS);
    let holds = |gaps: &Vec<u64>| {
        let off = gaps.iter().filter(|gap| gap.abs_diff(100_000) > 10_000).count();
        ensure(off * 100 < gaps.len(), || format!("{off} of {} gaps are off", gaps.len()))
    };
    tells_apart(holds, &started_ns(&even), &started_ns(&distorted(&even, in_whole_ticks)));
    tells_apart(holds, &started_ns(&even), &started_ns(&distorted(&even, with_pauses)));

    let random = plan(poisson(10_000.0), TEN_SECONDS);
    let holds = |gaps: &Vec<u64>| {
        let misfit = anderson_darling(gaps);
        ensure(misfit <= ANDERSON_DARLING_LIMIT, || format!("A² is {misfit}"))
    };
    tells_apart(holds, &started_ns(&random), &started_ns(&distorted(&random, in_whole_ticks)));
    tells_apart(holds, &started_ns(&random), &started_ns(&distorted(&random, with_pauses)));
}

/// A load that comes late because its target stands still, with what it does about that.
fn late(debt: Debt) -> Outcome {
    let mut plan = plan(constant(1_000.0), Extent::Duration(60_000_000_000));
    plan.load = LoadPlan { debt, ..plan.load };
    measured("service=fixed:1us,stall=1s/60s", &plan)
}

/// The defect: flows that are late are left out, and nobody is told.
#[test]
fn h_debt_is_kept_or_told() {
    let due = |outcome: &Outcome| -> Holds {
        let Outcome { measured_started, missed, shed, dropped, .. } = outcome;
        let told = measured_started + missed + shed + dropped;
        ensure(told == 60_000, || format!("{told} of 60,000 flows that were due"))
    };
    let (kept, left_out) = (late(Debt::Keep), late(Debt::DropAfter { late_ns: 1_000_000 }));
    assert!(left_out.dropped > 900, "{}", left_out.dropped);
    let in_silence = with(Defect::DebtUntold, || late(Debt::DropAfter { late_ns: 1_000_000 }));
    assert_eq!(in_silence.measured_started, left_out.measured_started, "the same flows are left out");
    tells_apart(due, &kept, &in_silence);
    tells_apart(due, &left_out, &in_silence);
    // What is left out is what would have shown the stall.
    let shows = |outcome: &Outcome| {
        let p99_ns = outcome.response.histogram.value_at_quantile(0.99) as f64;
        near(p99_ns, 1e9 * stall_wait(0.99, 0.0, 1.0, 60.0), 2e6)
    };
    tells_apart(shows, &kept, &left_out);
}

/// The defect: a rate that is still rising when measuring has begun.
#[test]
fn j_the_rate_of_the_window_is_one() {
    let (warmup_ns, window_ns) = (200_000_000, 400_000_000);
    let mut steady = plan(poisson(10_000.0), Extent::Duration(window_ns));
    steady.load.warmup_ns = warmup_ns;
    // From half the rate to one and a half over the whole time.
    let rising = distorted(&steady, |due_ns| {
        let whole = 600e6;
        let share = due_ns as f64 / whole;
        (whole * ((0.25 + 2.0 * share).sqrt() - 0.5)) as u64
    });
    let holds = |gaps: &Vec<u64>| {
        let (first, second) = gaps.split_at(gaps.len() / 2);
        let mean = |gaps: &[u64]| gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
        // The ratio of two means of n exponential gaps strays by the root of 2/n.
        near(mean(first) / mean(second), 1.0, 4.9 * (2.0 / first.len() as f64).sqrt())
    };
    tells_apart(holds, &started_ns(&steady), &started_ns(&rising));

    // The warm-up is no part of the window: what is started in it is not measured.
    let samples = || measured(SIM, &steady).response.count();
    let holds = |measured: &u64| near(*measured as f64, 4_000.0, 4.9 * 4_000_f64.sqrt());
    tells_apart(holds, &samples(), &with(Defect::WarmupMeasured, samples));
}
