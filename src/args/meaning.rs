//! What a command line comes to where its flags do not say it themselves.

use super::{Cli, Command};
use clap::Parser;

impl Command {
    /// The command that runs when no sub-command is given.
    pub(crate) fn main_job() -> Self {
        Cli::parse_from(["drumpost", "run"]).command.unwrap_or_else(Self::main_job)
    }

    /// Where the command line goes, if the command keeps it with what it measured.
    pub(crate) fn command_line(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Run(args) => Some(&mut args.command),
            Self::Search(args) => Some(&mut args.measured.run.command),
            Self::Compare(args) => Some(&mut args.command),
            Self::Suite(args) => Some(&mut args.command),
            _ => None,
        }
    }
}
