//! The flags of `drumpost search`: its own, and those of `run` that describe dispatch and load.

use super::{RunArgs, values::count_to};
use crate::{exit::usage, spec::RunSpec};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use drumpost_results::{goal::Goal, units};
use std::{path::PathBuf, time::Duration};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Goal, such as p99<2ms,lost=0
    ///
    /// Terms are separated by commas, and all of them must hold. Figures of the response time: p50, p75, p90, p95, p99, p99.9, p99.99,
    /// mean, max. Of the service time, the schedule lag or the confirm time: service.p99, lag.p99, confirm.p99 and so on. Counts:
    /// lost, duplicated, reordered, unfinished, shed, refused, unconfirmed and the other counts of the audit. Share of the rate:
    /// achieved>=99%. CPU time: cpu_ns_per_message<3us, cpu_ns_per_flow. Rate: throughput_per_s>50k.
    #[arg(long, value_name = "GOAL", help_heading = "Search")]
    pub slo: Goal,
    /// First rate, and the lowest that is tried
    ///
    /// Without this flag the search begins at half of what a short closed load reaches, or with --to at half of what a load of
    /// that rate reaches. If neither can be measured, it begins at 1k/s. It may go down to 1/4096 of the first rate, as long
    /// as a hold has enough samples to be judged.
    #[arg(long, value_parser = rate, value_name = "RATE", help_heading = "Search")]
    pub from: Option<f64>,
    /// Highest rate that is tried [default: 4096 times the first]
    #[arg(long, value_parser = rate, value_name = "RATE", help_heading = "Search")]
    pub to: Option<f64>,
    /// Precision of the answer, as a share of the rate
    ///
    /// The search ends when the lowest rate that failed is at most this much above the highest rate that kept the goal.
    #[arg(long, default_value = "2%", value_parser = share, value_name = "SHARE", help_heading = "Search")]
    pub precision: f64,
    /// Number of times that the answer is confirmed
    ///
    /// The repeats are longer than the holds of the search and have other seeds.
    #[arg(long, default_value_t = 3, value_parser = count_to(100), value_name = "N", help_heading = "Search")]
    pub repeats: u32,
    /// Length of a repeat [default: twice a hold of the search]
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Search")]
    pub hold: Option<Duration>,
    /// Largest number of holds for each dispatch
    #[arg(long, default_value_t = 30, value_parser = count_to(1_000), value_name = "N", help_heading = "Search")]
    pub max_holds: u32,
    /// Save the curve of latency against load as SVG
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub svg: Option<PathBuf>,

    #[command(flatten)]
    pub measured: Measured,
}

impl SearchArgs {
    /// Refuses flags of `run` whose value the search chooses by itself.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.slo.check_for_search().map_err(|error| usage(format!("--slo: {error}")))?;
        let RunSpec { load, measure, faults, .. } = &*self.measured.run.spec;
        let given = [
            (load.rate.is_some(), "--rate", "a search finds the rate; use --from and --to"),
            (load.in_flight.is_some(), "--in-flight", "a search uses an open load"),
            (load.think.is_some(), "--think", "a search uses an open load"),
            (measure.count.is_some(), "--count", "use --duration and --hold"),
            (measure.trials.is_some(), "--trials", "use --repeats"),
            (faults.kill.is_some(), "--kill", "a search does not kill consumers"),
            (faults.backlog.is_some(), "--backlog", "a search holds rates in a steady state"),
            (faults.catch_up.is_some(), "--catch-up", "a search has no backlog"),
            (faults.cut.is_some(), "--cut", BREAKS),
            (faults.reset.is_some(), "--reset", BREAKS),
            (faults.pause.is_some(), "--pause", BREAKS),
            (!faults.at.is_empty(), "--at", BREAKS),
        ];
        if let Some((_, flag, instead)) = given.iter().find(|(given, ..)| *given) {
            return Err(usage(format!("search takes no {flag}: {instead}")));
        }
        if let Some(arrivals) =
            load.arrivals.as_deref().filter(|arrivals| !["constant", "poisson"].contains(arrivals))
        {
            return Err(usage(format!(
                "search takes no --arrivals {arrivals}: it holds one rate at a time, so only constant and poisson are possible"
            )));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            let (from, to) = (units::rate(from), units::rate(to));
            return Err(usage(format!("--from {from} is above --to {to}")));
        }
        Ok(())
    }
}

/// The flags of `run` except those for rate and number of trials.
#[derive(Debug)]
pub(crate) struct Measured {
    pub run: RunArgs,
    /// `--duration` was given, rather than left to its default.
    pub is_length_given: bool,
}

/// Flags of `run` that are hidden from the help. They are read, so that [`SearchArgs::check`] can refuse them with a reason.
const HIDDEN: [&str; 14] = [
    "rate",
    "in_flight",
    "think",
    "trace_columns",
    "count",
    "trials",
    "kill",
    "backlog",
    "catch_up",
    "cut",
    "reset",
    "pause",
    "at",
    "no_tui",
];
const BREAKS: &str = "a search breaks nothing; --link is possible";

/// Flags of `run` that the short help shows, so that it fits a screen. The long help has all of them.
const SHORT_HELP: [&str; 13] = [
    "scenario",
    "dispatch",
    "batch",
    "instances",
    "with",
    "sim",
    "server",
    "set",
    "arrivals",
    "payload",
    "seed",
    "duration",
    "threshold",
];

impl Args for Measured {
    fn augment_args(command: Command) -> Command {
        let run = RunArgs::augment_args(Command::new("run"));
        command.args(run.get_arguments().map(adapted))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Measured {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let run = RunArgs::from_arg_matches(matches)?;
        let is_length_given = run.spec.measure.duration.is_some();
        Ok(Self { run, is_length_given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn adapted(arg: &Arg) -> Arg {
    let id = arg.get_id().as_str();
    let arg = match id {
        "duration" => {
            arg.clone().help("Length of a hold [default: what the goal needs]").hide_default_value(true)
        }
        "warmup" => arg.clone().help("Warm-up before each hold [default: 200ms]"),
        _ => arg.clone(),
    };
    let in_short_help = SHORT_HELP.contains(&id) || arg.get_help_heading() == Some("Output");
    let arg = if in_short_help { arg } else { arg.hide_short_help(true) };
    if HIDDEN.contains(&id) { arg.hide(true) } else { arg }
}

fn duration(text: &str) -> Result<Duration, String> {
    units::parse_some_duration(text).map(Duration::from_nanos).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    units::parse_rate(text).map_err(|error| error.to_string())
}

/// A share of one from a percentage.
fn share(text: &str) -> Result<f64, String> {
    let share = units::parse_share(text).map_err(|error| error.to_string())?;
    (0.001..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(|| format!("`{text}` is no percentage from 0.1% to 100%, such as 2%"))
}
