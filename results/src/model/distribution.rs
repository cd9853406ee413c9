//! A distribution of times: a histogram for the percentiles, and exact figures beside it.
//!
//! Lives here: recording, merging, quantiles, the number of samples that a quantile needs, and the binary form of the
//! histogram. Does not live here: recording while a run is measured (the engine has its own histogram), base64 and JSON
//! (`format`).

use std::fmt;
use std::io::Read as _;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use thiserror::Error;

/// A binary histogram that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "failed to read a histogram: {reason}; expected HdrHistogram V2 with 3 significant digits, 2 in a series"
)]
pub struct DistributionError {
    /// What is wrong with it.
    pub reason: String,
}

/// Significant digits of a histogram, and of one that stands for an interval of a series.
const DIGITS: u8 = 3;
const COARSE_DIGITS: u8 = 2;

/// Times in nanoseconds, with one-sided error of at most 0.0977 % in percentiles and none in count, sum, minimum
/// and maximum. A coarse one keeps 2 significant digits, for intervals of a series, of which there are many: its error
/// is 0.781 % at most.
#[derive(Clone)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
    over_range: u64,
}

impl Default for Distribution {
    /// Of 3 significant digits.
    fn default() -> Self {
        Self { histogram: empty(DIGITS), sum_ns: 0, min_ns: u64::MAX, max_ns: 0, over_range: 0 }
    }
}

/// Samples that a quantile needs: the fewest n for which the largest of n samples is an upper bound of the quantile
/// with 95 % confidence, `1 − qⁿ ≥ 0.95`, n ≥ ln(0.05)/ln(q). A median or lower, and
/// the maximum itself, need one.
#[must_use]
pub fn samples_needed(quantile: f64) -> u64 {
    if quantile <= 0.5 || quantile >= 1.0 {
        return 1;
    }
    (0.05f64.ln() / quantile.ln()).ceil() as u64
}

impl Distribution {
    /// A distribution from what the engine measured. The exact figures cover every value, those over the
    /// histogram's range included; `over_range` of them are in no bucket. Without values, minimum and maximum are
    /// not looked at.
    ///
    /// # Errors
    /// The histogram does not keep 3 significant digits from 1 ns on, or the minimum is above the maximum.
    pub fn from_parts(
        histogram: &Histogram<u64>,
        sum_ns: u128,
        min_ns: u64,
        max_ns: u64,
        over_range: u64,
    ) -> Result<Self, DistributionError> {
        Self::of_digits(DIGITS, histogram, (sum_ns, min_ns, max_ns), over_range)
    }

    fn of_digits(
        digits: u8,
        histogram: &Histogram<u64>,
        (sum_ns, min_ns, max_ns): (u128, u64, u64),
        over_range: u64,
    ) -> Result<Self, DistributionError> {
        if histogram.sigfig() != digits || histogram.low() != 1 {
            let reason = format!("it has {} digits from {} on", histogram.sigfig(), histogram.low());
            return Err(DistributionError { reason });
        }
        let mut own = Self { histogram: empty(digits), sum_ns, over_range, ..Self::default() };
        own.histogram.add(histogram).map_err(failed)?;
        if own.count() > 0 {
            if min_ns > max_ns {
                return Err(DistributionError {
                    reason: format!("its minimum {min_ns} is above its maximum {max_ns}"),
                });
            }
            (own.min_ns, own.max_ns) = (min_ns, max_ns);
        }
        Ok(own)
    }

    /// An empty distribution of 2 significant digits, for an interval of a series.
    #[must_use]
    pub fn coarse() -> Self {
        Self { histogram: empty(COARSE_DIGITS), ..Self::default() }
    }

    /// The same values with 2 significant digits. Coarse buckets are made of whole fine ones, so this gives what
    /// recording the values coarsely would have.
    #[must_use]
    pub fn coarsened(&self) -> Self {
        let mut own = Self::coarse();
        own.merge(self);
        own
    }

    /// What is here and not in a part of it; the extremes of the rest are known to the histogram's resolution only.
    /// `None` if the other is no part of this.
    #[must_use]
    pub fn without(&self, part: &Self) -> Option<Self> {
        let mut rest = self.clone();
        rest.histogram.subtract(&part.histogram).ok()?;
        rest.sum_ns = self.sum_ns.checked_sub(part.sum_ns)?;
        rest.over_range = self.over_range.checked_sub(part.over_range)?;
        if rest.is_empty() {
            return (rest.sum_ns == 0).then(|| Self { histogram: rest.histogram, ..Self::default() });
        }
        if part.max_ns == self.max_ns && rest.over_range == 0 {
            rest.max_ns = rest.histogram.max().min(self.max_ns);
        }
        if part.min_ns == self.min_ns {
            rest.min_ns = rest.histogram.min().max(self.min_ns);
        }
        Some(rest)
    }

    /// A distribution of the given values.
    #[must_use]
    pub fn of(values_ns: impl IntoIterator<Item = u64>) -> Self {
        let mut own = Self::default();
        values_ns.into_iter().for_each(|ns| own.record(ns, 1));
        own
    }

    /// All of them as one. Percentiles must come from this, never from an average of percentiles.
    #[must_use]
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut own = Self::default();
        parts.into_iter().for_each(|part| own.merge(part));
        own
    }

    /// Records a value n times. A value the histogram cannot hold is counted as over range.
    pub fn record(&mut self, value_ns: u64, n: u64) {
        if n == 0 {
            return;
        }
        if self.histogram.record_n(value_ns, n).is_err() {
            self.over_range += n;
        }
        self.sum_ns += u128::from(value_ns) * u128::from(n);
        self.min_ns = self.min_ns.min(value_ns);
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// Adds another distribution: the same as recording its values here.
    pub fn merge(&mut self, other: &Self) {
        let Self { histogram, sum_ns, min_ns, max_ns, over_range } = other;
        if self.histogram.add(histogram).is_err() {
            // Cannot happen while both resize themselves; counted all the same rather than dropped.
            self.over_range += histogram.len();
        }
        self.sum_ns += sum_ns;
        self.min_ns = self.min_ns.min(*min_ns);
        self.max_ns = self.max_ns.max(*max_ns);
        self.over_range += over_range;
    }

    /// Number of values, over-range ones included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len() + self.over_range
    }

    /// True without any value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Values beyond the histogram's range; percentiles treat them as the longest of all.
    #[must_use]
    pub fn over_range(&self) -> u64 {
        self.over_range
    }

    /// Exact sum.
    #[must_use]
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// Exact minimum.
    #[must_use]
    pub fn min_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// Exact maximum.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// Exact mean.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum_ns as f64 / self.count() as f64)
    }

    /// The value at a quantile in [0, 1], or `None` with fewer than [`samples_needed`].
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        // Every quantile needs one sample at least, so an empty distribution has none.
        if self.count() < samples_needed(quantile) {
            return None;
        }
        let value = if self.over_range == 0 {
            self.histogram.value_at_quantile(quantile)
        } else {
            self.value_at_rank((quantile * self.count() as f64).ceil().max(1.0) as u64)
        };
        Some(value.clamp(self.min_ns, self.max_ns))
    }

    fn value_at_rank(&self, rank: u64) -> u64 {
        let mut below = 0;
        for bucket in self.histogram.iter_recorded() {
            below += bucket.count_at_value();
            if below >= rank {
                return bucket.value_iterated_to();
            }
        }
        self.max_ns
    }

    /// Number of values beyond a quantile: what its estimate rests on.
    #[must_use]
    pub fn samples_beyond(&self, quantile: f64) -> u64 {
        let count = self.count() as f64;
        (count - (quantile * count).ceil()).max(0.0) as u64
    }

    /// The histogram, for readers that need its buckets.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// HdrHistogram V2, compressed. The same values give the same bytes, however they were merged.
    ///
    /// # Errors
    /// A bucket holds more than 2⁶³ values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DistributionError> {
        // The range is part of the bytes, and depends on the history of a histogram that resizes itself.
        let high = self.histogram.highest_equivalent(self.histogram.max()).max(2);
        let mut tight = Histogram::new_with_max(high, self.histogram.sigfig()).map_err(failed)?;
        tight.add(&self.histogram).map_err(failed)?;
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&tight, &mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// The opposite of [`Distribution::to_bytes`], with the exact figures beside it. Uncompressed bytes are read as well.
    ///
    /// # Errors
    /// The bytes are no such histogram.
    pub fn from_bytes(
        bytes: &[u8],
        sum_ns: u128,
        min_ns: u64,
        max_ns: u64,
        over_range: u64,
    ) -> Result<Self, DistributionError> {
        Self::of_digits(DIGITS, &decoded(bytes)?, (sum_ns, min_ns, max_ns), over_range)
    }

    /// The same for a coarse distribution.
    ///
    /// # Errors
    /// The bytes are no such histogram.
    pub fn coarse_from_bytes(
        bytes: &[u8],
        sum_ns: u128,
        min_ns: u64,
        max_ns: u64,
        over_range: u64,
    ) -> Result<Self, DistributionError> {
        Self::of_digits(COARSE_DIGITS, &decoded(bytes)?, (sum_ns, min_ns, max_ns), over_range)
    }
}

/// Bytes of the longest histogram there is: a head, and nine for each of the 57,344 buckets that 3 digits and 64 bits make.
const LONGEST: u64 = 1 << 20;
const HEAD_LEN: usize = 40;
const COMPRESSED_HEAD_LEN: usize = 8;
/// The last digit but one says how counts are written: as numbers of variable length, as every writer of V2 does.
const COOKIE: u32 = 0x1c84_9313;
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

/// Reads a histogram. The head says how much memory the reader will take, and may say anything, so it is checked first.
fn decoded(bytes: &[u8]) -> Result<Histogram<u64>, DistributionError> {
    let wrong = |reason: &str| DistributionError { reason: reason.to_owned() };
    let cookie = number(bytes, 0).ok_or_else(|| wrong("it is cut short"))? as u32;
    let plain = match cookie {
        COOKIE => bytes.to_vec(),
        COMPRESSED_COOKIE => {
            let packed = bytes.get(COMPRESSED_HEAD_LEN..).unwrap_or_default();
            let mut plain = Vec::new();
            let unpacking = flate2::read::ZlibDecoder::new(packed).take(LONGEST + 1);
            { unpacking }.read_to_end(&mut plain).map_err(failed)?;
            plain
        }
        _ => return Err(wrong("it does not begin as one")),
    };
    if plain.len() < HEAD_LEN || plain.len() as u64 > LONGEST {
        return Err(wrong("it is longer or shorter than any histogram"));
    }
    let (counts_len, digits) = (number(&plain, 4).unwrap_or(0), number(&plain, 12).unwrap_or(0));
    if counts_len as usize != plain.len() - HEAD_LEN {
        return Err(wrong("it says that it is longer than it is"));
    }
    if ![u64::from(COARSE_DIGITS), u64::from(DIGITS)].contains(&digits) {
        return Err(DistributionError { reason: format!("it has {digits} digits") });
    }
    Deserializer::new().deserialize(&mut &plain[..]).map_err(failed)
}

/// Four bytes as a number, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u64::from(u32::from_be_bytes(bytes)))
}

impl PartialEq for Distribution {
    /// The same values to the resolution of the histogram, and the same exact figures.
    fn eq(&self, other: &Self) -> bool {
        let buckets = |own: &Self| {
            let recorded = own.histogram.iter_recorded();
            recorded.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect::<Vec<_>>()
        };
        let exact = |own: &Self| (own.sum_ns, own.min_ns, own.max_ns, own.over_range, own.histogram.len());
        exact(self) == exact(other) && buckets(self) == buckets(other)
    }
}

impl fmt::Debug for Distribution {
    /// The figures, not the thousands of buckets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Distribution");
        fields
            .field("count", &self.count())
            .field("over_range", &self.over_range)
            .field("sum_ns", &self.sum_ns);
        fields.field("min_ns", &self.min_ns()).field("p50_ns", &self.quantile_ns(0.5));
        fields
            .field("p99_ns", &self.quantile_ns(0.99))
            .field("max_ns", &self.max_ns())
            .finish_non_exhaustive()
    }
}

fn empty(digits: u8) -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "two and three digits are always accepted")]
    Histogram::new(digits).expect("two and three digits are always accepted")
}

fn failed(error: impl ToString) -> DistributionError {
    DistributionError { reason: error.to_string() }
}

#[cfg(test)]
mod tests;
