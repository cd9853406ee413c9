//! The keys of a suite's file: they are the fields of a spec. So a new field is a new key, with the same checks, default and errors.

use crate::{
    similar::unknown,
    spec::{Document, EXCLUSIVE, RunSpec},
};
use clap::{Arg, Args, Command};
use drumpost_core::{
    options::OptionEntry,
    registry::{Absent, Registry},
};
use serde_json::Value;

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
    /// Options that this program does not know are those of another one.
    others: bool,
}

impl Keys {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            command: RunSpec::augment_args(Command::new("run")),
            options: registry.options(),
            absent: registry.absent.clone(),
            others: false,
        }
    }

    /// The same for cells that other programs run. They may have more options.
    pub(super) fn of_others(self) -> Self {
        Self { others: true, ..self }
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
        if self.others {
            return Ok(());
        }
        let family = name.split('.').next().unwrap_or_default();
        if let Some(absent) = self.absent.iter().find(|absent| absent.name == family) {
            return Err(format!("this build has no {family}: build with --features {}", absent.feature));
        }
        let known: Vec<&str> = self.options.iter().map(|option| option.name).collect();
        Err(unknown("option", name, &known))
    }

    /// All fields of a spec, as the help has them.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments()
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
    pub(super) fn conflict(a: &str, b: &str) -> bool {
        EXCLUSIVE.iter().any(|(one, other, _)| (a, b) == (*one, *other) || (b, a) == (*one, *other))
    }

    /// Checks a value as if it stood alone.
    ///
    /// # Errors
    /// What the field, or the option, may be.
    pub(super) fn check(&self, pair: &Pair) -> Result<(), String> {
        if pair.key == SET {
            return self.check_option(&pair.value);
        }
        RunSpec::check_field(&pair.key, &Value::from(pair.value.as_str()))
    }

    /// The spec of a run.
    ///
    /// # Errors
    /// Fields that exclude each other.
    pub(super) fn parse(&self, pairs: &[Pair]) -> Result<RunSpec, String> {
        let mut document = Document::new();
        for Pair { key, value, .. } in pairs {
            let value = Value::from(value.as_str());
            match document.get_mut(key) {
                // An option of several.
                Some(Value::Array(all)) => all.push(value),
                _ if key == SET => drop(document.insert(key.clone(), Value::Array(vec![value]))),
                _ => drop(document.insert(key.clone(), value)),
            }
        }
        RunSpec::from_document(document)
    }

    /// The arguments of `run` that say the same.
    pub(super) fn arguments_of(&self, pairs: &[Pair]) -> Vec<String> {
        let is_positional = |pair: &&Pair| self.find(&pair.key).is_some_and(Arg::is_positional);
        let (positional, flags): (Vec<&Pair>, Vec<&Pair>) = pairs.iter().partition(is_positional);
        let flags = flags.into_iter().map(|Pair { key, value, .. }| format!("--{key}={value}"));
        positional.into_iter().map(|pair| pair.value.clone()).chain(flags).collect()
    }
}

/// The name of a key: the long flag, or the argument's own name.
pub(super) fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}
