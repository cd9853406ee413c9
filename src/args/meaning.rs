//! What a command line comes to where its flags do not say it themselves.

use super::{Cli, Command, RunArgs};
use clap::Parser;
use drumpost_core::drive::{Placement, Wait};

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

impl RunArgs {
    /// The placement of so many lanes: as asked, else one thread per core, or one less of very many. With `--wait native` each lane
    /// has a thread of its own, because it sleeps in its port.
    pub(crate) fn placement(&self, lanes: usize) -> Placement {
        let usual = if self.wait == Wait::Native { Placement::Each } else { Placement::usual(lanes) };
        self.placement.unwrap_or(usual)
    }
}
