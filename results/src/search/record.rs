//! What is kept of a search, beside the runs of its holds.
//!
//! Lives here: the memory types. Does not live here: their fields in a document (`format`).

use super::knee::{Load, knee};
use super::planner::{Answer, Judgement, Phase};
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
    /// In the order they were made.
    pub holds: Vec<Held>,
    /// What came out.
    pub answer: Answer,
}

/// One hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Index of its run in the record.
    pub run: usize,
    /// The rate asked for.
    pub rate_per_s: f64,
    /// What it was made for.
    pub phase: Phase,
    /// What it came to; `None` if it was interrupted or broke.
    pub judgement: Option<Judgement>,
    /// Why the goal was not kept.
    pub reasons: Vec<String>,
    /// Why the machine was not fit to tell.
    pub disturbance: Option<String>,
}

impl Held {
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
        // What has no figures has no power, and is passed over.
        Load { throughput_per_s: throughput_per_s.unwrap_or(0.0), mean_ns: mean_ns.unwrap_or(f64::NAN) }
    });
    let loads: Vec<Load> = loads.collect();
    knee(&loads).map(|index| holds[index].rate_per_s)
}
