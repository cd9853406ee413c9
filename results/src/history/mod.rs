//! Saved runs over time: what is known of each, which of them make a series, and where a series changes.
//!
//! Lives here: an entry for a run, and the words for it. What has to be the same for runs to be in one series is in `fingerprint`,
//! series and their changes in `series`. Does not live here: the index that entries come from (the package `drumpost-history`), and how
//! a history looks (`report`).

mod entry;
mod fingerprint;
mod series;

pub use entry::{WithFigures, entries, seconds};
pub use fingerprint::{Difference, Fingerprint, PARTS, Part};
pub use series::{Change, Joined, Series, series};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::goal::Named;
use crate::model::Validity;

/// Characters of a revision that are shown.
pub const REVISION_LEN: usize = 12;

/// Which command measured a run. Runs of different kinds are never in one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A run, or a cell of a suite.
    Run,
    /// The trials at the rate that a search found.
    Search,
    /// A side of a comparison.
    Compare,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Run, Self::Search, Self::Compare];

    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Search => "search",
            Self::Compare => "compare",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What was measured: runs of one subject differ in nothing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The scenario.
    pub scenario: String,
    /// Style and transport: `message/crossbeam`.
    pub dispatch: String,
    /// Which command measured it.
    pub kind: Kind,
    /// The settings that keep two runs from being compared if they differ, as texts.
    pub settings: BTreeMap<String, String>,
}

/// Whether the figures of a run can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The run ended well, and has this verdict.
    Judged(Validity),
    /// A search found that no rate keeps its goal.
    NoRate,
    /// A search has no answer, such as one whose holds had too few samples for its goal.
    NotJudged,
    /// The run was interrupted.
    Interrupted,
    /// The transport or the harness refused the run.
    Refused,
    /// The run failed.
    Failed,
}

impl Standing {
    const ALL: [Self; 8] = [
        Self::Judged(Validity::Valid),
        Self::Judged(Validity::Suspect),
        Self::Judged(Validity::Invalid),
        Self::NoRate,
        Self::NotJudged,
        Self::Interrupted,
        Self::Refused,
        Self::Failed,
    ];

    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Judged(validity) => validity.word(),
            Self::NoRate => "no rate",
            Self::NotJudged => "not judged",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The standing of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }

    /// Whether change points are looked for in its figures.
    #[must_use]
    pub fn is_used(self) -> bool {
        matches!(self, Self::Judged(Validity::Valid | Validity::Suspect))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A run of a saved record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The file of its record, seen from the folder of records.
    pub file: String,
    /// The id of its record.
    pub record: String,
    /// When its record was begun, in seconds since 1970. Without a date, as in virtual time, that of the file.
    pub at_s: i64,
    /// Whether the record has a date.
    pub is_dated: bool,
    /// What was measured.
    pub subject: Arc<Subject>,
    /// What it was measured on and with.
    pub fingerprint: Arc<Fingerprint>,
    /// The revision of what was measured; `None`: the record does not say.
    pub revision: Option<Arc<str>>,
    /// The part in a comparison: `base`, `head` or `control`.
    pub role: Option<String>,
    /// Trials that count.
    pub trials: u64,
    /// Whether its figures can be used.
    pub standing: Standing,
    /// What speaks against it first.
    pub reason: Option<String>,
    /// The figures that were asked for, in that order.
    pub figures: Vec<Option<f64>>,
}

/// A list of runs, or the trend of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The folder of records.
    pub folder: String,
    /// The figures of the entries.
    pub figures: Vec<Named>,
    /// From the oldest to the newest.
    pub entries: Vec<Entry>,
    /// Runs that match what was asked for, with those that are left out because there are too many.
    pub matching: u64,
    /// Runs in the index.
    pub all: u64,
    /// Parts of fingerprints that may differ within a series.
    pub across: Vec<Part>,
    /// Records that cannot be read, each with the reason.
    pub unreadable: Vec<(String, String)>,
    /// What else a reader should know, such as that the index is in memory.
    pub notes: Vec<String>,
}

impl Entry {
    /// The beginning of its revision. `-dirty` at the end is kept.
    #[must_use]
    pub fn short_revision(&self) -> Option<String> {
        let revision = self.revision.as_deref()?;
        let (commit, dirty) = match revision.strip_suffix("-dirty") {
            Some(commit) => (commit, "-dirty"),
            None => (revision, ""),
        };
        let is_commit = commit.len() >= 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
        let short = if is_commit { &commit[..REVISION_LEN] } else { commit };
        Some(format!("{short}{dirty}"))
    }

    /// The time as people read it, in UTC: `2026-11-21 10:45`. With `~` before it if it is that of the file.
    #[must_use]
    pub fn date(&self) -> String {
        let date = entry::date(self.at_s);
        if self.is_dated { date } else { format!("~{date}") }
    }
}
