//! `--assert`: goals that rows of a result have to keep, and `--fail-on`. What a goal is and how it is checked is in
//! `drumpost_results::assertion`.

use crate::{Exit, exit::usage, form::FormArgs, output};
use clap::{Args, ValueEnum};
use drumpost_results::{
    assertion::{Assertion, Checked, Outcome, evaluate},
    goal::Reply,
    report::{self, Report},
    rows::Row,
};

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AssertArgs {
    /// Goal to keep, such as 'p99<2ms, lost=0'
    ///
    /// A name before a colon selects rows: a dispatch, a style, a transport or a scenario, as in 'message: p99<2ms'. Without it
    /// all are. The flag may be repeated. Figures: those of `search --slo`, and throughput_per_s, cpu_ns_per_message, cpu_ns_per_flow.
    /// They are those of all trials together. A goal that is missed or cannot be told ends the command with exit code 4.
    #[arg(long = "assert", value_name = "GOAL", help_heading = "Output")]
    pub assertions: Vec<Assertion>,
    /// End with exit code 6 if a run is invalid, or already if it is suspect
    #[arg(
        long,
        value_name = "VERDICT",
        default_value = "invalid",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    #[default]
    Invalid,
    Suspect,
}

impl AssertArgs {
    /// Refuses an assertion that is about none of these rows, before anything is measured.
    pub(crate) fn check_rows(&self, rows: &[Row<'_>]) -> anyhow::Result<()> {
        self.outcome(rows).map(drop)
    }

    /// Whether the rows keep the goals.
    pub(crate) fn outcome(&self, rows: &[Row<'_>]) -> anyhow::Result<Outcome> {
        evaluate(&self.assertions, rows).map_err(|error| usage(format!("--assert: {error}")))
    }

    /// The exit code of a command whose result would end with `exit`: what failed outweighs a goal that is missed.
    pub(crate) fn exit(&self, exit: Exit, outcome: &Outcome, rows: &[Row<'_>]) -> Exit {
        use drumpost_results::model::Validity;
        let is_suspect = |row: &Row<'_>| row.run().is_some_and(|run| run.judged().status != Validity::Valid);
        match exit {
            Exit::Ok if !outcome.is_kept() => Exit::Missed,
            Exit::Ok if self.fail_on == FailOn::Suspect && rows.iter().any(is_suspect) => Exit::Invalid,
            other => other,
        }
    }
}

/// A report with what came of assertions.
fn with(mut report: Report, outcome: &Outcome) -> Report {
    report.append(report::assertions(outcome));
    report
}

/// Prints and saves a report with what came of assertions, as [`output::report`] does. Beside a document for programs, goals that are not
/// kept are said on stderr.
///
/// # Errors
/// As [`output::report`].
pub(crate) fn report<E: Into<anyhow::Error>>(
    report: impl Fn() -> Report,
    json: impl FnOnce() -> Result<String, E>,
    form: &FormArgs,
    outcome: &Outcome,
) -> anyhow::Result<()> {
    output::report(|| with(report(), outcome), json, form)?;
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
    output::page(|| with(report(), outcome), form)?;
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
