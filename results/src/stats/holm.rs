//! Holm's correction of p-values for several tests at once.

/// Adjusted p-values in the order given: sorted upwards, `p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1)·p₍ⱼ₎)`
/// (Holm 1979). Rejecting where `p̃ ≤ α` keeps the chance of any false rejection below α.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut highest = 0.0f64;
    for (rank, index) in order.into_iter().enumerate() {
        highest = highest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = highest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn a_worked_example() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{adjusted:?}");
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusting_never_helps_and_keeps_the_order(p_values in vec(0.0..=1.0f64, 1..20)) {
            let adjusted = holm(&p_values);
            for (i, p) in p_values.iter().enumerate() {
                prop_assert!(adjusted[i] >= *p);
                prop_assert!(adjusted[i] <= 1.0);
                for (j, q) in p_values.iter().enumerate() {
                    prop_assert!(p > q || adjusted[i] <= adjusted[j]);
                }
            }
            let smallest = p_values.iter().copied().fold(1.0, f64::min);
            let expected = (smallest * p_values.len() as f64).min(1.0);
            prop_assert!((adjusted.iter().copied().fold(1.0, f64::min) - expected).abs() < 1e-12);
        }
    }
}
