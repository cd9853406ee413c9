//! The load: when flows start, what messages carry, and how long is measured.

use super::{
    said::Said,
    thresholds::ThresholdArgs,
    values::{AtCap, Count, Lasts, Length, PerSecond, Switch, words},
};
use clap::Args;
use drumpost_core::{
    load::Debt,
    payload::{Content, Touch},
    plan::Work,
};
use drumpost_workloads::{
    HeaderSpec, KeySpec, PayloadSpec, ThinkSpec,
    arrivals::{senders::MAX_SENDERS, trace::TraceColumns},
};
use serde::{Deserialize, Serialize};

/// When flows start, and what their messages carry.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct LoadSpec {
    /// Open load: flows per second, such as 10k/s
    ///
    /// An open load starts flows when they are due, however slow the dispatch is. Response time counts from the due time.
    #[arg(long, short, value_name = "RATE", help_heading = "Load")]
    pub rate: Option<Said<PerSecond>>,
    /// Closed load: flows under way [default: 64]
    ///
    /// A closed load keeps this many flows under way and starts the next one when one ends.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub in_flight: Option<Said<Count>>,
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
    pub trace_columns: Option<Said<TraceColumns>>,
    /// Open load: number of independent senders
    ///
    /// Each sender has its share of the rate and a schedule of its own.
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Load", hide_short_help = true)]
    pub senders: Said<Count<{ MAX_SENDERS as u64 }>>,
    /// Open load: most flows under way
    ///
    /// The default is the largest number with which bounded queues cannot deadlock; without such queues there is no limit.
    #[arg(long, value_name = "N", help_heading = "Load", hide_short_help = true)]
    pub window: Option<Said<Count>>,
    /// Open load: what happens to a flow that is due while the window is full
    ///
    /// `block` starts it late, `shed` drops and counts it, `fail` ends the run. The last two need a limit of flows under way.
    #[arg(
        long,
        value_parser = words::<AtCap>(),
        default_value = "block",
        value_name = "HOW",
        help_heading = "Load",
        hide_short_help = true
    )]
    pub at_cap: Said<AtCap>,
    /// Open load: what happens to a flow that is late
    ///
    /// `keep` starts it at once; its response time includes the delay. `drop:TIME` drops and counts flows later than TIME.
    #[arg(
        long,
        default_value = "keep",
        value_name = "keep|drop:TIME",
        help_heading = "Load",
        hide_short_help = true
    )]
    pub debt: Said<Debt>,
    /// Closed load: pause before each flow, such as 10ms or exp:10ms
    #[arg(long, value_name = "TIME", help_heading = "Load", hide_short_help = true)]
    pub think: Option<Said<ThinkSpec>>,
    /// Payload size, such as 1KiB
    ///
    /// `drumpost list` has all distributions.
    #[arg(long, default_value = "128B", value_name = "SIZE", help_heading = "Load")]
    pub payload: Said<PayloadSpec>,
    /// Payload content: random, zero or compressible:RATIO
    #[arg(
        long,
        default_value = "random",
        value_name = "BYTES",
        help_heading = "Load",
        hide_short_help = true
    )]
    pub content: Said<Content>,
    /// Application headers of every message, such as 4x32B (four values of 32 bytes)
    #[arg(
        long,
        default_value = "none",
        value_name = "COUNTxSIZE",
        help_heading = "Load",
        hide_short_help = true
    )]
    pub headers: Said<HeaderSpec>,
    /// Read payload and headers while measuring (inside), or not (outside)
    ///
    /// With `inside`, every byte is read when a message is sent and when it is received, as a program would. `outside`
    /// measures the transport alone.
    #[arg(
        long,
        default_value = "inside",
        value_name = "WHERE",
        help_heading = "Load",
        hide_short_help = true
    )]
    pub touch: Said<Touch>,
    /// CPU time that each handler spends on each message, such as 200ns, or 5us@1/100 on every 100th
    ///
    /// It stands for what a service computes, or for a cost that is put in to see whether a comparison finds it. The time is spent in a
    /// loop whose speed is measured once per process.
    #[arg(long, value_name = "TIME[@1/N]", help_heading = "Load", hide_short_help = true)]
    pub work: Option<Said<Work>>,
    /// Keys, such as zipf:1000,1.1
    ///
    /// `drumpost list` has all distributions.
    #[arg(long, default_value = "uniform:10000", value_name = "KEYS", help_heading = "Load")]
    pub keys: Said<KeySpec>,
    /// Seed of all random numbers
    ///
    /// The order of trials is drawn anew each time. In virtual time it follows from the seed, too.
    #[arg(long, default_value = "1", value_name = "N", help_heading = "Load")]
    pub seed: Said<u64>,
}

defaults_of_flags!(LoadSpec);

/// How long is measured, how often, and by which limits it is judged.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct MeasureSpec {
    /// Length of the measured window [default: 1s]
    ///
    /// By default a trace is measured to its end.
    #[arg(long, value_name = "TIME", help_heading = "Measure")]
    pub duration: Option<Said<Length>>,
    /// Number of measured flows, instead of a duration
    #[arg(long, value_name = "N", help_heading = "Measure")]
    pub count: Option<Said<Count>>,
    /// Warm-up, not measured [default: 200ms]
    ///
    /// In virtual time the default is 0s.
    #[arg(long, value_name = "TIME", help_heading = "Measure")]
    pub warmup: Option<Said<Lasts>>,
    /// Trials of each dispatch [default: 3]
    ///
    /// The trials of all dispatches are interleaved. In virtual time the default is 1.
    #[arg(long, value_name = "N", help_heading = "Measure")]
    pub trials: Option<Said<Count<10_000>>>,
    /// Run each trial in a process of its own
    ///
    /// What a trial leaves in memory or in threads cannot touch the next one then, and a transport that ends its process ends one
    /// trial. It takes some milliseconds more for each trial.
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        require_equals = true,
        hide_default_value = true,
        help_heading = "Measure",
        hide_short_help = true
    )]
    pub isolate: Said<Switch>,
    /// Longest wait for outstanding messages after the load
    #[arg(long, default_value = "5s", value_name = "TIME", help_heading = "Measure", hide_short_help = true)]
    pub drain: Said<Lasts>,
    /// Time after which the flows of a full window are given up if none of them ends
    ///
    /// These flows count as unfinished, and the load goes on.
    #[arg(long, default_value = "5s", value_name = "TIME", help_heading = "Measure", hide_short_help = true)]
    pub flow_timeout: Said<Lasts>,
    /// Note that the record keeps and the table shows
    ///
    /// It says what this run is about, such as --note 'new kernel'. Runs with other notes can be compared.
    #[arg(long, value_name = "TEXT", help_heading = "Measure", hide_short_help = true)]
    pub note: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub thresholds: ThresholdArgs,
}

defaults_of_flags!(MeasureSpec);
