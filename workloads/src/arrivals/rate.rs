//! A rate in flows per second. Its constructor checks it, so every value is valid.

use crate::{
    text::{SpecError, Subject},
    units,
};
use std::fmt;

/// A rate in flows per second, over all driven instances: above 0, at most [`Rate::MAX_PER_S`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// The highest rate, in flows per second: stamps are whole nanoseconds.
    pub const MAX_PER_S: f64 = 1e9;

    /// A rate of so many flows per second.
    ///
    /// # Errors
    /// Zero or less, not a number, or above [`Rate::MAX_PER_S`].
    pub fn per_s(per_s: f64) -> Result<Self, SpecError> {
        let subject = Subject { what: "a rate per second", example: "10000" };
        Self::checked(per_s).map_err(|reason| subject.error(per_s, reason))
    }

    fn checked(per_s: f64) -> Result<Self, &'static str> {
        match per_s {
            _ if per_s.is_nan() => Err("it is not a number"),
            _ if per_s <= 0.0 => Err("it is not above zero"),
            _ if per_s > Self::MAX_PER_S => Err("it is above 1000000000"),
            _ => Ok(Self(per_s)),
        }
    }

    /// From `20k/s`. The error is the reason alone.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        Self::checked(units::per_s(text)?).map_err(|reason| format!("\"{text}\": {reason}"))
    }

    /// In flows per second.
    #[must_use]
    pub const fn as_per_s(self) -> f64 {
        self.0
    }

    /// Mean time between two flows, in ns.
    pub(crate) fn gap_ns(self) -> f64 {
        1e9 / self.0
    }
}

/// As it is typed: `20k/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&units::rate_text(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_are_none_are_refused_by_name() {
        for bad in [0.0, -0.0, -5.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.1e9] {
            let error = Rate::per_s(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{bad}\" as a rate per second")), "{error}");
        }
        for good in [1e-9, 1.0, 1e9] {
            assert_eq!(Rate::per_s(good).unwrap().as_per_s(), good);
        }
        assert!(Rate::read("0/s").is_err_and(|reason| reason == "\"0/s\" is no rate: a rate is above zero"));
        assert!(Rate::read("2G/s").is_err_and(|reason| reason == "\"2G/s\": it is above 1000000000"));
    }
}
