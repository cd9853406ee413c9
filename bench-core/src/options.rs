//! Options of transports and scenarios: the texts that a command line, a suite's file or the environment gives them.
//!
//! An option is declared once, as an [`OptionEntry`]. Its grammar checks every text that is given for it, in one place
//! ([`Options::of`]), before a transport or a scenario is made. A transport reads checked values ([`Values`]) and holds
//! neither a parser nor a second copy of a default.

mod entry;
mod grammar;
mod values;

pub use entry::{LogsIn, OptionEntry};
pub use grammar::{FILE_MAX_BYTES, Grammar};
pub use values::{OptionFile, Values};

use std::{collections::BTreeMap, fmt};
use thiserror::Error;

/// Where the text of an option comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The flag `--set`, or the table `set` of a suite's file.
    #[default]
    Set,
    /// Another flag, with its dashes.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(variable) => write!(f, "the variable {variable}"),
        }
    }
}

/// An option whose text does not fit its grammar. The sentence never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("option {name}, set by {from}: {why}")]
pub struct OptionError {
    /// Name of the option.
    pub name: &'static str,
    /// Where its text comes from.
    pub from: Source,
    /// What is wrong, and what the value may be.
    pub why: String,
}

/// The texts given for options, by name (`jetstream.storage`, `sim`, `fan-out.subscribers`), not checked yet.
#[derive(Clone, Default)]
pub struct Options {
    given: BTreeMap<String, (String, Source)>,
    /// Addresses of relays, by the option with the address of the server behind each.
    relays: BTreeMap<String, String>,
    seed: Option<u64>,
}

/// Names only: a value may be a secret.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

impl Options {
    /// Sets an option as `--set` does.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.set_from(name, value, Source::Set);
    }

    /// Sets an option that has another source.
    pub fn set_from(&mut self, name: &str, value: impl Into<String>, source: Source) {
        self.given.insert(name.to_owned(), (value.into(), source));
    }

    /// Puts a relay between a transport and the server whose address this option has. The transport connects to `through`. The option
    /// keeps its value, which is the address under which others know the server ([`Values::server_url`]).
    pub fn relay(&mut self, name: &str, through: impl Into<String>) {
        self.relays.insert(name.to_owned(), through.into());
    }

    /// Sets the seed of the trial's random numbers, which a simulated transport draws from. The default is 1.
    pub const fn set_seed(&mut self, seed: u64) {
        self.seed = Some(seed);
    }

    /// The text given for an option.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|(value, _)| value.as_str())
    }

    /// Where the text of an option comes from.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<Source> {
        self.given.get(name).map(|(_, source)| *source)
    }

    /// All options that are set, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(name, (value, _))| (name.as_str(), value.as_str()))
    }

    /// The values of the declared options: each text checked against its grammar, defaults included. Options that are set
    /// and not declared here belong to another transport or scenario, and are passed over.
    ///
    /// # Errors
    /// The first text that does not fit its grammar, and a file that cannot be read.
    pub fn of(&self, declared: &'static [OptionEntry]) -> Result<Values, OptionError> {
        let mut values = Values::new(self.seed.unwrap_or(1));
        for entry in declared {
            let given = self.given.get(entry.name).filter(|(text, _)| !entry.is_unset_by(text));
            let from = given.map(|(_, source)| *source).unwrap_or_default();
            let read = |text: &str| {
                entry.read(text).map_err(|why| OptionError { name: entry.name, from, why }).map(Some)
            };
            let value = match given {
                Some((text, _)) => read(text)?,
                None => entry.default_value(),
            };
            match self.relays.get(entry.name) {
                Some(through) => values.put_relay(entry.name, read(through)?, value),
                None => values.put(entry.name, value, given.is_some()),
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
