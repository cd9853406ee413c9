//! Reads every duration, size, rate, count, share and number that a person types.
//!
//! Flags, the keys of suites, options of transports, simulated targets, arrival processes, traces, thresholds and goals
//! all use these functions, so a text means the same everywhere. Lives here: the grammar, its errors, and exact texts
//! that read back as the same value. Does not live here: rounded figures for tables (`units` of the results).

mod error;
mod exact;
mod parse;

pub use error::UnitError;
pub use exact::{duration_text, rate_text, size_text};
pub use parse::{MIN_RATE_PER_S, decimal, scientific};

use parse::Input;

/// Nanoseconds from `10s`, `250ms`, `1.5s`, `500us`, `1d`, `1h30m`. Units are d, h, m or min, s, ms, us or µs, and ns. Every
/// number needs one, except for `0`. Parts go from long units to short ones.
///
/// # Errors
/// Names the text and what is wrong with it: no number, no or unknown unit, finer than a nanosecond, too large.
pub fn parse_duration(text: &str) -> Result<u64, UnitError> {
    Input { text, what: "duration", example: "10s, 250ms, 1h30m" }.duration()
}

/// A duration above zero: see [`parse_duration`].
///
/// # Errors
/// As [`parse_duration`], and zero.
pub fn parse_some_duration(text: &str) -> Result<u64, UnitError> {
    let input = Input { text, what: "duration", example: "10s, 250ms, 1h30m" };
    match input.duration()? {
        0 => Err(input.error("it takes no time at all")),
        ns => Ok(ns),
    }
}

/// Bytes from `1KiB`, `128B`, `64`, `1MB`. Binary (`KiB`, `MiB`, `GiB`, `TiB`) and decimal (`kB`, `MB`, `GB`, `TB`).
/// A fraction of a larger unit is rounded to the nearest byte.
///
/// # Errors
/// Names the text and what is wrong with it: no number, unknown unit, no whole number of bytes, too large.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    Input { text, what: "size", example: "64, 128B, 1KiB, 1MB" }.size()
}

/// A rate per second from `10k/s`, `800/s`, `1.5M/s`, `6/min`, `10/h`. The time is needed, as the unit of a duration is.
///
/// # Errors
/// Names the text and what is wrong with it: no number, no or unknown unit, zero or below [`MIN_RATE_PER_S`].
pub fn parse_rate(text: &str) -> Result<f64, UnitError> {
    Input { text, what: "rate", example: "800/s, 10k/s, 6/min" }.rate()
}

/// A whole number from `10k`, `1M`, `5000`, `1,000,000`.
///
/// # Errors
/// Names the text and what is wrong with it: no number, unknown unit, a fraction, too large.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    Input { text, what: "count", example: "5000, 10k, 1M" }.count()
}

/// A share of one from `2%`, `2 %` or `0.02`; above one, too, as some limits are.
///
/// # Errors
/// Names the text: no number, below zero, not finite.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    Input { text, what: "share", example: "2% or 0.02" }.share()
}

/// A bare number from zero on: `1.5`, `1e-3`.
///
/// # Errors
/// Names the text: no number, below zero, not finite.
pub fn parse_number(text: &str) -> Result<f64, UnitError> {
    Input { text, what: "number", example: "1.5" }.number(text)
}

#[cfg(test)]
mod tests;
