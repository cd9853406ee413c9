//! Flags of `history`.

use crate::form::FormArgs;
use clap::Args;
use drumpost_results::{goal::Named, history::Part};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "The index is history.sqlite in the folder. It is made of the records, and can be removed at any time."
)]
pub(crate) struct HistoryArgs {
    /// Folder of records, and of folders with records [default: .drumpost]
    pub folder: Option<PathBuf>,
    /// Draw the trend of a figure such as p99, with its change points
    ///
    /// Figures are those of `drumpost run --assert`, such as p50, p99, mean, max, service.p99, lag.p99, throughput_per_s,
    /// cpu_ns_per_message, cpu_ns_per_flow, lost and refused. Another name is answered with the list. Runs are in one series if they were measured on the same host and kernel, by a drumpost of the
    /// same version and toolchain, and with the same settings. Each change point shows the first revision with the new level. Invalid runs are shown, and are not used for change points.
    #[arg(long, short, value_name = "FIGURE")]
    pub figure: Option<Named>,
    /// Newest runs to list, or to draw in each series
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub last: u32,
    /// Only this scenario
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    pub scenario: Option<String>,
    /// Only this dispatch, style or transport
    #[arg(long, short, value_name = "NAME", help_heading = "Filters")]
    pub dispatch: Option<String>,
    /// Only revisions that begin with this
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    pub revision: Option<String>,
    /// Only runs whose processor, kernel or toolchain has this in its name
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    pub host: Option<String>,
    /// Only runs from this time on: 2026-11-21, 2026-11-21T10:45:00Z, or 7d for the last seven days
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub since: Option<String>,
    /// Only runs up to this time; a date includes its day
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub until: Option<String>,
    /// Join series that differ in their host, kernel, toolchain or version
    ///
    /// A list such as kernel,toolchain, or all. The report says which runs were joined. Different settings are never joined.
    #[arg(long, value_name = "PARTS", requires = "figure", value_parser = Part::list)]
    pub across: Option<std::vec::Vec<Part>>,
    /// Make the index anew from the records
    #[arg(long)]
    pub rebuild: bool,
    #[command(flatten)]
    pub form: FormArgs,
}
