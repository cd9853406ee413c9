//! `--assert`: goals that rows of a result have to keep, `--fail-on`, and `--junit`, which saves rows and goals as test cases. What a
//! goal is and how it is checked is in `drumpost_results::assertion`.

use crate::{
    Exit,
    exit::usage,
    files::{Files, Holds},
    form::FormArgs,
    output,
};
use clap::{Args, ValueEnum};
use drumpost_results::{
    assertion::{Assertion, Checked, Outcome, SuiteGoalError, evaluate, evaluate_suite},
    export::{self, ExportError, Of, OfRecord, Selection, Source},
    format::suite::Plan,
    goal::Reply,
    model::{Compared, Record, Validity},
    report::{self, Report},
    rows::Row,
    store::Reader,
    suite::{STATE_FILE, Suite},
};
use std::path::PathBuf;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AssertArgs {
    /// Goal to keep, such as 'p99<2ms, lost=0'
    ///
    /// A name before a colon selects rows: a dispatch, a style, a transport or a scenario, as in 'message: p99<2ms'. Without a
    /// name, all rows have to keep the goal. The flag may be repeated. Figures are those of `search --slo`, and throughput_per_s,
    /// cpu_ns_per_message and cpu_ns_per_flow. A figure is that of all trials of a row together. The command ends with exit code 4 if a
    /// goal is missed, or if its figure is not known, such as the p99 of too few samples.
    #[arg(long = "assert", value_name = "GOAL", help_heading = "Output")]
    pub assertions: Vec<Assertion>,
    /// End with exit code 6 if a run is invalid, or already if it is suspect
    ///
    /// The default is `fail-on` of the suite's file, or else `invalid`.
    #[arg(long, value_name = "VERDICT", help_heading = "Output", hide_short_help = true)]
    pub fail_on: Option<FailOn>,
    /// Save rows or verdicts, and goals, as JUnit XML: a test case for each
    ///
    /// A row fails if it failed, is invalid or breaks a promise, a figure of a comparison if it is a regression, and a goal if it is
    /// missed or cannot be told. An inconclusive figure is skipped, and fails with `compare --strict`. With `compare --tolerate-machine`
    /// (without --strict) a case is skipped where the machine may be the reason that the comparison is invalid.
    #[arg(long, value_name = "FILE", help_heading = "Output", hide_short_help = true)]
    pub junit: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Invalid,
    Suspect,
}

impl FailOn {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Suspect => "suspect",
        }
    }
}

impl AssertArgs {
    /// The same with what the suite's file says where the command line says nothing.
    pub(crate) fn over(&self, plan: &Plan) -> Self {
        let of_file = plan.fail_on.as_deref().and_then(|word| FailOn::from_str(word, false).ok());
        Self { fail_on: self.fail_on.or(of_file), ..self.clone() }
    }

    /// The same with what a record of two sides was checked by: its goals before those of the command line, and its `fail_on` where the
    /// command line says nothing. `--tolerate-machine` passes what `fail_on` fails, so it counts as an answer.
    ///
    /// # Errors
    /// A goal of the record cannot be read.
    pub(crate) fn over_record(&self, record: &Record, tolerates_machine: bool) -> anyhow::Result<Self> {
        let Some(compared) = &record.comparison else { return Ok(self.clone()) };
        let read = |text: &String| {
            let read = text.parse::<Assertion>();
            read.map_err(|why| usage(format!("the goal `{text}` of the record cannot be read: {why}")))
        };
        let mut assertions = compared.goals.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        for goal in &self.assertions {
            if !assertions.contains(goal) {
                assertions.push(goal.clone());
            }
        }
        let recorded = compared.fail_on.as_deref().and_then(|word| FailOn::from_str(word, false).ok());
        let fail_on = self.fail_on.or(recorded.filter(|_| !tolerates_machine));
        Ok(Self { assertions, fail_on, ..self.clone() })
    }

    /// Keeps the goals in the record of two sides, for [`AssertArgs::over_record`].
    pub(crate) fn record(&self, compared: &mut Compared) {
        compared.goals = self.assertions.iter().map(ToString::to_string).collect();
        compared.fail_on = self.fail_on.map(|verdict| verdict.word().to_owned());
    }

    /// Files with that of `--junit`.
    pub(crate) fn written(&self, files: Files) -> Files {
        files.writes("--junit", self.junit.as_deref(), Holds::Xml)
    }

    /// Saves a result and what came of its goals as JUnit XML, if that is asked for.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save_junit(&self, of: Of<'_>, outcome: &Outcome, rows: &[Row<'_>]) -> anyhow::Result<()> {
        let (Some(path), Some(junit)) = (&self.junit, export::named("junit")) else { return Ok(()) };
        let assertions = Some(outcome).filter(|outcome| !outcome.asserted.is_empty());
        let fail_on_suspect = (self.fail_on == Some(FailOn::Suspect)).then_some(rows);
        match export::write(junit, &Source { of, assertions, fail_on_suspect }) {
            Ok(written) => output::document(path, &written.text, Reader::Soon),
            Err(ExportError::Empty) => {
                output::remark(&format!("--junit: nothing was measured, so {} is not made", path.display()));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a record. Of two sides it has the head, as goals do.
    ///
    /// # Errors
    /// As [`AssertArgs::save_junit`].
    pub(crate) fn save_junit_of(
        &self,
        record: &Record,
        outcome: &Outcome,
        rows: &[Row<'_>],
    ) -> anyhow::Result<()> {
        let revision = record.environment.get("revision").map(String::as_str);
        let selection = Selection::default();
        let of = OfRecord { record, selection: &selection, started_s: 0.0, revision };
        self.save_junit(Of::Record(of), outcome, rows)
    }

    /// Whether the rows of a suite keep the goals of its file and those of the command line.
    pub(crate) fn outcome_of_suite(&self, suite: &Suite, rows: &[Row<'_>]) -> anyhow::Result<Outcome> {
        evaluate_suite(suite, rows, &self.assertions).map_err(|error| match error {
            SuiteGoalError::NoRow(error) => usage(format!("--assert: {error}")),
            error @ SuiteGoalError::Stored { .. } => {
                usage(format!("{STATE_FILE}: {error}; run the suite again in another folder"))
            }
        })
    }

    /// Refuses an assertion that is about none of these rows, before anything is measured.
    pub(crate) fn check_rows(&self, rows: &[Row<'_>]) -> anyhow::Result<()> {
        self.outcome(rows).map(drop)
    }

    /// Whether the rows keep the goals.
    pub(crate) fn outcome(&self, rows: &[Row<'_>]) -> anyhow::Result<Outcome> {
        evaluate(&self.assertions, rows).map_err(|error| usage(format!("--assert: {error}")))
    }

    /// The exit code of a command whose result would end with `exit`: what failed outweighs a goal that is missed. A goal that is
    /// missed is an answer, so it outweighs that something else has none (7).
    pub(crate) fn exit(&self, exit: Exit, outcome: &Outcome, rows: &[Row<'_>]) -> Exit {
        let is_suspect = |row: &Row<'_>| row.run().is_some_and(|run| run.judged().status != Validity::Valid);
        let fails_suspect = self.fail_on == Some(FailOn::Suspect);
        match exit {
            Exit::Ok | Exit::Inconclusive if !outcome.is_kept() => Exit::Missed,
            Exit::Ok | Exit::Inconclusive if fails_suspect && rows.iter().any(is_suspect) => Exit::Invalid,
            other => other,
        }
    }
}

/// Prints and saves a report with what came of assertions, as [`output::report`] does. A document for programs has it as its field
/// `assertions`, and goals that are not kept are said on stderr, too.
///
/// # Errors
/// As [`output::report`].
pub(crate) fn report<E: Into<anyhow::Error>>(
    report: impl Fn() -> Report,
    json: impl FnOnce() -> Result<String, E>,
    form: &FormArgs,
    outcome: &Outcome,
) -> anyhow::Result<()> {
    let json = || json().map(|document| report::json_with_assertions(document, outcome));
    output::report(|| report::with_assertions(report(), outcome), json, form)?;
    if form.json {
        say(outcome);
    }
    Ok(())
}

/// Saves the page alone, for a command whose stdout has its record.
///
/// # Errors
/// As [`output::page`].
pub(crate) fn page(report: impl Fn() -> Report, form: &FormArgs, outcome: &Outcome) -> anyhow::Result<()> {
    output::page(|| report::with_assertions(report(), outcome), form)?;
    say(outcome);
    Ok(())
}

fn say(outcome: &Outcome) {
    for row in outcome.asserted.iter().flat_map(|asserted| &asserted.rows) {
        for checked in row.terms.iter().filter(|checked| checked.answer.reply() != Reply::Kept) {
            output::remark(&format!("{}: {}", row.name, Checked::sentence(checked)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asserting(goals: &[&str], fail_on: Option<FailOn>) -> AssertArgs {
        let assertions = goals.iter().map(|goal| goal.parse().unwrap()).collect();
        AssertArgs { assertions, fail_on, junit: None }
    }

    fn recorded(asserts: &AssertArgs) -> Record {
        let mut compared = Compared::default();
        asserts.record(&mut compared);
        Record { comparison: Some(compared), ..Record::default() }
    }

    #[test]
    fn the_goals_of_a_record_are_checked_before_those_of_the_command_line() {
        let record = recorded(&asserting(&["lost=0", "a/b: p99<2ms"], Some(FailOn::Suspect)));
        let both = asserting(&["p50<1s", "lost=0"], None).over_record(&record, false).unwrap();
        assert_eq!(both.assertions, asserting(&["lost=0", "a/b: p99<2ms", "p50<1s"], None).assertions);
        assert_eq!(both.fail_on, Some(FailOn::Suspect));
        // What the command line says of invalid and suspect heads counts.
        let invalid = asserting(&[], Some(FailOn::Invalid)).over_record(&record, false).unwrap();
        assert_eq!(invalid.fail_on, Some(FailOn::Invalid));
        assert_eq!(asserting(&[], None).over_record(&record, true).unwrap().fail_on, None);
        // An older record has neither.
        let older = recorded(&asserting(&[], None));
        let asked = asserting(&["lost=0"], None).over_record(&older, false).unwrap();
        assert_eq!((asked.assertions.len(), asked.fail_on), (1, None));
    }

    #[test]
    fn a_goal_that_no_drumpost_wrote_is_told() {
        let goals = vec!["p98<2ms".to_owned()];
        let comparison = Some(Compared { goals, ..Compared::default() });
        let record = Record { comparison, ..Record::default() };
        let error = asserting(&[], None).over_record(&record, false).unwrap_err();
        assert!(error.to_string().contains("the goal `p98<2ms` of the record cannot be read"), "{error}");
    }
}
