//! The interval of a chance, from how often something happened.

use super::sign::binomial_at_most;

/// The interval of the chance of what happened `count` times of `n`, by Clopper and Pearson (1934): the chances for which
/// neither so few nor so many would be rarer than half of what is left of `confidence`. It is exact, and covers the chance at least as
/// often as it says. Without a try it is everything.
#[must_use]
pub fn share_interval(count: usize, n: usize, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    let at_least = |p: f64| 1.0 - if count == 0 { 0.0 } else { binomial_at_most(n, count - 1, p) };
    let low = if count == 0 { 0.0 } else { edge(|p| at_least(p) < tail) };
    let high = if count >= n { 1.0 } else { edge(|p| binomial_at_most(n, count, p) > tail) };
    (low, high)
}

/// The largest p up to which something holds.
fn edge(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact")`; with all or none it is `0.025^(1/n)`.
    #[test]
    fn known_intervals() {
        for (count, n, low, high) in [
            (0, 10, 0.0, 0.308_498),
            (10, 10, 0.691_502, 1.0),
            (3, 10, 0.066_740, 0.652_453),
            (95, 100, 0.887_165, 0.983_568),
            (0, 0, 0.0, 1.0),
        ] {
            let found = share_interval(count, n, 0.95);
            assert!(
                (found.0 - low).abs() < 1e-5 && (found.1 - high).abs() < 1e-5,
                "{count} of {n}: {found:?}"
            );
        }
    }
}
