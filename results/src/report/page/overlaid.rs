//! Runs that are drawn over each other: percentiles, and the course over time.
//!
//! Does not live here: each of the charts (`percentiles`, `times`).

use super::super::block::Block;
use super::super::names;
use super::{ResponseTimes, percentiles, times};
use crate::model::Run;

/// Runs whose lines lie over each other in the same charts.
pub(in crate::report) struct Overlaid<'a> {
    /// Each with the name of its line.
    pub runs: Vec<(String, &'a Run)>,
    /// What a run is called, one and several: `dispatch` and `dispatches`.
    pub words: (&'static str, &'static str),
}

impl<'a> Overlaid<'a> {
    pub(in crate::report) const DISPATCHES: (&'static str, &'static str) = ("dispatch", "dispatches");
    pub(in crate::report) const SIDES: (&'static str, &'static str) = ("side", "sides");

    /// Runs of a record under their own names.
    pub(in crate::report) fn of(runs: &[&'a Run]) -> Self {
        let is_sides = runs.iter().any(|run| run.side.is_some());
        Self {
            runs: runs.iter().map(|run| (names::run(run).into_owned(), *run)).collect(),
            words: if is_sides { Self::SIDES } else { Self::DISPATCHES },
        }
    }

    /// The charts. `about` is what a reader should know about the lines; it may be empty.
    pub(in crate::report) fn charts(&self, about: impl Into<String>) -> Vec<Block> {
        let response =
            |(name, run): &(String, &Run)| ResponseTimes { name: name.clone(), times: run.response() };
        let responses: Vec<ResponseTimes> = self.runs.iter().map(response).collect();
        let mut blocks = vec![Block::section("Percentiles", about), percentiles(&responses)];
        blocks.push(Block::section("Over time", times::about(self)));
        blocks.extend(times::over_time(self));
        blocks
    }
}
