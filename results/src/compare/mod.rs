//! A comparison of two runs: which runs and trials belong together, and the result.
//!
//! Lives here: matching runs and trials, and the result types. The metrics and their margins are in `metric`, the
//! decision about a gate in `decide`. Does not live here: tables and JSON (`report`), exit codes (the command line).

mod decide;
mod metric;

use thiserror::Error;

pub use decide::{Gate, Interval};
pub use metric::{Metric, Options};

use crate::model::{self, Record, Run, Setting, Status, Trial, Validity};

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
    /// The scenario of both.
    pub scenario: String,
    /// Dispatch of the first run.
    pub dispatch_a: String,
    /// Dispatch of the second run.
    pub dispatch_b: String,
    /// Pairs of trials that both ended well; zero if unpaired.
    pub pairs: usize,
    /// True if one of the runs is invalid: such a run may show a regression, but never the lack of one.
    pub invalid: bool,
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
}

impl Comparison {
    /// True if any of the runs compared is invalid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.rows.iter().any(|row| row.invalid)
    }
}

/// Nothing to compare.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompareError {
    /// No run of one has a counterpart in the other.
    #[error(
        "failed to match the runs: A has {a}, B has {b}; compare records of the same scenario and dispatch"
    )]
    NothingInCommon {
        /// Runs of A.
        a: String,
        /// Runs of B.
        b: String,
    },
    /// The record has no run of that dispatch, or none in a scenario of the other.
    #[error("failed to find {dispatch} in the record, which has {known}; name one of these")]
    UnknownDispatch {
        /// What was asked for.
        dispatch: String,
        /// What there is.
        known: String,
    },
}

const NOT_ONE_JOB: &str = "not judged, because the runs were made at different times. To judge, measure both in one run \
                           (drumpost run --dispatch A,B --trials 30, then drumpost compare FILE --between A,B) or in \
                           one suite";
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
    let same = |a: &Run, b: &Run| a.scenario == b.scenario && a.dispatch == b.dispatch;
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
    Ok(comparison((&a.id, &b.id), paired, &matched, notes, options))
}

/// Compares two dispatches of one record, in every scenario that has both. Judged only if the record's trials were
/// interleaved.
///
/// # Errors
/// A dispatch is not in the record.
pub fn compare_within(
    record: &Record,
    dispatch_a: &str,
    dispatch_b: &str,
    options: &Options,
) -> Result<Comparison, CompareError> {
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
    Ok(comparison((&sides.0, &sides.1), record.pairing.is_some(), &matched, notes, options))
}

fn comparison(
    (a, b): (&str, &str),
    paired: bool,
    matched: &[(&Run, &Run)],
    notes: Vec<String>,
    options: &Options,
) -> Comparison {
    let mut rows: Vec<Row> = matched.iter().map(|(a, b)| row(a, b, paired)).collect();
    if paired {
        decide::decide(&mut rows, options);
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
        options: options.clone(),
    }
}

fn row(a: &Run, b: &Run, paired: bool) -> Row {
    let mut notes = Vec::new();
    let pairs = if paired { pairs(a, b, &mut notes) } else { Vec::new() };
    let metrics = Metric::for_runs(a, b);
    let gates = metrics.into_iter().filter_map(|metric| Gate::of(metric, a, b, &pairs)).collect();
    let mut invalid = false;
    for (side, run) in [("A", a), ("B", b)] {
        let verdict = run.judged();
        if verdict.status == Validity::Invalid {
            invalid = true;
            notes.push(format!("{side} is invalid: {}", verdict.reasons.join("; ")));
        }
        if run.audit_failed() {
            let faults = run.promises.faults(&run.audit());
            let faults: Vec<String> = faults.iter().map(|(n, word)| format!("{n} {word}")).collect();
            notes.push(format!("the audit of {side} failed: {}", faults.join(", ")));
        }
    }
    if a.load != b.load {
        let (a, b) = (a.load.word(), b.load.word());
        notes.push(format!(
            "A has a {a} load and B a {b} load, so their response times mean different things"
        ));
    }
    Row {
        scenario: a.scenario.clone(),
        dispatch_a: a.dispatch.clone(),
        dispatch_b: b.dispatch.clone(),
        pairs: pairs.len(),
        invalid,
        gates,
        differences: differences(a, b),
        notes,
    }
}

/// Trials of the same number and seed that both ended well. A pair is whole or not at all.
fn pairs<'a>(a: &'a Run, b: &'a Run, notes: &mut Vec<String>) -> Vec<(&'a Trial, &'a Trial)> {
    let same_number = |trial: &Trial| b.trials.iter().find(|other| other.number == trial.number);
    let all: Vec<_> = a.trials.iter().filter_map(|trial| Some((trial, same_number(trial)?))).collect();
    let good =
        |(a, b): &(&Trial, &Trial)| a.status == Status::Ok && b.status == Status::Ok && a.seed == b.seed;
    let pairs: Vec<_> = all.iter().copied().filter(good).collect();
    let left_out = a.trials.len().max(b.trials.len()) - pairs.len();
    if left_out > 0 {
        notes.push(format!(
            "{left_out} trials have no partner: the other one is missing, failed or had another seed"
        ));
    }
    pairs
}

fn differences(a: &Run, b: &Run) -> Vec<(String, Option<Setting>, Option<Setting>)> {
    let all = model::differences(&a.settings, &b.settings);
    all.map(|(key, a, b)| (key.to_owned(), a.cloned(), b.cloned())).collect()
}

fn labels(record: &Record) -> String {
    let labels: Vec<String> =
        record.runs.iter().map(|run| format!("{} {}", run.scenario, run.dispatch)).collect();
    if labels.is_empty() { "no run".into() } else { labels.join(", ") }
}

#[cfg(test)]
mod tests;
