//! Change points: places in a series from which on its values are higher or lower than before.
//!
//! The statistic is that of Pettitt (1979, "A non-parametric approach to the change-point problem", Applied Statistics 28, 126–135): the
//! rank sum of the values before a place, looked at for every place. It is divided by its standard deviation there, so that a change
//! near an end, such as one of the last week, is found as well as one in the middle. Ranks make one run of ten times the usual time
//! count no more than one that is a little above all others. A place is a change if few random orders of the same values reach its
//! statistic (a permutation test, whose seed is fixed, so that the same series gives the same answer). Both sides of a change are
//! then tested in the same way (binary segmentation).
//!
//! A series without a change has a chance of at most [`LEVEL`] to show one, whatever the distribution of its values, as long as its
//! runs do not depend on each other. A slow drift is not independent: it shows as one or more changes. Does not live here: which runs
//! make a series (`history`).

use super::median;

/// A change is one that a series without a change shows with this chance at most. A level of 0.001 would take 9,999 orders, which is too
/// slow for a series of 10,000 runs, and no step between six runs and six others would ever reach it: 2 of 924 orders are as clear.
pub const LEVEL: f64 = 0.01;
/// Values that there have to be before and after a change.
pub const LEAST: usize = 4;
/// Random orders that are looked at.
const ORDERS: u32 = 1_999;

/// A place from which on values differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Index of the first value after it.
    pub at: usize,
    /// The share of random orders whose statistic is as large.
    pub p: f64,
    /// The median from the change before, or the beginning, to here.
    pub before: f64,
    /// Values in that stretch.
    pub values_before: usize,
    /// The median from here to the next change, or the end.
    pub after: f64,
    /// Values in that stretch.
    pub values_after: usize,
}

impl Change {
    /// The change as a share of the median before; `None` if that is zero.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.before != 0.0).then(|| self.after / self.before - 1.0)
    }
}

/// The changes of a series, in its order. Values that are no numbers must not be among them.
#[must_use]
pub fn changes(values: &[f64]) -> Vec<Change> {
    let mut found: Vec<(usize, f64)> = Vec::new();
    let mut left = vec![(0, values.len())];
    while let Some((from, to)) = left.pop() {
        if let Some((at, p)) = strongest(&values[from..to]) {
            found.push((from + at, p));
            left.extend([(from, from + at), (from + at, to)]);
        }
    }
    found.sort_by_key(|(at, _)| *at);
    let ends: Vec<usize> =
        [0].into_iter().chain(found.iter().map(|(at, _)| *at)).chain([values.len()]).collect();
    let middle = |from: usize, to: usize| median(&values[from..to]).unwrap_or(0.0);
    let change = |(i, (at, p)): (usize, &(usize, f64))| {
        let (from, to) = (ends[i], ends[i + 2]);
        Change {
            at: *at,
            p: *p,
            before: middle(from, *at),
            values_before: at - from,
            after: middle(*at, to),
            values_after: to - at,
        }
    };
    found.iter().enumerate().map(change).collect()
}

/// The place with the largest statistic and its probability, if it is a change.
fn strongest(values: &[f64]) -> Option<(usize, f64)> {
    if values.len() < 2 * LEAST {
        return None;
    }
    let mut ranks = ranks(values);
    let (at, statistic) = scan(&ranks);
    if statistic <= 0.0 {
        return None;
    }
    // The seed is the length: a longer series is another one.
    let mut noise = Noise(values.len() as u64);
    let most = (LEVEL * f64::from(ORDERS + 1)) as u32;
    let mut as_large = 1;
    for _ in 0..ORDERS {
        noise.shuffle(&mut ranks);
        // Sums of ranks in another order are the same numbers but for rounding.
        if scan(&ranks).1 >= statistic * (1.0 - 1e-12) {
            as_large += 1;
        }
        if as_large > most {
            return None;
        }
    }
    Some((at, f64::from(as_large) / f64::from(ORDERS + 1)))
}

/// Ranks less their mean; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mean = (values.len() - 1) as f64 / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = from as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|place| ranks[*place] = rank - mean);
        from += equal.len();
    }
    ranks
}

/// The place with the largest sum of ranks before it, up or down, in units that are those of its standard deviation but for a
/// factor that all orders share.
fn scan(ranks: &[f64]) -> (usize, f64) {
    let n = ranks.len();
    let mut best = (LEAST, 0.0);
    let mut sum: f64 = ranks[..LEAST - 1].iter().sum();
    for at in LEAST..=n - LEAST {
        sum += ranks[at - 1];
        let statistic = sum.abs() / ((at * (n - at)) as f64).sqrt();
        if statistic > best.1 {
            best = (at, statistic);
        }
    }
    best
}

/// Pseudo-random numbers, the same for the same seed (splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Fisher and Yates. The product in 128 bits gives every place the same chance but for one part in 2^64.
    fn shuffle(&mut self, values: &mut [f64]) {
        for last in (1..values.len()).rev() {
            let place = (u128::from(self.next()) * (last as u128 + 1)) >> 64;
            values.swap(last, place as usize);
        }
    }
}

#[cfg(test)]
mod tests;
