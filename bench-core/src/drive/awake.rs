//! The time that a load spends polling the clock for a due time. A sleep ends too late to start a flow on time, so the
//! load polls during the last stretch before the due time. No message causes this processor time, so it is counted
//! apart.
//!
//! The time is taken from clock readings that the polling loop makes anyway.

/// Between two readings of the loop lie some hundred ns. Where it is more than this, the thread was off its core, and
/// used no processor time.
const OFF_CORE_NS: u64 = 20_000;

/// A thread's or task's stretch awake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Awake {
    /// The last reading of the clock in this stretch; 0: it does not wait awake.
    last_ns: u64,
    /// The shortest gap between two readings so far; 0: none.
    least_ns: u64,
}

impl Awake {
    /// Whether it waits awake.
    #[inline]
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.last_ns != 0
    }

    /// The load polls the clock at `now_ns`. Returns the time since the last reading if it polled then, too.
    pub const fn goes_on(&mut self, now_ns: u64) -> u64 {
        let gap_ns = self.gap_ns(now_ns);
        self.last_ns = now_ns;
        if gap_ns > OFF_CORE_NS { 0 } else { gap_ns }
    }

    /// As [`Awake::goes_on`], for a task that lets others run between two readings. What a gap is longer than the
    /// shortest was theirs.
    pub fn goes_on_among_others(&mut self, now_ns: u64) -> u64 {
        let gap_ns = self.goes_on(now_ns);
        if gap_ns == 0 {
            return 0;
        }
        if self.least_ns == 0 || gap_ns < self.least_ns {
            self.least_ns = gap_ns;
        }
        gap_ns.min(self.least_ns + self.least_ns / 4)
    }

    /// There was something to do at `now_ns`. Says for how long it has waited awake since the last reading.
    pub const fn ends(&mut self, now_ns: u64) -> u64 {
        let gap_ns = self.goes_on(now_ns);
        self.last_ns = 0;
        gap_ns
    }

    /// The load sleeps, or waits for something other than a due time.
    #[inline]
    pub const fn stops(&mut self) {
        self.last_ns = 0;
    }

    const fn gap_ns(&self, now_ns: u64) -> u64 {
        if self.last_ns == 0 { 0 } else { now_ns.saturating_sub(self.last_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_awake_lasts_from_the_first_reading_to_what_ends_it() {
        let mut awake = Awake::default();
        let stretch: u64 = [1_000, 1_200, 1_500].into_iter().map(|now_ns| awake.goes_on(now_ns)).sum();
        assert_eq!(stretch + awake.ends(1_540), 540);
        assert!(!awake.is_on());
        assert_eq!(awake.goes_on(9_000), 0, "what lies between two stretches is not waited awake");
        awake.stops();
        assert_eq!(awake.ends(9_900), 0);
    }

    #[test]
    fn time_off_the_core_is_not_waited_awake() {
        let mut awake = Awake::default();
        let gaps = [1_000, 1_200, 4_001_200, 4_001_500].map(|now_ns| awake.goes_on(now_ns));
        assert_eq!(gaps, [0, 200, 0, 300]);
    }

    #[test]
    fn what_others_did_between_two_readings_was_not_waited() {
        let mut awake = Awake::default();
        let gaps = [1_000, 1_100, 1_210, 1_900, 2_005].map(|now_ns| awake.goes_on_among_others(now_ns));
        assert_eq!(gaps, [0, 100, 110, 125, 105]);
    }
}
