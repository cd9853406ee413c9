//! What a command line comes to where its flags do not say it themselves.

use super::{Cli, Command, RunArgs};
use clap::Parser;

impl Command {
    /// The command that runs when no sub-command is given.
    pub(crate) fn main_job() -> Self {
        Cli::parse_from(["drumpost", "run"]).command.unwrap_or_else(Self::main_job)
    }

    /// The flags of `run` that a command has, if the command makes one record.
    pub(crate) fn measures(&mut self) -> Option<&mut RunArgs> {
        match self {
            Self::Run(args) => Some(args),
            Self::Search(args) => Some(&mut args.measured.run),
            _ => None,
        }
    }
}
