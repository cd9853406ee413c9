//! A comparison of two runs: which runs and trials belong together, and the result.
//!
//! Lives here: matching runs and trials, and the result types. The metrics are in `metric` and their margins in `margins`, the rule on
//! numbers in `rule`, what it makes of a gate in `decide` and in words in `sentence`, why pairs lack a figure in `lacking`, and what built the sides in `built`. When to look while pairs are added, and when to stop, is in `looks`, a copy of A as a control in `control`, which
//! pairs to repeat in `hygiene`, how the measuring went in `course`, notes on the runs of a row in `notes`, broken promises of delivery in `promise`, and which side an invalid
//! comparison speaks against in `blame`. Does not live
//! here: tables and JSON (`report`), exit codes (the command line).

mod blame;
mod built;
mod control;
mod course;
mod decide;
mod error;
mod hygiene;
mod lacking;
mod looks;
mod margins;
mod metric;
mod notes;
mod promise;
mod proof;
mod rule;
mod sentence;

pub use control::{Control, ControlState};
pub use course::{Course, Cut};
pub use decide::{Gate, Interval};
pub use error::CompareError;
pub use hygiene::{Cause, Disturbed, Repeating, Repeats, disturbed};
pub use looks::{Looks, Next, Plan, PlanError, Stop};
pub use margins::{Margin, MarginError, Margins};
pub use metric::{GATES_AT_MOST, Metric, Options};
pub use proof::{Case, Counted, Injected, Proof, ProofRow, Said};

use crate::model::{Record, Role, Run, Setting, Side, Status, Trial, Validity};
use crate::verdict::Thresholds;
use std::collections::HashMap;

/// The verdict of a comparison, on one metric or on all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The runs were not measured in pairs, or the trials lack the figure: shown only.
    NotJudged,
    /// Any difference is smaller than one and a half margins.
    NoChange,
    /// B is better by more than the margin.
    Improvement,
    /// Too few pairs or too much noise to say either.
    Inconclusive,
    /// B is worse by more than the margin.
    Regression,
}

impl Verdict {
    /// The words in documents and tables.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotJudged => "not judged",
            Self::NoChange => "no change",
            Self::Improvement => "improvement",
            Self::Inconclusive => "inconclusive",
            Self::Regression => "regression",
        }
    }
}

/// Whether the trials make pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Trials of the same number were run next to each other in random order with the same seed: judged.
    Paired,
    /// Two runs at different times, or one after the other: shown, not judged.
    Unpaired,
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the row is called, where it is a cell of a suite or a dispatch of two sides; `None`: its scenario and dispatches name it.
    pub name: Option<String>,
    /// The scenario of both.
    pub scenario: String,
    /// Dispatch of the first run.
    pub dispatch_a: String,
    /// Dispatch of the second run.
    pub dispatch_b: String,
    /// Pairs of trials that both ended well; zero if unpaired.
    pub pairs: usize,
    /// Whether the run of A is invalid, and that of B. Such a run may show a regression, but never the lack of one.
    pub invalid_sides: [bool; 2],
    /// Pairs of them that the machine disturbed; see [`disturbed`]. If they are more than half, equal times are no proof that
    /// nothing changed.
    pub disturbed: usize,
    /// True if other processes used more than the limit `others` over all pairs together, whatever single pairs show. Short
    /// trials show little one by one.
    pub is_busy: bool,
    /// True if B is invalid, and its trials are in clearly more pairs than those of A, so that the machine does not explain it.
    pub is_b_to_blame: bool,
    /// The faults of B, such as `3 lost`, if what changed breaks a promise of delivery: the audit of B failed and that of A did not,
    /// or B has the larger share of faults in clearly more pairs.
    pub broken_promise: Option<String>,
    /// The faults of both sides if both audits failed.
    pub broken_by_both: Option<String>,
    /// One per metric that both runs have.
    pub gates: Vec<Gate>,
    /// Settings that differ: name, value in A, value in B, `None` where there is none.
    pub differences: Vec<(String, Option<Setting>, Option<Setting>)>,
    /// Notes, each a sentence.
    pub notes: Vec<String>,
}

/// The answer of `compare`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Name of side A: the id of its record, or of the common record.
    pub a: String,
    /// Name of side B.
    pub b: String,
    /// Whether it could be judged.
    pub basis: Basis,
    /// The worst verdict of all gates: regression, then inconclusive, then improvement, then no change. A row
    /// without a gate is inconclusive.
    pub verdict: Verdict,
    /// One per pair of runs.
    pub rows: Vec<Row>,
    /// Runs without a counterpart, as sentences, and why nothing was judged.
    pub notes: Vec<String>,
    /// The settings of the judgement.
    pub options: Options,
    /// The control arm; `None` if there was none. See [`Comparison::with_control`].
    pub control: Option<Control>,
    /// When it was looked at, set by the caller from [`Plan::ended`]; `None` if the number of pairs was fixed.
    pub looks: Option<Looks>,
    /// How the measuring went, if it was measured for this.
    pub course: Course,
}

impl Comparison {
    /// A comparison of which nothing was measured: a side could not be built or found. It has no rows.
    #[must_use]
    pub fn not_begun(a: String, b: String, why: String) -> Self {
        Self {
            a,
            b,
            basis: Basis::Unpaired,
            verdict: Verdict::NotJudged,
            rows: Vec::new(),
            notes: Vec::new(),
            options: Options::default(),
            control: None,
            looks: None,
            course: Course::cut_off(Cut::Failed(why)),
        }
    }

    /// True if any of the runs compared is invalid, or if a copy of A differs from A.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.is_control_different() || self.rows.iter().any(Row::is_invalid)
    }

    /// The rows in which B breaks a promise that A keeps, or has the larger share of faults in clearly more pairs, each with the faults of B.
    pub fn broken_promises(&self) -> impl Iterator<Item = (&Row, &str)> {
        self.rows.iter().filter_map(|row| Some((row, row.broken_promise.as_deref()?)))
    }

    /// True if there is such a row.
    #[must_use]
    pub fn breaks_promise(&self) -> bool {
        self.broken_promises().next().is_some()
    }
}

const NOT_ONE_JOB: &str = "not judged, because the runs were made at different times. To judge, have both measured in one \
                           job, in pairs: drumpost compare --base A --head B, where A and B are revisions, programs, \
                           dispatches or flags";
const NOT_INTERLEAVED: &str = "not judged, because the trials were not interleaved. To judge, measure both in one run with \
                               several trials (drumpost run --dispatch A,B --trials 30)";

/// Compares two records run by run, matched by scenario and dispatch. Two records of a single run each are compared
/// whatever their dispatch. Judged only if both carry the same pairing id; otherwise they were made at different
/// times, and their figures are shown without a verdict.
///
/// # Errors
/// No two runs belong together.
pub fn compare(a: &Record, b: &Record, options: &Options) -> Result<Comparison, CompareError> {
    let mut matched: Vec<(&Run, &Run)> = Vec::new();
    let mut notes = Vec::new();
    let role = |run: &Run| run.side.as_ref().map(|side| (side.role, side.row.clone()));
    let same = |a: &Run, b: &Run| {
        let is_side = a.side.is_none() || b.side.is_none() || role(a) == role(b);
        a.scenario == b.scenario && a.dispatch == b.dispatch && is_side
    };
    for run in &a.runs {
        match b.runs.iter().find(|other| same(run, other)) {
            Some(other) => matched.push((run, other)),
            None => notes.push(format!("only in A: {} {}", run.scenario, run.dispatch)),
        }
    }
    let missing = b.runs.iter().filter(|run| !a.runs.iter().any(|other| same(run, other)));
    notes.extend(missing.map(|run| format!("only in B: {} {}", run.scenario, run.dispatch)));
    if let ([run], [other]) = (&a.runs[..], &b.runs[..])
        && matched.is_empty()
        && run.scenario == other.scenario
    {
        matched.push((run, other));
        notes.clear();
    }
    if matched.is_empty() {
        return Err(CompareError::NothingInCommon { a: labels(a), b: labels(b) });
    }
    let paired = a.pairing.as_ref().zip(b.pairing.as_ref()).is_some_and(|(a, b)| a.id == b.id);
    if !paired {
        notes.push(NOT_ONE_JOB.into());
    }
    let limits = Thresholds::from_settings(&a.thresholds);
    let judging = Judging { options, limits: &limits, is_paired: paired };
    let mut result = comparison((&a.id, &b.id), &matched, notes, judging);
    // Two comparisons against each other have rows of the same dispatch, which their sides tell apart.
    for (row, (run, _)) in result.rows.iter_mut().zip(&matched) {
        row.name = run.side.as_ref().map(Side::called);
    }
    Ok(result)
}

/// Compares two dispatches of one record, in every scenario that has both. Judged only if the record's trials were
/// interleaved.
///
/// # Errors
/// A dispatch is not in the record, or the record is one of two sides.
pub fn compare_within(
    record: &Record,
    dispatch_a: &str,
    dispatch_b: &str,
    options: &Options,
) -> Result<Comparison, CompareError> {
    if record.comparison.is_some() {
        return Err(CompareError::TwoSides);
    }
    let of = |dispatch: &str| record.runs.iter().filter(|run| run.dispatch == dispatch).collect::<Vec<_>>();
    let counterparts = of(dispatch_b);
    let other = |run: &Run| counterparts.iter().find(|other| other.scenario == run.scenario).copied();
    let firsts = of(dispatch_a);
    let matched: Vec<_> = firsts.iter().filter_map(|run| Some((*run, other(run)?))).collect();
    if matched.is_empty() {
        let dispatch = if firsts.is_empty() { dispatch_a } else { dispatch_b }.to_owned();
        return Err(CompareError::UnknownDispatch { dispatch, known: labels(record) });
    }
    let mut notes = Vec::new();
    if record.pairing.is_none() {
        notes.push(NOT_INTERLEAVED.into());
    }
    let sides = (format!("{} {dispatch_a}", record.id), format!("{} {dispatch_b}", record.id));
    let limits = Thresholds::from_settings(&record.thresholds);
    let judging = Judging { options, limits: &limits, is_paired: record.pairing.is_some() };
    Ok(comparison((&sides.0, &sides.1), &matched, notes, judging))
}

/// What runs are compared by.
#[derive(Clone, Copy)]
struct Judging<'a> {
    options: &'a Options,
    /// Limits from which on the machine disturbed a pair.
    limits: &'a Thresholds,
    is_paired: bool,
}

/// Compares the sides of a record of `compare --base --head`, row by row, by the rule of the looks that it was measured with. Margins
/// that the record holds take the place of those of `options`.
///
/// # Errors
/// The record has no run of one of the sides.
pub fn compare_sides(record: &Record, options: &Options) -> Result<Comparison, CompareError> {
    let compared = record.comparison.clone().unwrap_or_default();
    let of = |role: Role, row: &str| {
        let is = |run: &&Run| run.side.as_ref().is_some_and(|side| side.role == role && side.row == row);
        record.runs.iter().find(is)
    };
    let matched: Vec<(&Run, &Run)> = compared
        .rows
        .iter()
        .filter_map(|row| Some((of(Role::Base, &row.name)?, of(Role::Head, &row.name)?)))
        .collect();
    if matched.is_empty() {
        return Err(CompareError::NothingInCommon { a: labels(record), b: "no head".into() });
    }
    let limits = Thresholds::from_settings(&record.thresholds);
    let plan = Plan::recorded(&compared.looks);
    let mut options = plan.as_ref().map_or_else(|| options.clone(), |plan| plan.options(options));
    if !compared.margins.is_empty() {
        options.margins = Margins::from_changed(&compared.margins);
    }
    let judging = Judging { options: &options, limits: &limits, is_paired: true };
    let mut result =
        comparison((&compared.base, &compared.head), &matched, built::differences(&matched), judging);
    let mut copies = Vec::new();
    for (row, (base, _)) in result.rows.iter_mut().zip(&matched) {
        row.name = base.side.as_ref().map(|side| side.row.clone());
        let copy = row.name.as_ref().and_then(|name| of(Role::Control, name));
        copies.push(copy.map(|copy| (*base, copy)));
    }
    let pairs = result.rows.iter().map(|row| row.pairs).min().unwrap_or(0);
    let stop = Stop::ALL.into_iter().find(|stop| stop.words() == compared.stopped);
    result.looks = plan.zip(stop).map(|(plan, stop)| plan.ended(pairs, stop));
    let mut result = result.controlled(&copies, true, &limits);
    result.course = Course::of(record);
    result.notes.extend(result.course.notes());
    Ok(result)
}

fn comparison(
    (a, b): (&str, &str),
    matched: &[(&Run, &Run)],
    notes: Vec<String>,
    judging: Judging<'_>,
) -> Comparison {
    let paired = judging.is_paired;
    let of_runs = |(a, b): &(&Run, &Run)| {
        let mut row = row((a, b), ["A", "B"], Metric::for_runs(a, b), judging);
        let left_out = a.trials.len().max(b.trials.len()) - row.pairs;
        if paired && left_out > 0 {
            let why = "the other one is missing, failed or had another seed";
            let trials = if left_out == 1 { "1 trial has".into() } else { format!("{left_out} trials have") };
            row.notes.insert(0, format!("{trials} no partner: {why}"));
        }
        row
    };
    let mut rows: Vec<Row> = matched.iter().map(of_runs).collect();
    if paired {
        decide::decide(&mut rows, judging.options);
        promise::judge(&mut rows, matched, judging.options);
        blame::judge(&mut rows, matched, judging);
    }
    let none = if paired { Verdict::Inconclusive } else { Verdict::NotJudged };
    let of_row = |row: &Row| row.gates.iter().map(|gate| gate.verdict).max().unwrap_or(none);
    Comparison {
        a: a.to_owned(),
        b: b.to_owned(),
        basis: if paired { Basis::Paired } else { Basis::Unpaired },
        verdict: rows.iter().map(of_row).max().unwrap_or(none),
        rows,
        notes,
        options: judging.options.clone(),
        control: None,
        looks: None,
        course: Course::default(),
    }
}

/// Two runs side by side, not judged yet. `sides` are the names of the runs in notes.
fn row((a, b): (&Run, &Run), sides: [&str; 2], metrics: Vec<Metric>, judging: Judging<'_>) -> Row {
    let pairs = if judging.is_paired { pairs(a, b) } else { Vec::new() };
    let gates = metrics.into_iter().filter_map(|metric| Gate::of(metric, a, b, &pairs)).collect();
    let verdicts = [a, b].map(Run::judged);
    let invalid_sides = verdicts.each_ref().map(|verdict| verdict.status == Validity::Invalid);
    let broken = promise::broken((a, b), &pairs, judging.options.alpha_per_look());
    Row {
        name: None,
        scenario: a.scenario.clone(),
        dispatch_a: a.dispatch.clone(),
        dispatch_b: b.dispatch.clone(),
        broken_promise: broken.by_b,
        broken_by_both: broken.by_both,
        pairs: pairs.len(),
        invalid_sides,
        disturbed: pairs.iter().filter(|(a, b)| disturbed(&[a, b], judging.limits).is_some()).count(),
        is_busy: hygiene::is_busy(&pairs, judging.limits),
        is_b_to_blame: false,
        gates,
        differences: notes::differences(a, b),
        notes: notes::of([a, b], sides, &verdicts, &pairs, judging.limits),
    }
}

/// Trials of the same number and seed that both ended well. A pair is whole or not at all.
fn pairs<'a>(a: &'a Run, b: &'a Run) -> Vec<(&'a Trial, &'a Trial)> {
    // The first of a number counts. A file may hold any numbers, so a search through all trials for each could take hours.
    let of_b: HashMap<u32, &Trial> = b.trials.iter().rev().map(|trial| (trial.number, trial)).collect();
    let all = a.trials.iter().filter_map(|trial| Some((trial, *of_b.get(&trial.number)?)));
    let good =
        |(a, b): &(&Trial, &Trial)| a.status == Status::Ok && b.status == Status::Ok && a.seed == b.seed;
    all.filter(good).collect()
}

fn labels(record: &Record) -> String {
    let labels: Vec<String> =
        record.runs.iter().map(|run| format!("{} {}", run.scenario, run.dispatch)).collect();
    if labels.is_empty() { "no run".into() } else { labels.join(", ") }
}

#[cfg(test)]
mod tests;
