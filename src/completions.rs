//! `drumpost completions SHELL`.

use crate::{
    Exit,
    args::{Cli, CompletionsArgs},
    output,
};
use clap::{Command, CommandFactory, builder::PossibleValuesParser};
use drumpost_core::{options::Grammar, registry::Registry};

/// Prints a completion script.
pub(crate) fn completions(registry: &Registry, args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut with_options(registry, Cli::command()), "drumpost", &mut script);
    output::result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

/// The command line whose `--set` names the options there are: words with their values, others up to the `=`.
fn with_options(registry: &Registry, cli: Command) -> Command {
    // Made once for one script: names of the parser live as long as the program.
    let begun: Vec<&'static str> = registry
        .options()
        .iter()
        .flat_map(|option| match option.grammar {
            Grammar::Word(words) => words.iter().map(|word| format!("{}={word}", option.name)).collect(),
            _ => vec![format!("{}=", option.name)],
        })
        .map(|text| &*text.leak())
        .collect();
    let names: Vec<String> = cli.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(cli, |cli, name| {
        cli.mut_subcommand(name, |command| {
            let has_options = command.get_arguments().any(|arg| arg.get_id() == "set");
            let parser = || PossibleValuesParser::new(begun.clone());
            if has_options { command.mut_arg("set", |arg| arg.value_parser(parser())) } else { command }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_completed_from_their_declarations() {
        let mut script = Vec::new();
        let mut cli = with_options(&crate::builtin(), Cli::command());
        clap_complete::generate(clap_complete::Shell::Bash, &mut cli, "drumpost", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("fan-out.subscribers="), "{script}");
        assert_eq!(script.contains("jetstream.storage=memory"), cfg!(feature = "nats"));
    }
}
