//! Statistics: figures derived from trials, and the tests of a comparison.
//!
//! Lives here: the median. Derived figures are in `derived`, the sign test and its intervals in `sign`, the interval of a chance in `share`, the correction
//! for many tests in `holm`, change points in `change`, the test for Poisson arrivals in `anderson_darling`, the test for a steady state in
//! `mser`. Does not live here: metrics and margins of a comparison (`compare`).

mod anderson_darling;
mod change;
mod derived;
mod holm;
mod mser;
mod share;
mod sign;

pub use anderson_darling::{CRITICAL_1_PERCENT, anderson_darling_exponential};
pub use change::{Change, LEAST as LEAST_BESIDE_CHANGE, LEVEL as CHANGE_LEVEL, changes};
pub use derived::Derived;
pub use holm::holm;
pub use mser::{Truncation, mser};
pub use share::share_interval;
pub use sign::{
    MedianInterval, median_interval, minimum_detectable, minimum_detectable_in, pairs_needed, shift_needed,
    sign_test, sign_test_of,
};

/// The median; of an even number the mean of the two in the middle. `None` without values; no value may be NaN.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    proptest! {
        #[test]
        fn half_of_the_values_lie_on_each_side(values in vec(-1e9..1e9f64, 1..100)) {
            let middle = median(&values).unwrap();
            prop_assert!(values.iter().filter(|v| **v <= middle).count() * 2 >= values.len());
            prop_assert!(values.iter().filter(|v| **v >= middle).count() * 2 >= values.len());
        }
    }
}
