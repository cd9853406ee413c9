//! The words of the command line, before flags are read from them.
//!
//! Lives here: secrets in the list of processes, and short flags (*aliases*) for addresses of servers. `--NAME URL` stands for `--set NAME.url=URL`, for
//! each name that the options of a transport begin with. The names come from the registry, so no transport is named here. Help does
//! not show them.

use crate::{args::Cli, exit::usage, secrets};
use clap::CommandFactory;
use drumpost_core::registry::Registry;
use std::ffi::OsString;

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
