//! The declaration of an option. Help, lists, checks, the schema of suites and the record all read it.

use super::{grammar::Grammar, values::Value};

/// How an option takes part in proving who connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogsIn {
    /// It does not.
    #[default]
    No,
    /// A way of its own, such as a user or a token. One that the command line names outdoes all ways that the environment
    /// names.
    Way,
    /// It belongs to the user that this option, or the address, names: a password.
    With(&'static str),
}

/// An option of a transport or a scenario, as data.
#[derive(Clone, Copy, Debug)]
pub struct OptionEntry {
    /// Its name after `--set`, such as `jetstream.storage`. What stands before the first dot is shared by the options of one
    /// server.
    pub name: &'static str,
    /// What its value may be.
    pub grammar: Grammar,
    /// The text that holds where none is given. `None`: nothing does, and [`OptionEntry::unset`] says what that means.
    pub default: Option<&'static str>,
    /// What holds without a value, in a few words: `none`, `the system's`.
    pub unset: &'static str,
    /// What its number counts, such as `subscribers`. Empty where the grammar has units of its own.
    pub unit: &'static str,
    /// The environment variable that sets it where the command line does not.
    pub environment: Option<&'static str>,
    /// Its meaning, in one sentence.
    pub summary: &'static str,
    /// Its value is a secret: it is handed to the transport and to nothing else, neither stored nor printed.
    pub secret: bool,
    /// It says where the server is. `--server` sets it.
    pub address: bool,
    /// Rows that differ in it cannot be compared fairly. Its value, the default included, is a setting of the run, which
    /// stands under the table. Other options are stored with the run where they were set.
    pub unfair: bool,
    /// It is handed to the broker or its client as it is, so the broker's documentation explains it.
    pub brokers_own: bool,
    /// Its number limits how often a message is handed out. What is given back more often becomes a dead letter
    /// ([`crate::port::Told::DEAD`]).
    pub gives_up: bool,
    /// Its time is how long a server waits for an acknowledgement before it hands a message out again. After a kill a run that ends
    /// sooner says so.
    pub redelivers: bool,
    /// How it takes part in proving who connects.
    pub logs_in: LogsIn,
}

impl OptionEntry {
    /// An option with a default, which has to fit the grammar.
    #[must_use]
    pub const fn new(
        name: &'static str,
        grammar: Grammar,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { default: Some(default), unset: default, ..Self::optional(name, grammar, summary) }
    }

    /// An option without a default: a text, a file or a form.
    #[must_use]
    pub const fn optional(name: &'static str, grammar: Grammar, summary: &'static str) -> Self {
        Self {
            name,
            grammar,
            default: None,
            unset: "none",
            unit: "",
            environment: None,
            summary,
            secret: false,
            address: false,
            unfair: false,
            brokers_own: false,
            gives_up: false,
            redelivers: false,
            logs_in: LogsIn::No,
        }
    }

    /// The same; `says` is what holds where it is not set.
    #[must_use]
    pub const fn or_else(self, says: &'static str) -> Self {
        Self { unset: says, ..self }
    }

    /// The same, counting `unit`.
    #[must_use]
    pub const fn of(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// The same, set by an environment variable where the command line does not set it.
    #[must_use]
    pub const fn or_environment(self, variable: &'static str) -> Self {
        Self { environment: Some(variable), ..self }
    }

    /// The same, with a value that is a secret.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The same, saying where the server is.
    #[must_use]
    pub const fn address(self) -> Self {
        Self { address: true, ..self }
    }

    /// The same, in which rows must agree to be compared.
    #[must_use]
    pub const fn unfair(self) -> Self {
        Self { unfair: true, ..self }
    }

    /// The same, explained by the broker's documentation.
    #[must_use]
    pub const fn brokers_own(self) -> Self {
        Self { brokers_own: true, ..self }
    }

    /// The same, limiting how often a message is handed out.
    #[must_use]
    pub const fn gives_up(self) -> Self {
        Self { gives_up: true, ..self }
    }

    /// The same, being the time after which a message that is not acknowledged is handed out again.
    #[must_use]
    pub const fn redelivers(self) -> Self {
        Self { redelivers: true, ..self }
    }

    /// The same, being a way to prove who connects.
    #[must_use]
    pub const fn way_to_log_in(self) -> Self {
        Self { logs_in: LogsIn::Way, ..self }
    }

    /// The same, being the password of the user that `option` names.
    #[must_use]
    pub const fn password_of(self, option: &'static str) -> Self {
        Self { logs_in: LogsIn::With(option), ..self }
    }

    /// What stands before the first dot of the name: options that share it belong to one server or scenario.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Says what is wrong with a text. The sentence never holds the value of a secret.
    ///
    /// # Errors
    /// What is wrong, and what the value may be.
    pub fn check(&self, text: &str) -> Result<(), String> {
        if self.is_unset_by(text) { Ok(()) } else { self.read(text).map(drop) }
    }

    /// Whether a text says that the option is not set: an empty one, where a value is a text.
    pub(super) fn is_unset_by(&self, text: &str) -> bool {
        text.is_empty()
            && matches!(self.grammar, Grammar::Text | Grammar::File | Grammar::Url(_) | Grammar::Form { .. })
    }

    pub(super) fn read(&self, text: &str) -> Result<Value, String> {
        let told =
            |why| if self.secret { format!("its value is not {}", self.grammar.allowed()) } else { why };
        self.grammar.read(text).map_err(told)
    }

    pub(super) fn default_value(&self) -> Option<Value> {
        let text = self.default?;
        let read = self.grammar.read(text);
        Some(read.unwrap_or_else(|why| panic!("option {}: its own default does not fit: {why}", self.name)))
    }
}
