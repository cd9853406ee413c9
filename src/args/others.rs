//! Flags of the smaller sub-commands: comparison, export, servers, completions.

use crate::{export::ExportFormat, thresholds::ThresholdArgs};
use clap::Args;
use drumpost_results::export::Times;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Record A, such as before a change
    pub a: PathBuf,
    /// Record B, such as after the change; not needed with --between
    pub b: Option<PathBuf>,
    /// Two dispatches of record A to compare
    #[arg(long, value_name = "DISPATCH,DISPATCH", conflicts_with = "b")]
    pub between: Option<String>,
    /// Exit with code 7 if anything is inconclusive or not judged
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
    /// Record of a run or a search
    pub file: PathBuf,
    /// Format
    #[arg(long, short, value_enum)]
    pub format: ExportFormat,
    /// Dispatch to export, such as message/crossbeam [default: all]
    #[arg(long, short, value_name = "DISPATCH")]
    pub dispatch: Option<String>,
    /// Number of the trial to export, from 0 as in the record [default: all]
    #[arg(long, value_name = "N")]
    pub trial: Option<u32>,
    /// Times to export: response, service, lag, hop or confirm, for hgrm and hlog
    ///
    /// `hop:DESTINATION` and `confirm:DESTINATION` are those of one destination; without one, all destinations are merged. An
    /// hlog has intervals for the response time alone; other times are one line for each trial, with 3 significant digits.
    #[arg(long, default_value_t, value_name = "TIMES")]
    pub times: Times,
    /// File, pipe or device to write; `-` is stdout [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
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
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub shell: clap_complete::Shell,
}
