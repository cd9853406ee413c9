//! MSER-5: the point from which a series is steady.
//!
//! Lives here: the truncation rule. Does not live here: what it means for a run (`verdict::steady`).
//!
//! White, K. P. (1997), "An effective truncation heuristic for bias reduction in simulation output", Simulation 69(6).

/// Batches that are always kept: the statistic of fewer is small by chance.
const KEPT_AT_LEAST: usize = 5;
/// With fewer batches it could not cut off more than half.
const BATCHES_AT_LEAST: usize = 11;

/// The part that MSER cuts off the start of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truncation {
    /// Share of the batches that is cut off, 0 to 1.
    pub share: f64,
    /// Mean of what is kept, in the unit of the values.
    pub mean_kept: f64,
    /// Mean of the second half of the batches.
    pub mean_half: f64,
}

/// The truncation that minimises the squared standard error of what is kept: of batch means z over k batches, the d with
/// the least `Σ_{j>d} (z_j − z̄)² / (k − d)²`. A series that settles early loses little; one that never does loses all
/// it may, everything but five batches. `batch` is how many values make a batch: five for MSER-5. `None` with fewer than
/// eleven batches; no value may be NaN.
#[must_use]
pub fn mser(values: &[f64], batch: usize) -> Option<Truncation> {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let batches: Vec<f64> = values.chunks_exact(batch.max(1)).map(mean).collect();
    if batches.len() < BATCHES_AT_LEAST {
        return None;
    }
    let error = |cut: usize| {
        let kept = &batches[cut..];
        let centre = mean(kept);
        kept.iter().map(|z| (z - centre).powi(2)).sum::<f64>() / (kept.len() as f64).powi(2)
    };
    let cuts = 0..=batches.len() - KEPT_AT_LEAST;
    let cut = cuts.map(|cut| (cut, error(cut))).min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let share = cut as f64 / batches.len() as f64;
    Some(Truncation {
        share,
        mean_kept: mean(&batches[cut..]),
        mean_half: mean(&batches[batches.len() / 2..]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Noise;

    #[test]
    fn a_warm_up_is_cut_off() {
        let mut noise = Noise(1);
        // Falls to its level within the first 20 of 100.
        let values: Vec<f64> =
            (0..100).map(|i| 10.0 + (20.0 - f64::from(i)).max(0.0) * 5.0 + noise.next()).collect();
        let cut = mser(&values, 5).unwrap();
        assert!(cut.share >= 0.15 && (cut.mean_kept - 10.5).abs() < 0.2, "{cut:?}");
        assert!((cut.mean_half - 10.5).abs() < 0.2, "{cut:?}");
    }

    /// What is kept scatters evenly, so the more of it the better.
    #[test]
    fn no_more_is_cut_off_than_the_warm_up() {
        let settled = (0..16).map(|i| if i % 2 == 0 { 9.0 } else { 11.0 });
        let values: Vec<f64> = [50.0, 40.0, 30.0, 20.0].into_iter().chain(settled).collect();
        let cut = mser(&values, 1).unwrap();
        assert_eq!((cut.share, cut.mean_kept, cut.mean_half), (0.2, 10.0, 10.0));
    }

    #[test]
    fn a_series_that_grows_all_along_is_cut_as_far_as_may_be() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let cut = mser(&values, 5).unwrap();
        assert_eq!((cut.share, cut.mean_kept, cut.mean_half), (0.75, 87.0, 74.5));
    }

    #[test]
    fn few_values_say_nothing_and_equal_ones_are_kept() {
        assert_eq!(mser(&[1.0; 54], 5), None);
        assert_eq!(mser(&[1.0; 55], 5).unwrap().share, 0.0);
    }
}
