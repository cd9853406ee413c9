//! The words of the command line, before flags are read from them.
//!
//! Lives here: secrets in the list of processes, and short flags (*aliases*) for addresses of servers. `--NAME URL` stands for `--set NAME.url=URL`, for
//! each name that the options of a transport begin with. The names come from the registry, so no transport is named here. Help does
//! not show them.

use crate::{args::Cli, exit::usage, secrets};
use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use drumpost_core::registry::Registry;
use std::ffi::OsString;

/// Reads a command line. What is wrong with it is told with the usage of the sub-command that it is for.
///
/// # Errors
/// What is wrong, or the help or the version that is asked for.
pub(crate) fn parsed(words: &[OsString]) -> Result<Cli, clap::Error> {
    let mut cli = Cli::command();
    let mut matches =
        cli.try_get_matches_from_mut(words).map_err(|error| meant_for_run(words, &error).unwrap_or(error))?;
    let name = matches.subcommand_name().map(str::to_owned);
    // Without this a mistake that is found in the values of flags would be told with the usage of the whole program.
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| {
        if let Some(command) = name.and_then(|name| cli.find_subcommand_mut(name)) {
            return error.format(command);
        }
        error.format(&mut cli)
    })
}

/// A flag of `run` that stands among those of `compare`, where `--` was forgotten: the parser would advise to make it a value.
fn meant_for_run(words: &[OsString], error: &clap::Error) -> Option<clap::Error> {
    let is_compare = words.get(1).is_some_and(|word| word == "compare");
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    if !is_compare || error.kind() != ErrorKind::UnknownArgument || words.iter().any(|word| word == "--") {
        return None;
    }
    let is_meant = |arg: &clap::Arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let short = arg.get_short().map(|short| format!("-{short}"));
        [long, short].contains(&Some(flag.clone()))
    };
    let mut cli = Cli::command();
    cli.build();
    let is_of_run = cli.find_subcommand("run")?.get_arguments().any(is_meant);
    let compare = cli.find_subcommand_mut("compare").filter(|_| is_of_run)?;
    let said = format!(
        "'{flag}' is a flag of `run`: write `--` before the scenario and the flags of `run`, as in \
         `drumpost compare --base main --head . -- stream {flag} ...`"
    );
    Some(compare.error(ErrorKind::UnknownArgument, said))
}

/// The command line with each alias written out.
///
/// # Errors
/// An alias of a transport that this build lacks: the sentence says how to build with it.
pub(crate) fn written_out(registry: &Registry, words: &[OsString]) -> anyhow::Result<Vec<OsString>> {
    let mut written: Vec<OsString> = Vec::with_capacity(words.len());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let flag = word.to_str().and_then(|text| text.strip_prefix("--")).unwrap_or_default();
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || is_flag(name) {
            written.push(word.clone());
            continue;
        }
        if let Some(feature) = registry.feature_of(name) {
            return Err(usage(format!(
                "--{name}: this build has no {name}: build with --features {feature}"
            )));
        }
        let option = registry.address_of(name).map(|option| option.name);
        let value = match value {
            Some(value) => Some(OsString::from(value)),
            None if option.is_some() => rest.next().cloned(),
            None => None,
        };
        let (Some(option), Some(value)) = (option, value) else {
            written.push(word.clone());
            continue;
        };
        let mut set = OsString::from(format!("{option}="));
        set.push(value);
        written.extend(["--set".into(), set]);
    }
    Ok(written)
}

/// The command line of this process. Where it holds secrets, which every user of the machine could read in the list of
/// processes, the program replaces itself by itself with a command line that holds none; if that cannot be done, it goes on.
#[cfg(unix)]
pub(crate) fn of_this_process(registry: &Registry) -> Vec<OsString> {
    use std::os::unix::process::CommandExt;
    let words: Vec<OsString> = std::env::args_os().collect();
    let handed_on = std::env::var(secrets::ARGUMENTS).ok();
    if let Some(all) = handed_on.and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok()) {
        return all.into_iter().map(OsString::from).collect();
    }
    learn_secrets(registry, &words);
    let Some(texts) = words.iter().map(|word| word.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    else {
        return words;
    };
    let hidden: Vec<String> = texts.iter().map(|word| secrets::hide(word)).collect();
    if hidden != texts
        && let (Ok(program), Ok(all)) = (std::env::current_exe(), serde_json::to_string(&texts))
    {
        let mut again = std::process::Command::new(program);
        again.arg0(&hidden[0]).args(&hidden[1..]).env(secrets::ARGUMENTS, all);
        // It returns only if it failed.
        let _ = again.exec();
    }
    words
}

/// The command line of this process.
#[cfg(not(unix))]
pub(crate) fn of_this_process(_registry: &Registry) -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Learns the secrets in a command line.
pub(crate) fn learn_secrets(registry: &Registry, words: &[OsString]) {
    // An alias of a build that lacks its transport is refused later. What it holds is looked through like any word.
    let words = written_out(registry, words).unwrap_or_else(|_| words.to_vec());
    secrets::learn(registry, &words);
}

/// Whether a command has a flag of that name, which is then no alias.
fn is_flag(name: &str) -> bool {
    let has = |command: &clap::Command| command.get_arguments().any(|flag| flag.get_long() == Some(name));
    let cli = Cli::command();
    has(&cli) || cli.get_subcommands().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::{
        options::{Grammar, OptionEntry},
        registry::{Absent, Promise, RunsOn, TransportEntry},
    };

    static OPTIONS: [OptionEntry; 1] =
        [OptionEntry::new("box.address", Grammar::Url(&["box"]), "box://h", "where").address()];

    fn written(line: &str) -> Result<String, String> {
        let entry = TransportEntry {
            name: "boxes",
            summary: "",
            intents: &[],
            runs_on: RunsOn::Tasks,
            promise: Promise::IN_MEMORY,
            needs_server: true,
            requests: None,
            options: &OPTIONS,
            make: |_| Err(String::new()),
        };
        let absent = vec![Absent { name: "far", feature: "distant" }];
        let registry = Registry { transports: vec![entry], absent, ..Registry::default() };
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = written_out(&registry, &words).map_err(|error| error.to_string())?;
        Ok(words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    fn wrong(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parsed(&words).expect_err(line).to_string()
    }

    #[test]
    fn flags_of_run_beside_those_of_compare_need_two_dashes() {
        for flag in ["-d message/rtrb", "--rate 1k/s"] {
            let text = wrong(&format!("drumpost compare --base . --head . stream {flag}"));
            assert!(text.contains("write `--` before the scenario"), "{text}");
            assert!(text.contains("Usage: drumpost compare ") && !text.contains("as a value"), "{text}");
        }
        let text = wrong("drumpost compare --base . --head . --rats 1k/s");
        assert!(text.contains("unexpected argument '--rats'"), "{text}");
    }

    #[test]
    fn a_mistake_is_told_with_the_usage_of_its_command() {
        let text = wrong("drumpost run --rate 1k/s --in-flight 4");
        assert!(text.contains("--in-flight cannot be used with --rate"), "{text}");
        assert!(text.contains("Usage: drumpost run "), "{text}");
        assert!(wrong("drumpost run --spec /no/such").contains("Usage: drumpost run "));
        assert!(wrong("drumpost --nonsense").contains("Usage: drumpost [COMMAND]"));
    }

    #[test]
    fn a_flag_named_like_a_server_sets_its_address_option() {
        for (line, plain) in [
            ("run --box box://h --json", "run --set box.address=box://h --json"),
            ("run --box=box://h?a=b", "run --set box.address=box://h?a=b"),
            ("run --boxes x --batch 3 --box", "run --boxes x --batch 3 --box"),
            ("run --set box.address=x", "run --set box.address=x"),
        ] {
            assert_eq!(written(line).as_deref(), Ok(plain));
        }
        assert_eq!(
            written("run --far x").unwrap_err(),
            "--far: this build has no far: build with --features distant"
        );
    }
}
