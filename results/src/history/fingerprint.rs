//! Fingerprints: what runs were measured on and with. Runs with different ones are different series, unless the user joins them.
//!
//! Lives here: which facts of a record count, their parts, and in which facts two fingerprints differ. Does not live here: settings of a
//! run, which are part of its subject.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::model::{Record, Side};
use crate::similar;

/// A part of a fingerprint, which the user may leave out of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The machine.
    Host,
    /// The operating system and its kernel.
    Kernel,
    /// The compiler and how it was told to build.
    Toolchain,
    /// The version of drumpost.
    Version,
}

/// The parts with their names and the facts in them. The facts are those of the record's environment. `drumpost` is the version.
/// The amount of memory is none of them: kernels of one machine tell it a little differently.
pub const PARTS: [(Part, &str, &[&str]); 4] = [
    (Part::Host, "host", &["architecture", "processor", "cores", "governor", "clock_source"]),
    (Part::Kernel, "kernel", &["os", "kernel"]),
    (Part::Toolchain, "toolchain", &[TOOLCHAIN, "build", "allocator", RUSTFLAGS]),
    (Part::Version, "version", &[VERSION]),
];

/// The fact that is no fact of the environment.
const VERSION: &str = "drumpost";
/// The compiler and its version.
const TOOLCHAIN: &str = "toolchain";
/// Flags of the compiler. That there were none is no fact of a fingerprint, so that the records of older releases, which do not tell the
/// flags, stay in one series with newer ones.
const RUSTFLAGS: &str = "rustflags";
const NO_FLAGS: &str = "none";
/// Longer texts are cut: they are told in headings.
const FACT_LEN: usize = 200;

impl Part {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        PARTS.iter().find(|(part, ..)| *part == self).map_or("", |(_, name, _)| name)
    }

    /// All parts of a text such as `kernel,toolchain`, or `all`.
    ///
    /// # Errors
    /// A sentence about the first that is none.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let all = || PARTS.iter().map(|(part, ..)| *part);
        let mut parts = BTreeSet::new();
        for word in text.split(',').map(str::trim) {
            if word == "all" {
                parts.extend(all());
            } else {
                parts.insert(word.parse()?);
            }
        }
        Ok(parts.into_iter().collect())
    }

    fn of(fact: &str) -> Option<Self> {
        PARTS.iter().find(|(.., facts)| facts.contains(&fact)).map(|(part, ..)| *part)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = PARTS.iter().find(|(_, name, _)| *name == word).map(|(part, ..)| *part);
        found.ok_or_else(|| {
            let known: Vec<&str> = PARTS.iter().map(|(_, name, _)| *name).chain(["all"]).collect();
            similar::unknown("part of a fingerprint", word, &known)
        })
    }
}

/// Facts by name. A fact that a record lacks is absent, which differs from any value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    facts: BTreeMap<String, String>,
}

/// A fact in which two fingerprints, or two subjects, differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub fact: String,
    /// The value of the first; `None`: not known.
    pub from: Option<String>,
    /// The value of the second.
    pub to: Option<String>,
    /// Whether it is a setting. A setting that is missing means that the run did not have it, as a closed load has no arrivals.
    pub is_setting: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".to_owned());
        write!(f, "{} {} → {}", self.fact, text(&self.from), text(&self.to))
    }
}

impl Fingerprint {
    /// That of a run. The compiler in a record is that of the program that wrote it. A side of a comparison may be another program, and
    /// says itself what built it. In the records of older releases it does not, so that its compiler is not known.
    pub(super) fn of(record: &Record, side: Option<&Side>) -> Self {
        let names = PARTS.iter().flat_map(|(.., facts)| *facts).filter(|name| **name != VERSION);
        let names = names.filter(|name| {
            side.is_none_or(|side| !side.built.is_empty()) || ![TOOLCHAIN, RUSTFLAGS].contains(name)
        });
        let built = side.map(|side| &side.built).filter(|built| !built.is_empty());
        let of = |name: &str| match built {
            Some(built) if Side::BUILD_FACTS.contains(&name) => built.get(name),
            _ => record.environment.get(name),
        };
        let cut = |text: &str| crate::plain::cut(text, FACT_LEN).into_owned();
        let fact = |name: &&str| Some(((*name).to_owned(), cut(of(name)?)));
        let is_told = |(name, value): &(String, String)| name != RUSTFLAGS || value != NO_FLAGS;
        let mut facts: BTreeMap<String, String> = names.filter_map(fact).filter(is_told).collect();
        let own = side.map(|side| side.tool_version.as_str()).filter(|version| !version.is_empty());
        let version = own.unwrap_or(&record.tool_version);
        if !version.is_empty() {
            facts.insert(VERSION.to_owned(), cut(version));
        }
        Self { facts }
    }

    /// A fingerprint of these facts.
    #[must_use]
    pub fn from_facts(facts: BTreeMap<String, String>) -> Self {
        Self { facts }
    }

    /// The facts, by name.
    #[must_use]
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// The facts of all parts but some.
    #[must_use]
    pub fn without(&self, parts: &[Part]) -> Self {
        let is_left = |fact: &str| Part::of(fact).is_none_or(|part| !parts.contains(&part));
        let left = self.facts.iter().filter(|(fact, _)| is_left(fact));
        Self { facts: left.map(|(fact, value)| (fact.clone(), value.clone())).collect() }
    }

    /// In which facts it differs from another, each with the other's value first.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Vec<Difference> {
        differences(&other.facts, &self.facts)
    }

    /// The facts in one line, in the order of the parts.
    #[must_use]
    pub fn text(&self) -> String {
        let fact = |name: &&str| {
            let value = self.facts.get(*name)?;
            Some(match *name {
                "cores" => format!("{value} cores"),
                "architecture" | "processor" | "os" | "toolchain" => value.clone(),
                other => format!("{other} {value}"),
            })
        };
        PARTS.iter().flat_map(|(.., facts)| *facts).filter_map(fact).collect::<Vec<_>>().join(", ")
    }
}

/// In which names two maps differ, with both values.
pub(super) fn differences(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let differing = names.into_iter().filter(|name| from.get(*name) != to.get(*name));
    let difference = |name: &String| Difference {
        fact: name.clone(),
        from: from.get(name).cloned(),
        to: to.get(name).cloned(),
        is_setting: false,
    };
    differing.map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Fingerprint {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Fingerprint::from_facts(owned.collect())
    }

    #[test]
    fn parts_are_read_and_misspelt_ones_told() {
        assert_eq!(Part::list("toolchain, kernel"), Ok(vec![Part::Kernel, Part::Toolchain]));
        assert_eq!(Part::list("all").unwrap().len(), 4);
        let error = Part::list("kernle").unwrap_err();
        assert!(error.contains("unknown part of a fingerprint `kernle`; did you mean `kernel`?"), "{error}");
    }

    #[test]
    fn a_part_that_is_left_out_takes_its_facts_along() {
        let one = facts(&[("os", "Linux"), ("kernel", "6.1"), ("cores", "2"), ("drumpost", "1")]);
        assert_eq!(one.without(&[Part::Kernel, Part::Version]), facts(&[("cores", "2")]));
        assert_eq!(one.text(), "2 cores, Linux, kernel 6.1, drumpost 1");
    }

    #[test]
    fn a_fact_that_is_not_recorded_differs_from_one_that_is() {
        let (old, new) = (facts(&[("cores", "2")]), facts(&[("cores", "2"), ("toolchain", "rustc 1.95.0")]));
        let differ = differences(old.facts(), new.facts());
        assert_eq!(differ.len(), 1);
        assert_eq!(differ[0].to_string(), "toolchain not recorded → rustc 1.95.0");
    }
}
