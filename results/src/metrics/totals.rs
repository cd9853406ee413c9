//! Counts and times of a trial, or of several, as whoever watches a run adds them up.

use crate::model::{Audit, Distribution, Flows, Trial};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets of [`Times`], in ns, and the same in seconds as a label says it. They reach from a hand-over within a process
/// to a server far away.
pub const BOUNDS: [(u64, &str); 22] = [
    (1_000, "0.000001"),
    (2_500, "0.0000025"),
    (5_000, "0.000005"),
    (10_000, "0.00001"),
    (25_000, "0.000025"),
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1.0"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5.0"),
    (10_000_000_000, "10.0"),
];

/// Times in a few buckets, with their number and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// How many there are, those above the last bound included.
    pub count: u64,
    /// Their sum, in ns.
    pub sum_ns: u64,
    /// How many are up to the bound of the same place in [`BOUNDS`] and above the one before. A value near a bound may count as below
    /// or above it, as the histogram that it comes from has three significant digits.
    pub counts: [u64; BOUNDS.len()],
}

impl Times {
    /// Of a distribution.
    #[must_use]
    pub fn of(times: &Distribution) -> Self {
        Self::of_histogram(times.histogram(), times.sum_ns(), times.over_range())
    }

    /// Of a histogram, the exact sum of its values, and how many values are above its range.
    #[must_use]
    pub fn of_histogram(histogram: &Histogram<u64>, sum_ns: u128, over_range: u64) -> Self {
        let mut own = Self {
            count: histogram.len() + over_range,
            sum_ns: u64::try_from(sum_ns).unwrap_or(u64::MAX),
            ..Self::default()
        };
        let mut at = 0;
        for bucket in histogram.iter_recorded() {
            // The smallest value of the bucket: it is exact where the histogram has a bucket for each value.
            let value_ns = histogram.lowest_equivalent(bucket.value_iterated_to());
            while BOUNDS.get(at).is_some_and(|(bound_ns, _)| value_ns > *bound_ns) {
                at += 1;
            }
            let Some(count) = own.counts.get_mut(at) else { break };
            *count += bucket.count_at_value();
        }
        own
    }

    /// Adds those of another trial.
    pub fn merge(&mut self, other: &Self) {
        let Self { count, sum_ns, counts } = other;
        self.count += count;
        self.sum_ns = self.sum_ns.saturating_add(*sum_ns);
        self.counts.iter_mut().zip(counts).for_each(|(own, more)| *own += more);
    }
}

/// What a trial counted so far, or what it came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Flows of the measured window. While the trial goes on, only those started, ended and dead are known.
    pub flows: Flows,
    /// Messages, those of the warm-up included. While the trial goes on, nothing is known of losses but what the transport tells.
    pub audit: Audit,
    /// Response times of measured flows.
    pub response: Times,
    /// Confirm times of messages of measured flows.
    pub confirm: Times,
}

impl Totals {
    /// Those of a trial that is over.
    #[must_use]
    pub fn of(trial: &Trial) -> Self {
        let mut confirm = Times::default();
        trial.confirms.iter().for_each(|one| confirm.merge(&Times::of(&one.time)));
        Self { flows: trial.flows, audit: trial.audit, response: Times::of(&trial.response), confirm }
    }

    /// Adds those of another trial.
    pub fn merge(&mut self, other: &Self) {
        let Self { flows, audit, response, confirm } = other;
        self.flows.merge(flows);
        self.audit.merge(audit);
        self.response.merge(response);
        self.confirm.merge(confirm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_labels_are_the_bounds_in_seconds() {
        for (ns, label) in BOUNDS {
            let seconds: f64 = label.parse().unwrap();
            assert!((seconds * 1e9 - ns as f64).abs() < 1e-6, "{label}");
        }
        assert!(BOUNDS.is_sorted());
    }

    proptest! {
        #[test]
        fn split_and_merged_equals_the_whole(values in prop::collection::vec(1u64..40_000_000_000, 1..60), at in 0usize..60) {
            let at = at.min(values.len());
            let whole = Times::of(&Distribution::of(values.iter().copied()));
            let mut halves = Times::of(&Distribution::of(values[..at].iter().copied()));
            halves.merge(&Times::of(&Distribution::of(values[at..].iter().copied())));
            prop_assert_eq!(halves, whole);
            prop_assert_eq!(whole.count, values.len() as u64);
            prop_assert!(whole.counts.iter().sum::<u64>() <= whole.count);
            // To the resolution of the histogram.
            let up_to = |ns: f64| values.iter().filter(|value| (**value as f64) <= ns).count() as u64;
            let mut below = 0;
            for ((ns, _), count) in BOUNDS.iter().zip(whole.counts) {
                below += count;
                prop_assert!((up_to(*ns as f64 * 0.998)..=up_to(*ns as f64 * 1.002)).contains(&below));
            }
        }
    }
}
