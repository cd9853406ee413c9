//! Flows under way and flows that moved, from the few counters that lanes publish at once.

use super::Collector;

impl Collector {
    /// Flows under way, from counters that are published at once. Ends are read before and after starts, and their mean is
    /// taken: a million flows a second go by while one is read after the other.
    pub(crate) fn in_flight(&self, ends_per_flow: u64) -> f64 {
        let origins = self.wiring.driven().count();
        let ended = || self.credit.all_ended(origins);
        let (before, started) = (ended(), self.started());
        let ended = (before + ended()) as f64 / 2.0;
        started as f64 - ended / ends_per_flow as f64
    }

    /// Flows started and ends of flows so far, as one number that grows with each. It takes one counter of each lane, so it may be
    /// asked for at every look of the monitor.
    pub(crate) fn moved(&self) -> u64 {
        self.started() + self.credit.all_ended(self.wiring.driven().count())
    }

    fn started(&self) -> u64 {
        match self.credit.done() {
            Some(done) => done.started,
            None => self.lanes.iter().map(|lane| lane.counters.started()).sum(),
        }
    }
}
