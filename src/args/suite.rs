//! The flags of `drumpost suite`.

use super::LiveArgs;
use crate::{assertions::AssertArgs, form::FormArgs};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct SuiteArgs {
    /// TOML file that describes the cells
    #[arg(required_unless_present = "schema")]
    pub file: Option<PathBuf>,
    /// Folder of the results [default: .drumpost/NAME-DATE; with --resume the newest one of that name]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue an interrupted suite; refused if the file, drumpost or the machine changed
    #[arg(long)]
    pub resume: bool,
    /// Only cells whose name, as --list shows it, contains this text
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// List the cells and how long they take, and run nothing
    #[arg(long, conflicts_with_all = ["resume", "out", "json", "markdown", "html"])]
    pub list: bool,
    #[command(flatten)]
    pub asserts: AssertArgs,
    #[command(flatten)]
    pub form: FormArgs,
    #[command(flatten)]
    pub live: LiveArgs,
    /// Print the JSON schema of a suite's file, for editors
    #[arg(long, exclusive = true)]
    pub schema: bool,
    /// The whole command line, program name first, for the suite's state.
    #[arg(skip)]
    pub command: Vec<String>,
}
