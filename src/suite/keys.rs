//! The keys of a suite's file: they are the flags of `run`, taken from the flags' own parser. So a new flag is a new
//! key, with the same checks, default and errors.

use crate::{args::RunArgs, similar::unknown};
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};
use drumpost_core::{
    options::OptionEntry,
    registry::{Absent, Registry},
};

/// The key of `run`'s argument without a flag.
pub(super) const SCENARIO: &str = "scenario";
/// The key of what is measured.
pub(super) const DISPATCH: &str = "dispatch";
/// The key of the table of options.
pub(super) const SET: &str = "set";
/// The key of groups of keys that go together.
pub(super) const LOAD: &str = "load";
/// The key that is the suite's, not a cell's.
pub(super) const SEED: &str = "seed";

/// A key with one value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub key: String,
    /// As it would be written on the command line; of an option `KEY=VALUE`.
    pub value: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// See the module.
pub(super) struct Keys {
    command: Command,
    options: Vec<&'static OptionEntry>,
    absent: Vec<Absent>,
}

impl Keys {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            command: RunArgs::augment_args(Command::new("run").no_binary_name(true)),
            options: registry.options(),
            absent: registry.absent.clone(),
        }
    }

    /// The options of transports and scenarios.
    pub(super) fn options(&self) -> &[&'static OptionEntry] {
        &self.options
    }

    /// The option with the address of a server for which a key stands, as its flag does on the command line.
    pub(super) fn alias(&self, key: &str) -> Option<&'static str> {
        let mut addresses = self.options.iter().filter(|option| option.address && option.family() == key);
        addresses.next().filter(|_| self.find(key).is_none()).map(|option| option.name)
    }

    /// Checks the value of an option, `NAME=VALUE`.
    fn check_option(&self, set: &str) -> Result<(), String> {
        let (name, value) = set.split_once('=').unwrap_or((set, ""));
        if let Some(option) = self.options.iter().find(|option| option.name == name) {
            return option.check(value);
        }
        let family = name.split('.').next().unwrap_or_default();
        if let Some(absent) = self.absent.iter().find(|absent| absent.name == family) {
            return Err(format!("this build has no {family}: build with --features {}", absent.feature));
        }
        let known: Vec<&str> = self.options.iter().map(|option| option.name).collect();
        Err(unknown("option", name, &known))
    }

    /// All arguments of `run` that say what is measured; not those that say where results go.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| arg.get_help_heading() != Some("Output"))
    }

    /// The names of all keys that have values, options aside, in the order of the help.
    pub(super) fn names(&self) -> Vec<&str> {
        self.arguments().map(name).filter(|name| *name != SET).collect()
    }

    /// The names of the keys that a `load` may consist of.
    pub(super) fn load_names(&self) -> Vec<&str> {
        let load = self.arguments().filter(|arg| arg.get_help_heading() == Some("Load"));
        load.map(name).filter(|name| *name != SEED).collect()
    }

    pub(super) fn find(&self, key: &str) -> Option<&Arg> {
        self.arguments().find(|arg| name(arg) == key)
    }

    /// Place of a key in the help, and so of its values in the name of a cell.
    pub(super) fn rank(&self, key: &str) -> usize {
        self.names().iter().position(|name| *name == key).unwrap_or(usize::MAX)
    }

    /// Whether two keys cannot be given at once.
    pub(super) fn conflict(&self, a: &str, b: &str) -> bool {
        let (Some(a), Some(b)) = (self.find(a), self.find(b)) else { return false };
        let says = |a: &Arg, b: &Arg| {
            self.command.get_arg_conflicts_with(a).iter().any(|other| other.get_id() == b.get_id())
        };
        says(a, b) || says(b, a)
    }

    /// Checks a value as if its flag stood alone.
    ///
    /// # Errors
    /// The help of the flag, or what an option may be.
    pub(super) fn check(&self, pair: &Pair) -> Result<(), String> {
        if pair.key == SET {
            return self.check_option(&pair.value);
        }
        let arguments = self.arguments_of(std::slice::from_ref(pair));
        self.command.clone().try_get_matches_from(arguments).map(drop).map_err(|error| sentence(&error))
    }

    /// The flags of a run.
    ///
    /// # Errors
    /// Flags that exclude each other.
    pub(super) fn parse(&self, pairs: &[Pair]) -> Result<RunArgs, String> {
        let matches = self.command.clone().try_get_matches_from(self.arguments_of(pairs));
        matches.and_then(|matches| RunArgs::from_arg_matches(&matches)).map_err(|error| sentence(&error))
    }

    /// The arguments of `run` that say the same.
    pub(super) fn arguments_of(&self, pairs: &[Pair]) -> Vec<String> {
        let (mut flags, mut positional) = (Vec::new(), Vec::new());
        for pair in pairs {
            let Pair { key, value, .. } = pair;
            match self.find(key).map(|arg| (arg.is_positional(), arg.get_action())) {
                Some((true, _)) => positional.push(value.clone()),
                Some((_, ArgAction::SetTrue)) if value == "true" => flags.push(format!("--{key}")),
                Some((_, ArgAction::SetTrue)) if value == "false" => {}
                _ => flags.push(format!("--{key}={value}")),
            }
        }
        positional.extend(flags);
        positional
    }
}

/// The name of a key: the long flag, or the argument's own name.
pub(super) fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}

/// What is wrong, without the head, the usage and the hint at `--help` of an error on a terminal.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let told = told.collect::<Vec<_>>().join(" ");
    told.strip_prefix("error: ").unwrap_or(&told).to_owned()
}
