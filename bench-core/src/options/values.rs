//! The checked values of options, as a transport or a scenario reads them.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// A file that an option names.
#[derive(Clone, PartialEq, Eq)]
pub struct OptionFile {
    /// Its name, as it was given.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The name only: the text may be a key.
impl fmt::Debug for OptionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// A value of an option. Forms and URLs are texts.
#[derive(Clone)]
pub(super) enum Value {
    Word(&'static str),
    Count(u64),
    Time(Duration),
    Bytes(u64),
    Share(f64),
    Text(String),
    File(OptionFile),
}

/// The values of the options that a transport or a scenario declares. They fit their grammars, and those that were not set
/// have their defaults.
///
/// A getter panics if the option is not declared, or is declared with another grammar: both are mistakes of the transport,
/// which its first run shows.
#[derive(Clone)]
pub struct Values {
    values: BTreeMap<&'static str, (Option<Value>, bool)>,
    /// Addresses of servers behind relays.
    servers: BTreeMap<&'static str, String>,
    seed: u64,
}

/// Names only: a value may be a secret.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Values {
    pub(super) const fn new(seed: u64) -> Self {
        Self { values: BTreeMap::new(), servers: BTreeMap::new(), seed }
    }

    pub(super) fn put(&mut self, name: &'static str, value: Option<Value>, is_set: bool) {
        self.values.insert(name, (value, is_set));
    }

    /// Puts the address of a relay, and that of the server behind it.
    pub(super) fn put_relay(&mut self, name: &'static str, relay: Option<Value>, server: Option<Value>) {
        if let Some(Value::Text(server)) = server {
            self.servers.insert(name, server);
        }
        self.put(name, relay, true);
    }

    /// The seed of the trial's random numbers.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether an option was set, rather than left to its default.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|(_, is_set)| *is_set)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        match self.values.get(name) {
            Some((value, _)) => value.as_ref(),
            None => panic!("option {name} is read and is not declared in the registry"),
        }
    }

    /// One of the words of an option.
    #[must_use]
    pub fn word(&self, name: &str) -> &'static str {
        match self.value(name) {
            Some(Value::Word(word)) => word,
            _ => mistaken(name, "word"),
        }
    }

    /// A whole number.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Count(count)) => *count,
            _ => mistaken(name, "count"),
        }
    }

    /// A whole number, where one is set.
    #[must_use]
    pub fn count_if_set(&self, name: &str) -> Option<u64> {
        self.value(name).map(|_| self.count(name))
    }

    /// A duration.
    #[must_use]
    pub fn time(&self, name: &str) -> Duration {
        match self.value(name) {
            Some(Value::Time(time)) => *time,
            _ => mistaken(name, "time"),
        }
    }

    /// A size in bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Bytes(bytes)) => *bytes,
            _ => mistaken(name, "size"),
        }
    }

    /// A share from 0 to 1.
    #[must_use]
    pub fn share(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Share(share)) => *share,
            _ => mistaken(name, "share"),
        }
    }

    /// A URL with a scheme that its grammar allows, or an address without a scheme.
    #[must_use]
    pub fn url(&self, name: &str) -> &str {
        match self.value(name) {
            Some(Value::Text(url)) => url,
            _ => mistaken(name, "URL"),
        }
    }

    /// The address of the server itself, if [`Values::url`] is that of a relay before it. For what a transport writes down, as a relay has
    /// another address in each run.
    #[must_use]
    pub fn server_url(&self, name: &str) -> Option<&str> {
        self.servers.get(name).map(String::as_str)
    }

    /// A text, or a value with a form of its own. `None`: it is not set and has no default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            None => None,
            Some(Value::Text(text)) => Some(text),
            Some(_) => mistaken(name, "text"),
        }
    }

    /// A file that was read. `None`: it is not set and has no default.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&OptionFile> {
        match self.value(name) {
            None => None,
            Some(Value::File(file)) => Some(file),
            Some(_) => mistaken(name, "file"),
        }
    }

    /// The name of a file that was read. `None`: it is not set and has no default.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.file(name).map(|file| file.path.as_path())
    }
}

#[cold]
fn mistaken(name: &str, as_what: &str) -> ! {
    panic!("option {name} is read as a {as_what}, and its declaration in the registry says otherwise")
}
