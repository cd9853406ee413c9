//! Exact texts: each reads back as the value from which it was made.

const RATES: [(&str, f64); 2] = [("M", 1e6), ("k", 1e3)];

/// A duration in the largest unit from seconds down that divides it: `10s`, `1500ms`.
#[must_use]
pub fn duration_text(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units.iter().find(|(factor, _)| ns.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{ns}ns"), |(factor, unit)| format!("{}{unit}", ns / factor))
}

/// A rate in the largest unit in which it can be written exactly: `20k/s`.
#[must_use]
pub fn rate_text(per_s: f64) -> String {
    let fits = |(_, factor): &&(&str, f64)| per_s >= *factor && per_s / factor * factor == per_s;
    match RATES.iter().find(fits) {
        Some((unit, factor)) => format!("{}{unit}/s", per_s / factor),
        None => format!("{per_s}/s"),
    }
}

/// Bytes with the largest unit that divides them: `128B`, `1KiB`.
#[must_use]
pub fn size_text(bytes: u32) -> String {
    match bytes {
        0 => "0B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}
