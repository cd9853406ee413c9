//! The length of a trial's measured window, and the flows that were in flight in it.

use super::Monitor;
use crate::counters::Local;

/// The limits of the measured window, in ns on the run's clock.
pub(super) struct Window {
    pub from_ns: u64,
    /// By plan; the end of time for a load that ends by count.
    pub ends_ns: u64,
    /// When no more flows were started, as seen by the monitor.
    pub load_ends_ns: u64,
    pub stopped_ns: u64,
}

impl Window {
    /// The load's time, never the observer's: to its end or the last measured flow's, whichever is later. A load that ends
    /// by count ends with its last flow, or, where flows never ended, lasts as long as flows were started. A run that failed or
    /// was interrupted ends when that happened.
    pub(super) fn elapsed_ns(&self, last_end_ns: u64, all_ended: bool) -> u64 {
        let by_plan_ns = match self.ends_ns {
            u64::MAX if all_ended => 0,
            u64::MAX => self.load_ends_ns,
            ends_ns => ends_ns.min(self.stopped_ns),
        };
        last_end_ns.max(by_plan_ns).saturating_sub(self.from_ns)
    }

    /// How long the schedule was, of which the last flow was due at `last_due_ns`. A load that ends by count has no end but its
    /// last flow; one that broke or was interrupted none but when it was.
    pub(super) fn schedule_ns(&self, last_due_ns: u64, was_cut: bool) -> u64 {
        let by_count = self.ends_ns == u64::MAX && !was_cut;
        let ends_ns = if by_count { last_due_ns } else { self.ends_ns.min(self.stopped_ns) };
        ends_ns.saturating_sub(self.from_ns)
    }
}

impl Monitor {
    /// Flows started and not ended over the measured window of `elapsed_ns`, from the times of each flow.
    pub(super) fn mean_in_flight(&self, local: &Local, elapsed_ns: u64) -> Option<f64> {
        let all_ended = local.ended == local.started * self.ends_per_flow;
        // From when flows were due to their ends, less the time until the load took them up.
        let ends_ns = self.collector.totals.response.sum_ns + u128::from(local.carried_ns);
        let late_ns = u128::from(local.late_ns) * u128::from(self.ends_per_flow);
        let area = ends_ns.saturating_sub(late_ns) as f64 / self.ends_per_flow as f64;
        (all_ended && elapsed_ns > 0).then(|| area / elapsed_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// Measured from 1 s on; the load ended after 4 s, and the trial a second later.
    fn lasted(ends_ns: u64, last_end_ns: u64, all_ended: bool) -> u64 {
        Window { from_ns: S, ends_ns, load_ends_ns: 4 * S, stopped_ns: 5 * S }
            .elapsed_ns(last_end_ns, all_ended)
    }

    #[test]
    fn flows_that_never_end_are_part_of_the_time_of_a_load_by_count() {
        assert_eq!(lasted(u64::MAX, 2 * S, false), 3 * S, "as long as flows were started");
        assert_eq!(lasted(u64::MAX, 2 * S, true), S, "to the last flow");
        assert_eq!(lasted(u64::MAX, 5 * S, false), 4 * S, "a later end of a flow is part of it, too");
    }

    #[test]
    fn a_load_by_time_lasts_as_long_as_was_asked_or_until_it_was_stopped() {
        assert_eq!(lasted(4 * S, 2 * S, true), 3 * S);
        assert_eq!(lasted(4 * S, 5 * S, true), 4 * S, "to the end of the last flow that was due in it");
        assert_eq!(lasted(60 * S, 2 * S, false), 4 * S, "it was stopped");
    }
}
