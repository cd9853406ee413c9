//! Checks that an open load followed its schedule: all flows were started, on time, with the gaps of the arrival process.
//!
//! Lives here: the rate, flows that were shed or dropped, the schedule lag, the arrivals, and the cause of a late load. Does
//! not live here: how flows ended (`ends`).

use super::{Thresholds, Validity, Verdict};
use crate::model::{ArrivalCheck, Outage, OutageCause, Run, Status};
use crate::stats::Derived;
use crate::units;

/// All checks of an open load. `free`: the machine gave the harness the cores it needed.
pub(super) fn check(
    run: &Run,
    derived: &Derived,
    thresholds: &Thresholds,
    free: bool,
    verdict: &mut Verdict,
) {
    rate(run, derived, thresholds, free, verdict);
    left_out(derived, verdict);
    asked(run, derived, thresholds, verdict);
    lag(run, derived, thresholds, free, verdict);
    arrivals(run, derived, thresholds, verdict);
}

/// Whether the load started the flows that were due.
pub(super) fn rate(run: &Run, derived: &Derived, thresholds: &Thresholds, free: bool, verdict: &mut Verdict) {
    let flows = derived.flows;
    let off = (flows.due.abs_diff(flows.started) as f64 / flows.due.max(1) as f64).min(1.0);
    if off <= thresholds.rate_off {
        return;
    }
    let per_s = |rate: Option<f64>| units::rate(rate.unwrap_or(0.0));
    let (due, achieved, off) = (per_s(derived.due_per_s), per_s(derived.achieved_per_s), units::percent(off));
    let mut reason = format!("the load started {achieved}, but {due} were due ({off} off)");
    // Flows that were shed or dropped have a reason of their own below; the load was not late with them.
    if flows.shed + flows.dropped < flows.due.saturating_sub(flows.started) {
        reason += &format!("; {}", cause(run, derived, thresholds, free));
    }
    verdict.add(Validity::Invalid, reason);
}

/// Flows that were due and that the load shed or dropped, as its flags say.
fn left_out(derived: &Derived, verdict: &mut Verdict) {
    let policies = [
        (derived.flows.shed, "shed, because the window was full"),
        (derived.flows.dropped, "dropped, because later than --debt allows"),
    ];
    for (n, why) in policies.into_iter().filter(|(n, _)| *n > 0) {
        let flows = units::counted(n, "flow was due and never started", "flows were due and never started");
        verdict.add(Validity::Suspect, format!("{flows}: {why}"));
    }
}

/// Whether the schedule planned as many flows as the rate asks for.
fn asked(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    // A trial that failed or was interrupted did not reach the end of its schedule, so it cannot be checked.
    let whole = run.counted_trials().filter(|trial| trial.status == Status::Ok);
    let asked: Vec<f64> = whole.filter_map(|trial| trial.asked_per_s).collect();
    let asked = asked.iter().sum::<f64>() / asked.len().max(1) as f64;
    let due = derived.due_per_s.unwrap_or(0.0);
    // The count of a random schedule has a standard deviation of about its square root. Four of these do not happen by chance.
    let limit = thresholds.rate_off + 4.0 / (derived.flows.due.max(1) as f64).sqrt();
    if asked > 0.0 && (due / asked - 1.0).abs() > limit {
        let (due, asked, off) = (units::rate(due), units::rate(asked), units::change(due / asked - 1.0));
        verdict.add(
            Validity::Suspect,
            format!("the schedule planned {due}, but {asked} were asked for ({off})"),
        );
    }
}

/// Whether the schedule lag is more than a share of the response time.
fn lag(run: &Run, derived: &Derived, thresholds: &Thresholds, free: bool, verdict: &mut Verdict) {
    let lag = run.lag();
    let (Some(p50), Some(late)) = (run.response().quantile_ns(0.5), lag.quantile_ns(0.99).or(lag.max_ns()))
    else {
        return;
    };
    let limit_ns = (p50 as f64 * thresholds.lag_share).max(thresholds.lag_floor_ns);
    if late as f64 > limit_ns {
        let (late, limit, p50) =
            (units::duration(late), units::duration(limit_ns as u64), units::duration(p50));
        let whose = cause(run, derived, thresholds, free);
        let reason = format!(
            "the load was late: schedule lag p99 {late}, limit {limit} for a median response of {p50}; {whose}"
        );
        verdict.add(Validity::Suspect, reason);
    }
}

/// What is said of a load that was late although nothing held it up.
const OWN_THREAD: &str = "so the load generator's own thread was the bottleneck";

/// Whether the load was late or started too few flows because its own thread was too slow, on a machine that was free.
pub(super) fn is_generator_late(run: &Run, derived: &Derived, thresholds: &Thresholds) -> bool {
    let mut verdict = Verdict::default();
    rate(run, derived, thresholds, true, &mut verdict);
    lag(run, derived, thresholds, true, &mut verdict);
    verdict.reasons.iter().any(|reason| reason.ends_with(OWN_THREAD))
}

/// Why the load was late. A sender waits for a full transport or for room in its window. If neither was the case, its own
/// thread was too slow. On a busy machine none of this can be told apart.
fn cause(run: &Run, derived: &Derived, thresholds: &Thresholds, free: bool) -> String {
    let blocked = derived.blocked_share.unwrap_or(0.0);
    if let Some(away) = longest_outage(run) {
        let (instance, lasted) = (&away.instance, units::duration(away.away_ns));
        let why = match away.cause {
            OutageCause::ConnectionLost => "without its connection",
            OutageCause::ConnectionKilled | OutageCause::ConsumerKilled => "killed",
            OutageCause::Paused => "paused",
            OutageCause::Absent => "absent",
        };
        return format!(
            "{instance} was {why} for {lasted}, and flows that were due meanwhile may have started late"
        );
    }
    if !free {
        return "the cause is not known, because the machine was busy".into();
    }
    if blocked >= thresholds.held_up {
        return format!("a full transport blocked the senders for {} of the time", units::percent(blocked));
    }
    let is_virtual = run.trials.iter().all(|trial| trial.cpu_ns.is_none());
    if is_virtual && blocked > 0.0 {
        // In virtual time the load's own code takes no time.
        return format!("the target blocked the senders for {} of the time", units::percent(blocked));
    }
    if let (Some(window), Some(in_flight)) =
        (run.asked().window, derived.mean_in_flight.or(derived.counted_in_flight))
        && in_flight >= window as f64 * thresholds.window_full
    {
        return format!("the window of {} was full", units::counted(window, "flow", "flows"));
    }
    let share = units::percent(blocked);
    format!("senders were blocked for only {share} of the time, {OWN_THREAD}")
}

/// The longest time for which an instance was away. A backlog is no reason: senders go on while it piles up.
fn longest_outage(run: &Run) -> Option<&Outage> {
    let all = run.counted_trials().flat_map(|trial| &trial.outages);
    all.filter(|away| away.cause != OutageCause::Absent).max_by_key(|away| away.away_ns)
}

/// Whether the gaps between flows fit the arrival process. If the planned gaps fit and the actual ones do not, the run is
/// suspect only if the lag is a good part of a gap: with many gaps a small lag is enough to fail the test, and it does not
/// change response times.
fn arrivals(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let checks: Vec<&ArrivalCheck> =
        run.counted_trials().filter_map(|trial| trial.arrival_check.as_ref()).collect();
    let worst = |of: fn(&ArrivalCheck) -> Option<f64>| {
        let fails = |check: &&&ArrivalCheck| of(check).is_some_and(|a2| a2 > check.critical);
        let failed: Vec<&&ArrivalCheck> = checks.iter().filter(fails).collect();
        let worst = failed.iter().max_by(|a, b| of(a).unwrap_or(0.0).total_cmp(&of(b).unwrap_or(0.0)))?;
        // At a level of 1 % a few of many trials fail by chance, but not more than half of them.
        (failed.len() * 2 > checks.len())
            .then(|| (worst.process.clone(), of(worst).unwrap_or(0.0), worst.critical))
    };
    if let Some((process, a2, critical)) = worst(|check| check.planned_a2) {
        let reason = format!(
            "the planned arrivals are not {process}: Anderson-Darling A² {a2:.2}, limit {critical:.2} (1 % level)"
        );
        verdict.add(Validity::Suspect, reason);
    } else if let Some((process, a2, critical)) = worst(|check| check.sent_a2) {
        let sentence = format!(
            "flows were not sent at the planned times, and the actual arrivals are not {process}: Anderson-Darling A² \
             {a2:.2}, limit {critical:.2} (1 % level)"
        );
        let gap_ns = derived.achieved_per_s.map(|rate| 1e9 / rate);
        let lag_ns = run.lag().quantile_ns(0.99);
        match lag_ns.zip(gap_ns).filter(|(lag, gap)| *lag as f64 > gap * thresholds.arrival_lag) {
            Some((lag_ns, gap_ns)) => {
                let (lag, gap) = (units::duration(lag_ns), units::duration(gap_ns as u64));
                let reason = format!("{sentence}; schedule lag p99 {lag} for a mean gap of {gap}");
                verdict.add(Validity::Suspect, reason);
            }
            None => verdict.notes.push(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_reason, clean, open};
    use super::super::{Machine, judge};
    use super::*;
    use crate::model::{Distribution, LoadKind, Trial};

    #[test]
    fn a_late_load_says_its_cause() {
        let late = || Trial { lag: Distribution::of([150_000; 1_000]), ..clean() };
        let verdict = |trial: Trial, window: Option<u64>| {
            let mut run = Run { load: LoadKind::Open, trials: vec![trial], ..Run::default() };
            run.settings.extend(window.map(|window| ("window".to_owned(), window.into())));
            judge(&run, &Machine::default(), &Thresholds::default())
        };
        let own = "senders were blocked for only 0 % of the time, so the load generator's own thread was the bottleneck";
        assert_reason(&verdict(late(), None), Validity::Suspect, own);
        assert_reason(&verdict(late(), Some(1_000)), Validity::Suspect, own);
        // Ten are in flight.
        assert_reason(&verdict(late(), Some(11)), Validity::Suspect, "the window of 11 flows was full");
        let away = |cause, away_ns| Outage { instance: "worker".into(), cause, away_ns, ..Outage::default() };
        let outages = vec![
            away(OutageCause::Absent, 9_000_000_000),
            away(OutageCause::Paused, 20_000_000),
            away(OutageCause::ConnectionLost, 1_200_000_000),
        ];
        let named = "worker was without its connection for 1.20 s, and flows that were due meanwhile may have started late";
        assert_reason(&verdict(Trial { outages, ..late() }, Some(11)), Validity::Suspect, named);
        let blocked = Trial { blocked_ns: 3_000_000_000, ..late() };
        let full = "a full transport blocked the senders for 30.0 % of the time";
        assert_reason(&verdict(blocked, Some(11)), Validity::Suspect, full);
        assert_reason(
            &open(|trial| (trial.flows.started, trial.flows.ended) = (90_000, 90_000)),
            Validity::Invalid,
            own,
        );
        // Flows were shed, and the load was not late.
        let shed = open(|trial| {
            let flows = &mut trial.flows;
            (flows.started, flows.ended, flows.shed) = (90_000, 90_000, 10_000);
        });
        assert_reason(&shed, Validity::Invalid, "10,000 flows were due and never started: shed");
        assert!(!format!("{shed:?}").contains("bottleneck"), "{shed:?}");
    }

    fn checked(planned: f64, sent: f64, lag_ns: u64) -> Verdict {
        open(|trial| {
            trial.lag = Distribution::of([lag_ns; 1_000]);
            trial.arrival_check = Some(ArrivalCheck {
                process: "Poisson".into(),
                planned_a2: Some(planned),
                sent_a2: Some(sent),
                critical: 1.959,
                intervals: 99_999,
            });
        })
    }

    /// The mean gap is 100 µs.
    #[test]
    fn arrivals_count_by_their_plan_and_sends_only_if_they_are_late() {
        assert_eq!(checked(1.9, 1.9, 50_000), Verdict::default());
        let planned =
            "the planned arrivals are not Poisson: Anderson-Darling A² 2.50, limit 1.96 (1 % level)";
        assert_reason(&checked(2.5, 9.0, 1_000), Validity::Suspect, planned);
        let sent = "the actual arrivals are not Poisson: Anderson-Darling A² 9.00, limit 1.96 (1 % level); schedule lag p99 30";
        assert_reason(&checked(0.5, 9.0, 30_000), Validity::Suspect, sent);
        let noted = checked(0.5, 9.0, 20_000);
        assert_eq!((noted.status, noted.notes.len()), (Validity::Valid, 1), "{noted:?}");
    }
}
