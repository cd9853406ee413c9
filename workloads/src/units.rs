//! Durations, rates, sizes, counts and numbers within a workload's text. An error is the reason alone, because it
//! becomes part of a longer sentence.

pub(crate) use drumpost_units::{duration_text, rate_text, scientific, size_text};

use drumpost_units::UnitError;

fn short<T>(read: Result<T, UnitError>) -> Result<T, String> {
    read.map_err(|error| error.short())
}

/// Nanoseconds from `10s`, `1.5ms`, `1h30m`: a unit is needed.
pub(crate) fn duration_ns(text: &str) -> Result<u64, String> {
    short(drumpost_units::parse_duration(text))
}

/// Above zero: see [`duration_ns`].
pub(crate) fn some_duration_ns(text: &str) -> Result<u64, String> {
    short(drumpost_units::parse_some_duration(text))
}

/// A rate per second from `800/s`, `10k/s`, `6/min`.
pub(crate) fn per_s(text: &str) -> Result<f64, String> {
    short(drumpost_units::parse_rate(text))
}

/// Bytes from `64`, `128B`, `1KiB`, `2MiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    short(drumpost_units::parse_size(text))
}

/// A count from `5000`, `10k`, `1M`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    short(drumpost_units::parse_count(text))
}

/// A number from zero on.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    short(drumpost_units::parse_number(text))
}
