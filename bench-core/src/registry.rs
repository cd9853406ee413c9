//! The list of transports and scenarios from which a command line is built. To add one, register it here.

use crate::{
    dispatcher::Dispatcher,
    scenario::{Intent, Scenario, Style},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Options of transports and scenarios, by name (`nats.url`, `sim`, `fan-out.subscribers`). Notes which names are asked
/// for, so that one that nobody asks for, a typo say, can be refused. Clones share these notes.
#[derive(Clone, Debug, Default)]
pub struct Options {
    values: BTreeMap<String, String>,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Options {
    /// Sets an option.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// An option's text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.values.get(name).map(String::as_str)
    }

    /// All options that are set, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names that were asked for so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The kind of driver that runs a transport's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// Threads: placement and wait strategy apply.
    Threads,
    /// Tasks of an asynchronous runtime: placement applies, waiting is the runtime's.
    Tasks,
    /// The publisher's own thread, in the call that emits.
    Inline,
    /// Virtual time on one thread, or threads in real time.
    Simulation,
}

/// The promises of a transport. The audit judges a run by them, and the record states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Queues are bounded and a full one blocks the sender: the deadlock rule applies.
    pub holds_up_senders: bool,
    /// Messages of one producer to one destination arrive in order.
    pub ordered: bool,
    /// Every accepted message is delivered. A transport that may drop says so.
    pub lossless: bool,
    /// A message may be delivered again (at-least-once).
    pub may_duplicate: bool,
    /// How deliveries are acknowledged, in a few words.
    pub acks: &'static str,
    /// Where the transport stores messages, in a few words.
    pub persistence: &'static str,
}

impl Promise {
    /// The promises of a bounded queue in memory.
    pub const IN_MEMORY: Self = Self {
        holds_up_senders: true,
        ordered: true,
        lossless: true,
        may_duplicate: false,
        acks: "none",
        persistence: "none",
    };
}

/// An option that a transport reads, as the command line lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionEntry {
    /// Its name after `--set`, such as `nats.token`.
    pub name: &'static str,
    /// The form of its value, such as `URL`, `TIME` or `file|memory`.
    pub form: &'static str,
    /// The default, in a few words.
    pub default: &'static str,
    /// Its meaning, in one sentence.
    pub summary: &'static str,
    /// The environment variable that sets it where the command line does not.
    pub environment: Option<&'static str>,
    /// Whether its value is a secret. A secret is handed to the transport and to nothing else: it is neither stored nor
    /// printed.
    pub secret: bool,
}

impl OptionEntry {
    /// An option that is no secret and has no environment variable.
    #[must_use]
    pub const fn new(
        name: &'static str,
        form: &'static str,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { name, form, default, summary, environment: None, secret: false }
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
}

/// A transport, as the command line lists and makes it.
#[derive(Clone, Debug)]
pub struct TransportEntry {
    /// Name.
    pub name: &'static str,
    /// One sentence: what carries messages, and by which native means.
    pub summary: &'static str,
    /// Intents it honours, by style. A style without intents is one it does not have.
    pub intents: &'static [(Style, &'static [Intent])],
    /// The kind of driver that runs the ports.
    pub runs_on: RunsOn,
    /// The promises of the transport.
    pub promise: Promise,
    /// Whether it needs a server that runs outside the process; such a transport is left out of the default run.
    pub needs_server: bool,
    /// The options it reads. One that is not listed here is read all the same, but cannot be a secret.
    pub options: &'static [OptionEntry],
    /// Makes it. An error is a sentence about an option.
    pub make: fn(&Options) -> Result<Box<dyn Dispatcher>, String>,
}

impl TransportEntry {
    /// The intents it honours in `style`; `None` if it does not have that style.
    #[must_use]
    pub fn intents(&self, style: Style) -> Option<&'static [Intent]> {
        self.intents.iter().find(|(of, _)| *of == style).map(|(_, intents)| *intents)
    }
}

/// A scenario, as the command line lists and makes it.
#[derive(Clone, Debug)]
pub struct ScenarioEntry {
    /// Name.
    pub name: &'static str,
    /// The options it reads.
    pub options: &'static [OptionEntry],
    /// Makes it. An error is a sentence about an option.
    pub make: fn(&Options) -> Result<Scenario, String>,
}

/// Everything that can be run.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Transports, in the order they are listed.
    pub transports: Vec<TransportEntry>,
    /// Scenarios, in the order they are listed.
    pub scenarios: Vec<ScenarioEntry>,
}

impl Registry {
    /// The transport of that name.
    #[must_use]
    pub fn transport(&self, name: &str) -> Option<&TransportEntry> {
        self.transports.iter().find(|entry| entry.name == name)
    }

    /// The scenario of that name.
    #[must_use]
    pub fn scenario(&self, name: &str) -> Option<&ScenarioEntry> {
        self.scenarios.iter().find(|entry| entry.name == name)
    }
}
