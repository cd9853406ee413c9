//! Every number a person reads or types: durations, rates, counts, sizes, ratios and shares, to text and back.
//!
//! Lives here: formatting and parsing. Does not live here: tables, colours, file formats (files hold plain
//! numbers). Text that one of the formatting functions made is understood by the matching parser.

use thiserror::Error;

use crate::model::Setting;

/// What is printed for a figure that does not exist (too few samples, not measured here).
pub const NONE: &str = "-";

/// A text that is no duration, size, rate or count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("failed to read \"{text}\" as a {what}: {reason}; write for example {example}")]
pub struct UnitError {
    /// The text as it was given.
    pub text: String,
    /// What it should have been: `duration`, `size`, `rate` or `count`.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// Texts that would have been understood.
    pub example: &'static str,
}

/// Three significant digits with the unit that fits: `412 ns`, `1.23 ms`, `12.0 s`, `16.7 min`, `2.50 h`.
#[must_use]
pub fn duration(ns: u64) -> String {
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    let steps = [(1e3, "µs"), (1e6, "ms"), (1e9, "s"), (6e10, "min"), (3.6e12, "h")];
    scaled(ns as f64, &steps)
}

/// A duration that may be missing: the text of [`duration`], or [`NONE`].
#[must_use]
pub fn duration_or_none(ns: Option<u64>) -> String {
    ns.map_or_else(|| NONE.to_owned(), duration)
}

/// Three significant digits per second: `0.500 /s`, `800 /s`, `12.3 k/s`, `1.20 M/s`. Not finite: [`NONE`].
#[must_use]
pub fn rate(per_s: f64) -> String {
    if !per_s.is_finite() {
        return NONE.to_owned();
    }
    scaled(per_s, &[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s"), (1e9, "G/s"), (1e12, "T/s")])
}

/// Exact with separators up to ten million (`1,234,567`), then three significant digits (`12.3 M`, `4.50 G`).
#[must_use]
pub fn count(n: u64) -> String {
    if n < 10_000_000 { count_exact(n) } else { scaled(n as f64, &[(1e6, "M"), (1e9, "G"), (1e12, "T")]) }
}

/// How many of what: `1 flow`, `1,234 flows`.
#[must_use]
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Every digit, with separators: `1,234,567`.
#[must_use]
pub fn count_exact(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Binary units: whole where it is exact (`64 B`, `1 KiB`), else three significant digits (`1.50 KiB`).
#[must_use]
pub fn size(bytes: u64) -> String {
    const STEPS: [(u64, &str); 4] = [(1 << 10, "KiB"), (1 << 20, "MiB"), (1 << 30, "GiB"), (1 << 40, "TiB")];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    if let Some((step, unit)) = STEPS.iter().rev().find(|(step, _)| bytes >= *step)
        && bytes.is_multiple_of(*step)
        && bytes / step < 1_024
    {
        return format!("{} {unit}", bytes / step);
    }
    scaled(bytes as f64, &STEPS.map(|(step, unit)| (step as f64, unit)))
}

/// A factor: `1.03x`, `0.870x`, `12.4x`, `340x`. Not finite: [`NONE`].
#[must_use]
pub fn ratio(factor: f64) -> String {
    if factor.is_finite() { format!("{}x", three_digits(factor)) } else { NONE.to_owned() }
}

/// A share of one as a percentage: 0.0123 is `1.23 %`. Not finite: [`NONE`].
#[must_use]
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{} %", three_digits(share * 100.0)) } else { NONE.to_owned() }
}

/// A relative change with its sign: 0.031 is `+3.1 %`, -0.5 is `-50.0 %`. Not finite: [`NONE`].
#[must_use]
pub fn change(share: f64) -> String {
    if share.is_finite() { format!("{:+.1} %", share * 100.0 + 0.0) } else { NONE.to_owned() }
}

/// A setting by the unit its key ends in: `duration_ns` as a duration, `payload_bytes` as a size, `rate_per_s` as a
/// rate, other whole numbers exact.
#[must_use]
pub fn setting(key: &str, value: &Setting) -> String {
    match value {
        Setting::Integer(n) if key.ends_with("_ns") => duration(*n),
        Setting::Integer(n) if key.ends_with("_bytes") => size(*n),
        Setting::Integer(n) if key.ends_with("_per_s") => rate(*n as f64),
        Setting::Number(n) if key.ends_with("_per_s") => rate(*n),
        Setting::Integer(n) if key.ends_with("seed") => n.to_string(),
        Setting::Integer(n) => count_exact(*n),
        other => other.to_string(),
    }
}

/// Nanoseconds from `10s`, `250ms`, `1m`, `100us`, `5ns`, `1.5s`, `2h`. A unit is needed, except for `0`.
///
/// # Errors
/// Names the text and what is wrong with it: no number, no or unknown unit, finer than a nanosecond, too large.
pub fn parse_duration(text: &str) -> Result<u64, UnitError> {
    const UNITS: &[(&str, u128)] = &[
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let input = Input { text, what: "duration", example: "10s, 250ms, 100us, 1m" };
    let (number, unit) = input.split()?;
    if unit.is_empty() && number.digits == 0 {
        return Ok(0);
    }
    input.whole(number, input.factor(unit, UNITS)?, "nanosecond")
}

/// Bytes from `1KiB`, `128B`, `64`, `1MB`. Binary (`KiB`, `MiB`, `GiB`, `TiB`) and decimal (`kB`, `MB`, `GB`, `TB`).
/// A fraction of a larger unit is rounded to the nearest byte.
///
/// # Errors
/// Names the text and what is wrong with it: no number, unknown unit, no whole number of bytes, too large.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    const UNITS: &[(&str, u128)] = &[
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let input = Input { text, what: "size", example: "64, 128B, 1KiB, 1MB" };
    let (number, unit) = input.split()?;
    let factor = input.factor(unit, UNITS)?;
    if factor == 1 {
        return input.whole(number, factor, "byte");
    }
    let divisor = 10u128.pow(number.decimals);
    let scaled = number.digits.checked_mul(factor).and_then(|digits| digits.checked_add(divisor / 2));
    scaled
        .and_then(|digits| u64::try_from(digits / divisor).ok())
        .ok_or_else(|| input.error("it is too large"))
}

/// A rate per second, above zero, from `10k/s`, `800/s`, `1.5M/s`, `100`.
///
/// # Errors
/// Names the text and what is wrong with it: no number, unknown unit, zero.
pub fn parse_rate(text: &str) -> Result<f64, UnitError> {
    let input = Input { text, what: "rate", example: "100, 800/s, 10k/s, 1.5M/s" };
    let (number, unit) = input.split()?;
    let multiple = unit.strip_suffix("/s").unwrap_or(unit);
    let factor = input.factor(multiple.trim_end(), MULTIPLES)?;
    if number.digits == 0 {
        return Err(input.error("a rate is above zero"));
    }
    Ok(number.digits as f64 * factor as f64 / 10f64.powi(number.decimals as i32))
}

/// A whole number from `10k`, `1M`, `5000`, `1,000,000`.
///
/// # Errors
/// Names the text and what is wrong with it: no number, unknown unit, a fraction, too large.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let input = Input { text, what: "count", example: "5000, 10k, 1M" };
    let (number, unit) = input.split()?;
    input.whole(number, input.factor(unit, MULTIPLES)?, "unit")
}

const MULTIPLES: &[(&str, u128)] =
    &[("", 1), ("k", 1_000), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];

/// A decimal number without rounding: `digits / 10^decimals`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    decimals: u32,
}

/// The text being parsed and what its errors say.
struct Input<'a> {
    text: &'a str,
    what: &'static str,
    example: &'static str,
}

impl<'a> Input<'a> {
    fn error(&self, reason: impl Into<String>) -> UnitError {
        UnitError {
            text: self.text.to_owned(),
            what: self.what,
            reason: reason.into(),
            example: self.example,
        }
    }

    /// The number in front and the unit behind it.
    fn split(&self) -> Result<(Decimal, &'a str), UnitError> {
        let text = self.text.trim();
        let end =
            text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '_')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        if number.is_empty() {
            let reason =
                if text.starts_with('-') { "it is below zero" } else { "it does not start with a number" };
            return Err(self.error(reason));
        }
        Ok((self.decimal(number)?, unit.trim()))
    }

    fn decimal(&self, number: &str) -> Result<Decimal, UnitError> {
        let bad = || self.error(format!("\"{number}\" is no number"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut groups = whole.split(',');
        let leads = groups.next().is_some_and(|first| !first.is_empty() && first != "_");
        if !leads
            || groups.any(|group| group.len() != 3)
            || fraction.contains(['.', ',', '_'])
            || number.ends_with('.')
        {
            return Err(bad());
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.len() > 30 || fraction.len() > 12 {
            return Err(self.error("it has too many digits"));
        }
        let digits: String = whole.chars().chain(fraction.chars()).filter(char::is_ascii_digit).collect();
        let digits = digits.parse().map_err(|_| bad())?;
        Ok(Decimal { digits, decimals: fraction.len() as u32 })
    }

    fn factor(&self, unit: &str, units: &[(&str, u128)]) -> Result<u128, UnitError> {
        if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
            return Ok(*factor);
        }
        Err(self.error(if unit.is_empty() {
            "the unit is missing".to_owned()
        } else {
            format!("\"{unit}\" is no unit of a {}", self.what)
        }))
    }

    fn whole(&self, number: Decimal, factor: u128, unit: &str) -> Result<u64, UnitError> {
        let too_large = || self.error("it is too large");
        let scaled = number.digits.checked_mul(factor).ok_or_else(too_large)?;
        let divisor = 10u128.pow(number.decimals);
        if !scaled.is_multiple_of(divisor) {
            return Err(self.error(format!("it is no whole number of {unit}s")));
        }
        u64::try_from(scaled / divisor).map_err(|_| too_large())
    }
}

/// The value in the largest unit that keeps it at one or above once it is rounded.
fn scaled(value: f64, steps: &[(f64, &str)]) -> String {
    let fits = |step: f64| round3(value / step) >= 1.0;
    let (step, unit) = steps.iter().rev().find(|(step, _)| fits(*step)).unwrap_or(&steps[0]);
    format!("{} {unit}", three_digits(value / step))
}

fn round3(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10f64.powf(2.0 - value.abs().log10().floor());
    (value * unit).round() / unit
}

/// Three significant digits without an exponent; four and more digits before the point stay whole.
fn three_digits(value: f64) -> String {
    let rounded = round3(value);
    let decimals = match rounded.abs() {
        0.0 => 0,
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v => (2.0 - v.log10().floor()).clamp(0.0, 6.0) as usize,
    };
    let whole = if decimals == 0 { value.round() } else { value };
    format!("{whole:.decimals$}")
}

#[cfg(test)]
mod tests;
