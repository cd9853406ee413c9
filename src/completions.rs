//! `drumpost completions SHELL`.

use crate::{
    Exit,
    args::{Cli, CompletionsArgs},
    output,
};
use clap::CommandFactory;

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drumpost", &mut script);
    output::result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
