//! The result of a search, without the runs of its holds, which are the runs of the record.
//!
//! Lives here: the stored types and their words. Does not live here: how rates are chosen and holds are judged
//! (`crate::search`), and the fields in a document (`format`).

use super::Settings;
use crate::units;

/// A search over one or more dispatches. It is part of a record, whose runs are its holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// The goal, as text.
    pub goal: String,
    /// Settings of the search: precision, repeats, most holds, limits of the rate.
    pub settings: Settings,
    /// One per dispatch, in the order searched.
    pub dispatches: Vec<Searched>,
}

/// The search over one dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Searched {
    /// Style and transport: `message/crossbeam`.
    pub dispatch: String,
    /// Throughput of the load that the start rate came from (closed, or open at the highest rate allowed); `None` if it was given.
    pub probe_per_s: Option<f64>,
    /// The rate at the knee of the curve.
    pub knee_per_s: Option<f64>,
    /// The holds in the order in which they were made.
    pub holds: Vec<Held>,
    /// The answer.
    pub answer: Answer,
}

/// One hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Index of the hold's run in the record.
    pub run: usize,
    /// The rate that was asked for.
    pub rate_per_s: f64,
    /// The phase of the search that asked for the hold.
    pub phase: Phase,
    /// Whether the hold kept the goal; `None` if it was interrupted or failed.
    pub judgement: Option<Judgement>,
    /// Why the goal was not kept.
    pub reasons: Vec<String>,
    /// What disturbed the hold; `None` if nothing did.
    pub disturbance: Option<String>,
}

impl Searched {
    /// A rate of the answer at which the machine disturbed every hold, so that the answer is not confirmed: the highest
    /// rate that kept the goal or the lowest that failed. `None` if an undisturbed hold supports both, and for a search
    /// that ended without an answer.
    #[must_use]
    pub fn disturbed_at(&self) -> Option<f64> {
        if !matches!(self.answer.end, End::Found | End::AlwaysKept | End::NeverKept) {
            return None;
        }
        let bounds = [(self.answer.kept_per_s, true), (self.answer.failed_per_s, false)];
        let is_disturbed = |rate_per_s: f64, is_kept: bool| {
            let speaks = |held: &&Held| held.rate_per_s == rate_per_s && held.says(is_kept);
            let mut speaking = self.holds.iter().filter(speaks).peekable();
            speaking.peek().is_some() && speaking.all(|held| held.disturbance.is_some())
        };
        let known = bounds.into_iter().filter_map(|(rate_per_s, is_kept)| Some((rate_per_s?, is_kept)));
        known
            .filter(|(rate_per_s, is_kept)| is_disturbed(*rate_per_s, *is_kept))
            .map(|(rate_per_s, _)| rate_per_s)
            .next()
    }
}

impl Held {
    /// Whether this hold is evidence that its rate keeps the goal, or misses it. A check of the recovery is neither.
    fn says(&self, is_kept: bool) -> bool {
        self.phase != Phase::Recover
            && match self.judgement {
                Some(Judgement::Kept) => is_kept,
                Some(Judgement::Missed { .. }) => !is_kept,
                Some(Judgement::TooFew) | None => false,
            }
    }

    /// The word in documents and tables: `kept`, `missed`, `too few`, or `-` for a hold that came to nothing.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.judgement.map_or(units::NONE, Judgement::word)
    }
}

/// The phase of a search to which a hold belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking for one rate that keeps the goal and one that does not.
    Bracket,
    /// Between the two.
    Bisect,
    /// The rate that was found, again.
    Repeat,
    /// A low rate after a collapse: does the target keep the goal again? It says nothing about the rate searched for.
    Recover,
}

impl Phase {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bracket => "bracket",
            Self::Bisect => "bisect",
            Self::Repeat => "repeat",
            Self::Recover => "recover",
        }
    }
}

/// The judgement of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The goal was kept.
    Kept,
    /// The goal was not kept.
    Missed {
        /// Flows were left that did not end.
        collapsed: bool,
    },
    /// Too few samples to tell; a lower rate would have fewer.
    TooFew,
}

impl Judgement {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed { .. } => "missed",
            Self::TooFew => "too few",
        }
    }
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A rate kept the goal in all repeats, and a higher one did not.
    Found,
    /// No rate within the bounds kept it.
    NeverKept,
    /// All rates up to the highest allowed did.
    AlwaysKept,
    /// A hold was too short to tell, or lower rates would need longer ones.
    TooFew,
    /// The holds allowed were used up before the precision was reached or all repeats were made.
    OutOfHolds,
    /// The target did not keep the goal at a low rate again after a collapse.
    NotRecovered,
    /// Stopped from outside.
    Interrupted,
    /// A hold could not be made, or broke.
    Broke,
}

impl End {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NeverKept => "never kept",
            Self::AlwaysKept => "always kept",
            Self::TooFew => "too few samples",
            Self::OutOfHolds => "out of holds",
            Self::NotRecovered => "not recovered",
            Self::Interrupted => "interrupted",
            Self::Broke => "broke",
        }
    }
}

/// The answer. `kept_per_s` is below `failed_per_s` if both are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub end: End,
    /// The highest rate that kept the goal whenever it was held for long enough to tell.
    pub kept_per_s: Option<f64>,
    /// How many repeats of it kept the goal; below the number asked for it is not confirmed.
    pub repeats_kept: u32,
    /// The lowest rate that failed.
    pub failed_per_s: Option<f64>,
}
