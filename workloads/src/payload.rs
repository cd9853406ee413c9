//! Payload sizes: the number of bytes of each flow's payload. The engine makes the bytes.
//!
//! A log-normal size is the median times e^(σz), with z standard normal, rounded to a byte. A size above the maximum is
//! drawn again, so the distribution is the log-normal one given that it is at most the maximum. The default maximum is
//! the median times e^(4σ), above which 3 sizes in 100,000 would lie. A Pareto size of at least MIN is longer than L
//! with probability (MIN / L)^ALPHA, and is drawn again in the same way.

mod columns;
mod histogram;

use crate::{
    column::Column,
    seed::{Member, Purpose},
    text::{self, Form, SpecError, Subject},
    units,
};
use columns::{FixedLen, HistogramLen, LogNormalLen, ParetoLen, UniformLen};
use histogram::Histogram;
use std::{fmt, str::FromStr, sync::Arc};

/// The longest payload of any workload, in bytes: 64 MiB.
pub const MAX_PAYLOAD_LEN: u32 = 64 << 20;

const SUBJECT: Subject = Subject {
    what: "a payload size",
    example: "128B, uniform:64B,1KiB, lognormal:1KiB,0.5, pareto:64B,1.2,1MiB, file:PATH",
};

/// A distribution of payload sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct PayloadSpec(Sizes);

#[derive(Clone, Debug, PartialEq)]
enum Sizes {
    Fixed(u32),
    Uniform { min_len: u32, max_len: u32 },
    LogNormal { median_len: u32, sigma: f64, max_len: u32 },
    Pareto { min_len: u32, alpha: f64, max_len: u32 },
    File(Arc<Histogram>),
}

impl PayloadSpec {
    /// Every distribution, in the order they are listed.
    pub const FORMS: [Form; 5] = [
        Form { grammar: "fixed:SIZE", summary: "every payload has this size; plain SIZE means the same" },
        Form { grammar: "uniform:MIN,MAX", summary: "every size from MIN to MAX equally likely" },
        Form {
            grammar: "lognormal:MEDIAN,SIGMA[,MAX]",
            summary: "log-normal with this median and the SIGMA of the logarithm; at most MAX, by default 4 sigma",
        },
        Form {
            grammar: "pareto:MIN,ALPHA[,MAX]",
            summary: "many short payloads and a few very long ones; a smaller ALPHA gives more long ones; at most MAX",
        },
        Form {
            grammar: "file:PATH",
            summary: "a histogram in a file: lines of SIZE COUNT, comments after #",
        },
    ];

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

    fn checked_uniform(min_len: u64, max_len: u64) -> Result<Self, String> {
        let (min_len, max_len) = (within_limit(min_len)?, within_limit(max_len)?);
        if max_len < min_len {
            return Err(format!("the maximum of {max_len} bytes is below the minimum of {min_len}"));
        }
        Ok(Self(Sizes::Uniform { min_len, max_len }))
    }

    fn checked_pareto(min_len: u64, alpha: f64, max_len: Option<u64>) -> Result<Self, String> {
        let min_len = within_limit(min_len)?;
        if min_len == 0 {
            return Err("the minimum is 0".to_owned());
        }
        if !(alpha > 0.0 && alpha.is_finite()) {
            return Err(format!("the alpha {alpha} is not above zero"));
        }
        let max_len = match max_len {
            Some(max_len) => within_limit(max_len)?,
            None => within_limit(rarely_longer(min_len, alpha))
                .map_err(|reason| format!("{reason}; give a maximum after the alpha"))?,
        };
        if max_len < min_len {
            return Err(format!("the maximum of {max_len} bytes is below the minimum of {min_len}"));
        }
        Ok(Self(Sizes::Pareto { min_len, alpha, max_len }))
    }

    /// The longest payload it gives, in bytes.
    #[must_use]
    pub fn max_len(&self) -> u32 {
        match &self.0 {
            Sizes::Fixed(len) => *len,
            Sizes::Uniform { max_len, .. }
            | Sizes::LogNormal { max_len, .. }
            | Sizes::Pareto { max_len, .. } => *max_len,
            Sizes::File(histogram) => histogram.max_len(),
        }
    }

    /// The column that fills in `payload_len` for one member.
    pub(crate) fn column(&self, member: Member) -> Box<dyn Column> {
        let generator = || member.generator(Purpose::PayloadLen);
        match &self.0 {
            Sizes::Fixed(len) => Box::new(FixedLen(*len)),
            Sizes::Uniform { min_len, max_len } => Box::new(UniformLen::new(*min_len, *max_len, generator())),
            Sizes::LogNormal { median_len, sigma, max_len } => {
                Box::new(LogNormalLen::new(*median_len, *sigma, *max_len, generator()))
            }
            Sizes::Pareto { min_len, alpha, max_len } => {
                Box::new(ParetoLen::new(*min_len, *alpha, *max_len, generator()))
            }
            Sizes::File(histogram) => Box::new(HistogramLen::new(histogram, generator())),
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

/// Beyond which 3 draws in 100,000 would lie, as of a log-normal size beyond four sigma.
fn rarely_longer(min_len: u32, alpha: f64) -> u64 {
    (f64::from(min_len) * 3.17e-5_f64.powf(-1.0 / alpha)).ceil() as u64
}

impl FromStr for PayloadSpec {
    type Err = SpecError;

    /// From `N` or one of [`PayloadSpec::FORMS`], sizes with B, KiB, MiB or nothing.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        // The name of a file may hold anything.
        if let Some(path) = text.trim().strip_prefix("file:") {
            let histogram = Histogram::read(path.trim()).map_err(|reason| SUBJECT.error(text, reason))?;
            return Ok(Self(Sizes::File(Arc::new(histogram))));
        }
        let spec = match text::call(text) {
            ("fixed", arguments) => match arguments[..] {
                [len] => units::size(len).and_then(Self::checked_fixed),
                _ => Err("`fixed` takes one size".to_owned()),
            },
            ("uniform", arguments) => match arguments[..] {
                [min_len, max_len] => units::size(min_len)
                    .and_then(|min_len| Self::checked_uniform(min_len, units::size(max_len)?)),
                _ => Err("`uniform` takes a minimum and a maximum".to_owned()),
            },
            ("lognormal", arguments) => log_normal(&arguments),
            ("pareto", arguments) => pareto(&arguments),
            (len, arguments) if arguments.is_empty() => units::size(len).and_then(Self::checked_fixed),
            (name, _) => {
                let hint = text::did_you_mean(name, Self::FORMS.iter().map(Form::name));
                Err(format!("there is no distribution `{name}`{hint}"))
            }
        };
        spec.map_err(|reason| SUBJECT.error(text, reason))
    }
}

fn log_normal(arguments: &[&str]) -> Result<PayloadSpec, String> {
    let (median_len, sigma, max_len) = match arguments {
        [median_len, sigma] => (median_len, sigma, None),
        [median_len, sigma, max_len] => (median_len, sigma, Some(units::size(max_len)?)),
        _ => return Err("`lognormal` takes a median, a sigma and optionally a maximum".to_owned()),
    };
    PayloadSpec::checked_log_normal(units::size(median_len)?, units::number(sigma)?, max_len)
}

fn pareto(arguments: &[&str]) -> Result<PayloadSpec, String> {
    let (min_len, alpha, max_len) = match arguments {
        [min_len, alpha] => (min_len, alpha, None),
        [min_len, alpha, max_len] => (min_len, alpha, Some(units::size(max_len)?)),
        _ => return Err("`pareto` takes a minimum, an alpha and optionally a maximum".to_owned()),
    };
    PayloadSpec::checked_pareto(units::size(min_len)?, units::number(alpha)?, max_len)
}

/// As [`PayloadSpec::from_str`] reads it.
impl fmt::Display for PayloadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut_off =
            |f: &mut fmt::Formatter<'_>, max_len: u32, unless: u64| match u64::from(max_len) == unless {
                true => Ok(()),
                false => write!(f, ",{}", units::size_text(max_len)),
            };
        match &self.0 {
            Sizes::Fixed(len) => f.write_str(&units::size_text(*len)),
            Sizes::Uniform { min_len, max_len } => {
                write!(f, "uniform:{},{}", units::size_text(*min_len), units::size_text(*max_len))
            }
            Sizes::LogNormal { median_len, sigma, max_len } => {
                write!(f, "lognormal:{},{sigma}", units::size_text(*median_len))?;
                cut_off(f, *max_len, four_sigma(*median_len, *sigma))
            }
            Sizes::Pareto { min_len, alpha, max_len } => {
                write!(f, "pareto:{},{alpha}", units::size_text(*min_len))?;
                cut_off(f, *max_len, rarely_longer(*min_len, *alpha))
            }
            Sizes::File(histogram) => write!(f, "file:{}", histogram.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in [
            "0B",
            "128B",
            "1KiB",
            "lognormal:1KiB,0.5",
            "lognormal:100B,2,64KiB",
            "lognormal:7B,0",
            "uniform:0B,1KiB",
            "pareto:64B,1.5",
            "pareto:1KiB,0.2,1MiB",
        ] {
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
        assert_eq!("uniform:3,70".parse::<PayloadSpec>().unwrap().max_len(), 70);
        // 1000 / 3.17e-5^(1/2) = 177611.1
        assert_eq!("pareto:1000,2".parse::<PayloadSpec>().unwrap().max_len(), 177_612);
    }

    #[test]
    fn errors_name_the_text_and_what_is_wrong() {
        for (text, reason) in [
            ("", "\"\" is no size: it is empty"),
            ("lots", "\"lots\" is no size: it does not start with a number"),
            ("unifrom:3", "there is no distribution `unifrom` (did you mean `uniform`?)"),
            ("uniform:3", "`uniform` takes a minimum and a maximum"),
            ("uniform:3,2", "the maximum of 2 bytes is below the minimum of 3"),
            ("uniform:3,65MiB", "longer than 64 MiB"),
            ("pareto:64", "`pareto` takes a minimum, an alpha and optionally a maximum"),
            ("pareto:0,1", "the minimum is 0"),
            ("pareto:64,0", "the alpha 0 is not above zero"),
            ("pareto:64,nan", "\"nan\" is no number: it is not written in digits"),
            ("pareto:64,0.1", "longer than 64 MiB; give a maximum after the alpha"),
            ("pareto:64,1,63", "the maximum of 63 bytes is below the minimum of 64"),
            ("file:/no/such/file", "cannot open /no/such/file: "),
            ("fixed", "`fixed` takes one size"),
            ("fixed:1,2", "`fixed` takes one size"),
            ("65MiB", "payloads of 68157440 bytes are longer than 64 MiB"),
            ("lognormal:1KiB", "`lognormal` takes a median, a sigma and optionally a maximum"),
            ("lognormal:0,1", "the median is 0"),
            ("lognormal:1KiB,-1", "\"-1\" is no number: it is below zero"),
            ("lognormal:1KiB,inf", "\"inf\" is no number: it is not written in digits"),
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
