//! Tests of the grammar: texts that are read, texts that are refused, and texts that read back.

use super::*;
use proptest::prelude::*;

#[test]
fn durations_as_typed() {
    for (text, ns) in [
        ("10s", 10_000_000_000),
        ("250ms", 250_000_000),
        ("1m", 60_000_000_000),
        ("1min", 60_000_000_000),
        ("100us", 100_000),
        ("500µs", 500_000),
        ("500μs", 500_000),
        ("5ns", 5),
        ("1.5s", 1_500_000_000),
        ("1.23 µs", 1_230),
        ("2 h", 7_200_000_000_000),
        ("1d", 86_400_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1d 2h 3min 4.5s", 93_784_500_000_000),
        ("0", 0),
        ("0s", 0),
    ] {
        assert_eq!(parse_duration(text), Ok(ns), "{text}");
    }
}

#[test]
fn rates_sizes_counts_and_shares_as_typed() {
    for (text, per_s) in [
        ("10k/s", 10_000.0),
        ("800/s", 800.0),
        ("1.5M/s", 1_500_000.0),
        ("0.5 /s", 0.5),
        ("3 k /s", 3e3),
        ("6/min", 0.1),
        ("6/m", 0.1),
        ("36/h", 0.01),
        ("1,000/s", 1_000.0),
        ("2/ms", 2_000.0),
        ("0.016666666666666666/s", 0.016666666666666666),
    ] {
        assert_eq!(parse_rate(text), Ok(per_s), "{text}");
    }
    for (text, bytes) in
        [("1KiB", 1024), ("128B", 128), ("64", 64), ("1MB", 1_000_000), ("1.5KiB", 1536), ("2 MiB", 2 << 20)]
    {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for (text, n) in
        [("10k", 10_000), ("1M", 1_000_000), ("5000", 5_000), ("1,234,567", 1_234_567), ("5_000", 5_000)]
    {
        assert_eq!(parse_count(text), Ok(n), "{text}");
    }
    for (text, share) in [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02), ("150%", 1.5), ("1e-3", 0.001)] {
        assert_eq!(parse_share(text), Ok(share), "{text}");
    }
    assert_eq!(parse_number("1.5"), Ok(1.5));
}

#[test]
fn a_number_without_its_unit_is_refused_alike_with_what_was_probably_meant() {
    let duration = parse_duration("5").unwrap_err().to_string();
    assert!(duration.contains("the unit is missing, as in 5s; write for example 10s"), "{duration}");
    let rate = parse_rate("10").unwrap_err().to_string();
    assert!(rate.contains("the time is missing, as in 10/s; write for example 800/s"), "{rate}");
    assert!(parse_rate("10k").unwrap_err().reason.contains("as in 10k/s"));
    assert!(parse_duration("1h30").unwrap_err().reason.contains("unit is missing"));
}

#[test]
fn errors_name_the_text_and_an_example() {
    for (error, says) in [
        (
            parse_duration("10 parsecs"),
            "\"parsecs\" is no unit of a duration; units are d, h, m, min, s, ms, us, ns",
        ),
        (parse_duration("1.5ns"), "no whole number of nanoseconds"),
        (parse_duration("-1s"), "below zero"),
        (parse_duration("99999999999h"), "longer than 584 years"),
        (parse_duration("584y"), "\"y\" is no unit"),
        (parse_duration("1,5s"), "\"1,5\" is no number"),
        (parse_duration("30m1h"), "from a long unit to a short one"),
        (parse_duration("1m1min"), "from a long unit to a short one"),
        (parse_duration(""), "it is empty"),
        (parse_some_duration("0s"), "no time at all"),
        (parse_size("1.5"), "no whole number of bytes"),
        (parse_size("99999999TiB"), "too large"),
        (parse_count("1.5"), "no whole number of units"),
        (parse_count("99999999999T"), "too large"),
        (parse_count("1e3"), "\"e3\" is no unit of a count"),
    ] {
        let error = error.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains("; write for example "), "{error}");
        assert!(error.short().starts_with(&format!("\"{}\" is no {}: ", error.text, error.what)));
    }
    for (error, says) in [
        (parse_rate("0/s"), "above zero"),
        (parse_rate("10m/s"), "\"m\" is no unit of a rate"),
        (parse_rate("10/fortnight"), "\"/fortnight\" is no time of a rate"),
        (parse_rate("0.0000000001/s"), "less than one in 31 years"),
        (parse_share("-1"), "below zero"),
        (parse_share("NaN"), "not written in digits"),
        (parse_share(&"9".repeat(400)), "too large"),
        (parse_number("inf"), "not written in digits"),
    ] {
        assert!(error.clone().unwrap_err().reason.contains(says), "{error:?}");
    }
    for bad in ["", "s", ".5s", "1.s", "1..2s", "1.2.3s", ",1s", "_s", "1s s", "1e3s"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn decimals_are_exact_to_the_nanosecond() {
    assert_eq!(decimal("1732190000.123456789", 1_000_000_000), Some((1_732_190_000_123_456_789, true)));
    assert_eq!(decimal("0.0000000019", 1_000_000_000), Some((1, false)));
    assert_eq!(decimal("7.", 1_000), Some((7_000, true)));
    assert_eq!(decimal("1.0000000000000000000000", 1), Some((1, true)));
    for bad in ["", ".5", "-1", "1e9", "1.2.3", "18446744074", "x"] {
        assert_eq!(decimal(bad, 1_000_000_000), None, "{bad}");
    }
    for (text, ns) in
        [("1e-05", 10_000), ("1.5E0", 1_500_000_000), ("1e9", 1_000_000_000_000_000_000), ("0e99", 0)]
    {
        assert_eq!(scientific(text, 1_000_000_000), Some((ns, true)), "{text}");
    }
    for bad in ["1e11", "1e", "e5", "1e999999999999", "-1e3", "1e1.5"] {
        assert_eq!(scientific(bad, 1_000_000_000), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn an_exact_text_reads_back_as_the_very_value(ns: u64, bytes: u32, per_s in MIN_RATE_PER_S..1e12) {
        prop_assert_eq!(parse_duration(&duration_text(ns)), Ok(ns));
        prop_assert_eq!(parse_size(&size_text(bytes)), Ok(u64::from(bytes)));
        prop_assert_eq!(parse_rate(&rate_text(per_s)), Ok(per_s));
    }

    #[test]
    fn parts_of_a_duration_add_up(d in 0u64..9, h in 0u64..99, m in 0u64..99, s in 0u64..99, ms in 0u64..999) {
        let sum = ((((d * 24 + h) * 60 + m) * 60 + s) * 1_000 + ms) * 1_000_000;
        prop_assert_eq!(parse_duration(&format!("{d}d{h}h{m}m{s}s{ms}ms")), Ok(sum));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,24}|[0-9.,_eE+-]{0,45}(s|h|TiB|T/s|G|/min|%)?|([0-9]{1,20}(d|h|m|s|ns)){0,5}") {
        let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text), parse_count(&text));
        let _ = (parse_share(&text), parse_number(&text), scientific(&text, u64::MAX), decimal(&text, 1));
    }
}
