//! The command line: the sub-commands and their flags. What `run` measures is a spec, whose fields are in `spec`.

mod compare;
mod history;
mod live;
mod meaning;
mod others;
mod search;
mod selftest;
mod suite;
mod values;
mod watch;

pub(crate) use compare::{CompareArgs, SideArg};
pub(crate) use history::HistoryArgs;
#[cfg(feature = "otlp")]
pub(crate) use live::Endpoint;
pub(crate) use live::{LiveArgs, ServeAt};
pub(crate) use others::{
    BrokerAction, BrokerArgs, CleanArgs, CompletionsArgs, ContractArgs, DoctorArgs, ExportArgs, ExportSide,
    MergeArgs,
};
pub(crate) use search::SearchArgs;
pub(crate) use selftest::SelftestArgs;
pub(crate) use suite::SuiteArgs;
pub(crate) use watch::WatchArgs;

use crate::{
    assertions::AssertArgs,
    exit,
    form::FormArgs,
    spec::{ThresholdArgs, file::SpecArgs},
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Benchmarks messaging: the same flow as commands to known recipients and as events to subscribers, over interchangeable
/// transports, with every message audited.
///
/// Without a sub-command, drumpost runs `order-authorization` in both styles over every in-process transport.
#[derive(Debug, Parser)]
#[command(name = "drumpost", version, max_term_width = 110, after_help = exit::list())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The hidden command with which `run --isolate` starts a process for a trial.
pub(crate) const TRIAL: &str = "trial";

const MORE_OF_RUN: &str = "--help has more flags and explains each. `drumpost list` has all names.";

/// The end of the long help of `run`.
fn examples_of_run() -> String {
    format!(
        "\
`drumpost list` has the names of all scenarios, dispatches and options.

Throughput of two transports: drumpost run stream -d message/crossbeam,message/rtrb
Response times at a rate:     drumpost run stream -d message/crossbeam --rate 10k/s --duration 10s

{}",
        exit::list()
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a scenario over one or more dispatches
    #[command(after_help = MORE_OF_RUN, after_long_help = examples_of_run())]
    Run(Box<RunArgs>),
    /// Find the highest rate that keeps a goal
    ///
    /// The search holds one rate after another. A hold is one trial of an open load at one rate. It takes as long as the percentiles of
    /// the goal need to have enough samples, and at most 20 s, unless --duration says how long.
    #[command(after_long_help = exit::list())]
    Search(Box<SearchArgs>),
    /// Run many combinations of scenarios, dispatches and loads from a file
    #[command(after_long_help = exit::list())]
    Suite(SuiteArgs),
    /// List scenarios, transports with their options and promises, loads and thresholds
    List(ListArgs),
    /// Show the dashboard of a run in progress elsewhere on this machine, or of a saved record
    Watch(WatchArgs),
    /// Print the table of a saved record or suite again, or of several records
    Show(ShowArgs),
    /// List saved runs, and draw the trend of a figure with its change points
    History(HistoryArgs),
    /// Compare two builds, settings or dispatches, measured in pairs, or two records
    Compare(Box<CompareArgs>),
    /// Make one record of several that were measured apart
    Merge(MergeArgs),
    /// Convert a record to formats of other tools, such as CSV and JUnit
    Export(ExportArgs),
    /// Check drumpost against known answers on this machine
    Selftest(SelftestArgs),
    /// Check that a transport keeps what the harness relies on: order, counts, wake-ups, limits
    Contract(ContractArgs),
    /// Say whether a server can be measured, and what is wrong if it cannot
    Doctor(DoctorArgs),
    /// Remove what killed runs left at a server
    Clean(CleanArgs),
    /// Start and end private servers on this machine, to try transports with
    Broker(BrokerArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Run one trial for another process of drumpost
    #[command(name = TRIAL, hide = true)]
    Trial,
}

/// The flags of `run`: what is measured, and where the results go.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub spec: SpecArgs,

    /// File of the record [default: .drumpost/ID.json]
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub asserts: AssertArgs,
    #[command(flatten)]
    pub form: FormArgs,
    /// No dashboard, even on a terminal
    #[arg(long, help_heading = "Output")]
    pub no_tui: bool,
    /// Save the dashboard's last frame as SVG (with --no-tui)
    #[arg(long, value_name = "FILE", hide = true, help_heading = "Output")]
    pub save_frame: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
    /// The whole command line, program name first, for the record.
    #[arg(skip)]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// List the options of all transports and scenarios, or of one
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "the flag may stand without a name")]
    pub options: Option<Option<String>>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Record of a run or a search, or the folder of a suite; or several records
    ///
    /// Several records have one table for each scenario with all their runs, and then each record in full. --json, --assert, --fail-on,
    /// --junit, --hops and --spec take one record only.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub asserts: AssertArgs,
    #[command(flatten)]
    pub form: FormArgs,
    /// Print the spec of the run, for `drumpost run --spec`
    #[arg(long, conflicts_with_all = ["json", "markdown", "html", "hops"])]
    pub spec: bool,
    /// Add hop times for each destination and receiver, and confirm times for each destination
    #[arg(long)]
    pub hops: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
}
