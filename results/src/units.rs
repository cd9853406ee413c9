//! Formats every number that a person reads: durations, rates, counts, sizes, ratios and shares.
//!
//! Does not live here: tables, colours, file formats (files hold plain numbers), and reading what people type (the
//! package `drumpost-units`, which reads every text that is made here), and settings (`model::Setting::text`).

pub use drumpost_units::{
    UnitError, duration_text, parse_count, parse_duration, parse_number, parse_rate, parse_share, parse_size,
    parse_some_duration,
};

/// Printed for a figure that does not exist (too few samples, not measured here).
pub const NONE: &str = "-";

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

/// A number without a unit, such as a mean count: `0.0963`, `60.9`, `1113`. Not finite: [`NONE`].
#[must_use]
pub fn number(value: f64) -> String {
    if value.is_finite() { three_digits(value) } else { NONE.to_owned() }
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

/// A probability with four decimals: `0.0123`, `< 0.0001`.
#[must_use]
pub fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// A relative change with its sign: 0.031 is `+3.1 %`, -0.5 is `-50.0 %`, and from 100 % on whole: 14.43 is `+1443 %`. Not finite:
/// [`NONE`].
#[must_use]
pub fn change(share: f64) -> String {
    let decimals = usize::from(share.abs() < 1.0);
    if share.is_finite() { format!("{:+.decimals$} %", share * 100.0 + 0.0) } else { NONE.to_owned() }
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
        // A rate of one in 31 years still has its three digits, so that it can be read again.
        v => (2.0 - v.log10().floor()).clamp(0.0, 12.0) as usize,
    };
    let whole = if decimals == 0 { value.round() } else { value };
    format!("{whole:.decimals$}")
}

#[cfg(test)]
mod tests;
