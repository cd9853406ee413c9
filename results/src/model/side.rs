//! Sides of a comparison: which run of a record was made by which build, or with which settings, and what was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The part that a run has in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is compared with, such as the build before a change.
    Base,
    /// What is judged, such as the build with a change.
    Head,
    /// The base once more. What it differs from the base in is noise.
    Control,
}

impl Role {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Head => "head",
            Self::Control => "control",
        }
    }

    /// The role of a word in documents.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Base, Self::Head, Self::Control].into_iter().find(|role| role.word() == word)
    }

    /// The word where people choose or read a side. The control is a copy of the base, and that is what they are told.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Head => "head",
            Self::Control => "copy",
        }
    }
}

/// The side that a run belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its part.
    pub role: Role,
    /// The row of the comparison: a dispatch, or a cell of a suite. Each row has a run of every side.
    pub row: String,
    /// What was asked for: a revision, a program, a dispatch or flags.
    pub name: String,
    /// The commit that it was built from, in full, and `-dirty` where sources had changed since; absent: not built from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The version of drumpost in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool_version: String,
    /// What built its program, as the program itself says: the facts of [`Side::BUILD_FACTS`] that it tells. Empty in the records of
    /// older releases, and before the first trial has ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub built: BTreeMap<String, String>,
}

/// Longer facts of a build are cut: any program may be a side, and they stand in sentences.
const FACT_LEN: usize = 200;

impl Side {
    /// What its run is called among those of other sides and rows: `head message/rtrb`.
    #[must_use]
    pub fn called(&self) -> String {
        format!("{} {}", self.role.told(), self.row)
    }

    /// Those facts of a record's environment that are about the build of the program and not about the machine.
    pub const BUILD_FACTS: [&str; 4] = ["toolchain", "build", "allocator", "rustflags"];

    /// The same with what its program says of itself: the version of drumpost in it, and the environment of its own record.
    #[must_use]
    pub fn told(self, tool_version: String, environment: &BTreeMap<String, String>) -> Self {
        let fact = |name: &str| {
            let value = environment.get(name)?;
            Some((name.to_owned(), crate::plain::cut(value, FACT_LEN).into_owned()))
        };
        Self { tool_version, built: Self::BUILD_FACTS.into_iter().filter_map(fact).collect(), ..self }
    }
}

/// What a comparison of two sides was asked to do, and how it went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The side that is compared with, as asked for.
    pub base: String,
    /// The side that is judged, as asked for.
    pub head: String,
    /// The rows by name, with the spec of the base. That of the head differs where the side is a dispatch or flags.
    pub rows: Vec<ComparedRow>,
    /// Numbers of pairs after which the gates were to be judged.
    pub looks: Vec<u32>,
    /// The margins that were asked for and are not the defaults, as shares of one, by the names that figures have in goals.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub margins: BTreeMap<String, f64>,
    /// The goals that were asked for, in the suite's file or on the command line, as `--assert` reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<String>,
    /// The verdict from which on a head was to fail, as `--fail-on` reads it; `None`: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<String>,
    /// Pairs that the machine disturbed, and that were repeated whole, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeated: BTreeMap<String, u32>,
    /// Pairs that the machine disturbed, and that were kept, because enough had been repeated or there was no time for it, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, u32>,
    /// Why no more pairs were run; empty while they are.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stopped: String,
}

/// A row of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// A dispatch, or a cell of a suite.
    pub name: String,
    /// What a trial of the base runs, as `drumpost run --spec` reads it.
    pub spec: serde_json::Value,
    /// The same for the head, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_spec: Option<serde_json::Value>,
}
