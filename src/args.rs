//! The command line: every flag with its unit, its default and its group. What flags mean is in the sub-commands.

mod values;

use crate::{
    export::ExportFormat, host::Observe, search::SearchArgs, selftest::args::SelftestArgs, suite::SuiteArgs,
    thresholds::ThresholdArgs,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use drumpost_core::{
    drive::{Placement, Wait},
    load::{self, Debt},
    payload::{Content, Touch},
};
use drumpost_workloads::{HeaderSpec, arrivals::trace::TraceColumns};
use std::{path::PathBuf, time::Duration};
use values::{count, debt, duration, rate, senders};

/// Commands to known recipients, or events for anyone who listens: the same flow over interchangeable transports,
/// measured by one clock and audited message by message.
///
/// Without a sub-command: `run order-authorization` in both styles over every in-process transport.
#[derive(Debug, Parser)]
#[command(name = "drumpost", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 a run failed, 2 usage, 3 regression, 4 goal missed, 5 audit failed, 6 run invalid, \
7 inconclusive (--strict), 130 interrupted (partial results saved)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a scenario over one or more dispatches
    #[command(after_help = "--help explains every flag and has more of them. `drumpost list` has all names.")]
    Run(Box<RunArgs>),
    /// Find the highest rate that keeps a goal
    Search(Box<SearchArgs>),
    /// Run a matrix of scenarios, dispatches and loads from a file, interleaved
    Suite(SuiteArgs),
    /// List scenarios, transports, their options and promises, and load options
    List(ListArgs),
    /// Draw a saved record again, from the file alone
    Show(ShowArgs),
    /// Compare two records, or two dispatches of one
    Compare(CompareArgs),
    /// Write a record in the formats of other tools
    Export(ExportArgs),
    /// Check the harness against known answers on this machine
    Selftest(SelftestArgs),
    /// Remove streams that killed runs left at a server
    Clean(CleanArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

impl Command {
    /// What runs when nothing is said.
    pub(crate) fn main_job() -> Self {
        Cli::parse_from(["drumpost", "run"]).command.unwrap_or_else(Self::main_job)
    }

    /// The flags that say what is measured, of a command that makes one record.
    pub(crate) fn measures(&mut self) -> Option<&mut RunArgs> {
        match self {
            Self::Run(args) => Some(args),
            Self::Search(args) => Some(&mut args.measured.run),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtCap {
    Block,
    Shed,
    Fail,
}

impl From<AtCap> for load::AtCap {
    fn from(asked: AtCap) -> Self {
        match asked {
            AtCap::Block => Self::Block,
            AtCap::Shed => Self::Shed,
            AtCap::Fail => Self::Fail,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reply {
    Await,
    Async,
}

impl RunArgs {
    /// Where lanes run: as asked, else on as many threads as there are cores; each on its own if it is to sleep in its port.
    pub(crate) fn placement(&self) -> Placement {
        let usual = if self.wait == Wait::Native { Placement::Each } else { Placement::cores() };
        self.placement.unwrap_or(usual)
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Flow to measure [default: order-authorization]
    ///
    /// `drumpost list` has all scenarios. With --sim and no scenario it is `stream`.
    pub scenario: Option<String>,

    /// message/rtrb, event, ... [default: all in process]
    ///
    /// A dispatch is a style over a transport, such as message/crossbeam or event/nats. A style alone (message, event)
    /// means that style over every in-process transport; a transport alone means both styles over it. Separate several
    /// with commas. By default both styles run over every in-process transport.
    #[arg(long, short, value_delimiter = ',', value_name = "DISPATCH", help_heading = "Dispatch")]
    pub dispatch: Vec<String>,
    /// Messages moved at once
    ///
    /// Larger batches raise throughput and blur latency, so latency is best read at 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536), value_name = "N", help_heading = "Dispatch")]
    pub batch: u32,
    /// Messages a bounded queue holds
    #[arg(long, default_value = "4096", value_parser = count, value_name = "N", help_heading = "Dispatch")]
    pub capacity: u64,
    /// Threads: cores, each or N [default: cores]
    ///
    /// A lane is one instance of a service. `cores` starts one thread per core, and each thread polls its lanes in turn.
    /// `each` gives every lane a thread of its own; it is the default with `--wait native`. A number starts that many threads.
    #[arg(long, value_name = "THREADS", help_heading = "Dispatch")]
    pub placement: Option<Placement>,
    /// spin, yield, park or native
    ///
    /// `park` sleeps until another lane wakes the thread. `yield` polls and lets other threads run in between. `spin`
    /// polls without pause and needs a core per lane. `native` sleeps inside the transport's own blocking receive.
    #[arg(long, default_value = "park", value_name = "HOW", help_heading = "Dispatch")]
    pub wait: Wait,
    /// Requests: await or async
    ///
    /// With `await`, a service that sends a request does nothing else until the reply has come. With `async`, it goes on
    /// and handles the reply when it comes.
    #[arg(long, value_enum, default_value_t = Reply::Async, hide_possible_values = true, value_name = "HOW", help_heading = "Dispatch")]
    pub reply: Reply,
    /// Instances of services, such as worker=4
    ///
    /// The instances of a service compete for its messages. Separate several services with commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME=N", help_heading = "Dispatch")]
    pub instances: Vec<String>,
    /// Add optional services: revenue-reporting
    ///
    /// `drumpost list` shows the optional services of each scenario. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SERVICE", help_heading = "Dispatch")]
    pub with: Vec<String>,
    /// Leave services out
    ///
    /// A service that every flow needs cannot be left out. Separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SERVICE", help_heading = "Dispatch")]
    pub without: Vec<String>,
    /// A simulated target, such as service=exp:1ms
    ///
    /// The target has a known answer and replaces the transports. The parts are separated with commas:
    /// service=fixed:1ms|exp:1ms|... is the time a message takes, servers=N serve at once, stall=1s/60s stops the target
    /// for 1 s in every 60 s, loss=3/1000, duplicate=1/500 and reorder=1/250 are faults by rule, clock=virtual|real is
    /// the clock (virtual by default).
    #[arg(long, value_name = "SPEC", help_heading = "Dispatch")]
    pub sim: Option<String>,
    /// Server of nats and jetstream
    #[arg(long, value_name = "URL", env = "NATS_URL", hide_env_values = true, help_heading = "Dispatch")]
    pub nats: Option<String>,
    /// Option of a transport or scenario
    ///
    /// An example is fan-out.subscribers=8. The flag may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Dispatch")]
    pub set: Vec<String>,
    /// Kill a consumer, such as worker@1s/500ms
    ///
    /// The consumer of that service dies after the first time, with messages that it handled and did not acknowledge, and
    /// comes back after the second. Of several instances the first dies; worker#2@1s/500ms names another, from 0.
    #[arg(long, value_name = "NAME@AT/FOR", help_heading = "Dispatch")]
    pub kill: Option<String>,
    /// Process of the server, where its address cannot tell
    ///
    /// A server on this machine is found by the address that it listens on. The number of its process, or the name of
    /// its program, says otherwise: for a server in a container, say. Several processes of that name, and all that they
    /// started, are taken together.
    #[arg(long, value_name = "PID|NAME", help_heading = "Dispatch", hide_short_help = true)]
    pub observe: Option<Observe>,

    /// Open load: flows per second, such as 10k/s
    ///
    /// An open load starts flows when they are due, however slow the dispatch is. Response time counts from then.
    #[arg(long, short, value_parser = rate, value_name = "RATE", conflicts_with = "in_flight", help_heading = "Load")]
    pub rate: Option<f64>,
    /// Closed load: flows under way [default: 64]
    ///
    /// A closed load keeps this many flows under way and starts the next one when one ends.
    #[arg(long, value_parser = count, value_name = "N", conflicts_with = "arrivals", help_heading = "Load")]
    pub in_flight: Option<u64>,
    /// Open load: constant, poisson, ramp:..., ...
    ///
    /// How the rate goes with time and how flows are spaced, such as poisson or ramp:to=20k/s,over=10s. `drumpost list`
    /// has the grammar.
    #[arg(long, value_name = "SPEC", help_heading = "Load")]
    pub arrivals: Option<String>,
    /// Trace: names of its columns, such as at=TIMESTAMP,size=ContextTokens
    ///
    /// By default a trace has the columns at_s (or at_ms, at_us, at_ns), size and key. A unit after the name of the time
    /// (at=time:ms) says what its numbers count; size=none leaves a column of that name unread.
    #[arg(long, value_name = "COLUMNS", help_heading = "Load", hide_short_help = true)]
    pub trace_columns: Option<TraceColumns>,
    /// Open load: number of independent senders
    ///
    /// Each sender has its share of the rate and a schedule of its own.
    #[arg(long, default_value_t = 1, value_parser = senders, value_name = "N", help_heading = "Load", hide_short_help = true)]
    pub senders: u32,
    /// Open load: most flows under way
    ///
    /// By default it is the largest number that cannot deadlock bounded queues.
    #[arg(long, value_parser = count, value_name = "N", conflicts_with = "in_flight", help_heading = "Load")]
    pub window: Option<u64>,
    /// Open load: what happens to a flow that is due while the window is full
    ///
    /// `block` starts it late, `shed` drops and counts it, `fail` ends the run.
    #[arg(long, value_enum, default_value_t = AtCap::Block, help_heading = "Load", hide_short_help = true)]
    pub at_cap: AtCap,
    /// Open load: what happens to a flow that is late
    ///
    /// `keep` starts it at once; its response time includes the delay. `drop:TIME` drops and counts flows later than TIME.
    #[arg(long, default_value = "keep", value_parser = debt, value_name = "keep|drop:TIME", help_heading = "Load", hide_short_help = true)]
    pub debt: Debt,
    /// Closed load: pause before each flow, such as 10ms or exp:10ms
    #[arg(long, value_name = "TIME", help_heading = "Load", hide_short_help = true)]
    pub think: Option<String>,
    /// Payload size, such as 1KiB
    ///
    /// `drumpost list` has all distributions.
    #[arg(long, default_value = "128B", value_name = "SIZE", help_heading = "Load")]
    pub payload: String,
    /// Payload content: random, zero or compressible:RATIO
    #[arg(long, default_value_t = Content::Random, value_name = "BYTES", help_heading = "Load", hide_short_help = true)]
    pub content: Content,
    /// Application headers of every message, such as 4x32B (four values of 32 bytes)
    #[arg(long, default_value_t = HeaderSpec::NONE, value_name = "COUNTxSIZE", help_heading = "Load", hide_short_help = true)]
    pub headers: HeaderSpec,
    /// Read payload and headers inside the measured path, or outside of it
    ///
    /// `inside` reads every byte when a message is sealed and checked, as a program would. `outside` measures transport alone.
    #[arg(long, default_value_t = Touch::Inside, value_name = "WHERE", help_heading = "Load", hide_short_help = true)]
    pub touch: Touch,
    /// Keys, such as zipf:1000,1.1
    ///
    /// `drumpost list` has all distributions.
    #[arg(long, default_value = "uniform:10000", value_name = "KEYS", help_heading = "Load")]
    pub keys: String,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Load")]
    pub seed: u64,

    /// Length of the measured window [default: 1s]
    ///
    /// A trace is measured to its end by default.
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Measure")]
    pub duration: Option<Duration>,
    /// Number of measured flows, instead of a duration
    #[arg(long, value_parser = count, value_name = "N", conflicts_with = "duration", help_heading = "Measure")]
    pub count: Option<u64>,
    /// Warm-up, not measured [default: 200ms]
    ///
    /// In virtual time the default is 0s.
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Measure")]
    pub warmup: Option<Duration>,
    /// Trials of each dispatch [default: 3]
    ///
    /// The trials of all dispatches are interleaved. In virtual time the default is 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N", help_heading = "Measure")]
    pub trials: Option<u32>,
    /// Longest wait for messages that are under way when the load has ended
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME", help_heading = "Measure", hide_short_help = true)]
    pub drain: Duration,
    /// Give up on the flows of a full window when none has ended for this long
    ///
    /// These flows count as unfinished, and the load goes on.
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME", help_heading = "Measure", hide_short_help = true)]
    pub flow_timeout: Duration,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,

    /// File of the record [default: .drumpost/ID.json]
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Print the record as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// No dashboard, even on a terminal
    #[arg(long, help_heading = "Output")]
    pub no_tui: bool,
    /// Save the dashboard's last frame as SVG (with --no-tui)
    #[arg(long, value_name = "FILE", hide = true, help_heading = "Output")]
    pub save_frame: Option<PathBuf>,
    /// The whole command line, program name first, for the record.
    #[arg(skip)]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Record, as `run` saved it, or the folder of a suite
    pub file: PathBuf,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
    /// Add hop times by destination and receiver
    #[arg(long)]
    pub hops: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Record A (before)
    pub a: PathBuf,
    /// Record B (after); not needed with --between
    #[arg(required_unless_present = "between")]
    pub b: Option<PathBuf>,
    /// Compare two dispatches of record A
    #[arg(long, value_name = "DISPATCH,DISPATCH", conflicts_with = "b")]
    pub between: Option<String>,
    /// Exit with 7 if anything is inconclusive or not judged
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Record, as `run` saved it
    pub file: PathBuf,
    /// Format
    #[arg(long, short, value_enum)]
    pub format: ExportFormat,
    /// Only this dispatch, such as message/crossbeam [default: all]
    #[arg(long, short, value_name = "DISPATCH")]
    pub dispatch: Option<String>,
    /// Only the trial of this number, from 0 as in the record [default: all]
    #[arg(long, value_name = "N")]
    pub trial: Option<u32>,
    /// File, pipe or device to write; `-` is stdout [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Transports [default: all that need a server]
    #[arg(value_name = "TRANSPORT")]
    pub transports: Vec<String>,
    /// Server of nats and jetstream
    #[arg(long, value_name = "URL", env = "NATS_URL", hide_env_values = true)]
    pub nats: Option<String>,
    /// Option of a transport
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub shell: clap_complete::Shell,
}
