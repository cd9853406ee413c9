//! How long the measured window of a trial was.

/// What the measured window is made of, in ns on the run's clock.
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
}
