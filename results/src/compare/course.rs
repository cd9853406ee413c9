//! How the measuring of two sides went: whether it was cut off, which pairs failed, and which were repeated.
//!
//! All of it is read from the record, so a comparison that is shown again says what it said first, and ends as it ended. Does not
//! live here: the measuring (the command line), and which pairs are repeated (`hygiene`).

use std::collections::BTreeSet;

use super::Repeats;
use crate::model::{Record, Role, Status, Trial};
use crate::units;

/// How the measuring of a comparison went. The default is that of one that needed no measuring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// It ended before its plan said so; `None`: it did not.
    pub cut: Option<Cut>,
    /// Pairs of which a trial failed. They count for nothing.
    pub failed_pairs: usize,
    /// The side, the row and the error of the first of them.
    first_failure: String,
    /// Pairs that the machine disturbed.
    repeats: Repeats,
}

/// Why a comparison ended before its plan said so, as its record has it: `interrupted after 12 pairs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// It was interrupted, or its process was killed.
    Interrupted(String),
    /// So many pairs failed that more would tell nothing.
    Failed(String),
}

impl Cut {
    /// What a record has in the place of a [`super::Stop`].
    pub const INTERRUPTED: &str = "interrupted";
    /// The same where pairs failed.
    pub const FAILED: &str = "failed";

    /// The reason.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Interrupted(why) | Self::Failed(why) => why,
        }
    }
}

impl Course {
    /// That of one that ended before its plan said so.
    pub(super) fn cut_off(cut: Cut) -> Self {
        Self { cut: Some(cut), ..Self::default() }
    }

    /// The course of a record of two sides.
    pub(super) fn of(record: &Record) -> Self {
        let compared = record.comparison.clone().unwrap_or_default();
        let cut = record.partial.clone().map(|why| match &*compared.stopped {
            Cut::FAILED => Cut::Failed(why),
            _ => Cut::Interrupted(why),
        });
        let failed = failures(record);
        let pairs: BTreeSet<(&str, u32)> =
            failed.iter().map(|(_, row, trial)| (*row, trial.number)).collect();
        let first_failure =
            failed.iter().min_by_key(|(.., trial)| trial.position).map(|(role, row, trial)| {
                let why = trial.error.as_deref().unwrap_or("no reason was given");
                format!("{} of {row}: {why}", role.told())
            });
        Self {
            cut,
            failed_pairs: pairs.len(),
            first_failure: first_failure.unwrap_or_default(),
            repeats: Repeats::recorded(&compared),
        }
    }

    /// Whether it was interrupted.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        matches!(self.cut, Some(Cut::Interrupted(_)))
    }

    /// Whether any pair failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.failed_pairs > 0 || matches!(self.cut, Some(Cut::Failed(_)))
    }

    /// Pairs that were repeated, and pairs that failed, each as a sentence.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.repeats.sentence().into_iter().chain(self.failed_pairs_in_words())
    }

    /// Pairs that failed, with the reason of the first of them; `None`: none did.
    #[must_use]
    pub fn failed_pairs_in_words(&self) -> Option<String> {
        (self.failed_pairs > 0).then(|| {
            let pairs = units::counted(self.failed_pairs as u64, "pair", "pairs");
            let (are, which) = if self.failed_pairs == 1 { ("is", "") } else { ("are", "the first was ") };
            format!("{pairs} failed and {are} left out: {which}{}", self.first_failure)
        })
    }
}

/// The trials that did not end well, each with its side and its row.
fn failures(record: &Record) -> Vec<(Role, &str, &Trial)> {
    record
        .runs
        .iter()
        .filter_map(|run| Some((run, run.side.as_ref()?)))
        .flat_map(|(run, side)| run.trials.iter().map(move |trial| (side.role, side.row.as_str(), trial)))
        .filter(|(.., trial)| trial.status != Status::Ok)
        .collect()
}
