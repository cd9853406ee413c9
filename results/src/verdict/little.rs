//! Little's law: the mean number of flows in flight can be counted, and it follows from the flows' times. Both must agree.
//!
//! Lives here: the check, and the conditions under which it is made. Does not live here: how flows in flight are counted
//! (the engine's monitor).

use super::{Thresholds, Validity, Verdict};
use crate::model::Run;
use crate::stats::Derived;
use crate::units;

/// Flows in flight, measured in two independent ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InFlight {
    /// From counters of starts and ends that are sampled now and then.
    pub counted: f64,
    /// From the times of every flow: rate × mean time from start to end.
    pub by_times: f64,
    /// How far the two may differ, as a share of `by_times`.
    margin: f64,
    /// And the difference in flows that is allowed besides, because starts and ends are not read at one moment.
    flows: f64,
}

impl InFlight {
    /// Both figures, or `None` if the counted one is too uncertain: there must be enough flows, all of them must have
    /// ended, and they must stay in flight long enough for the sampling thread to see them.
    #[must_use]
    pub fn of(run: &Run, thresholds: &Thresholds) -> Option<Self> {
        Self::derived(run, &Derived::of(run), thresholds)
    }

    fn derived(run: &Run, derived: &Derived, thresholds: &Thresholds) -> Option<Self> {
        let (counted, by_times) = derived.counted_in_flight.zip(derived.mean_in_flight)?;
        let rate = derived.throughput_per_s?;
        if (derived.flows.ended as f64) < thresholds.little_flows || by_times <= 0.0 {
            return None;
        }
        let is_virtual = run.trials.iter().all(|trial| trial.cpu_ns.is_none());
        if is_virtual {
            return Some(Self { counted, by_times, margin: thresholds.little, flows: 0.0 });
        }
        // While the sampling thread occupies a core, the lane that had the core starts and ends no flows, and the others go on.
        let looked_at = rate * thresholds.little_look_ns / 1e9;
        let flows = looked_at.max(thresholds.little_sampled_flows);
        let margin = thresholds.little_sampled;
        // If sampling may be off by more than the margin, the law cannot be checked.
        (flows <= margin * by_times).then_some(Self { counted, by_times, margin, flows })
    }

    fn agree(&self) -> bool {
        (self.counted - self.by_times).abs() <= self.margin * self.by_times + self.flows
    }
}

/// Whether both agree. One figure comes from stamps and the other from counters, so the check finds a clock that jumps, flows
/// that are counted twice or not at all, and times that are not recorded.
pub(super) fn check(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let Some(in_flight) = InFlight::derived(run, derived, thresholds).filter(|all| !all.agree()) else {
        return;
    };
    let InFlight { counted, by_times, margin, .. } = in_flight;
    let ratio = units::ratio(counted / by_times);
    let reason = format!(
        "Little's law does not hold: {counted:.3} flows in flight were counted, which is {ratio} the {by_times:.3} that \
         follow from their times; margin {}",
        units::percent(margin)
    );
    verdict.add(Validity::Suspect, reason);
}

#[cfg(test)]
mod tests {
    use super::super::tests::clean;
    use super::*;
    use crate::model::Trial;

    /// 100,000 flows of which 60 were in flight by their times, at a rate that this elapsed time makes, on a real clock.
    fn in_flight(elapsed_ns: u64, counted: f64) -> Option<InFlight> {
        let (mean_in_flight, counted_in_flight) = (Some(60.0), Some(counted));
        let trial = Trial { elapsed_ns, mean_in_flight, counted_in_flight, cpu_ns: Some(1), ..clean() };
        InFlight::of(&Run { trials: vec![trial], ..Run::default() }, &Thresholds::default())
    }

    /// While the thread that counts has a core, some ten flows of a million a second start and end.
    #[test]
    fn nothing_is_said_where_counting_cannot_tell() {
        assert_eq!(in_flight(100_000_000, 9.3), None, "a million flows a second");
        let seen = in_flight(10_000_000_000, 9.3).unwrap();
        assert!(!seen.agree(), "ten thousand a second are 6 ms in flight each: {seen:?}");
        assert!(in_flight(10_000_000_000, 61.0).unwrap().agree());
    }
}
