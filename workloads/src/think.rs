//! Think time: the pause of a user of a closed load between two flows.
//!
//! With n users, a think time Z and flows that take R, the load is n / (R + Z). It models many users with one request
//! each at a time: like them, it slows down when the measured system slows down.

use crate::{
    column::Column,
    seed::{Generator, Member, Purpose},
    text::{self, SpecError, Subject},
    units,
};
use drumpost_core::load::Start;
use rand::distr::{Distribution, OpenClosed01};
use std::{fmt, str::FromStr};

/// How long users think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkSpec {
    /// Always so long, in ns.
    Fixed {
        /// How long.
        ns: u64,
    },
    /// Exponentially distributed.
    Exponential {
        /// Mean, in ns.
        mean_ns: u64,
    },
}

impl ThinkSpec {
    pub(crate) fn column(self, member: Member) -> Box<dyn Column> {
        match self {
            Self::Fixed { ns } => Box::new(Fixed(ns)),
            Self::Exponential { mean_ns } => {
                Box::new(Exponential { generator: member.generator(Purpose::Think), mean_ns: mean_ns as f64 })
            }
        }
    }
}

impl fmt::Display for ThinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { ns } => write!(f, "fixed:{}", units::duration_text(*ns)),
            Self::Exponential { mean_ns } => write!(f, "exp:{}", units::duration_text(*mean_ns)),
        }
    }
}

impl FromStr for ThinkSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let subject = Subject { what: "a think time", example: "10ms, fixed:10ms, exp:10ms" };
        let (name, arguments) = text::call(text);
        let time = |text: &str| units::some_duration_ns(text).map_err(|reason| subject.error(text, reason));
        match (name, &arguments[..]) {
            ("fixed", [ns]) => Ok(Self::Fixed { ns: time(ns)? }),
            ("exp", [mean]) => Ok(Self::Exponential { mean_ns: time(mean)? }),
            (plain, []) => Ok(Self::Fixed { ns: time(plain)? }),
            _ => Err(subject.error(text, "it is not TIME, fixed:TIME or exp:TIME")),
        }
    }
}

struct Fixed(u64);

impl Column for Fixed {
    fn fill(&mut self, starts: &mut [Start]) {
        starts.iter_mut().for_each(|start| start.after_ns = self.0);
    }
}

struct Exponential {
    generator: Generator,
    mean_ns: f64,
}

impl Column for Exponential {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            // In (0, 1], so that its logarithm is finite.
            let uniform: f64 = OpenClosed01.sample(&mut self.generator);
            start.after_ns = (-uniform.ln() * self.mean_ns) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(spec: ThinkSpec, seed: u64, count: usize) -> Vec<u64> {
        let mut starts = vec![Start::default(); count];
        spec.column(Member { seed, number: 0, of: 1 }).fill(&mut starts);
        starts.iter().map(|start| start.after_ns).collect()
    }

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in ["fixed:10ms", "exp:9ms", "fixed:1500us"] {
            assert_eq!(text.parse::<ThinkSpec>().unwrap().to_string(), text);
        }
        assert_eq!("10ms".parse::<ThinkSpec>().unwrap().to_string(), "fixed:10ms");
        for bad in ["", "10", "0s", "exp", "exp:", "exp:1ms,2ms", "normal:1ms"] {
            let error = bad.parse::<ThinkSpec>().unwrap_err().to_string();
            assert!(error.contains("as a think time") && error.contains("exp:10ms"), "{error}");
        }
    }

    #[test]
    fn exponential_times_have_their_mean_and_their_spread() {
        for seed in 1..=5 {
            let times = drawn(ThinkSpec::Exponential { mean_ns: 1_000_000 }, seed, 100_000);
            let mean = times.iter().sum::<u64>() as f64 / times.len() as f64;
            // Five standard errors of the mean and of a share.
            assert!((mean / 1e6 - 1.0).abs() < 0.016, "{mean}");
            let above = times.iter().filter(|time| **time > 1_000_000).count() as f64 / times.len() as f64;
            assert!((above - (-1.0_f64).exp()).abs() < 0.008, "{above}");
        }
        assert_ne!(
            drawn(ThinkSpec::Exponential { mean_ns: 1_000 }, 1, 9),
            drawn(ThinkSpec::Exponential { mean_ns: 1_000 }, 2, 9)
        );
        assert_eq!(drawn(ThinkSpec::Fixed { ns: 7 }, 1, 3), [7, 7, 7]);
    }
}
