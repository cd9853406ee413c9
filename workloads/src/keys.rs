//! Keys: which key each flow has. Keys order, partition and decide; their distribution says how hot the hottest is.

use crate::{
    feed::Column,
    seed::{Generator, Member, Purpose},
    text::{self, SpecError, Subject},
};
use drumpost_core::load::Start;
use rand::distr::{Distribution, Uniform};
use rand_distr::{Zipf, weighted::WeightedAliasIndex};
use std::{fmt, str::FromStr};

const SUBJECT: Subject = Subject { what: "a key distribution", example: "uniform:10000, zipf:10000,1.1" };

/// Up to so many Zipf keys are drawn from a table, at 12 bytes a key and instance: several times as fast as computing
/// powers for each draw, which would cost more than a hop does.
const TABLE_COUNT: u32 = 1 << 18;

/// A distribution over the keys 0 to N − 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeySpec {
    count: u32,
    /// `None`: uniform.
    exponent: Option<f64>,
}

impl KeySpec {
    /// `count` keys, all as likely.
    ///
    /// # Errors
    /// No key, or more than a message's key can tell apart (4,294,967,295).
    pub fn uniform(count: u64) -> Result<Self, SpecError> {
        Self::checked(count, None).map_err(|reason| SUBJECT.error(format_args!("uniform:{count}"), reason))
    }

    /// `count` keys of which the k-th, from 1, is as likely as 1 / k^`exponent`; key 0 is the hottest.
    ///
    /// # Errors
    /// No key, too many, or an exponent below zero or not finite.
    pub fn zipf(count: u64, exponent: f64) -> Result<Self, SpecError> {
        Self::checked(count, Some(exponent))
            .map_err(|reason| SUBJECT.error(format_args!("zipf:{count},{exponent}"), reason))
    }

    fn checked(count: u64, exponent: Option<f64>) -> Result<Self, String> {
        let keys = u32::try_from(count).map_err(|_| format!("{count} keys are more than 4294967295"))?;
        match exponent {
            _ if keys == 0 => Err("there has to be at least one key".to_owned()),
            Some(exponent) if !(exponent >= 0.0 && exponent.is_finite()) => {
                Err(format!("the exponent {exponent} is not zero or more"))
            }
            _ => Ok(Self { count: keys, exponent }),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What fills in `key` for one member.
    pub(crate) fn column(&self, member: Member) -> Box<dyn Column> {
        let generator = member.generator(Purpose::Key);
        let last = self.count - 1;
        // What `checked` let through fits all three: none of the constructors refuses it.
        let column = match self.exponent {
            None => UniformKeys::column(last, generator),
            Some(exponent) if self.count <= TABLE_COUNT => TableKeys::column(last, exponent, generator),
            Some(exponent) => ZipfKeys::column(last, exponent, generator),
        };
        column.unwrap_or_else(|| Box::new(OneKey))
    }
}

impl FromStr for KeySpec {
    type Err = SpecError;

    /// From `uniform:N` or `zipf:N,S`.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let spec = match text::call(text) {
            ("uniform", arguments) => match arguments[..] {
                [keys] => text::count(keys).and_then(|keys| Self::checked(keys, None)),
                _ => Err("`uniform` takes the number of keys".to_owned()),
            },
            ("zipf", arguments) => match arguments[..] {
                [keys, exponent] => text::count(keys).and_then(|keys| {
                    text::number(exponent).and_then(|exponent| Self::checked(keys, Some(exponent)))
                }),
                _ => Err("`zipf` takes the number of keys and the exponent".to_owned()),
            },
            (name, _) => Err(format!("there is no distribution `{name}`")),
        };
        spec.map_err(|reason| SUBJECT.error(text, reason))
    }
}

/// As [`KeySpec::from_str`] reads it.
impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exponent {
            None => write!(f, "uniform:{}", self.count),
            Some(exponent) => write!(f, "zipf:{},{exponent}", self.count),
        }
    }
}

/// Key 0 for all.
struct OneKey;

impl Column for OneKey {
    fn fill(&mut self, starts: &mut [Start]) {
        starts.iter_mut().for_each(|start| start.key = 0);
    }
}

/// Keys drawn from a distribution over numbers that are, or become, keys.
struct Drawn<D> {
    numbers: D,
    generator: Generator,
}

type UniformKeys = Drawn<Uniform<u32>>;

impl UniformKeys {
    fn column(last: u32, generator: Generator) -> Option<Box<dyn Column>> {
        let numbers = Uniform::new_inclusive(0, last).ok()?;
        Some(Box::new(Self { numbers, generator }))
    }
}

impl Column for UniformKeys {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.key = self.numbers.sample(&mut self.generator);
        }
    }
}

/// Zipf keys from a table of their probabilities.
type TableKeys = Drawn<WeightedAliasIndex<f64>>;

impl TableKeys {
    fn column(last: u32, exponent: f64, generator: Generator) -> Option<Box<dyn Column>> {
        let weights = (0..=last).map(|key| (f64::from(key) + 1.0).powf(-exponent)).collect();
        let numbers = WeightedAliasIndex::new(weights).ok()?;
        Some(Box::new(Self { numbers, generator }))
    }
}

impl Column for TableKeys {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.key = self.numbers.sample(&mut self.generator) as u32;
        }
    }
}

/// Zipf keys without a table: drawn ranks count from 1.
type ZipfKeys = Drawn<Zipf<f64>>;

impl ZipfKeys {
    fn column(last: u32, exponent: f64, generator: Generator) -> Option<Box<dyn Column>> {
        let numbers = Zipf::new(f64::from(last) + 1.0, exponent).ok()?;
        Some(Box::new(Self { numbers, generator }))
    }
}

impl Column for ZipfKeys {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.key = (self.numbers.sample(&mut self.generator) as u32).saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in ["uniform:1", "uniform:10000", "zipf:10000,1.1", "zipf:5,0"] {
            assert_eq!(text.parse::<KeySpec>().unwrap().to_string(), text);
        }
        assert_eq!("uniform:10k".parse::<KeySpec>(), KeySpec::uniform(10_000));
        assert_eq!(" zipf: 10k, 1.1".parse::<KeySpec>(), KeySpec::zipf(10_000, 1.1));
    }

    #[test]
    fn errors_name_the_text_and_what_is_wrong() {
        for (text, reason) in [
            ("", "there is no distribution ``"),
            ("gauss:3", "there is no distribution `gauss`"),
            ("uniform", "`uniform` takes the number of keys"),
            ("uniform:", "\"\" is no whole number"),
            ("uniform:0", "at least one key"),
            ("uniform:-3", "\"-3\" is no whole number"),
            ("uniform:5000000000", "5000000000 keys are more than 4294967295"),
            ("zipf:10", "the number of keys and the exponent"),
            ("zipf:10,x", "\"x\" is no number"),
            ("zipf:10,-1", "the exponent -1 is not zero or more"),
            ("zipf:10,nan", "the exponent NaN is not zero or more"),
        ] {
            let error = text.parse::<KeySpec>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(
                error.starts_with(&format!("failed to read \"{text}\" as a key distribution")),
                "{error}"
            );
            assert!(error.ends_with("write for example uniform:10000, zipf:10000,1.1"), "{error}");
        }
        assert!(KeySpec::zipf(3, f64::INFINITY).is_err_and(|error| error.text == "zipf:3,inf"));
    }
}
