//! Keys of flows. Keys determine order, partition and decisions of handlers. A distribution says how often each key
//! occurs.

use crate::{
    column::Column,
    seed::{Generator, Member, Purpose},
    text::{self, Form, SpecError, Subject},
    units,
};
use drumpost_core::load::Start;
use rand::{
    RngExt,
    distr::{Distribution, Uniform},
};
use rand_distr::{Zipf, weighted::WeightedAliasIndex};
use std::{fmt, str::FromStr};

const SUBJECT: Subject = Subject {
    what: "a key distribution",
    example: "uniform:10000, zipf:10000,1.1, roundrobin:16, hot:10000,10,0.9",
};

/// Up to so many Zipf keys are drawn from a table, at 12 bytes a key and instance: several times as fast as computing
/// powers for each draw, which would cost more than a hop does.
const TABLE_COUNT: u32 = 1 << 18;

/// A distribution over the keys 0 to N − 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeySpec {
    count: u32,
    draw: Draw,
}

/// How likely each key is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Draw {
    Uniform,
    Zipf { exponent: f64 },
    RoundRobin,
    Hot { hot: u32, share: f64 },
}

impl KeySpec {
    /// Every distribution, in the order they are listed.
    pub const FORMS: [Form; 4] = [
        Form { grammar: "uniform:N", summary: "N keys, all equally likely" },
        Form {
            grammar: "zipf:N,S",
            summary: "of N keys, the k-th most frequent has a weight of 1 / k^S; key 0 is the most frequent",
        },
        Form { grammar: "roundrobin:N", summary: "N keys in turn" },
        Form {
            grammar: "hot:N,HOT,SHARE",
            summary: "the first HOT of N keys get SHARE of the flows, such as 0.9",
        },
    ];

    /// `count` keys, all as likely.
    ///
    /// # Errors
    /// No key, or more than a message's key can tell apart (4,294,967,295).
    pub fn uniform(count: u64) -> Result<Self, SpecError> {
        Self::checked(count, Draw::Uniform)
            .map_err(|reason| SUBJECT.error(format_args!("uniform:{count}"), reason))
    }

    /// `count` keys of which the k-th, from 1, is as likely as 1 / k^`exponent`; key 0 is the hottest.
    ///
    /// # Errors
    /// No key, too many, or an exponent below zero or not finite.
    pub fn zipf(count: u64, exponent: f64) -> Result<Self, SpecError> {
        Self::checked(count, Draw::Zipf { exponent })
            .map_err(|reason| SUBJECT.error(format_args!("zipf:{count},{exponent}"), reason))
    }

    fn checked(count: u64, draw: Draw) -> Result<Self, String> {
        let keys = u32::try_from(count).map_err(|_| format!("{count} keys are more than 4294967295"))?;
        match draw {
            _ if keys == 0 => Err("there has to be at least one key".to_owned()),
            Draw::Zipf { exponent } if !(exponent >= 0.0 && exponent.is_finite()) => {
                Err(format!("the exponent {exponent} is not zero or more"))
            }
            Draw::Hot { hot, .. } if hot == 0 || hot >= keys => {
                Err(format!("of {keys} keys, {hot} cannot be hot: at least one has to be hot and one not"))
            }
            Draw::Hot { share, .. } if !(0.0..=1.0).contains(&share) => {
                Err(format!("the share {share} is not from 0 to 1"))
            }
            _ => Ok(Self { count: keys, draw }),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The column that fills in `key` for one member.
    pub(crate) fn column(&self, member: Member) -> Box<dyn Column> {
        let generator = member.generator(Purpose::Key);
        let last = self.count - 1;
        // What `checked` let through fits all of them: none of the constructors refuses it.
        let column = match self.draw {
            Draw::Uniform => UniformKeys::column(last, generator),
            Draw::Zipf { exponent } if self.count <= TABLE_COUNT => {
                TableKeys::column(last, exponent, generator)
            }
            Draw::Zipf { exponent } => ZipfKeys::column(last, exponent, generator),
            Draw::RoundRobin => Some(RoundRobin::column(self.count, member)),
            Draw::Hot { hot, share } => HotKeys::column(last, hot, share, generator),
        };
        column.unwrap_or_else(|| Box::new(OneKey))
    }
}

impl FromStr for KeySpec {
    type Err = SpecError;

    /// From one of [`KeySpec::FORMS`].
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, arguments) = text::call(text);
        Self::read(name, &arguments).map_err(|reason| SUBJECT.error(text, reason))
    }
}

impl KeySpec {
    fn read(name: &str, arguments: &[&str]) -> Result<Self, String> {
        match (name, arguments) {
            ("uniform", [keys]) => Self::checked(units::count(keys)?, Draw::Uniform),
            ("uniform", _) => Err("`uniform` takes the number of keys".to_owned()),
            ("zipf", [keys, exponent]) => {
                Self::checked(units::count(keys)?, Draw::Zipf { exponent: units::number(exponent)? })
            }
            ("zipf", _) => Err("`zipf` takes the number of keys and the exponent".to_owned()),
            ("roundrobin", [keys]) => Self::checked(units::count(keys)?, Draw::RoundRobin),
            ("roundrobin", _) => Err("`roundrobin` takes the number of keys".to_owned()),
            ("hot", [keys, hot, share]) => {
                let hot = u32::try_from(units::count(hot)?).unwrap_or(u32::MAX);
                Self::checked(units::count(keys)?, Draw::Hot { hot, share: units::number(share)? })
            }
            ("hot", _) => Err("`hot` takes the number of keys, how many are hot, and their share".to_owned()),
            _ => {
                let hint = text::did_you_mean(name, Self::FORMS.iter().map(Form::name));
                Err(format!("there is no distribution `{name}`{hint}"))
            }
        }
    }
}

/// As [`KeySpec::from_str`] reads it.
impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count;
        match self.draw {
            Draw::Uniform => write!(f, "uniform:{count}"),
            Draw::Zipf { exponent } => write!(f, "zipf:{count},{exponent}"),
            Draw::RoundRobin => write!(f, "roundrobin:{count}"),
            Draw::Hot { hot, share } => write!(f, "hot:{count},{hot},{share}"),
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

/// Key after key. Of k members each takes every k-th, so together they go round as one does.
struct RoundRobin {
    next: u64,
    step: u64,
    count: u64,
}

impl RoundRobin {
    fn column(count: u32, member: Member) -> Box<dyn Column> {
        let count = u64::from(count);
        Box::new(Self { next: member.number as u64 % count, step: member.of as u64 % count, count })
    }
}

impl Column for RoundRobin {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.key = self.next as u32;
            self.next += self.step;
            self.next -= if self.next >= self.count { self.count } else { 0 };
        }
    }
}

/// Some keys that get a share of all flows, and the others.
struct HotKeys {
    share: f64,
    hot: Uniform<u32>,
    others: Uniform<u32>,
    generator: Generator,
}

impl HotKeys {
    fn column(last: u32, hot: u32, share: f64, generator: Generator) -> Option<Box<dyn Column>> {
        let others = Uniform::new_inclusive(hot, last).ok()?;
        let hot = Uniform::new_inclusive(0, hot.checked_sub(1)?).ok()?;
        Some(Box::new(Self { share, hot, others, generator }))
    }
}

impl Column for HotKeys {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            let is_hot = self.generator.random::<f64>() < self.share;
            let keys = if is_hot { &self.hot } else { &self.others };
            start.key = keys.sample(&mut self.generator);
        }
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
        for text in
            ["uniform:1", "uniform:10000", "zipf:10000,1.1", "zipf:5,0", "roundrobin:3", "hot:10,3,0.9"]
        {
            assert_eq!(text.parse::<KeySpec>().unwrap().to_string(), text);
        }
        assert_eq!("uniform:10k".parse::<KeySpec>(), KeySpec::uniform(10_000));
        assert_eq!(" zipf: 10k, 1.1".parse::<KeySpec>(), KeySpec::zipf(10_000, 1.1));
    }

    #[test]
    fn errors_name_the_text_and_what_is_wrong() {
        for (text, reason) in [
            ("", "there is no distribution ``"),
            ("gauss:3", "there is no distribution `gauss`; write for example"),
            ("zip:10", "there is no distribution `zip` (did you mean `zipf`?); write for example"),
            ("uniform", "`uniform` takes the number of keys"),
            ("uniform:", "\"\" is no count: it is empty"),
            ("uniform:0", "at least one key"),
            ("uniform:-3", "\"-3\" is no count: it is below zero"),
            ("uniform:5000000000", "5000000000 keys are more than 4294967295"),
            ("zipf:10", "the number of keys and the exponent"),
            ("zipf:10,x", "\"x\" is no number"),
            ("zipf:10,-1", "\"-1\" is no number: it is below zero"),
            ("zipf:10,nan", "\"nan\" is no number"),
            ("roundrobin", "`roundrobin` takes the number of keys"),
            ("roundrobin:0", "at least one key"),
            ("hot:10,3", "`hot` takes the number of keys, how many are hot, and their share"),
            ("hot:10,10,0.5", "of 10 keys, 10 cannot be hot"),
            ("hot:10,0,0.5", "of 10 keys, 0 cannot be hot"),
            ("hot:10,3,1.1", "the share 1.1 is not from 0 to 1"),
            ("hot:10,3,nan", "\"nan\" is no number"),
        ] {
            let error = text.parse::<KeySpec>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(
                error.starts_with(&format!("failed to read \"{text}\" as a key distribution")),
                "{error}"
            );
            assert!(error.contains("; write for example uniform:10000, zipf:10000,1.1"), "{error}");
        }
        assert!(KeySpec::zipf(3, f64::INFINITY).is_err_and(|error| error.text == "zipf:3,inf"));
    }
}
