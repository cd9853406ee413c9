//! Flags of the smaller sub-commands: export, contract, servers, completions.

use crate::form::FormArgs;
use clap::{Args, ValueEnum};
use drumpost_core::{guarantee::Guarantee, promise::Acks};
use drumpost_results::export::Times;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Records of the same runs with different seeds, measured with the same settings on one machine
    ///
    /// They may come from jobs that ran one after another or side by side. Runs side by side have slowed each other.
    #[arg(required = true, num_args = 2..)]
    pub files: Vec<PathBuf>,
    /// File of the merged record [default: .drumpost/ID.json]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Record of a run or a search
    pub file: PathBuf,
    /// Format
    ///
    /// csv, hlog and hgrm hold times of trials. The others hold a row for each dispatch, of a search at the rate that it found: junit for
    /// servers that show tests, openmetrics for Prometheus, and two for tools that follow figures over time, bencher and otava. These
    /// two leave rows out that failed, are invalid or break a promise, and say so.
    #[arg(long, short, value_enum)]
    pub format: ExportFormat,
    /// Dispatch to export, such as message/crossbeam, or cell of a compared suite [default: all]
    #[arg(long, short, value_name = "DISPATCH")]
    pub dispatch: Option<String>,
    /// Side to export of a record of `compare --base --head` [default: head]
    ///
    /// The names of rows begin with their side if all are exported. openmetrics has a label `side`, and csv a column.
    #[arg(long, value_enum, value_name = "SIDE")]
    pub side: Option<ExportSide>,
    /// Number of the trial to export, from 0 as in the record [default: all]
    #[arg(long, value_name = "N")]
    pub trial: Option<u32>,
    /// Times to export: response, service, lag, hop or confirm, for hgrm and hlog
    ///
    /// `hop:DESTINATION` and `confirm:DESTINATION` are those of one destination; without one, all destinations are merged. An
    /// hlog has intervals for the response time alone; other times are one line for each trial, with 3 significant digits.
    #[arg(long, default_value_t, value_name = "TIMES")]
    pub times: Times,
    /// Revision of what was measured, such as a commit, for otava, junit and openmetrics
    #[arg(long, value_name = "TEXT")]
    pub revision: Option<String>,
    /// File, pipe or device to write; `-` is stdout [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportSide {
    /// The side that the head was compared with
    Base,
    /// The side that was judged
    Head,
    /// The copy of the base, which is called `control` in records
    #[value(name = "copy", alias = "control")]
    Control,
    /// All of them
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// HdrHistogram interval log: response times of every interval, with 2 significant digits, or other times of every trial
    Hlog,
    /// HdrHistogram percentile distribution of the response time or of other times, in ns, with 3 significant digits
    Hgrm,
    /// Time series, a line per interval, with confirms; percentiles of the response time have 2 significant digits
    Csv,
    /// JUnit XML: a test case per row, failed if the run failed, is invalid or breaks a promise
    Junit,
    /// Bencher Metric Format as JSON: throughput, latency and CPU time of each row
    Bencher,
    /// One row as CSV for change-point tools such as Apache Otava
    Otava,
    /// OpenMetrics text: figures of each row, times as summaries in seconds
    Openmetrics,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all transports keep the contract, 1 one does not, 2 usage")]
pub(crate) struct ContractArgs {
    /// crossbeam, event/listeners, ... [default: all in process]
    ///
    /// A transport, or one style of it. The checks of both styles take about 10 s in process and a minute over a server. Over a server,
    /// checks of what happens when lines and consumers break follow, which take some minutes; the server is not killed. They send commands.
    /// Kills, backlogs, messages that are given back and lines that come back are checked a second time with events. With one style, all of
    /// them run in that style.
    #[arg(value_name = "DISPATCH")]
    pub dispatch: Vec<String>,
    /// Only these checks, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "CHECK")]
    pub only: Vec<String>,
    /// List the checks and what each proves
    #[arg(long)]
    pub checks: bool,
    /// Address of the server of the transports that have one
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Option of a transport; see `drumpost list --options`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// at-most-once, at-least-once or exactly-once
    ///
    /// The delivery that the checks ask for, as with `drumpost run`. A transport that promises less is refused. If no transport is named, the
    /// ones that promise less are left out.
    #[arg(long, value_name = "DELIVERY")]
    pub guarantee: Option<Guarantee>,
    /// When to acknowledge: before, after, confirmed or transaction
    ///
    /// As with `drumpost run`. A transport that cannot do it is refused. If no transport is named, the ones that cannot do it are left out.
    #[arg(long, value_name = "WHEN")]
    pub acks: Option<Acks>,
    /// Allow checks at a server that may charge for them
    #[arg(long)]
    pub yes_cost: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Transports to clean, or the address of a server [default: all transports that need a server]
    #[arg(value_name = "TRANSPORT|URL")]
    pub asked: Vec<String>,
    /// Address of the server
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Option of a transport; see `drumpost list --options`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the server can be measured, 1 it cannot, 2 usage")]
pub(crate) struct DoctorArgs {
    /// Transports, or the address of a server [default: all transports that need a server]
    ///
    /// Each is reached, greeted and sent some messages: over queues of its own, which are removed again.
    #[arg(value_name = "TRANSPORT|URL")]
    pub asked: Vec<String>,
    /// Address of the server
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Option of a transport; see `drumpost list --options`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Allow messages to a server that may charge for them
    #[arg(long)]
    pub yes_cost: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

const BROKER_NEEDS: &str = "\
`up` fetches a server the first time and starts it on loopback, on a free port. It waits until the server serves, and prints its address as a variable
of the environment that drumpost reads:

  eval \"$(drumpost broker up NAME)\"

It needs bash, and the first time a network and what the server is made or run with: apt-get, go, Python, or Java and Maven. It says what is missing.
`down` ends what `up` started and removes its data. Programs and data are under $XDG_CACHE_HOME/drumpost (~/.cache/drumpost), or in the
folders that DRUMPOST_TOOLS and DRUMPOST_BROKERS name.

Exit codes: 0 ok, 1 a server does not start, 2 usage";

#[derive(Debug, Args)]
#[command(after_help = BROKER_NEEDS)]
pub(crate) struct BrokerArgs {
    /// What to do
    pub action: BrokerAction,
    /// Servers, as `drumpost broker status` lists them [default for down and status: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BrokerAction {
    /// Start servers that do not run, and print their addresses
    Up,
    /// End them and remove their data
    Down,
    /// Say which run, and where
    Status,
}

impl BrokerAction {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Status => "status",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub shell: clap_complete::Shell,
}
