//! The words of a workload in text: sizes, counts and numbers as a person types them, and what is said about bad ones.
//!
//! Only what the workloads' own texts need (`lognormal:1KiB,0.5`). What a flag says alone is read by whoever reads the
//! command line, and handed over as a number. Durations and rates within a text are read in `units`.

use std::fmt::Display;

/// A text, or a number, that describes no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read \"{text}\" as {what}: {reason}; write for example {example}")]
pub struct SpecError {
    /// What was given.
    pub text: String,
    /// What it should have been, with its article.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// Texts that would have been understood.
    pub example: &'static str,
}

/// One form of a workload's text, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// How it is written, with its name in front.
    pub grammar: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

impl Form {
    /// Its name: what stands before the colon.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.grammar.split_once(':').map_or(self.grammar, |(name, _)| name)
    }
}

/// What is being read, for the errors about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
}

impl Subject {
    /// The error about `text`.
    pub(crate) fn error(self, text: impl Display, reason: impl Into<String>) -> SpecError {
        let Self { what, example } = self;
        SpecError { text: text.to_string(), what, reason: reason.into(), example }
    }
}

/// The name and the arguments of `name:argument,argument`.
pub(crate) fn call(text: &str) -> (&str, Vec<&str>) {
    match text.split_once(':') {
        Some((name, arguments)) => (name.trim(), arguments.split(',').map(str::trim).collect()),
        None => (text.trim(), Vec::new()),
    }
}

/// Bytes from `64`, `128B`, `1KiB`, `2MiB`. The error is the reason alone.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    scaled(text, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("B", 1)]).ok_or_else(|| {
        format!("\"{text}\" is no whole number of bytes, with B, KiB, MiB or nothing after it")
    })
}

/// A count from `5000`, `10k`, `1M`. The error is the reason alone.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    scaled(text, &[("k", 1_000), ("M", 1_000_000)])
        .ok_or_else(|| format!("\"{text}\" is no whole number, with k, M or nothing after it"))
}

/// A decimal number. The error is the reason alone.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number"))
}

/// A whole number times the factor of the first unit that it ends with.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1));
    let digits = digits.trim_end();
    // `parse` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes with the largest unit that divides them: `128B`, `1KiB`.
pub(crate) fn size_text(bytes: u32) -> String {
    match bytes {
        0 => "0B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_as_typed() {
        for (text, bytes) in [("64", 64), ("128B", 128), ("1KiB", 1024), ("2 MiB", 2 << 20), ("0", 0)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, n) in [("5000", 5_000), ("10k", 10_000), ("3M", 3_000_000)] {
            assert_eq!(count(text), Ok(n), "{text}");
        }
        for bad in
            ["", "B", "-1", "+1", "1.5KiB", "1 kB 2", "99999999999999999999", "18446744073709551615MiB"]
        {
            assert!(size(bad).is_err_and(|reason| reason.contains(bad)), "{bad}");
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for bytes in [0, 1, 128, 1024, 1536, 1 << 20, (1 << 20) + 1, u32::MAX] {
            assert_eq!(size(&size_text(bytes)), Ok(u64::from(bytes)));
        }
    }
}
