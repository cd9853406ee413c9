//! The course of a trial over time, in bounded memory.
//!
//! Lives here: slots and how they merge. Does not live here: drawing them.

use crate::event::{Quantiles, Sample};

/// The most slots a [`History`] holds. When they are used up, neighbours are merged and each slot covers twice as
/// many samples from then on.
pub const SLOTS: usize = 256;

/// One time slice: one sample, or several merged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// Samples in it, never zero.
    pub samples: u64,
    /// When the latest of them was taken: nanoseconds since the start of the trial.
    pub until_ns: u64,
    /// Sum of the samples' throughputs, per second; [`Slot::throughput_per_s`] is their mean.
    pub throughput_sum_per_s: f64,
    /// Each percentile of the worst of its intervals: percentiles do not add up, and a peak must not be averaged away.
    pub worst: Quantiles,
    /// The largest number of flows in flight.
    pub in_flight: u64,
    /// The most messages that waited at the server, handed out or not; zero where it does not tell.
    pub at_server: u64,
    /// Whether all of it was warm-up.
    pub warmup: bool,
}

impl Slot {
    /// Mean throughput of its intervals, in flows per second.
    #[must_use]
    pub fn throughput_per_s(&self) -> f64 {
        self.throughput_sum_per_s / self.samples as f64
    }

    /// Adds a later slot to this one.
    pub fn merge(&mut self, later: Self) {
        let Self { samples, until_ns, throughput_sum_per_s, worst, in_flight, at_server, warmup } = later;
        self.samples += samples;
        self.until_ns = self.until_ns.max(until_ns);
        self.throughput_sum_per_s += throughput_sum_per_s;
        self.worst = worst_of(self.worst, worst);
        self.in_flight = self.in_flight.max(in_flight);
        self.at_server = self.at_server.max(at_server);
        self.warmup &= warmup;
    }
}

impl From<&Sample> for Slot {
    fn from(sample: &Sample) -> Self {
        let rate_per_s = sample.throughput_per_s;
        Self {
            samples: 1,
            until_ns: sample.elapsed_ns,
            throughput_sum_per_s: if rate_per_s.is_finite() { rate_per_s.max(0.0) } else { 0.0 },
            worst: sample.now,
            in_flight: sample.in_flight,
            at_server: sample.at_server().unwrap_or(0),
            warmup: sample.warmup,
        }
    }
}

fn worst_of(a: Quantiles, b: Quantiles) -> Quantiles {
    if a.count == 0 || b.count == 0 {
        return if a.count == 0 { b } else { a };
    }
    let Quantiles { count, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns } = b;
    Quantiles {
        count: a.count.saturating_add(count),
        p50_ns: a.p50_ns.max(p50_ns),
        p90_ns: a.p90_ns.max(p90_ns),
        p99_ns: a.p99_ns.max(p99_ns),
        p99_9_ns: a.p99_9_ns.max(p99_9_ns),
        max_ns: a.max_ns.max(max_ns),
    }
}

/// The slots of one trial, at most [`SLOTS`] of them.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    slots: Vec<Slot>,
    samples_per_slot: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { slots: Vec::new(), samples_per_slot: 1 }
    }
}

impl History {
    /// From the first to the latest; only the latest may be still filling.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Adds the sample of an interval.
    pub fn push(&mut self, sample: &Sample) {
        let slot = Slot::from(sample);
        if let Some(last) = self.slots.last_mut()
            && last.samples < self.samples_per_slot
        {
            return last.merge(slot);
        }
        if self.slots.len() == SLOTS {
            self.slots = self.slots.chunks(2).filter_map(merged).collect();
            self.samples_per_slot *= 2;
        }
        self.slots.push(slot);
    }

    /// The whole history in at most `width` slots of almost equal length.
    #[must_use]
    pub fn columns(&self, width: usize) -> Vec<Slot> {
        let n = self.slots.len();
        if n <= width {
            return self.slots.clone();
        }
        (0..width).filter_map(|c| merged(&self.slots[c * n / width..(c + 1) * n / width])).collect()
    }
}

fn merged(slots: &[Slot]) -> Option<Slot> {
    slots.iter().copied().reduce(|mut sum, slot| {
        sum.merge(slot);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(i: u64) -> Sample {
        let now = Quantiles { count: 1, p50_ns: i, max_ns: i * 2, ..Quantiles::default() };
        Sample { elapsed_ns: i, throughput_per_s: (i % 7) as f64, now, in_flight: i % 5, ..Sample::default() }
    }

    #[test]
    fn a_history_keeps_its_bound_and_loses_no_peak() {
        let mut history = History::default();
        for i in 0..1_000_000 {
            history.push(&sample(if i == 777 { 5_000_000 } else { i }));
            assert!(history.slots().len() <= SLOTS);
        }
        let slots = history.slots();
        assert!(slots.len() >= SLOTS / 2);
        assert_eq!(slots.iter().map(|s| s.samples).sum::<u64>(), 1_000_000);
        assert_eq!(slots.iter().map(|s| s.worst.max_ns).max(), Some(10_000_000));
        let even = &slots[..slots.len() - 1];
        assert!(even.iter().all(|s| s.samples == even[0].samples));
    }

    #[test]
    fn an_interval_without_values_does_not_hide_its_neighbour() {
        let mut slot = Slot::from(&sample(9));
        slot.merge(Slot::from(&Sample::default()));
        assert_eq!(slot.worst.p50_ns, 9);
        let mut empty = Slot::from(&Sample::default());
        empty.merge(Slot::from(&sample(9)));
        assert_eq!(empty.worst.p50_ns, 9);
    }

    #[test]
    fn a_rate_that_is_no_number_counts_as_none() {
        let slot = Slot::from(&Sample { throughput_per_s: f64::NAN, ..Sample::default() });
        assert_eq!(slot.throughput_per_s(), 0.0);
    }

    proptest! {
        #[test]
        fn columns_cover_every_sample_once(n in 0u64..2_000, width in 1usize..300) {
            let mut history = History::default();
            (0..n).for_each(|i| history.push(&sample(i)));
            let columns = history.columns(width);
            prop_assert!(columns.len() <= width);
            prop_assert_eq!(columns.iter().map(|s| s.samples).sum::<u64>(), n);
            prop_assert!(columns.is_sorted_by_key(|s| s.until_ns));
        }

        #[test]
        fn split_and_merged_equals_the_whole(values in prop::collection::vec(0u64..1_000, 2..50), at in 1usize..49) {
            let slots: Vec<Slot> = values.iter().map(|i| Slot::from(&sample(*i))).collect();
            let at = at.min(slots.len() - 1);
            let mut halves = merged(&slots[..at]).unwrap();
            halves.merge(merged(&slots[at..]).unwrap());
            prop_assert_eq!(Some(halves), merged(&slots));
        }
    }
}
