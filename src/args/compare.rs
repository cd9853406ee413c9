//! The flags of `drumpost compare`.

use super::LiveArgs;
use crate::{
    assertions::AssertArgs,
    exit::{self, usage},
    form::FormArgs,
    spec::{Lasts, Said, ThresholdArgs},
};
use clap::Args;
use drumpost_results::{
    compare::{Injected, Margin, Plan},
    store,
};
use std::{fmt, path::PathBuf, str::FromStr};

const EXAMPLES: &str = "\
Two builds in one job, which gives a verdict: drumpost compare --base main --head . -- stream -d message/crossbeam
Two programs:    drumpost compare --base ./drumpost-old --head ./drumpost-new suite.toml
Two settings:    drumpost compare --base flags:--batch=1 --head flags:--batch=64 -- stream -d message/rtrb
Two dispatches:  drumpost compare --base message/crossbeam --head event/crossbeam
Two files of different times are shown and not judged: their figures differ by what the machine did meanwhile. For a verdict use --base and --head.";
/// What some exit codes say in a comparison.
const CODES: &str = "\
Of a comparison, 0 says that there is no regression. 5 says that the head breaks a promise of delivery that the base keeps, or that both break it and in clearly more pairs the head has the larger share of faults. 7 says that nothing could be judged, or with --strict that a figure is inconclusive.";

/// The end of the short help.
fn brief() -> String {
    format!("--help has examples. {}", exit::list())
}

/// The end of the long help.
fn examples() -> String {
    format!("{EXAMPLES}\n\n{}\n\n{CODES}", exit::list())
}

#[derive(Debug, Args)]
#[command(after_help = brief(), after_long_help = examples())]
pub(crate) struct CompareArgs {
    /// Record A, such as before a change
    ///
    /// With --base and --head it is what is measured: a suite, a spec file or a record.
    pub a: Option<PathBuf>,
    /// Record B, such as after the change
    #[arg(conflicts_with_all = ["base", "head"])]
    pub b: Option<PathBuf>,
    /// Two dispatches of record A to compare
    #[arg(long, value_name = "DISPATCH,DISPATCH", conflicts_with_all = ["b", "base", "head"])]
    pub between: Option<String>,
    /// Exit with code 7 if anything is inconclusive
    ///
    /// Two files of different times cannot be judged. They are shown, and the exit code is never 0: it is 7, or 5, 6 or 4 if a record breaks
    /// its promise, is invalid or misses a goal.
    #[arg(long)]
    pub strict: bool,
    /// Smallest change that counts, such as p99=30%
    ///
    /// A figure that gets worse by less is no regression. Figures have the names that --assert has: throughput_per_s, cpu_ns_per_message,
    /// cpu_ns_per_flow, p50, p90, p99, p99.9 and confirm.p99. A margin is a ratio: 30 % means 1.3 times as much or as little (-23 %). The flag
    /// may be repeated. The record of a comparison keeps its margins.
    #[arg(long, value_name = "FIGURE=SHARE", value_delimiter = ',')]
    pub margin: Vec<Margin>,
    /// Pass where the machine may be the reason that the comparison is invalid
    ///
    /// Ends with exit code 6 only if the trials of the head are invalid in clearly more pairs than those of the base, or if none of its flows
    /// ended. Without it, any invalid side and a copy of the base that differs from the base end with 6. Both come from a busy runner now and
    /// then, whatever was changed. With --strict such a comparison ends with 7 in place of 0. The flag cannot be given together with --fail-on.
    #[arg(long, hide_short_help = true, conflicts_with = "fail_on")]
    pub tolerate_machine: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
    #[command(flatten)]
    pub asserts: AssertArgs,
    #[command(flatten)]
    pub form: FormArgs,
    #[command(flatten)]
    pub live: LiveArgs,
    #[command(flatten)]
    pub sides: SidesArgs,
    /// The whole command line, program name first, for the record.
    #[arg(skip)]
    pub command: Vec<String>,
}

/// What is measured for a comparison of two sides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sides that are measured")]
pub(crate) struct SidesArgs {
    /// Side to compare with, such as main, ./program or flags:--batch=64
    ///
    /// `main`, `HEAD~1` or any other revision is built in a work tree of its own; `.` are the files as they are. `./drumpost-old` is
    /// a program, `message/crossbeam` a dispatch, and `flags:--batch=64` are flags of run. Where a name could be several of these,
    /// begin it with rev:, bin:, dispatch: or flags:.
    #[arg(long, value_name = "SIDE", allow_hyphen_values = true)]
    pub base: Option<SideArg>,
    /// Side to judge; it is named as that of --base
    #[arg(long, value_name = "SIDE", allow_hyphen_values = true)]
    pub head: Option<SideArg>,
    /// Most pairs of trials [default: 60]
    ///
    /// The comparison is judged at thirds of it, and stops when it is decided.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pairs: Option<u32>,
    /// Stop when this time is over; builds do not count
    ///
    /// One pair of every row is measured in any case. With --prove it is the time of each comparison.
    #[arg(long, value_name = "DURATION")]
    pub within: Option<Said<Lasts>>,
    /// Run the pairs of this record again, in its order and with its seeds
    ///
    /// They are judged by the margins and limits of the record. --margin and --threshold set others.
    #[arg(long, hide_short_help = true, value_name = "RECORD", conflicts_with_all = ["a", "run", "pairs"], requires_all = ["base", "head"])]
    pub replay: Option<PathBuf>,
    /// Show how often verdicts are right on this machine
    ///
    /// Runs N comparisons (10 without a number) for each cost that --inject names. 0% changes nothing, so what is found there is a false alarm. Counts
    /// false alarms and changes that were missed. With --base that side is used.
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "10",
        require_equals = true,
        conflicts_with_all = ["head", "b", "between", "replay", "assertions", "strict", "junit"],
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub prove: Option<u32>,
    /// Costs that --prove puts in, such as 0%,2% or 10x@1/50
    ///
    /// `2%` is a share of what each message costs, and `10x@1/50` makes one message of fifty ten times as slow.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "COST,COST",
        value_delimiter = ',',
        requires = "prove",
        default_value = "0%,1%,3%,5%,10x@1/100"
    )]
    pub inject: Vec<Injected>,
    /// Program to run, where a build makes several
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub program: Option<String>,
    /// Arguments for `cargo build` of a revision, such as --cargo=--no-default-features
    #[arg(long, hide_short_help = true, value_name = "WORD", allow_hyphen_values = true)]
    pub cargo: Vec<String>,
    /// File of the record [default: .drumpost/ID.json]
    ///
    /// With --prove it is the document of --json, which is saved after each comparison. Without the flag, --prove saves nothing.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Flags of `run`: what is measured
    ///
    /// Without --duration a trial takes 250 ms in process and 1 s over a server, because many short trials decide better than few long
    /// ones. If pairs differ too much to decide, try longer trials: --duration 1s in process, or --duration 4s over a server.
    #[arg(last = true, value_name = "FLAGS OF RUN")]
    pub run: Vec<String>,
}

impl CompareArgs {
    /// Refuses flags that mean nothing beside `--prove`: it counts what comparisons find, none of them fails, and nobody is told of them
    /// while they go on.
    pub(crate) fn refuse_beside_proof(&self) -> anyhow::Result<()> {
        if self.sides.out.as_deref().is_some_and(store::is_stdout) {
            return Err(usage("--out -: give --json, which prints what --prove counted"));
        }
        let given =
            [(self.tolerate_machine, "--tolerate-machine"), (self.asserts.fail_on.is_some(), "--fail-on")];
        let given = given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag);
        match self.live.asked().or(given) {
            Some(flag) => Err(usage(format!(
                "{flag} cannot be used with --prove: it only counts verdicts, so no comparison fails the command or is shown live"
            ))),
            None => Ok(()),
        }
    }
}

impl SidesArgs {
    /// The most pairs that are measured.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs.map_or(Plan::PAIRS, |pairs| pairs as usize)
    }

    /// Refuses flags that only say how sides are measured, where none are.
    pub(crate) fn refuse(&self) -> anyhow::Result<()> {
        let given = [
            (self.pairs.is_some(), "--pairs"),
            (self.within.is_some(), "--within"),
            (self.out.is_some(), "--out"),
            (self.program.is_some(), "--program"),
            (!self.cargo.is_empty(), "--cargo"),
            (!self.run.is_empty(), "`--` and flags of run"),
        ];
        match given.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, flag)) => {
                Err(usage(format!("{flag}: nothing is measured here; give --base and --head, too")))
            }
            None => Ok(()),
        }
    }
}

/// A side as a user writes it. What its text means without a prefix depends on what there is, so it is found out later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SideArg(pub String);

impl FromStr for SideArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("it is empty: name a revision, a program, a dispatch or flags of run".into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SideArg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_how_many_pairs_there_are_without_the_flag() {
        let help = CompareArgs::augment_args(clap::Command::new("compare")).render_help().to_string();
        assert!(help.contains(&format!("Most pairs of trials [default: {}]", Plan::PAIRS)), "{help}");
    }
}
