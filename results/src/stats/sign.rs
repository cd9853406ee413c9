//! The exact sign test on paired differences, and figures that follow from it. It holds for noise of any shape, because
//! the order within each pair was random.
//!
//! Lives here: the p-value, the interval of the median, the number of pairs needed, and the effect that could have been
//! found. Does not live here: Holm's correction and verdicts.

/// An interval of the median by order statistics: from the `low`-th to the `high`-th smallest, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MedianInterval {
    /// Rank of the lower end.
    pub low: usize,
    /// Rank of the upper end.
    pub high: usize,
}

/// Two-sided p-value of the differences being as often above as below zero: `min(1, 2·P(Bin(n, ½) ≤ min(above,
/// below)))`, exact. Differences of zero say nothing and are left out; without others the answer is 1.
#[must_use]
pub fn sign_test(differences: &[f64]) -> f64 {
    let above = differences.iter().filter(|d| **d > 0.0).count();
    let below = differences.iter().filter(|d| **d < 0.0).count();
    sign_test_of(above, below)
}

/// The same of so many differences above and below zero.
#[must_use]
pub fn sign_test_of(above: usize, below: usize) -> f64 {
    (2.0 * binomial_at_most(above + below, above.min(below), 0.5)).min(1.0)
}

/// The narrowest interval of the median of n values with at least the given confidence: the largest k with
/// `P(Bin(n, ½) ≤ k − 1) ≤ (1 − confidence)/2`, up to rank `n + 1 − k`. `None` with too few values.
#[must_use]
pub fn median_interval(n: usize, confidence: f64) -> Option<MedianInterval> {
    let tail = (1.0 - confidence) / 2.0;
    let low = at_most(n, 0.5).take_while(|chance| *chance <= tail).count();
    (low > 0).then(|| MedianInterval { low, high: n + 1 - low })
}

/// The fewest pairs with which the sign test can reach a p-value of `alpha` when `gates` are tested together:
/// all signs equal, `2·½ⁿ ≤ alpha/gates`.
#[must_use]
pub fn pairs_needed(alpha: f64, gates: usize) -> usize {
    (2.0 * gates.max(1) as f64 / alpha).log2().ceil().max(1.0) as usize
}

/// The smallest shift of the median that the sign test at level `alpha` would have found four times out of five
/// with these differences; see [`minimum_detectable_in`]. `None` with too few pairs.
#[must_use]
pub fn minimum_detectable(differences: &[f64], alpha: f64) -> Option<f64> {
    minimum_detectable_in(differences, differences.len(), alpha)
}

/// The smallest shift of the median that the sign test at level `alpha` would find four times out of five with `pairs`
/// pairs that scatter as these differences do: [`shift_needed`] with the fewest equal signs that are enough for the level. `None` without
/// differences, or if `pairs` cannot reach the level at all.
#[must_use]
pub fn minimum_detectable_in(differences: &[f64], pairs: usize, alpha: f64) -> Option<f64> {
    // How many counts of the rarer sign are few enough: none, one and so on.
    let few_enough = at_most(pairs, 0.5).take_while(|chance| 2.0 * chance <= alpha).count();
    let equal_signs = (few_enough > 0).then(|| pairs + 1 - few_enough)?;
    shift_needed(differences, pairs, equal_signs)
}

/// How far beyond a limit the median has to lie, so that at least `beyond` of `pairs` pairs lie beyond the limit four times out of five, if
/// they scatter as these differences do. With q the share of pairs for which `P(Bin(pairs, q) ≥ beyond) = 0.8`, it is the q-quantile
/// of the differences around their median. In the unit of the differences. `beyond` is more than half of `pairs`. `None` without differences.
#[must_use]
pub fn shift_needed(differences: &[f64], pairs: usize, beyond: usize) -> Option<f64> {
    const POWER: f64 = 0.8;
    let median = super::median(differences)?;
    let power = |share: f64| 1.0 - binomial_at_most(pairs, beyond.saturating_sub(1), share);
    let (mut low, mut high) = (0.5, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if power(middle) < POWER { low = middle } else { high = middle }
    }
    // Shifts up and down need not cost the same; the larger is said.
    let mut residuals: Vec<f64> = differences.iter().map(|d| d - median).collect();
    residuals.sort_by(f64::total_cmp);
    let n = differences.len();
    let rank = ((high * n as f64).ceil() as usize).clamp(1, n);
    Some(residuals[rank - 1].max(-residuals[n - rank]).max(0.0))
}

/// `P(Bin(n, p) ≤ k)` for k up to n and p between 0 and 1.
pub(super) fn binomial_at_most(n: usize, k: usize, p: f64) -> f64 {
    at_most(n, p).nth(k).unwrap_or(1.0)
}

/// `P(Bin(n, p) ≤ k)` for k from 0 to n, summed from exact logarithms of the terms.
fn at_most(n: usize, p: f64) -> impl Iterator<Item = f64> {
    let (ln_p, ln_q) = (p.ln(), (1.0 - p).ln());
    let (mut ln_ways, mut sum) = (0.0f64, 0.0f64);
    (0..=n).map(move |i| {
        sum += (ln_ways + i as f64 * ln_p + (n - i) as f64 * ln_q).exp();
        ln_ways += ((n - i) as f64 / (i + 1) as f64).ln();
        sum.min(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn signs(above: usize, below: usize) -> Vec<f64> {
        [vec![1.0; above], vec![-1.0; below]].concat()
    }

    #[test]
    fn known_p_values() {
        let close = |p: f64, expected: f64| assert!((p - expected).abs() < 1e-9, "{p} {expected}");
        close(sign_test(&signs(10, 0)), 2.0 / 1024.0);
        close(sign_test(&signs(9, 1)), 22.0 / 1024.0);
        close(sign_test(&signs(1, 9)), 22.0 / 1024.0);
        close(sign_test(&signs(5, 5)), 1.0);
        close(sign_test(&signs(15, 5)), 0.041_389_465_332_031_25);
        close(sign_test(&[]), 1.0);
        close(sign_test(&[0.0, 0.0]), 1.0);
    }

    /// Twice the sum of binomial coefficients over a power of two, as whole numbers of another program.
    #[test]
    fn p_values_are_exact() {
        for (n, rarer, ways) in [
            (20, 2, 211u64),
            (20, 4, 6_196),
            (30, 6, 768_212),
            (30, 7, 2_804_012),
            (40, 9, 373_585_604),
            (40, 10, 1_221_246_132),
        ] {
            let p = 2.0 * ways as f64 / 2f64.powi(n as i32);
            for (above, below) in [(n - rarer, rarer), (rarer, n - rarer)] {
                let own = sign_test(&signs(above, below));
                assert!((own / p - 1.0).abs() < 1e-12, "{n} {rarer}: {own} {p}");
            }
        }
    }

    #[test]
    fn pairs_needed_for_the_usual_comparisons() {
        for (alpha, gates, pairs) in [
            (0.01, 1, 8),
            (0.01, 6, 11),
            (0.01, 20, 12),
            (0.01 / 3.0, 6, 12),
            (0.01 / 3.0, 20, 14),
            (0.05, 1, 6),
        ] {
            assert_eq!(pairs_needed(alpha, gates), pairs, "{alpha} {gates}");
        }
    }

    #[test]
    fn intervals_of_the_published_table() {
        let table = [
            (20, [6, 15], [4, 17]),
            (30, [10, 21], [8, 23]),
            (40, [14, 27], [12, 29]),
            (60, [22, 39], [20, 41]),
        ];
        for (n, at_95, at_99) in table {
            for (confidence, [low, high]) in [(0.95, at_95), (0.99, at_99)] {
                assert_eq!(
                    median_interval(n, confidence),
                    Some(MedianInterval { low, high }),
                    "{n} {confidence}"
                );
            }
        }
        assert_eq!(median_interval(5, 0.95), None);
        assert_eq!(median_interval(6, 0.95), Some(MedianInterval { low: 1, high: 6 }));
        assert_eq!(median_interval(0, 0.95), None);
    }

    #[test]
    fn pairs_needed_is_just_enough() {
        for (alpha, gates) in [(0.01, 1), (0.01, 6), (0.01, 20), (0.01 / 3.0, 6)] {
            let n = pairs_needed(alpha, gates);
            assert!(sign_test(&signs(n, 0)) * gates as f64 <= alpha);
            assert!(sign_test(&signs(n - 1, 0)) * gates as f64 > alpha);
        }
    }

    #[test]
    fn what_could_be_found_scales_with_the_noise() {
        let noise: Vec<f64> = (0..30).map(|i| (f64::from(i) - 14.5) / 100.0).collect();
        let found = minimum_detectable(&noise, 0.01).unwrap();
        let louder: Vec<f64> = noise.iter().map(|d| d * 3.0).collect();
        assert!(found > 0.05 && found < 0.15, "{found}");
        assert!((minimum_detectable(&louder, 0.01).unwrap() - 3.0 * found).abs() < 1e-12);
        assert_eq!(minimum_detectable(&noise[..5], 0.01), None);
        assert_eq!(minimum_detectable(&[], 0.01), None);
    }

    /// Ranks by another program, which sums the binomial distribution without logarithms. The squares lie apart, so that each
    /// rank has a value of its own, and further apart above their median than below.
    #[test]
    fn what_could_be_found_is_the_quantile_that_gives_a_power_of_eight_in_ten() {
        for (n, alpha, rank) in
            [(12, 0.05, 11), (20, 0.05, 16), (20, 0.01, 18), (30, 0.05, 23), (30, 0.01, 25)]
        {
            let squares: Vec<f64> = (0..n).map(|i| f64::from(i * i)).collect();
            let median = crate::stats::median(&squares).unwrap();
            let expected = squares[rank - 1] - median;
            let mirrored: Vec<f64> = squares.iter().map(|d| -d).collect();
            for differences in [squares, mirrored] {
                let found = minimum_detectable(&differences, alpha).unwrap();
                assert!((found - expected).abs() < 1e-9, "{n} {alpha}: {found} {expected}");
            }
        }
    }

    /// Twenty pairs that scatter like squares, for comparisons of other sizes: the share of signs and so the rank fall with the
    /// number of pairs. Ranks by the other program: shares of 0.931, 0.883, 0.768 and 0.674.
    #[test]
    fn what_other_numbers_of_pairs_would_find() {
        let squares: Vec<f64> = (0..20).map(|i| f64::from(i * i)).collect();
        let median = crate::stats::median(&squares).unwrap();
        for (pairs, rank) in [(12, 19), (20, 18), (40, 16), (100, 14)] {
            let found = minimum_detectable_in(&squares, pairs, 0.01).unwrap();
            assert!((found - (squares[rank - 1] - median)).abs() < 1e-9, "{pairs}: {found}");
        }
        assert_eq!(minimum_detectable_in(&squares, 7, 0.01), None);
        assert_eq!(minimum_detectable_in(&[], 40, 0.01), None);
    }

    /// Ranks by another program: shares of 0.578 for 21 of 40 (more than half), and of 0.768 for 29 of 40 (the 99 % interval).
    #[test]
    fn how_far_a_median_has_to_lie_beyond_a_limit() {
        let squares: Vec<f64> = (0..40).map(|i| f64::from(i * i)).collect();
        let median = crate::stats::median(&squares).unwrap();
        for (beyond, rank) in [(21, 24), (29, 31)] {
            let found = shift_needed(&squares, 40, beyond).unwrap();
            assert!((found - (squares[rank - 1] - median)).abs() < 1e-9, "{beyond}: {found}");
        }
        assert_eq!(shift_needed(&[], 40, 21), None);
        assert_eq!(shift_needed(&[0.3; 40], 40, 29), Some(0.0), "without scatter no more than the limit");
    }

    proptest! {
        #[test]
        fn p_is_a_probability_and_blind_to_the_side(differences in vec(-1.0..1.0f64, 0..200)) {
            let mirrored: Vec<f64> = differences.iter().map(|d| -d).collect();
            let p = sign_test(&differences);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, sign_test(&mirrored));
        }

        #[test]
        fn p_depends_on_signs_only(differences in vec(-1.0..1.0f64, 0..60), scale in 0.001..1e6f64) {
            let scaled: Vec<f64> = differences.iter().map(|d| d * scale).collect();
            prop_assert_eq!(sign_test(&differences), sign_test(&scaled));
        }

        #[test]
        fn the_interval_is_symmetric_and_covers(n in 6usize..300) {
            let interval = median_interval(n, 0.95).unwrap();
            prop_assert_eq!(interval.low + interval.high, n + 1);
            let missed = 2.0 * binomial_at_most(n, interval.low - 1, 0.5);
            prop_assert!(missed <= 0.05);
            prop_assert!(2.0 * binomial_at_most(n, interval.low, 0.5) > 0.05);
        }

        #[test]
        fn the_binomial_sums_to_one(n in 1usize..200, p in 0.01..0.99f64) {
            prop_assert!((binomial_at_most(n, n - 1, p) + p.powi(n as i32) - 1.0).abs() < 1e-9);
        }
    }
}
