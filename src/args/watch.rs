//! The flags of `drumpost watch`.

use clap::Args;
use drumpost_tui::SPEEDS;

const EXIT_CODES: &str = "Without a terminal it prints a line a second. q leaves, and the run continues. In a replay, space pauses it, the left and right arrow move it, and \
+ and - change its speed.

Exit codes: 0 the run ended, 1 a trial failed, the run is gone, or stdout cannot be written, for example on a full disk, 2 usage or a trial was refused, 5 faults were seen, 6 a trial is invalid, 130 you left \
before the end";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct WatchArgs {
    /// A run in progress, by its name, the beginning of it or its process number, or a record or a suite's folder [default: the only run in progress]
    ///
    /// Runs, suites, searches and comparisons of the same user on this machine can be watched. A file or a folder is replayed. The course of
    /// a trial in a record has at most 50 points, and counts of messages come at its end.
    #[arg(value_name = "RUN|RECORD")]
    pub what: Option<String>,
    /// List the runs in progress, and watch none
    #[arg(long, conflicts_with_all = ["what", "speed", "from"])]
    pub list: bool,
    /// How many times as fast a record is replayed, such as 10 or 0.5
    #[arg(long, default_value = "1", value_parser = speed, value_name = "FACTOR")]
    pub speed: f64,
    /// Replay a record from this time on, counted from its first trial
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub from: Option<u64>,
    /// No dashboard, even on a terminal
    #[arg(long)]
    pub no_tui: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: Option<f64> = text.trim_end_matches('x').parse().ok();
    speed.filter(|speed| SPEEDS.contains(speed)).ok_or_else(|| {
        format!("`{text}` is no factor from {} to {}, such as 10", SPEEDS.start(), SPEEDS.end())
    })
}

fn time(text: &str) -> Result<u64, String> {
    drumpost_results::units::parse_duration(text).map_err(|error| error.to_string())
}
