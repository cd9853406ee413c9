//! Tests of units: formatted texts, and that they read back.

use super::*;
use proptest::prelude::*;

#[test]
fn durations_read_well() {
    let cases = [
        (0, "0 ns"),
        (412, "412 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (1_234_567, "1.23 ms"),
        (999_499, "999 µs"),
        (999_600, "1.00 ms"),
        (12_000_000_000, "12.0 s"),
        (59_000_000_000, "59.0 s"),
        (60_000_000_000, "1.00 min"),
        (1_002_000_000_000, "16.7 min"),
        (9_000_000_000_000, "2.50 h"),
    ];
    for (ns, text) in cases {
        assert_eq!(duration(ns), text);
    }
    assert_eq!(duration_or_none(None), "-");
}

#[test]
fn rates_counts_sizes_and_shares_read_well() {
    assert_eq!(rate(12_345.0), "12.3 k/s");
    assert_eq!(rate(1_200_000.0), "1.20 M/s");
    assert_eq!(rate(800.0), "800 /s");
    assert_eq!(rate(999.7), "1.00 k/s");
    assert_eq!(rate(0.5), "0.500 /s");
    assert_eq!(rate(0.0), "0 /s");
    assert_eq!(rate(f64::NAN), "-");
    assert_eq!(count(1_234_567), "1,234,567");
    assert_eq!(count(12), "12");
    assert_eq!(
        (counted(1, "flow", "flows").as_str(), counted(0, "flow", "flows").as_str()),
        ("1 flow", "0 flows")
    );
    assert_eq!(count(12_345_678), "12.3 M");
    assert_eq!(count(4_500_000_000), "4.50 G");
    assert_eq!(size(64), "64 B");
    assert_eq!(size(1024), "1 KiB");
    assert_eq!(size(1536), "1.50 KiB");
    assert_eq!(size(64 << 20), "64 MiB");
    assert_eq!([0.0059, 0.1, 0.2, 60.94, 1113.05].map(number), ["0.00590", "0.100", "0.200", "60.9", "1113"]);
    assert_eq!(number(f64::INFINITY), "-");
    assert_eq!(ratio(1.034), "1.03x");
    assert_eq!(ratio(0.87), "0.870x");
    assert_eq!(percent(0.0123), "1.23 %");
    assert_eq!(percent(0.0), "0 %");
    assert_eq!(change(0.031), "+3.1 %");
    assert_eq!(change(-0.5), "-50.0 %");
    assert_eq!(change(0.999), "+99.9 %");
    assert_eq!(change(14.427), "+1443 %");
}

proptest! {
    #[test]
    fn a_printed_duration_is_read_back_within_its_three_digits(ns in 0..u64::MAX / 4096) {
        let back = parse_duration(&duration(ns)).unwrap();
        prop_assert!(back.abs_diff(ns) as f64 <= ns as f64 * 0.005_1, "{} {}", duration(ns), ns);
    }

    #[test]
    fn a_printed_rate_is_read_back_within_its_three_digits(exponent in -8.9..12.0f64) {
        let rate_per_s = 10f64.powf(exponent);
        let back = parse_rate(&rate(rate_per_s)).unwrap();
        prop_assert!((back - rate_per_s).abs() <= rate_per_s * 0.005_1, "{}", rate(rate_per_s));
    }

    #[test]
    fn an_exact_count_is_read_back_exactly(n: u64) {
        prop_assert_eq!(parse_count(&count_exact(n)).unwrap(), n);
    }

    #[test]
    fn a_printed_count_is_read_back_within_its_three_digits(n in 0..u64::MAX / 2) {
        prop_assert!(parse_count(&count(n)).unwrap().abs_diff(n) as f64 <= n as f64 * 0.005_1);
    }

    #[test]
    fn whole_units_are_read_exactly(n in 0u64..1_000_000) {
        prop_assert_eq!(parse_duration(&format!("{n}us")).unwrap(), n * 1_000);
        prop_assert_eq!(parse_size(&format!("{n} MiB")).unwrap(), n << 20);
    }

    #[test]
    fn a_printed_size_is_read_back_within_its_three_digits(bytes in 0..u64::MAX / 4) {
        prop_assert!(parse_size(&size(bytes)).unwrap().abs_diff(bytes) as f64 <= bytes as f64 * 0.005_1);
    }

    #[test]
    fn a_printed_share_is_read_back_within_its_three_digits(share in 1e-6..10.0f64) {
        let back = parse_share(&percent(share)).unwrap();
        prop_assert!((back - share).abs() <= share * 0.005_1, "{}", percent(share));
    }

    #[test]
    fn no_number_panics(value: f64, n: u64) {
        let _ = (rate(value), ratio(value), number(value), percent(value), change(value), duration(n), size(n), count(n));
    }
}
