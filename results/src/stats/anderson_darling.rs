//! Tests whether gaps between arrivals are those of a Poisson process.
//!
//! Lives here: the Anderson-Darling statistic for an exponential distribution of unknown mean. Does not live here: the
//! choice of gaps and the consequences (`verdict::load`).
//!
//! Stephens, M. A. (1974), "EDF statistics for goodness of fit and some comparisons", JASA 69(347), table 1, case 4.

/// Above this an exponential distribution with an estimated mean is rejected at 1 %.
pub const CRITICAL_1_PERCENT: f64 = 1.959;

/// Fewer gaps than this are not judged.
const GAPS_AT_LEAST: usize = 8;

/// `A² (1 + 0.6/n)` of gaps against an exponential distribution of their mean, with
/// `A² = −n − Σ (2i−1)/n · [ln F(xᵢ) + ln(1 − F(xₙ₊₁₋ᵢ))]` over the sorted gaps and `F(x) = 1 − exp(−x/mean)`.
///
/// Gaps in ns; those of zero count as half a step of the clock (`step_ns`), below which it cannot tell. `None` with fewer
/// than 8 gaps. A clock of coarse steps is itself a distortion: with far more gaps than a mean gap has steps, even a
/// sound process is rejected.
#[must_use]
pub fn anderson_darling_exponential(gaps_ns: &[u64], step_ns: u64) -> Option<f64> {
    if gaps_ns.len() < GAPS_AT_LEAST {
        return None;
    }
    let least = (step_ns as f64 / 2.0).max(0.5);
    let mut sorted: Vec<f64> = gaps_ns.iter().map(|gap| (*gap as f64).max(least)).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    // ln F(x) without loss for small x; ln(1 − F(x)) is −x/mean exactly.
    let terms = sorted.iter().zip(sorted.iter().rev()).enumerate().map(|(i, (low, high))| {
        let below = (-(-low / mean).exp_m1()).ln();
        (2.0 * i as f64 + 1.0) * (below - high / mean)
    });
    let a2 = -n - terms.sum::<f64>() / n;
    Some(a2 * (1.0 + 0.6 / n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Noise;

    const MEAN_NS: f64 = 100_000.0;

    /// Poisson arrivals, with the least gap that a sender can make.
    fn gaps(seed: u64, n: usize, floor_ns: u64) -> Vec<u64> {
        let mut noise = Noise(seed);
        (0..n).map(|_| ((-(1.0 - noise.next()).ln() * MEAN_NS) as u64).max(floor_ns)).collect()
    }

    /// The level is 1 %: of 2,000 seeds 20 fail on average, 34 with three standard deviations.
    #[test]
    fn an_exponential_passes_in_99_of_100_seeds() {
        let fails = |seed: &u64| {
            anderson_darling_exponential(&gaps(seed * 7_919, 500, 0), 1).unwrap() > CRITICAL_1_PERCENT
        };
        let failed = (1..=2_000u64).filter(fails).count();
        assert!((7..=34).contains(&failed), "{failed} of 2,000");
    }

    #[test]
    fn a_floor_under_the_gaps_is_caught() {
        for seed in 1..50 {
            let a2 = anderson_darling_exponential(&gaps(seed, 200, 50_000), 1).unwrap();
            assert!(a2 > CRITICAL_1_PERCENT, "{seed}: {a2}");
        }
    }

    #[test]
    fn constant_gaps_are_caught_and_zeros_are_no_end() {
        assert!(anderson_darling_exponential(&[100_000; 100], 1).unwrap() > 10.0);
        let zeros = anderson_darling_exponential(&[0; 100], 20).unwrap();
        assert!(zeros.is_finite() && zeros > 10.0);
        let mut some = gaps(1, 1_000, 0);
        some[..5].fill(0);
        let (fine, coarse) =
            (anderson_darling_exponential(&some, 1), anderson_darling_exponential(&some, 1_000));
        assert!(coarse.unwrap() < fine.unwrap() && coarse.unwrap() < CRITICAL_1_PERCENT);
        assert_eq!(anderson_darling_exponential(&[1; 7], 1), None);
        assert!(anderson_darling_exponential(&[1; 8], 1).is_some(), "eight are enough");
    }

    /// Two values by hand: the sum written out for gaps that are their own quantiles.
    #[test]
    fn the_statistic_is_the_one_of_the_formula() {
        let gaps: Vec<u64> = (1..=10).map(|i| i * 1_000).collect();
        let f = |x: f64| 1.0 - (-x / 5_500.0).exp();
        let mut sum = 0.0;
        for i in 1..=10 {
            let (low, high) = (f(f64::from(i) * 1_000.0), f(f64::from(11 - i) * 1_000.0));
            sum += f64::from(2 * i - 1) / 10.0 * (low.ln() + (1.0 - high).ln());
        }
        let by_hand = (-10.0 - sum) * 1.06;
        assert!((anderson_darling_exponential(&gaps, 1).unwrap() - by_hand).abs() < 1e-9);
    }
}
