//! Counts the flows under way, now and then, over the measured window. The count owes nothing to the stamps in messages, so
//! it can be held against the mean that follows from the times of the flows.

use super::Monitor;

/// Flows under way × ns, and the last two times at which they were counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InFlight {
    /// From the beginning of the measured window to the last count.
    area: f64,
    last: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    at_ns: u64,
    flows: f64,
    /// The count before.
    before_ns: u64,
    flows_before: f64,
}

impl InFlight {
    /// Adds the flows that were under way since the last count. `from_ns`: when measuring began. Once the load is over
    /// (`drains`), a count that is the same as the last is left out: what is waited for in vain is no part of the window,
    /// which ends with the load or with the last flow.
    fn count(&mut self, from_ns: u64, now_ns: u64, flows: f64, drains: bool) {
        // The first count may come late: as many as then were under way before.
        let last =
            self.last.unwrap_or(Count { at_ns: from_ns, flows, before_ns: from_ns, flows_before: flows });
        if drains && self.last.is_some() && last.flows == flows {
            return;
        }
        self.area += last.flows * now_ns.saturating_sub(last.at_ns) as f64;
        self.last = Some(Count { at_ns: now_ns, flows, before_ns: last.at_ns, flows_before: last.flows });
    }

    /// The mean over the `elapsed_ns` of the measured window, which began at `from_ns`. The sum is made to cover exactly
    /// this time; `None` if nothing was counted.
    pub(super) fn mean(&self, from_ns: u64, elapsed_ns: u64) -> Option<f64> {
        let last = self.last.filter(|_| elapsed_ns > 0)?;
        let end_ns = from_ns + elapsed_ns;
        let beyond_ns = last.at_ns.saturating_sub(end_ns);
        let (area, over_ns) = if beyond_ns == 0 {
            (self.area + last.flows * (end_ns - last.at_ns) as f64, elapsed_ns)
        } else if last.before_ns <= end_ns {
            (self.area - last.flows_before * beyond_ns as f64, elapsed_ns)
        } else {
            // Flows of the warm-up ended after the window. The mean over the counted time is as good.
            (self.area, last.at_ns - from_ns)
        };
        Some(area / over_ns as f64)
    }
}

impl Monitor {
    /// Counts the flows under way. Exact in virtual time, where nothing changes between two counts; on a clock the counts
    /// are spread unevenly, by a golden-ratio sequence, so that they do not fall in step with an even schedule.
    pub(super) fn look_at_in_flight(&mut self, now_ns: u64) {
        let flows = self.collector.in_flight(self.ends_per_flow);
        self.in_flight.count(self.measure_from_ns, now_ns, flows, self.draining_since_ns.is_some());
        if now_ns >= self.next_in_flight_ns {
            let every_ns = self.sample_every_ns / 50;
            self.uneven = self.uneven.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let share_ns = (u128::from(every_ns) * u128::from(self.uneven)) >> 64;
            self.next_in_flight_ns = now_ns + (every_ns / 2 + share_ns as u64).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// Counts every 0.1 s from 1 s on: ten are under way until 3 s, when the load ends, and then as many as `left`.
    fn counted(until_s: u64, left: impl Fn(u64) -> f64) -> InFlight {
        let mut in_flight = InFlight::default();
        for tenth in 10..=until_s * 10 {
            let now_ns = tenth * S / 10;
            let drains = now_ns > 3 * S;
            in_flight.count(S, now_ns, if drains { left(now_ns) } else { 10.0 }, drains);
        }
        in_flight
    }

    #[test]
    fn flows_that_are_waited_for_in_vain_count_for_as_long_as_the_window_lasts() {
        // The window is two seconds long, and the load is waited for five more.
        let in_flight = counted(8, |_| 10.0);
        assert_eq!(in_flight.mean(S, 2 * S), Some(10.0));
        assert_eq!(in_flight.mean(S, 4 * S), Some(10.0), "a flow ended two seconds after the load");
    }

    #[test]
    fn flows_that_end_after_the_load_are_counted_until_the_last_of_them_ends() {
        // All end 0.95 s after the load, which is noticed at 4 s.
        let in_flight = counted(8, |now_ns| if now_ns < 4 * S { 10.0 } else { 0.0 });
        assert_eq!(in_flight.mean(S, 2_950_000_000), Some(10.0));
        // Half of them end, the others never: until the window is over, five are left.
        let in_flight = counted(8, |now_ns| if now_ns < 4 * S { 10.0 } else { 5.0 });
        assert_eq!(in_flight.mean(S, 4 * S), Some(8.75));
    }

    #[test]
    fn nothing_is_known_of_what_was_never_counted_or_had_no_time() {
        assert_eq!(InFlight::default().mean(S, S), None);
        assert_eq!(counted(2, |_| 0.0).mean(S, 0), None);
        let late = counted(8, |now_ns| 8.0 - (now_ns / S) as f64);
        assert!(late.mean(S, 2 * S).is_some_and(|mean| mean < 10.0 && mean > 3.0), "{late:?}");
    }
}
