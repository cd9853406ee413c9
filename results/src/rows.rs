//! The rows of a result: what an assertion is about, and what formats for other tools export line by line.
//!
//! A row is a run of a record, a dispatch of a search at the rate that was found, or a cell of a suite. Lives here also: which sides
//! of a record of two sides are rows. Does not live here: assertions (`assertion`) and formats (`export`).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::compare::Comparison;
use crate::format::suite::Cell;
use crate::model::search::{Held, Judgement, Phase, Searched};
use crate::model::{Record, Role, Run, Status, Validity};
use crate::plain;
use crate::suite::Suite;

/// A row of a result.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Scenario and dispatch, or the name of a suite's cell. If there are several such rows, a number follows, so that each name is
    /// there once.
    pub name: String,
    /// The scenario; empty if it is not known.
    pub scenario: &'a str,
    /// Style and transport: `message/nats`.
    pub dispatch: &'a str,
    /// The highest rate at which a search found its goal kept; `None` for other rows.
    pub kept_per_s: Option<f64>,
    /// The trials of the row, or why there are none.
    source: Result<Cow<'a, Run>, String>,
}

/// Which runs of a record of two sides are rows. Every run of another record is a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// The base, the head and the control. The name of a row begins with its side.
    All,
    /// The runs of one side.
    One(Role),
}

/// The head is what a comparison judges, so it is what goals are about and what is exported.
impl Default for Sides {
    fn default() -> Self {
        Self::One(Role::Head)
    }
}

impl Sides {
    /// Whether a run is a row.
    #[must_use]
    pub fn has(self, run: &Run) -> bool {
        match (self, &run.side) {
            (Self::One(role), Some(side)) => side.role == role,
            (Self::All, _) | (_, None) => true,
        }
    }
}

/// What speaks against a row, from the worst on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A trial failed.
    Failed,
    /// The transport or the harness refused the run.
    Refused,
    /// The row was not run, or not to its end.
    NotRun,
    /// The transport broke its promise.
    AuditFailed,
    /// The run did not measure what was asked.
    Invalid,
}

impl Fault {
    /// The words in documents.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::NotRun => "not run",
            Self::AuditFailed => "audit failed",
            Self::Invalid => "invalid",
        }
    }
}

/// The rows of a record, all sides of a record of two sides included. Of a search each dispatch is a row. Its trials are the holds at
/// the rate that was found.
#[must_use]
pub fn of_record(record: &Record) -> Vec<Row<'_>> {
    of_sides(record, Sides::All)
}

/// The same, with the chosen sides of a record of two sides.
#[must_use]
pub fn of_sides(record: &Record, sides: Sides) -> Vec<Row<'_>> {
    let row = |run| match sides {
        Sides::All => with_side(of_run(run)),
        Sides::One(_) => of_run(run),
    };
    let rows = match &record.search {
        None => record.runs.iter().filter(|run| sides.has(run)).map(row).collect(),
        Some(search) => search.dispatches.iter().map(|searched| of_search(record, searched)).collect(),
    };
    numbered(rows)
}

/// The rows of side B of a comparison: runs of `b` that were compared. With two dispatches of one record, `b` is that record.
#[must_use]
pub fn of_comparison<'a>(comparison: &Comparison, b: &'a Record) -> Vec<Row<'a>> {
    let is_compared = |run: &&Run| {
        let is_it =
            |row: &crate::compare::Row| row.scenario == run.scenario && row.dispatch_b == run.dispatch;
        // Of two sides in one record, B is the head.
        run.side.as_ref().is_none_or(|side| side.role == Role::Head) && comparison.rows.iter().any(is_it)
    };
    numbered(b.runs.iter().filter(is_compared).map(of_run).collect())
}

/// The rows of the head of a record of two sides, before or after it was measured.
#[must_use]
pub fn of_heads(record: &Record) -> Vec<Row<'_>> {
    let is_head = |run: &&Run| run.side.as_ref().is_some_and(|side| side.role == Role::Head);
    numbered(record.runs.iter().filter(is_head).map(of_run).collect())
}

/// The rows of a suite, cell by cell. A cell that was refused or not run is a row without trials.
#[must_use]
pub fn of_suite(suite: &Suite) -> Vec<Row<'_>> {
    let run = |i| suite.run(i).filter(|run| !run.trials.is_empty());
    numbered(suite.plan.cells.iter().enumerate().map(|(i, cell)| of_cell(cell, run(i))).collect())
}

/// The rows of a suite that was not run yet.
#[must_use]
pub fn of_cells<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Row<'a>> {
    numbered(cells.into_iter().map(|cell| of_cell(cell, None)).collect())
}

fn of_cell<'a>(cell: &'a Cell, run: Option<&'a Run>) -> Row<'a> {
    let reason = || cell.refused.clone().unwrap_or_else(|| "no trial of this cell was run".to_owned());
    Row {
        name: cell.name.clone(),
        scenario: &cell.scenario,
        dispatch: &cell.dispatch,
        kept_per_s: None,
        source: run.map(Cow::Borrowed).ok_or_else(reason),
    }
}

fn of_run(run: &Run) -> Row<'_> {
    Row {
        // The name of a suite's cell says more than scenario and dispatch.
        name: match &run.side {
            Some(side) if side.row != run.dispatch => side.row.clone(),
            _ => format!("{} {}", run.scenario, run.dispatch),
        },
        scenario: &run.scenario,
        dispatch: &run.dispatch,
        kept_per_s: None,
        source: Ok(Cow::Borrowed(run)),
    }
}

/// The row with its side in its name, so that the rows of a comparison can be told apart.
fn with_side(row: Row<'_>) -> Row<'_> {
    match row.role() {
        Some(role) => Row { name: format!("{} {}", role.told(), row.name), ..row },
        None => row,
    }
}

fn of_search<'a>(record: &'a Record, searched: &'a Searched) -> Row<'a> {
    let runs = evidence(record, searched);
    let scenario = searched.holds.iter().find_map(|held| record.runs.get(held.run));
    let scenario = scenario.map_or("", |run| run.scenario.as_str());
    let none = || format!("the search found no rate that keeps its goal ({})", searched.answer.end.word());
    Row {
        name: format!("{scenario} {}", searched.dispatch),
        scenario,
        dispatch: &searched.dispatch,
        kept_per_s: searched.answer.kept_per_s,
        source: together(&runs).map(Cow::Owned).ok_or_else(none),
    }
}

/// The runs of the holds that kept the goal at the rate that was found. Repeats come first, because they are longer: the other holds
/// count only where there is no repeat. The same goes for holds that nothing disturbed.
fn evidence<'a>(record: &'a Record, searched: &Searched) -> Vec<&'a Run> {
    let Some(kept_per_s) = searched.answer.kept_per_s else { return Vec::new() };
    let is_kept = |held: &&Held| held.rate_per_s == kept_per_s && held.judgement == Some(Judgement::Kept);
    let is_repeat = |held: &&Held| held.phase == Phase::Repeat;
    let is_calm = |held: &&Held| held.disturbance.is_none();
    let mut holds: Vec<&Held> = searched.holds.iter().filter(is_kept).collect();
    for is_better in [&is_repeat as &dyn Fn(&&Held) -> bool, &is_calm] {
        if holds.iter().any(is_better) {
            holds.retain(is_better);
        }
    }
    holds.into_iter().filter_map(|held| record.runs.get(held.run)).collect()
}

/// One run of the trials of several, with the worst of their verdicts.
fn together(runs: &[&Run]) -> Option<Run> {
    let (first, others) = runs.split_first()?;
    let mut whole = (*first).clone();
    let mut verdict = first.judged();
    for run in others {
        whole.trials.extend(run.trials.iter().cloned());
        let other = run.judged();
        if other.status > verdict.status {
            verdict = other;
        }
    }
    whole.verdict = Some(verdict);
    Some(whole)
}

/// Numbers the names that are there several times, from the second on.
fn numbered(mut rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in &mut rows {
        let n = seen.entry(row.name.clone()).and_modify(|n| *n += 1).or_insert(1);
        if *n > 1 {
            row.name = format!("{} ({n})", row.name);
        }
    }
    rows
}

impl<'a> Row<'a> {
    /// The trials of the row; `None` if it has none.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.source.as_deref().ok()
    }

    /// Its side, in a record of two sides.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.run()?.side.as_ref().map(|side| side.role)
    }

    /// The shortest name by which it can be chosen within its side: the name of a suite's cell, or its dispatch.
    #[must_use]
    pub fn called(&self) -> &str {
        self.run().and_then(|run| run.side.as_ref()).map_or(self.dispatch, |side| &side.row)
    }

    /// Whether this text chooses the row: its dispatch, or the name of its cell.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        // The row of a record that was read has a short name, whatever its file or its command line says.
        let short = plain::name(text);
        [text, &short].iter().any(|text| self.dispatch == *text || self.called() == *text)
    }

    /// The trials of the row if something was measured in them.
    #[must_use]
    pub fn measured(&self) -> Option<&Run> {
        self.run().filter(|run| {
            let mut counted = run.counted_trials();
            counted.any(|trial| trial.flows.due > 0 || trial.audit.sent > 0 || !trial.response.is_empty())
        })
    }

    /// The row with the trials of one number only, from 0; `None` if it has no such trial.
    #[must_use]
    pub fn only(self, trial: u32) -> Option<Self> {
        let mut run = self.run()?.clone();
        run.trials.retain(|it| it.number == trial);
        // The verdict is that of all trials.
        (!run.trials.is_empty()).then_some(Row { source: Ok(Cow::Owned(run)), ..self })
    }

    /// All that speaks against the row, the worst first, each with its reason. A suspect run has no fault.
    #[must_use]
    pub fn faults(&self) -> Vec<(Fault, String)> {
        let run = match &self.source {
            Ok(run) => run,
            Err(why) => return vec![(Fault::NotRun, why.clone())],
        };
        let mut faults = Vec::new();
        let kind = match run.status() {
            Status::Ok => None,
            Status::Failed => Some(Fault::Failed),
            Status::Refused => Some(Fault::Refused),
            Status::Interrupted => Some(Fault::NotRun),
        };
        faults.extend(kind.map(|kind| (kind, run.error().unwrap_or("no reason was given").to_owned())));
        if run.audit_failed() {
            let broken = run.promises.faults(&run.audit());
            let broken: Vec<String> =
                broken.iter().map(|(n, word)| format!("{} {word}", crate::units::count(*n))).collect();
            faults.push((Fault::AuditFailed, broken.join(", ")));
        }
        let verdict = run.judged();
        if verdict.status == Validity::Invalid {
            faults.push((Fault::Invalid, verdict.reasons.join("; ")));
        }
        faults
    }

    /// Why figures of the row are no evidence that a goal is kept: it was not run to its end, or is invalid. A broken promise of the
    /// transport is no such reason, because its counts are known.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let mut faults = self.faults().into_iter();
        faults.find_map(|(fault, reason)| match fault {
            Fault::AuditFailed => None,
            Fault::NotRun => Some(reason),
            Fault::Failed => Some(format!("the run failed: {reason}")),
            Fault::Refused => Some(format!("the run was refused: {reason}")),
            Fault::Invalid => Some(format!("the run is invalid: {reason}")),
        })
    }
}
