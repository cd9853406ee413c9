//! The histogram of the measured path: log-linear, 3 significant digits, one writer, plain counters.
//!
//! Its buckets have the layout of HdrHistogram. So [`Distribution`], off the measured path, converts it into an
//! `hdrhistogram::Histogram` without loss and with equal percentiles.
//!
//! A lane among very many has a histogram that begins as a short list of the buckets that were hit, and becomes an array
//! when the list is full.

use drumpost_defects::{Defect, is_in};
use hdrhistogram::Histogram;

/// Largest value that is told apart, in ns: 4.9 hours. Above it a value is counted as over range. Models of memory order
/// make a hundred thousand sessions and record nothing, so their histograms are small.
pub const MAX_TRACKED_NS: u64 = if cfg!(loom) { 4_095 } else { (1 << 44) - 1 };

const SUB_BUCKET_BITS: u32 = 11;
const HALF_BITS: u32 = SUB_BUCKET_BITS - 1;
const SUB_BUCKET_MASK: u64 = (1 << SUB_BUCKET_BITS) - 1;
/// One bucket for each value up to [`MAX_TRACKED_NS`], so that what is above has none.
const LEN: usize = index_of(MAX_TRACKED_NS) + 1;

#[inline]
const fn index_of(value: u64) -> usize {
    // Written with a logarithm, which is one instruction; from the count of leading zeros it takes three.
    let bucket = (value | SUB_BUCKET_MASK).ilog2() - HALF_BITS;
    ((bucket as usize) << HALF_BITS) + (value >> bucket) as usize
}

const fn lowest_at(index: usize) -> u64 {
    // The first two halves hold single values.
    let bucket = (index >> HALF_BITS).saturating_sub(1);
    ((index - (bucket << HALF_BITS)) as u64) << bucket
}

/// Counts of latencies in ns; 140 KiB, of which only what is hit is touched, or a list of the few buckets that were hit.
#[derive(Clone, Debug)]
pub struct Hist {
    /// By bucket; empty as long as `few` is in its place.
    counts: Box<[u32]>,
    /// Buckets that were hit and how often, in order.
    few: Vec<(u16, u32)>,
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    over_range: u64,
}

/// So many buckets are kept as a list: 2 KiB.
const FEW: usize = 256;
const _: () = assert!(LEN <= u16::MAX as usize);

impl Default for Hist {
    fn default() -> Self {
        let counts = vec![0; LEN].into_boxed_slice();
        Self { counts, ..Self::small() }
    }
}

impl Hist {
    /// One that takes no memory until something is recorded, and little until many different values are.
    #[must_use]
    pub fn small() -> Self {
        let (counts, few) = (Box::default(), Vec::new());
        Self { counts, few, count: 0, sum_ns: 0, min_ns: u64::MAX, max_ns: 0, over_range: 0 }
    }

    /// Records `times` equal values.
    #[inline]
    pub fn record_n(&mut self, value_ns: u64, times: u32) {
        let Some((value_ns, times)) = with_defects(value_ns, times) else { return };
        if let Some(count) = self.counts.get_mut(index_of(value_ns)) {
            *count += times;
        } else {
            self.record_apart(index_of(value_ns), times);
        }
        self.count += u64::from(times);
        self.sum_ns = self.sum_ns.wrapping_add(value_ns.wrapping_mul(u64::from(times)));
        // As branches that are hardly ever taken: a minimum and a maximum would be written for each value.
        if value_ns < self.min_ns {
            self.min_ns = value_ns;
        }
        if value_ns > self.max_ns {
            self.max_ns = value_ns;
        }
    }

    /// Counts values for which the array has no place: those over range, and all of them as long as there is a list.
    #[cold]
    fn record_apart(&mut self, index: usize, times: u32) {
        if index >= LEN {
            self.over_range += u64::from(times);
            return;
        }
        match self.few.binary_search_by_key(&(index as u16), |(bucket, _)| *bucket) {
            Ok(at) => self.few[at].1 += times,
            Err(at) if self.few.len() < FEW => self.few.insert(at, (index as u16, times)),
            Err(_) => {
                self.counts = vec![0; LEN].into_boxed_slice();
                for (bucket, count) in std::mem::take(&mut self.few) {
                    self.counts[usize::from(bucket)] = count;
                }
                self.counts[index] += times;
            }
        }
    }

    /// How many bytes its counts take, or may take without growing.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> usize {
        size_of_val(&*self.counts) + self.few.capacity() * size_of::<(u16, u32)>()
    }

    /// How many values were recorded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Forgets everything; costs as much as the span of values that was hit.
    pub fn clear(&mut self) {
        if self.count > 0 {
            let span = self.span();
            let Self { counts, few, count, sum_ns, min_ns, max_ns, over_range } = self;
            few.clear();
            if !counts.is_empty() {
                counts[span].fill(0);
            }
            (*count, *sum_ns, *min_ns, *max_ns, *over_range) = (0, 0, u64::MAX, 0, 0);
        }
    }

    fn span(&self) -> std::ops::RangeInclusive<usize> {
        index_of(self.min_ns.min(MAX_TRACKED_NS))..=index_of(self.max_ns.min(MAX_TRACKED_NS))
    }
}

/// What a test that put a defect in has made of a value; as it came otherwise.
#[inline(always)]
fn with_defects(value_ns: u64, times: u32) -> Option<(u64, u32)> {
    // One in 1,024, as good as drawn by lot.
    let drawn = || value_ns.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54 == 0;
    if is_in(Defect::ShortIsNone) && value_ns < 1_000_000 || is_in(Defect::Sampled) && !drawn() {
        return None;
    }
    let value_ns = if is_in(Defect::Clamped) { value_ns.min(MAX_TRACKED_NS) } else { value_ns };
    Some((value_ns, if is_in(Defect::OnePerBatch) { 1 } else { times }))
}

/// A merged histogram: HdrHistogram's own, with what it does not keep exactly.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Counts, 3 significant digits, 1 ns to [`MAX_TRACKED_NS`]; values above are not in it.
    pub histogram: Histogram<u64>,
    /// Exact sum of all values, in ns.
    pub sum_ns: u128,
    /// Exact smallest value, in ns; `u64::MAX` when empty.
    pub min_ns: u64,
    /// Exact largest value, in ns.
    pub max_ns: u64,
    /// How many values were above [`MAX_TRACKED_NS`].
    pub over_range: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "constant bounds, tested")]
        let histogram = Histogram::new_with_bounds(1, MAX_TRACKED_NS, 3).expect("bounds are valid");
        Self { histogram, sum_ns: 0, min_ns: u64::MAX, max_ns: 0, over_range: 0 }
    }
}

impl Distribution {
    /// Adds what a lane recorded.
    pub fn add(&mut self, hist: &Hist) {
        let Hist { counts, few, count, sum_ns, min_ns, max_ns, over_range } = hist;
        if *count == 0 {
            return;
        }
        for (bucket, count) in few {
            self.histogram.saturating_record_n(lowest_at(usize::from(*bucket)), u64::from(*count));
        }
        if !counts.is_empty() {
            for index in hist.span().filter(|index| counts[*index] != 0) {
                self.histogram.saturating_record_n(lowest_at(index), u64::from(counts[index]));
            }
        }
        self.sum_ns += u128::from(*sum_ns);
        self.min_ns = self.min_ns.min(*min_ns);
        self.max_ns = self.max_ns.max(*max_ns);
        self.over_range += over_range;
    }

    /// Adds what another one has.
    pub fn merge(&mut self, other: &Self) {
        let Self { histogram, sum_ns, min_ns, max_ns, over_range } = other;
        // The bounds are the same, so this cannot fail.
        let _ = self.histogram.add(histogram);
        self.sum_ns += sum_ns;
        self.min_ns = self.min_ns.min(*min_ns);
        self.max_ns = self.max_ns.max(*max_ns);
        self.over_range += over_range;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.histogram.reset();
        (self.sum_ns, self.min_ns, self.max_ns, self.over_range) = (0, u64::MAX, 0, 0);
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len() + self.over_range
    }

    /// Mean in ns, exact; 0 when empty.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum_ns as f64 / self.count() as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn over_range_is_counted_and_kept() {
        let (mut hist, mut all) = (Hist::default(), Distribution::default());
        hist.record_n(u64::MAX >> 1, 3);
        all.add(&hist);
        assert_eq!((all.count(), all.over_range, all.max_ns), (3, 3, u64::MAX >> 1));
    }

    #[test]
    fn cleared_is_as_new() {
        let mut hist = Hist::default();
        for value in [1, 5_000, 77_000_000, MAX_TRACKED_NS + 5] {
            hist.record_n(value, 2);
        }
        hist.clear();
        assert!(hist.counts.iter().all(|count| *count == 0));
        assert_eq!(
            (hist.count, hist.sum_ns, hist.min_ns, hist.max_ns, hist.over_range),
            (0, 0, u64::MAX, 0, 0)
        );
    }

    #[test]
    fn what_is_told_apart_ends_with_the_longest_time() {
        assert_eq!(MAX_TRACKED_NS, 17_592_186_044_415, "4.9 hours");
        let (mut hist, mut all) = (Hist::default(), Distribution::default());
        hist.record_n(MAX_TRACKED_NS, 2);
        assert_eq!((hist.count(), hist.over_range), (2, 0));
        hist.record_n(MAX_TRACKED_NS + 1, 3);
        assert_eq!((hist.count(), hist.over_range), (5, 3));
        all.add(&hist);
        assert_eq!((all.count(), all.histogram.len(), all.over_range), (5, 2, 3));
        assert_eq!((all.min_ns, all.max_ns), (MAX_TRACKED_NS, MAX_TRACKED_NS + 1));
    }

    /// Every bucket begins where the one before ends, and holds a thousandth of its values at most.
    #[test]
    fn buckets_are_without_gaps_and_narrow() {
        let mut before = None;
        for index in 0..LEN {
            let lowest = lowest_at(index);
            assert_eq!(index_of(lowest), index);
            if let Some(before) = before {
                assert_eq!(index_of(lowest - 1), index - 1);
                assert!((lowest - before) * 1_000 <= lowest.max(1_000), "{before} {lowest}");
            }
            before = Some(lowest);
        }
        assert_eq!(index_of(MAX_TRACKED_NS), LEN - 1);
    }

    #[test]
    fn a_mean_is_that_of_all_values_and_of_none_zero() {
        let (mut hist, mut all) = (Hist::default(), Distribution::default());
        assert_eq!((hist.count(), all.count(), all.mean_ns()), (0, 0, 0.0));
        all.add(&hist);
        assert_eq!((all.count(), all.min_ns, all.max_ns), (0, u64::MAX, 0), "nothing was added");
        hist.record_n(10, 3);
        hist.record_n(MAX_TRACKED_NS + 1, 1);
        all.add(&hist);
        all.add(&hist);
        assert_eq!((hist.count(), all.count(), all.over_range), (4, 8, 2));
        assert_eq!(all.sum_ns, 2 * (30 + u128::from(MAX_TRACKED_NS) + 1));
        assert_eq!(all.mean_ns(), all.sum_ns as f64 / 8.0);
    }

    #[test]
    fn a_distribution_that_was_cleared_is_as_new() {
        let (mut hist, mut all) = (Hist::default(), Distribution::default());
        hist.clear();
        assert_eq!((hist.count(), hist.min_ns, hist.max_ns), (0, u64::MAX, 0), "nothing to forget");
        hist.record_n(7_000, 3);
        hist.record_n(MAX_TRACKED_NS + 1, 3);
        all.add(&hist);
        all.clear();
        assert_eq!((all.count(), all.histogram.max(), all.mean_ns()), (0, 0, 0.0));
        assert_eq!((all.sum_ns, all.min_ns, all.max_ns, all.over_range), (0, u64::MAX, 0, 0));
    }

    /// Ten thousand lanes have a handful of these each.
    #[test]
    fn a_small_one_grows_when_it_is_hot() {
        let mut hist = Hist::small();
        assert_eq!(hist.held_bytes(), 0);
        for value in (0..10_000).map(|number| 100_000 + number % 100 * 1_000) {
            hist.record_n(value, 1);
        }
        hist.record_n(MAX_TRACKED_NS + 1, 2);
        assert!(hist.held_bytes() <= 2_048, "{} bytes for 100 values", hist.held_bytes());
        assert_eq!((hist.count(), hist.over_range), (10_002, 2));
        hist.clear();
        assert!(hist.held_bytes() <= 2_048 && hist.few.is_empty());
        (0..10_000).for_each(|value| hist.record_n(value * 100, 1));
        assert!(hist.held_bytes() > 100 << 10 && hist.few.capacity() == 0, "as large as any");
    }

    proptest! {
        /// Merged bin for bin, whichever way the counts were kept, and after they were used before.
        #[test]
        fn a_small_one_counts_as_a_large_one(
            values in prop::collection::vec((0_u64..=MAX_TRACKED_NS + 9, 1_u32..4), 0..600),
            shift in 0_u32..40,
            before in 0_usize..600,
        ) {
            let (mut small, mut large) = (Hist::small(), Hist::default());
            for value in 0..before {
                small.record_n(value as u64 * 77, 1);
            }
            small.clear();
            for (value, times) in values {
                small.record_n(value >> shift, times);
                large.record_n(value >> shift, times);
            }
            let [mut of_small, mut of_large] = [Distribution::default(), Distribution::default()];
            of_small.add(&small);
            of_large.add(&large);
            prop_assert!(of_small.histogram == of_large.histogram);
            prop_assert_eq!(
                (of_small.sum_ns, of_small.min_ns, of_small.max_ns, of_small.over_range),
                (of_large.sum_ns, of_large.min_ns, of_large.max_ns, of_large.over_range)
            );
        }

        #[test]
        fn equal_to_hdrhistogram_bit_for_bit(values in prop::collection::vec(0_u64..=MAX_TRACKED_NS, 1..300), split in 1_usize..5) {
            let mut reference = Distribution::default().histogram;
            let mut parts = vec![Hist::default(); split];
            for (at, value) in values.iter().enumerate() {
                reference.record(*value).unwrap();
                parts[at % split].record_n(*value, 1);
            }
            let mut merged = Distribution::default();
            for part in parts.iter().rev() {
                merged.add(part);
            }
            for quantile in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(merged.histogram.value_at_quantile(quantile), reference.value_at_quantile(quantile));
            }
            prop_assert_eq!(merged.sum_ns, values.iter().map(|value| u128::from(*value)).sum::<u128>());
            prop_assert_eq!(merged.max_ns, *values.iter().max().unwrap());
        }
    }
}
