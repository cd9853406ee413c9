//! The flags of `drumpost search`: its own, and those of `run` that say what is measured and under which load.

use crate::{args::RunArgs, exit::usage};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};
use drumpost_results::{search::Goal, units};
use std::{path::PathBuf, time::Duration};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Goal, such as p99<2ms,lost=0
    ///
    /// Figures of the response time: p50, p90, p99, p99.9, mean, max. With a prefix they are of the service time or the
    /// lag: service.p99, lag.p99. Counts: lost, duplicated, reordered, unfinished, shed. Share of the rate: achieved>=99%.
    #[arg(long, value_name = "GOAL", help_heading = "Search")]
    pub slo: Goal,
    /// Lowest rate that is tried, and the first
    ///
    /// Without it the search begins at half of what a short closed load reaches (with --to, of what a load of that rate
    /// reaches), or at 1k/s where that cannot be measured. Lower rates follow down to a 4096th, as far as a hold has enough
    /// samples to judge them.
    #[arg(long, value_parser = rate, value_name = "RATE", help_heading = "Search")]
    pub from: Option<f64>,
    /// Highest rate that is tried [default: 4096 times the first]
    #[arg(long, value_parser = rate, value_name = "RATE", help_heading = "Search")]
    pub to: Option<f64>,
    /// Gap between kept and failed at which the search ends
    ///
    /// The gap lies between the highest rate that kept the goal and the lowest that failed.
    #[arg(long, default_value = "2%", value_parser = share, value_name = "SHARE", help_heading = "Search")]
    pub precision: f64,
    /// Times that the answer has to keep the goal again
    ///
    /// The repeats are longer than the holds of the search and have other seeds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "N", help_heading = "Search")]
    pub repeats: u32,
    /// Length of a repeat [default: twice a hold of the search]
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Search")]
    pub hold: Option<Duration>,
    /// Most holds for each dispatch
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "N", help_heading = "Search")]
    pub max_holds: u32,
    /// Draw latency against load as SVG
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub svg: Option<PathBuf>,

    #[command(flatten)]
    pub measured: Measured,
}

impl SearchArgs {
    /// Refuses what `run` takes and a search decides by itself.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let run = &self.measured.run;
        let given = [
            (run.rate.is_some(), "--rate", "it looks for the rate: use --from and --to"),
            (run.in_flight.is_some(), "--in-flight", "its load is open"),
            (run.think.is_some(), "--think", "its load is open"),
            (run.count.is_some(), "--count", "use --duration and --hold"),
            (run.trials.is_some(), "--trials", "use --repeats"),
            (run.kill.is_some(), "--kill", "a hold with a fault has no limit of its own"),
        ];
        if let Some((_, flag, instead)) = given.iter().find(|(given, ..)| *given) {
            return Err(usage(format!("search takes no {flag}: {instead}")));
        }
        if let Some(arrivals) =
            run.arrivals.as_deref().filter(|arrivals| !["constant", "poisson"].contains(arrivals))
        {
            return Err(usage(format!(
                "search takes no --arrivals {arrivals}: it holds one rate at a time, constant or poisson"
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

/// The flags of `run`, but for those that say at which rate and how often.
#[derive(Debug)]
pub(crate) struct Measured {
    pub run: RunArgs,
    /// `--duration` was given, rather than left to its default.
    pub is_length_given: bool,
}

/// Flags of `run` that are understood, to be refused with a sentence, and not shown.
const HIDDEN: [&str; 8] =
    ["rate", "in_flight", "think", "trace_columns", "count", "trials", "kill", "no_tui"];

/// Flags of `run` that the short help shows, so that it fits a screen. The long help has all of them.
const SHORT_HELP: [&str; 13] = [
    "scenario",
    "dispatch",
    "batch",
    "instances",
    "with",
    "sim",
    "nats",
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
        let is_length_given = matches.value_source("duration") == Some(ValueSource::CommandLine);
        Ok(Self { run: RunArgs::from_arg_matches(matches)?, is_length_given })
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
        // Load flags ask for --rate, which is not given here.
        _ if arg.get_help_heading() == Some("Load") => without_requirements(arg),
        _ => arg.clone(),
    };
    let in_short_help = SHORT_HELP.contains(&id) || arg.get_help_heading() == Some("Output");
    let arg = if in_short_help { arg } else { arg.hide_short_help(true) };
    if HIDDEN.contains(&id) { arg.hide(true) } else { arg }
}

/// The same flag without what it requires and conflicts with, which cannot be taken from it.
fn without_requirements(arg: &Arg) -> Arg {
    let mut free = Arg::new(arg.get_id().clone())
        .help_heading("Load")
        .action(arg.get_action().clone())
        .value_parser(arg.get_value_parser().clone())
        .value_delimiter(arg.get_value_delimiter())
        .default_values(arg.get_default_values().to_vec())
        .short(arg.get_short())
        .hide(arg.is_hide_set())
        .hide_short_help(arg.is_hide_short_help_set());
    if let Some(long) = arg.get_long() {
        // Names live as long as the program; there are a handful of them.
        let long: &'static str = long.to_owned().leak();
        free = free.long(long);
    }
    if let Some(help) = arg.get_help() {
        free = free.help(help.clone());
    }
    if let Some(help) = arg.get_long_help() {
        free = free.long_help(help.clone());
    }
    if let Some(names) = arg.get_value_names() {
        free = free.value_names(names.to_vec());
    }
    if let Some(number) = arg.get_num_args() {
        free = free.num_args(number);
    }
    free
}

fn duration(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).map(Duration::from_nanos).map_err(|error| error.to_string())
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
