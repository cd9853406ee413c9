//! The result of a search, without the runs of its holds, which are the runs of the record.
//!
//! Lives here: the memory types. Does not live here: their fields in a document (`format`).

use super::knee::{Load, knee};
use super::planner::{Answer, End, Judgement, Phase};
use crate::model::{Run, Settings};

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
        self.judgement.map_or(crate::units::NONE, Judgement::word)
    }
}

/// The rate at the knee of the curve of these holds, in flows per second: see [`knee`].
#[must_use]
pub fn knee_of(holds: &[Held], runs: &[Run]) -> Option<f64> {
    let loads = holds.iter().map(|held| {
        let run = runs.get(held.run);
        let throughput_per_s = run.and_then(|run| run.trials.first()?.throughput_per_s());
        let mean_ns = run.and_then(|run| run.response().mean_ns());
        // A hold without figures has no power and is left out.
        Load { throughput_per_s: throughput_per_s.unwrap_or(0.0), mean_ns: mean_ns.unwrap_or(f64::NAN) }
    });
    let loads: Vec<Load> = loads.collect();
    knee(&loads).map(|index| holds[index].rate_per_s)
}
