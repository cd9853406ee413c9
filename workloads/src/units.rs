//! Durations, rates and exact decimals within a workload's text. Errors are the reason alone.

const RATES: [(&str, f64); 2] = [("M", 1e6), ("k", 1e3)];

/// Nanoseconds from `10s`, `1.5ms`, `2h`: a unit is needed.
pub(crate) fn duration_ns(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let bad = || format!("\"{text}\" is no whole number of nanoseconds with ns, us, ms, s, m or h after it");
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    let (ns, is_exact) = decimal(number.trim_end(), *factor).ok_or_else(bad)?;
    if is_exact { Ok(ns) } else { Err(bad()) }
}

/// Above zero: see [`duration_ns`].
pub(crate) fn some_duration_ns(text: &str) -> Result<u64, String> {
    match duration_ns(text)? {
        0 => Err("it takes no time at all".to_owned()),
        ns => Ok(ns),
    }
}

/// A duration in the largest unit from seconds down that divides it: `10s`, `1500ms`.
pub(crate) fn duration_text(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units.iter().find(|(factor, _)| ns.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{ns}ns"), |(factor, unit)| format!("{}{unit}", ns / factor))
}

/// A rate per second from `800/s`, `10k/s`, `1.5M/s`, `100`.
pub(crate) fn per_s(text: &str) -> Result<f64, String> {
    let bad = || format!("\"{text}\" is no rate such as 800/s, 10k/s or 1.5M/s");
    let multiple = text.strip_suffix("/s").unwrap_or(text).trim_end();
    let unit = RATES.iter().find_map(|(unit, factor)| Some((multiple.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((multiple, 1.0));
    let digits = digits.trim_end();
    // `parse` alone would take signs, exponents and words.
    if digits.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.') {
        return Err(bad());
    }
    digits.parse::<f64>().map(|number| number * factor).map_err(|_| bad())
}

/// A rate in the largest unit in which it can be written exactly: `20k/s`.
pub(crate) fn rate_text(per_s: f64) -> String {
    let fits = |(_, factor): &&(&str, f64)| per_s >= *factor && per_s / factor * factor == per_s;
    match RATES.iter().find(fits) {
        Some((unit, factor)) => format!("{}{unit}/s", per_s / factor),
        None => format!("{per_s}/s"),
    }
}

/// A decimal number without a sign times `factor`, cut to a whole number, and whether nothing was cut off. Exact, as
/// floating point would not be: nanoseconds since 1970 have 19 digits.
pub(crate) fn decimal(text: &str, factor: u64) -> Option<(u64, bool)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    // What digits after the eighteenth are worth shows with no factor there is.
    let (seen, cut) = fraction.split_at(fraction.len().min(18));
    let digits = if seen.is_empty() { 0 } else { seen.parse::<u128>().ok()? };
    let (scaled, unit) = (digits * u128::from(factor), 10_u128.pow(seen.len() as u32));
    let is_exact = scaled.is_multiple_of(unit) && cut.bytes().all(|byte| byte == b'0');
    Some((whole.checked_add(u64::try_from(scaled / unit).ok()?)?, is_exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_as_typed_and_back() {
        for (text, ns) in
            [("10s", 10_000_000_000), ("1.5ms", 1_500_000), ("2 h", 7_200_000_000_000), ("0s", 0)]
        {
            assert_eq!(duration_ns(text), Ok(ns), "{text}");
            assert_eq!(duration_ns(&duration_text(ns)), Ok(ns));
        }
        for (text, rate) in
            [("800/s", 800.0), ("20k/s", 2e4), ("1.5M/s", 1.5e6), ("0.1", 0.1), ("3 k /s", 3e3)]
        {
            assert_eq!(per_s(text), Ok(rate), "{text}");
            assert_eq!(per_s(&rate_text(rate)), Ok(rate));
        }
        for bad in ["", "s", "3", "-1s", "1.5ns", "1e3s", ".s", "1s s", "99999999999999h"] {
            assert!(duration_ns(bad).is_err_and(|reason| reason.contains(bad)), "{bad}");
        }
        for bad in ["", "k/s", "-1", "1e3", "inf", "1..2", "3/m", "µs"] {
            assert!(per_s(bad).is_err_and(|reason| reason.contains(bad)), "{bad}");
        }
        assert_eq!(
            (duration_text(1_500_000_000).as_str(), rate_text(20_000.0).as_str()),
            ("1500ms", "20k/s")
        );
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
    }
}
