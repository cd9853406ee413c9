//! The command line: every flag with its help, its unit, its default and its group. The sub-commands give flags their meaning.

mod choices;
mod faults;
mod meaning;
mod others;
pub(crate) mod values;

pub(crate) use choices::{AtCap, Reply};
pub(crate) use faults::FaultArgs;
pub(crate) use others::{CleanArgs, CompareArgs, CompletionsArgs, DoctorArgs, ExportArgs};

use crate::{
    contract::ContractArgs, host::Observe, search::SearchArgs, selftest::args::SelftestArgs,
    suite::SuiteArgs, thresholds::ThresholdArgs,
};
use clap::{Args, Parser, Subcommand};
use drumpost_core::{
    drive::{Placement, Wait},
    guarantee::Guarantee,
    load::Debt,
    payload::{Content, Touch},
    promise::Acks,
};
use drumpost_workloads::{HeaderSpec, arrivals::trace::TraceColumns};
use std::{path::PathBuf, time::Duration};
use values::{Connections, connections, count, count_to, debt, duration, rate, seed, senders};

/// Benchmarks messaging: the same flow as commands to known recipients and as events to subscribers, over interchangeable
/// transports, with every message audited.
///
/// Without a sub-command, drumpost runs `order-authorization` in both styles over every in-process transport.
#[derive(Debug, Parser)]
#[command(name = "drumpost", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 a run failed, 2 usage, 3 regression, 4 no rate keeps the goal, 5 audit failed, \
6 run invalid, 7 inconclusive, 130 interrupted (finished trials are saved)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a scenario over one or more dispatches
    #[command(after_help = "--help has more flags and explains each. `drumpost list` has all names.")]
    Run(Box<RunArgs>),
    /// Find the highest rate that keeps a goal
    Search(Box<SearchArgs>),
    /// Run many combinations of scenarios, dispatches and loads from a file
    Suite(SuiteArgs),
    /// List scenarios, transports with their options and promises, loads and thresholds
    List(ListArgs),
    /// Print the table of a saved record or suite again
    Show(ShowArgs),
    /// Compare two records, or two dispatches of one record
    Compare(CompareArgs),
    /// Convert a record to HdrHistogram formats or CSV
    Export(ExportArgs),
    /// Check drumpost against known answers on this machine
    Selftest(SelftestArgs),
    /// Check that a transport keeps what the harness relies on: order, counts, wake-ups, limits
    Contract(ContractArgs),
    /// Say whether a server can be measured, and what is wrong if it cannot
    Doctor(DoctorArgs),
    /// Remove what killed runs left at a server
    Clean(CleanArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Flow to measure [default: order-authorization]
    ///
    /// `drumpost list` has all scenarios. With --sim and no scenario it is `stream`.
    pub scenario: Option<String>,

    /// message/rtrb, event, ... [default: all in process]
    ///
    /// A dispatch is a style over a transport, such as message/crossbeam or event/listeners. A style alone (message, event)
    /// means that style over every in-process transport; a transport alone means both styles over it. Separate several
    /// with commas. By default both styles run over every in-process transport.
    #[arg(long, short, value_delimiter = ',', value_name = "DISPATCH", help_heading = "Dispatch")]
    pub dispatch: Vec<String>,
    /// Most messages in a batch
    ///
    /// A larger batch raises the throughput and makes latency less exact. Read latency at 1.
    #[arg(long, default_value_t = 1, value_parser = count_to(65_536), value_name = "N", help_heading = "Dispatch")]
    pub batch: u32,
    /// Messages that a queue holds
    #[arg(long, default_value = "4096", value_parser = count, value_name = "N", help_heading = "Dispatch")]
    pub capacity: u64,
    /// Threads: cores, each or N [default: cores]
    ///
    /// A lane is one instance of a service. `cores` starts one thread per core, and each thread polls its lanes in turn.
    /// `each` gives every lane a thread of its own; it is the default with `--wait native`. A number starts that many threads.
    /// With more than 64 instances a core the default is one thread less, which leaves a core to the harness.
    #[arg(long, value_name = "THREADS", help_heading = "Dispatch")]
    pub placement: Option<Placement>,
    /// Idle: spin, yield, park or native
    ///
    /// `park` sleeps until another lane wakes the thread. `yield` polls and lets other threads run in between. `spin`
    /// polls without pause and needs a core per lane. `native` sleeps inside the transport's own blocking receive.
    #[arg(long, default_value = "park", value_name = "HOW", help_heading = "Dispatch")]
    pub wait: Wait,
    /// Requests: await or async
    ///
    /// With `await`, a service that sends a request does nothing else until the reply arrives. With `async`, it handles
    /// other messages in the meantime.
    #[arg(long, value_enum, default_value_t = Reply::Async, hide_possible_values = true, value_name = "HOW", help_heading = "Dispatch")]
    pub reply: Reply,
    /// at-most-once, at-least-once or exactly-once
    ///
    /// A transport that promises less is refused, and left out where a style stands for all its transports. The audit judges a
    /// run by what its transport promises, which may be more than what was asked for. `drumpost list` has the promises.
    #[arg(long, value_name = "DELIVERY", hide_short_help = true, help_heading = "Dispatch")]
    pub guarantee: Option<Guarantee>,
    /// Acknowledge before or after handling, or after the confirm of what it sends
    ///
    /// `before` acknowledges a message when it is handed over: what a receiver holds when it dies is lost. `after` acknowledges
    /// it when its handler has returned. `confirmed` waits until what the handler sent is confirmed. A transport that cannot
    /// do it is refused. `drumpost list --json` says what each can do. The default is `after`, or `before` where
    /// `--guarantee at-most-once` is given and the transport could deliver a message again.
    #[arg(long, value_name = "WHEN", hide_short_help = true, help_heading = "Dispatch")]
    pub acks: Option<Acks>,
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
    /// Address of the server of the transports that have one
    ///
    /// It sets the address option of each named transport that has one, such as NAME.url. `drumpost list --options` has these
    /// options and the environment variables that set them.
    #[arg(long, value_name = "URL", help_heading = "Dispatch")]
    pub server: Option<String>,
    /// Option of a transport or scenario
    ///
    /// An example is fan-out.subscribers=8. The flag may be given several times. `drumpost list --options` has all options
    /// with their values and defaults.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Dispatch")]
    pub set: Vec<String>,
    /// Kill a consumer, such as worker@1s/500ms
    ///
    /// AT counts from the start of the load. At that time the consumer of the service dies, with messages that it has handled
    /// and not acknowledged. It comes back after FOR. The first instance dies, or the one named as in worker#2@1s/500ms,
    /// counted from 0.
    /// connection:worker@1s/500ms kills all that the instance has open, so that what it sent and was not confirmed stays
    /// unconfirmed.
    #[arg(long, value_name = "NAME@AT/FOR", help_heading = "Dispatch")]
    pub kill: Option<String>,
    #[command(flatten)]
    pub faults: FaultArgs,
    /// Give messages back, such as worker:1/1000
    ///
    /// The service refuses the messages of one flow in N and gives them back, and the broker hands them out again. Each is
    /// refused once, or as often as worker:1/1000x3 says, and then handled. The audit counts what was given back. The transport
    /// must say how often it has handed out a message.
    #[arg(long, value_name = "NAME:1/N", help_heading = "Dispatch", hide_short_help = true)]
    pub poison: Option<String>,
    /// Have a backlog pile up for a service, such as worker:100k
    ///
    /// The instances of the service are absent from the start of the load until this many messages wait for them, or for this
    /// long (worker:5s), and then join. worker=2:100k has two instances absent. The transport must store messages. The table has
    /// the size of the backlog, how fast it was caught up with, when it was gone, and what the senders had of it. It is gone when
    /// no more messages wait than are sent in 10 ms, or in the time after a slash (worker:100k/50ms).
    #[arg(long, value_name = "NAME:AMOUNT", help_heading = "Dispatch", hide_short_help = true)]
    pub backlog: Option<String>,
    /// Open lost connections again, for at most this long
    ///
    /// Without this flag a lost connection ends the trial. With it the instance opens a new connection, with pauses that
    /// double from 10 ms to 1 s. The record has the time that the instance was away. The time is 30s if none is given.
    #[arg(
        long,
        value_parser = duration,
        value_name = "TIME",
        num_args = 0..=1,
        default_missing_value = "30s",
        require_equals = true,
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub reconnect: Option<Duration>,
    /// Connections: one for each instance, or N for all
    ///
    /// Instance i uses connection i modulo N, so N connections carry any number of instances. Transports without connections,
    /// and those whose instances cannot share one, are refused.
    #[arg(
        long,
        value_parser = connections,
        value_name = "each|N",
        default_value = "each",
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub connections: Connections,
    /// Unconfirmed messages per send port
    ///
    /// A send port of a transport that confirms messages sends no more while this many of its messages are not confirmed.
    /// A batch is always sent.
    #[arg(
        long,
        value_parser = count_to(1_000_000),
        value_name = "N",
        default_value_t = 1024,
        help_heading = "Dispatch",
        hide_short_help = true
    )]
    pub unconfirmed: u32,
    /// Process of the server, if it cannot be found by its address
    ///
    /// drumpost finds a server on this machine by the address that it listens on. For a server in a container, give the
    /// number of its process or the name of its program. All processes of that name, and those that they started, are
    /// added up.
    #[arg(long, value_name = "PID|NAME", help_heading = "Dispatch", hide_short_help = true)]
    pub observe: Option<Observe>,

    /// Open load: flows per second, such as 10k/s
    ///
    /// An open load starts flows when they are due, however slow the dispatch is. Response time counts from the due time.
    #[arg(long, short, value_parser = rate, value_name = "RATE", conflicts_with = "in_flight", help_heading = "Load")]
    pub rate: Option<f64>,
    /// Closed load: flows under way [default: 64]
    ///
    /// A closed load keeps this many flows under way and starts the next one when one ends.
    #[arg(long, value_parser = count, value_name = "N", conflicts_with = "arrivals", help_heading = "Load")]
    pub in_flight: Option<u64>,
    /// Open load: constant, poisson, ramp:..., ...
    ///
    /// The course of the rate and the spacing of flows, such as poisson or ramp:to=20k/s,over=10s. `drumpost list` has all
    /// forms.
    #[arg(long, value_name = "SPEC", help_heading = "Load")]
    pub arrivals: Option<String>,
    /// Trace: names of its columns, such as at=TIMESTAMP,size=ContextTokens
    ///
    /// By default a trace has the columns at_s (or at_ms, at_us, at_ns), size and key. For a column of times, add the unit if
    /// it is not seconds: at=time:ms. size=none ignores a column named size.
    #[arg(long, value_name = "COLUMNS", help_heading = "Load", hide_short_help = true)]
    pub trace_columns: Option<TraceColumns>,
    /// Open load: number of independent senders
    ///
    /// Each sender has its share of the rate and a schedule of its own.
    #[arg(long, default_value_t = 1, value_parser = senders, value_name = "N", help_heading = "Load", hide_short_help = true)]
    pub senders: u32,
    /// Open load: most flows under way
    ///
    /// The default is the largest number with which bounded queues cannot deadlock.
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
    /// Read payload and headers while measuring (inside), or not (outside)
    ///
    /// With `inside`, every byte is read when a message is sent and when it is received, as a program would. `outside`
    /// measures the transport alone.
    #[arg(long, default_value_t = Touch::Inside, value_name = "WHERE", help_heading = "Load", hide_short_help = true)]
    pub touch: Touch,
    /// Keys, such as zipf:1000,1.1
    ///
    /// `drumpost list` has all distributions.
    #[arg(long, default_value = "uniform:10000", value_name = "KEYS", help_heading = "Load")]
    pub keys: String,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1, value_parser = seed, value_name = "N", help_heading = "Load")]
    pub seed: u64,

    /// Length of the measured window [default: 1s]
    ///
    /// By default a trace is measured to its end.
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
    #[arg(long, value_parser = count_to(10_000), value_name = "N", help_heading = "Measure")]
    pub trials: Option<u32>,
    /// Longest wait for outstanding messages after the load
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME", help_heading = "Measure", hide_short_help = true)]
    pub drain: Duration,
    /// Time after which the flows of a full window are given up if none of them ends
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
    /// Record of a run or a search, or the folder of a suite
    pub file: PathBuf,
    /// Print the record as JSON
    #[arg(long)]
    pub json: bool,
    /// Add hop times for each destination and receiver, and confirm times for each destination
    #[arg(long)]
    pub hops: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
}
