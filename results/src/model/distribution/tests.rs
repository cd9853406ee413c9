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

/// A distribution of these, times of 100 ns and one time a flow, some of which are over the range of the histogram.
fn with_over_range(recorded: u64, over_range: u64) -> Distribution {
    let mut narrow = Histogram::new_with_max(1_000, 3).unwrap();
    narrow.record_n(100, recorded).unwrap();
    let sum_ns = u128::from(recorded * 100 + over_range * 9_000);
    Distribution::from_parts(&narrow, sum_ns, 100, 9_000, over_range).unwrap()
}

#[test]
fn what_a_histogram_cannot_hold_is_counted_as_over_range() {
    // Of a histogram that does not resize itself, as no other histogram refuses a value.
    let narrow =
        || Distribution { histogram: Histogram::new_with_max(1_000, 3).unwrap(), ..Distribution::default() };
    let mut times = narrow();
    times.record(100, 2);
    times.record(5_000, 3);
    times.record(6_000, 4);
    times.record(7_000, 0);
    assert_eq!((times.count(), times.over_range(), times.histogram().len()), (9, 7, 2));
    assert_eq!((times.sum_ns(), times.min_ns(), times.max_ns()), (39_200, Some(100), Some(6_000)));
    let mut merged = narrow();
    merged.record(9_000, 1);
    merged.merge(&Distribution::of([5_000, 6_000, 7_000]));
    assert_eq!((merged.count(), merged.over_range()), (4, 4));
}

#[test]
fn without_values_there_are_no_extremes() {
    let nothing = Distribution::from_parts(Distribution::default().histogram(), 0, 7, 3, 0).unwrap();
    assert_eq!(nothing, Distribution::default());
    assert!(nothing.is_empty());
    assert_eq!((nothing.min_ns(), nothing.max_ns(), nothing.mean_ns()), (None, None, None));
    let bytes = nothing.to_bytes().unwrap();
    let back = Distribution::from_bytes(&bytes, 0, 0, 0, 0).unwrap();
    assert_eq!(back, Distribution::default());
    // One value is its own minimum and maximum.
    let one = Distribution::of([5]);
    assert_eq!(Distribution::from_parts(one.histogram(), 5, 5, 5, 0).unwrap(), one);
    let shifted = Histogram::new_with_bounds(1_000, 1_000_000, 3).unwrap();
    let error = Distribution::from_parts(&shifted, 0, 0, 0, 0).unwrap_err();
    assert_eq!(error.reason, "it has 3 digits from 1000 on");
}

#[test]
fn samples_beyond_a_quantile_are_those_above_it() {
    let times = Distribution::of([5; 1_000]);
    for (quantile, beyond) in [(0.0, 1_000), (0.5, 500), (0.99, 10), (0.999, 1), (1.0, 0)] {
        assert_eq!(times.samples_beyond(quantile), beyond, "{quantile}");
    }
    assert_eq!(Distribution::default().samples_beyond(0.5), 0);
}

#[test]
fn distributions_are_equal_by_figures_and_by_buckets() {
    let of = |values: [u64; 4]| Distribution::of(values);
    assert_eq!(of([10, 20, 60, 70]), of([70, 60, 20, 10]));
    assert_ne!(of([10, 20, 60, 70]), of([10, 30, 50, 70]), "the same figures, other buckets");
    assert_ne!(of([10, 20, 30, 1_000_001]), of([10, 20, 30, 1_000_002]), "the same buckets, another sum");
    let said = format!("{:?}", of([10, 20, 60, 70]));
    assert_eq!(
        said,
        "Distribution { count: 4, over_range: 0, sum_ns: 160, min_ns: Some(10), p50_ns: Some(20), p99_ns: None, \
         max_ns: Some(70), .. }"
    );
}

#[test]
fn the_rest_of_a_distribution_has_extremes_of_its_own() {
    let whole = Distribution::of([10, 1_000, 1_000_001]);
    let without = |values: &[u64]| whole.without(&Distribution::of(values.iter().copied())).unwrap();
    let extremes = |rest: &Distribution| (rest.min_ns().unwrap(), rest.max_ns().unwrap());
    assert_eq!(extremes(&without(&[10])), (1_000, 1_000_001));
    assert_eq!(extremes(&without(&[1_000])), (10, 1_000_001));
    assert_eq!(extremes(&without(&[1_000_001])), (10, 1_000));
    assert_eq!(extremes(&without(&[10, 1_000_001])), (1_000, 1_000));
    assert_eq!(without(&[10, 1_000]).sum_ns(), 1_000_001);
    // All of it: nothing is left, and no extremes of what is gone.
    assert_eq!(without(&[10, 1_000, 1_000_001]), Distribution::default());
    let coarse = whole.coarsened();
    assert_eq!(coarse.without(&coarse).unwrap().histogram().sigfig(), 2);
    // The same times with another sum are no part of it.
    let mut other = whole.clone();
    other.sum_ns -= 1;
    assert_eq!(whole.without(&other), None);
    assert_eq!(whole.without(&Distribution::of([10, 10])), None);
}

/// What is over the range is in no bucket, so the longest of it stays the longest.
#[test]
fn the_rest_keeps_its_longest_time_where_that_is_over_the_range() {
    let (whole, part) = (with_over_range(60, 40), with_over_range(20, 10));
    let rest = whole.without(&part).unwrap();
    assert_eq!((rest.count(), rest.over_range(), rest.max_ns()), (70, 30, Some(9_000)));
    let rest = whole.without(&with_over_range(20, 40)).unwrap();
    assert_eq!((rest.count(), rest.over_range(), rest.max_ns()), (40, 0, Some(100)));
    assert_eq!(part.without(&whole), None);
}

#[test]
fn percentiles_by_rank_end_with_what_is_over_the_range() {
    let mut histogram = Histogram::new_with_max(1_000, 3).unwrap();
    for ns in 1..=90 {
        histogram.record(ns).unwrap();
    }
    let times = Distribution::from_parts(&histogram, 4_095 + 90_000, 1, 9_000, 10).unwrap();
    for (quantile, ns) in [(0.0, 1), (0.01, 1), (0.25, 25), (0.5, 50), (0.89, 89), (0.895, 90), (1.0, 9_000)]
    {
        assert_eq!(times.quantile_ns(quantile), Some(ns), "{quantile}");
    }
}

/// Bytes of a histogram as another writer would make them: not compressed, with this head and these counts.
fn uncompressed(cookie: u32, digits: u32, counts: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [cookie, counts.len() as u32, 0, digits] {
        bytes.extend(number.to_be_bytes());
    }
    for number in [1u64, 1 << 40] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(1.0f64.to_be_bytes());
    assert_eq!(bytes.len(), HEAD_LEN);
    bytes.extend(counts);
    bytes
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    let packed = packed.finish().unwrap();
    [&COMPRESSED_COOKIE.to_be_bytes()[..], &(packed.len() as u32).to_be_bytes(), &packed].concat()
}

/// Three counts: none of 0 ns, two of 1 ns, one of 2 ns. A count is written twice as large, as its sign is its last bit.
const COUNTS: [u8; 3] = [0, 4, 2];

#[test]
fn bytes_of_other_writers_are_read() {
    let expected = Distribution::of([1, 1, 2]);
    let plain = uncompressed(COOKIE, 3, &COUNTS);
    for bytes in [compressed(&plain), plain] {
        assert_eq!(Distribution::from_bytes(&bytes, 4, 1, 2, 0).unwrap(), expected);
    }
    // A head alone is a histogram without values.
    let head = uncompressed(COOKIE, 3, &[]);
    assert_eq!(Distribution::from_bytes(&head, 0, 0, 0, 0).unwrap(), Distribution::default());
}

#[test]
fn bytes_that_are_no_histogram_say_why() {
    let reason = |bytes: &[u8]| Distribution::from_bytes(bytes, 4, 1, 2, 0).unwrap_err().reason;
    let good = uncompressed(COOKIE, 3, &COUNTS);
    assert_eq!(reason(&[]), "it is cut short");
    assert_eq!(reason(&good[..3]), "it is cut short");
    for cookie in [0, COOKIE + 2, COOKIE - 0x10, COOKIE | 0x400] {
        assert_eq!(reason(&uncompressed(cookie, 3, &COUNTS)), "it does not begin as one", "{cookie:x}");
    }
    assert_eq!(reason(&good[..HEAD_LEN - 1]), "it is longer or shorter than any histogram");
    assert_eq!(reason(&good[..good.len() - 1]), "it says that it is longer than it is");
    assert_eq!(reason(&[&good[..], &[0]].concat()), "it says that it is longer than it is");
    for digits in [0, 1, 4, 5] {
        assert_eq!(reason(&uncompressed(COOKIE, digits, &COUNTS)), format!("it has {digits} digits"));
    }
}

/// A few bytes may unpack to any length: no more than the longest histogram is unpacked.
#[test]
fn bytes_are_unpacked_up_to_the_longest_histogram() {
    let reason = |bytes: &[u8]| {
        Distribution::from_bytes(bytes, 0, 0, 0, 0).map_or_else(|e| e.reason, |_| "none".into())
    };
    let of_len = |len: usize| uncompressed(COOKIE, 3, &vec![0; len - HEAD_LEN]);
    let longest = usize::try_from(LONGEST).unwrap();
    assert_eq!(longest, 1_048_576);
    let too_long = "it is longer or shorter than any histogram";
    for len in [longest + 1, 3 * longest] {
        assert_eq!(reason(&of_len(len)), too_long, "{len}");
        assert_eq!(reason(&compressed(&of_len(len))), too_long, "{len}");
    }
    for bytes in [of_len(longest), compressed(&of_len(longest))] {
        assert_ne!(reason(&bytes), too_long);
    }
}
