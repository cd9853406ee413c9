//! Arrival processes: when the flows of an open load are due. One file for each process.
//!
//! To add one: a file with its `NAME`, its `SUMMARY` and a type that fills in `after_ns`; a variant of [`ArrivalSpec`];
//! and the arms that the compiler then asks for, all in this file.

pub mod constant;
pub mod poisson;

use crate::{
    feed::Column,
    seed::Member,
    text::{self, SpecError, Subject},
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
        match per_s {
            _ if per_s.is_nan() => Err(subject.error(per_s, "it is not a number")),
            _ if per_s <= 0.0 => Err(subject.error(per_s, "it is not above zero")),
            _ if per_s > Self::MAX_PER_S => Err(subject.error(per_s, "it is above 1000000000")),
            _ => Ok(Self(per_s)),
        }
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

/// An arrival process with its rate.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalSpec {
    /// Evenly paced: see [`constant`].
    Constant(Rate),
    /// Independent of each other: see [`poisson`].
    Poisson(Rate),
}

impl ArrivalSpec {
    /// Name and summary of every process, in the order they are listed.
    pub const PROCESSES: [(&str, &str); 2] =
        [(constant::NAME, constant::SUMMARY), (poisson::NAME, poisson::SUMMARY)];

    /// The process that `text` describes (`constant`, `poisson`), at a mean rate of `rate`.
    ///
    /// # Errors
    /// No process has that name, or it takes no such arguments.
    pub fn parse(text: &str, rate: Rate) -> Result<Self, SpecError> {
        let subject = Subject { what: "an arrival process", example: "constant, poisson" };
        let (name, arguments) = text::call(text);
        let spec = match name {
            constant::NAME => Self::Constant(rate),
            poisson::NAME => Self::Poisson(rate),
            _ => return Err(subject.error(text, "there is none of that name")),
        };
        match arguments.is_empty() {
            true => Ok(spec),
            false => Err(subject.error(text, format!("`{name}` takes nothing after its name"))),
        }
    }

    /// Its mean rate.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        match self {
            Self::Constant(rate) | Self::Poisson(rate) => *rate,
        }
    }

    /// What fills in `after_ns` for one member.
    pub(crate) fn column(&self, member: Member) -> Box<dyn Column> {
        match self {
            Self::Constant(rate) => Box::new(constant::Constant::new(*rate, member)),
            Self::Poisson(rate) => Box::new(poisson::Poisson::new(*rate, member)),
        }
    }
}

/// As [`ArrivalSpec::parse`] reads it: the process without its rate.
impl fmt::Display for ArrivalSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant(_) => constant::NAME,
            Self::Poisson(_) => poisson::NAME,
        })
    }
}

/// A due time as a whole number of ns. What lies beyond is due at half the range of the clock, which leaves the load room
/// to add to it: no run lasts 292 years.
#[inline]
fn whole_ns(after_ns: f64) -> u64 {
    (after_ns as u64).min(u64::MAX / 2)
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
    }

    #[test]
    fn processes_are_read_as_they_are_written() {
        let rate = Rate::per_s(5.0).unwrap();
        for (name, _) in ArrivalSpec::PROCESSES {
            assert_eq!(ArrivalSpec::parse(name, rate).unwrap().to_string(), name);
        }
        let error = |text| ArrivalSpec::parse(text, rate).unwrap_err().to_string();
        assert_eq!(
            error("posson"),
            "failed to read \"posson\" as an arrival process: there is none of that name; \
             write for example constant, poisson"
        );
        assert!(error("poisson:3").contains("`poisson` takes nothing after its name"));
    }

    #[test]
    fn times_beyond_the_clock_stay_in_order_and_in_range() {
        assert_eq!(whole_ns(1e30), u64::MAX / 2);
        assert_eq!(whole_ns(1.9), 1);
    }
}
