//! Tests of distributions: figures, buckets, merging.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_percentile_needs_samples() {
    let needed = [(0.5, 1), (0.9, 29), (0.99, 299), (0.999, 2_995), (0.9999, 29_956)];
    for (quantile, samples) in needed {
        assert_eq!(samples_needed(quantile), samples, "{quantile}");
        if samples > 1 {
            let mut times = Distribution::default();
            times.record(5, samples - 1);
            assert_eq!(times.quantile_ns(quantile), None, "{quantile}");
            times.record(5, 1);
            assert_eq!(times.quantile_ns(quantile), Some(5), "{quantile}");
        }
    }
    assert_eq!(Distribution::default().quantile_ns(0.5), None);
}

#[test]
fn exact_figures_bound_the_percentiles() {
    let times = Distribution::of([1_000_001, 2_000_003]);
    assert_eq!(times.quantile_ns(0.5), Some(1_000_447));
    assert_eq!(times.quantile_ns(1.0), Some(2_000_003));
    assert_eq!((times.min_ns(), times.max_ns()), (Some(1_000_001), Some(2_000_003)));
    assert_eq!(times.mean_ns(), Some(1_500_002.0));
    assert_eq!(times.samples_beyond(0.5), 1);
}

#[test]
fn averaging_percentiles_is_not_merging() {
    let fast = Distribution::of((1..=1_000).map(|i| i * 10));
    let slow = Distribution::of((1..=1_000).map(|i| i * 1_000));
    let p99 = |times: &Distribution| times.quantile_ns(0.99).unwrap() as f64;
    let merged = p99(&Distribution::merged([&fast, &slow]));
    assert!(merged > 1.9 * (p99(&fast) + p99(&slow)) / 2.0);
}

#[test]
fn values_over_the_range_count_as_the_longest() {
    let mut narrow = Histogram::new_with_max(1_000, 3).unwrap();
    narrow.record_n(10, 60).unwrap();
    let times = Distribution::from_parts(&narrow, 60 * 10 + 40 * 9_000, 10, 9_000, 40).unwrap();
    assert_eq!((times.count(), times.over_range()), (100, 40));
    assert_eq!(times.quantile_ns(0.5), Some(10));
    assert_eq!(times.quantile_ns(0.9), Some(9_000));
    let twice = Distribution::merged([&times, &times]);
    assert_eq!((twice.count(), twice.over_range(), twice.sum_ns()), (200, 80, 2 * times.sum_ns()));
}

#[test]
fn foreign_histograms_are_refused_in_words() {
    let coarse = Histogram::new(2).unwrap();
    let error = Distribution::from_parts(&coarse, 0, 0, 0, 0).unwrap_err();
    assert!(error.to_string().contains("it has 2 digits"), "{error}");
    let error = Distribution::from_parts(Distribution::of([5]).histogram(), 5, 6, 5, 0).unwrap_err();
    assert!(error.to_string().contains("minimum 6 is above its maximum 5"), "{error}");
    assert!(Distribution::from_bytes(b"nonsense bytes here", 0, 0, 0, 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn merging_parts_in_any_order_is_one_histogram_of_all_values(
        parts in vec(vec(0..1u64 << 44, 0..40), 0..5),
        rotate in 0usize..6,
    ) {
        let whole = Distribution::of(parts.iter().flatten().copied());
        let mut pieces: Vec<_> = parts.iter().map(|values| Distribution::of(values.iter().copied())).collect();
        let merged = Distribution::merged(&pieces);
        if !pieces.is_empty() {
            let by = rotate % pieces.len();
            pieces.rotate_left(by);
        }
        pieces.reverse();
        let shuffled = Distribution::merged(&pieces);
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(&shuffled, &whole);
        prop_assert_eq!(merged.to_bytes().unwrap(), whole.to_bytes().unwrap());
        prop_assert_eq!(shuffled.to_bytes().unwrap(), whole.to_bytes().unwrap());
    }

    #[test]
    fn a_histogram_survives_its_bytes(values in vec(0..1u64 << 50, 0..200)) {
        let times = Distribution::of(values);
        let bytes = times.to_bytes().unwrap();
        let (min_ns, max_ns) = (times.min_ns().unwrap_or(0), times.max_ns().unwrap_or(0));
        let back = Distribution::from_bytes(&bytes, times.sum_ns(), min_ns, max_ns, 0).unwrap();
        prop_assert_eq!(&back, &times);
        prop_assert_eq!(back.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn a_quantile_is_off_by_less_than_a_thousandth(mut values in vec(0..1u64 << 40, 300..600)) {
        let times = Distribution::of(values.iter().copied());
        values.sort_unstable();
        for quantile in [0.5, 0.9, 0.99] {
            let exact = values[(quantile * values.len() as f64).ceil() as usize - 1];
            let found = times.quantile_ns(quantile).unwrap();
            prop_assert!(found >= exact && (found - exact) as f64 <= exact as f64 * 0.000_977 + 1.0);
        }
    }
}

#[test]
fn two_digits_are_what_recording_coarsely_gives() {
    let values: Vec<u64> = (0..5_000u64).map(|i| i * i * 7 + 1).collect();
    let fine = Distribution::of(values.iter().copied());
    let mut coarse = Distribution::coarse();
    values.iter().for_each(|ns| coarse.record(*ns, 1));
    assert_eq!(fine.coarsened(), coarse);
    for quantile in [0.5, 0.9, 0.99, 0.999] {
        let [fine, coarse] = [&fine, &coarse].map(|times| times.quantile_ns(quantile).unwrap() as f64);
        assert!((0.999..=1.00785).contains(&(coarse / fine)), "{quantile}: {coarse} {fine}");
    }
    let bytes = coarse.to_bytes().unwrap();
    let exact = (coarse.sum_ns(), coarse.min_ns().unwrap(), coarse.max_ns().unwrap());
    assert_eq!(Distribution::coarse_from_bytes(&bytes, exact.0, exact.1, exact.2, 0).unwrap(), coarse);
    assert!(Distribution::from_bytes(&bytes, exact.0, exact.1, exact.2, 0).is_err());
}

proptest! {
    #[test]
    fn a_part_taken_away_leaves_the_rest(a in vec(0..1u64 << 40, 0..50), b in vec(0..1u64 << 40, 0..50)) {
        let (part, rest) = (Distribution::of(a).coarsened(), Distribution::of(b).coarsened());
        let whole = Distribution::merged([&part, &rest]).coarsened();
        let left = whole.without(&part).unwrap();
        prop_assert_eq!((left.count(), left.sum_ns()), (rest.count(), rest.sum_ns()));
        let mut again = left;
        again.merge(&part);
        prop_assert_eq!(again.histogram().len(), whole.histogram().len());
        prop_assert_eq!((again.min_ns(), again.max_ns()), (whole.min_ns(), whole.max_ns()));
        if !rest.is_empty() {
            prop_assert_eq!(part.without(&whole), None);
        }
    }
}
