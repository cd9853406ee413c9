//! Payload sizes: how many bytes each flow carries. The bytes themselves are the engine's.
//!
//! A log-normal size is the median times e^(σz), z standard normal, to the nearest byte. It is cut off at a maximum:
//! a longer draw is drawn again, so the distribution is the log-normal one given that it is no longer than the maximum.
//! Without a maximum in the text that is the median times e^(4σ), beyond which 3 draws in 100,000 would lie.

use crate::{
    feed::Column,
    seed::{Generator, Member, Purpose},
    text::{self, SpecError, Subject},
};
use drumpost_core::load::Start;
use rand::RngExt;
use rand_distr::StandardNormal;
use std::{fmt, str::FromStr};

/// The longest payload of any workload, in bytes: 64 MiB.
pub const MAX_PAYLOAD_LEN: u32 = 64 << 20;

const SUBJECT: Subject = Subject {
    what: "a payload size",
    example: "128B, fixed:128B, lognormal:1KiB,0.5, lognormal:1KiB,0.5,64KiB",
};

/// A distribution of payload sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PayloadSpec(Sizes);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sizes {
    Fixed(u32),
    LogNormal { median_len: u32, sigma: f64, max_len: u32 },
}

impl PayloadSpec {
    /// No payload.
    pub const EMPTY: Self = Self(Sizes::Fixed(0));

    /// Payloads of `len` bytes.
    ///
    /// # Errors
    /// Longer than [`MAX_PAYLOAD_LEN`].
    pub fn fixed(len: u64) -> Result<Self, SpecError> {
        Self::checked_fixed(len).map_err(|reason| SUBJECT.error(format_args!("fixed:{len}"), reason))
    }

    /// Payloads of log-normal length: half are longer than `median_len` bytes, and `sigma` is the standard deviation of
    /// the length's natural logarithm. None is longer than `max_len` bytes, or than the median times e^(4σ) if `None`.
    ///
    /// # Errors
    /// A median of 0, a sigma below zero or not finite, a maximum below the median or above [`MAX_PAYLOAD_LEN`].
    pub fn log_normal(median_len: u64, sigma: f64, max_len: Option<u64>) -> Result<Self, SpecError> {
        Self::checked_log_normal(median_len, sigma, max_len)
            .map_err(|reason| SUBJECT.error(format_args!("lognormal:{median_len},{sigma}"), reason))
    }

    fn checked_fixed(len: u64) -> Result<Self, String> {
        within_limit(len).map(|len| Self(Sizes::Fixed(len)))
    }

    fn checked_log_normal(median_len: u64, sigma: f64, max_len: Option<u64>) -> Result<Self, String> {
        let median_len = within_limit(median_len)?;
        if median_len == 0 {
            return Err("the median is 0".to_owned());
        }
        if !(sigma >= 0.0 && sigma.is_finite()) {
            return Err(format!("the sigma {sigma} is not zero or more"));
        }
        let max_len = match max_len {
            Some(max_len) => within_limit(max_len)?,
            None => within_limit(four_sigma(median_len, sigma))
                .map_err(|reason| format!("{reason}; give a maximum after the sigma"))?,
        };
        if max_len < median_len {
            return Err(format!("the maximum of {max_len} bytes is below the median of {median_len}"));
        }
        Ok(Self(Sizes::LogNormal { median_len, sigma, max_len }))
    }

    /// The longest payload it gives, in bytes.
    #[must_use]
    pub const fn max_len(&self) -> u32 {
        match self.0 {
            Sizes::Fixed(len) => len,
            Sizes::LogNormal { max_len, .. } => max_len,
        }
    }

    /// What fills in `payload_len` for one member.
    pub(crate) fn column(&self, member: Member) -> Box<dyn Column> {
        match self.0 {
            Sizes::Fixed(len) => Box::new(FixedLen(len)),
            Sizes::LogNormal { median_len, sigma, max_len } => Box::new(LogNormalLen {
                median_len: f64::from(median_len),
                sigma,
                max_len: f64::from(max_len),
                generator: member.generator(Purpose::PayloadLen),
            }),
        }
    }
}

fn within_limit(len: u64) -> Result<u32, String> {
    let limit = u64::from(MAX_PAYLOAD_LEN);
    let short = u32::try_from(len).ok().filter(|len| *len <= MAX_PAYLOAD_LEN);
    short.ok_or_else(|| format!("payloads of {len} bytes are longer than {} MiB", limit >> 20))
}

fn four_sigma(median_len: u32, sigma: f64) -> u64 {
    (f64::from(median_len) * (4.0 * sigma).exp()).ceil() as u64
}

impl FromStr for PayloadSpec {
    type Err = SpecError;

    /// From `N`, `fixed:N`, `lognormal:MEDIAN,SIGMA` or `lognormal:MEDIAN,SIGMA,MAX`, sizes with B, KiB, MiB or nothing.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let spec = match text::call(text) {
            ("fixed", arguments) => match arguments[..] {
                [len] => text::size(len).and_then(Self::checked_fixed),
                _ => Err("`fixed` takes one size".to_owned()),
            },
            ("lognormal", arguments) => log_normal(&arguments),
            (len, arguments) if arguments.is_empty() => text::size(len).and_then(Self::checked_fixed),
            (name, _) => Err(format!("there is no distribution `{name}`")),
        };
        spec.map_err(|reason| SUBJECT.error(text, reason))
    }
}

fn log_normal(arguments: &[&str]) -> Result<PayloadSpec, String> {
    let (median_len, sigma, max_len) = match arguments {
        [median_len, sigma] => (median_len, sigma, None),
        [median_len, sigma, max_len] => (median_len, sigma, Some(text::size(max_len)?)),
        _ => return Err("`lognormal` takes a median, a sigma and, if you like, a maximum".to_owned()),
    };
    PayloadSpec::checked_log_normal(text::size(median_len)?, text::number(sigma)?, max_len)
}

/// As [`PayloadSpec::from_str`] reads it.
impl fmt::Display for PayloadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Sizes::Fixed(len) => f.write_str(&text::size_text(len)),
            Sizes::LogNormal { median_len, sigma, max_len } => {
                write!(f, "lognormal:{},{sigma}", text::size_text(median_len))?;
                match u64::from(max_len) == four_sigma(median_len, sigma) {
                    true => Ok(()),
                    false => write!(f, ",{}", text::size_text(max_len)),
                }
            }
        }
    }
}

struct FixedLen(u32);

impl Column for FixedLen {
    fn fill(&mut self, starts: &mut [Start]) {
        starts.iter_mut().for_each(|start| start.payload_len = self.0);
    }
}

struct LogNormalLen {
    median_len: f64,
    sigma: f64,
    max_len: f64,
    generator: Generator,
}

impl Column for LogNormalLen {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            // Ends soon: the maximum is no less than the median, so every other draw is short enough.
            start.payload_len = loop {
                let z: f64 = self.generator.sample(StandardNormal);
                let len = (self.median_len * (self.sigma * z).exp()).round();
                if len <= self.max_len {
                    break len as u32;
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in ["0B", "128B", "1KiB", "lognormal:1KiB,0.5", "lognormal:100B,2,64KiB", "lognormal:7B,0"] {
            assert_eq!(text.parse::<PayloadSpec>().unwrap().to_string(), text);
        }
        for text in ["128", "128B", "fixed:128", "fixed: 128 B"] {
            assert_eq!(text.parse(), PayloadSpec::fixed(128), "{text}");
        }
        assert_eq!("lognormal:1KiB,0.5".parse(), PayloadSpec::log_normal(1024, 0.5, None));
        assert_eq!("0".parse(), Ok(PayloadSpec::EMPTY));
    }

    #[test]
    fn the_longest_is_known_beforehand() {
        assert_eq!(PayloadSpec::fixed(128).unwrap().max_len(), 128);
        // 1024 e^2 = 7566.4
        assert_eq!(PayloadSpec::log_normal(1024, 0.5, None).unwrap().max_len(), 7_567);
        assert_eq!(PayloadSpec::log_normal(1024, 0.5, Some(2048)).unwrap().max_len(), 2_048);
        assert_eq!(PayloadSpec::log_normal(1024, 0.0, None).unwrap().max_len(), 1_024);
    }

    #[test]
    fn errors_name_the_text_and_what_is_wrong() {
        for (text, reason) in [
            ("", "\"\" is no whole number of bytes"),
            ("lots", "\"lots\" is no whole number of bytes"),
            ("uniform:3", "there is no distribution `uniform`"),
            ("fixed", "`fixed` takes one size"),
            ("fixed:1,2", "`fixed` takes one size"),
            ("65MiB", "payloads of 68157440 bytes are longer than 64 MiB"),
            ("lognormal:1KiB", "`lognormal` takes a median, a sigma and, if you like, a maximum"),
            ("lognormal:0,1", "the median is 0"),
            ("lognormal:1KiB,-1", "the sigma -1 is not zero or more"),
            ("lognormal:1KiB,inf", "the sigma inf is not zero or more"),
            ("lognormal:1KiB,x", "\"x\" is no number"),
            ("lognormal:1KiB,5", "longer than 64 MiB; give a maximum after the sigma"),
            ("lognormal:1KiB,1,1B", "the maximum of 1 bytes is below the median of 1024"),
        ] {
            let error = text.parse::<PayloadSpec>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.starts_with(&format!("failed to read \"{text}\" as a payload size")), "{error}");
            assert!(error.contains("write for example 128B"), "{error}");
        }
    }
}
