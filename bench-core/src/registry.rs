//! The list of transports and scenarios from which a command line is built. To add one, register it here.

use crate::{
    dispatcher::Dispatcher,
    options::OptionError,
    scenario::{Intent, Scenario, Style},
};
pub use crate::{
    options::{OptionEntry, Options, Values},
    promise::{Acks, Asked, Confirms, Delivery, Order, Promise},
};

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

/// The requests that a transport makes at a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requests {
    /// For a message to one service: where each call carries as many messages as it can, and where each carries one.
    pub per_message: [f64; 2],
    /// In a second, at most, for each instance and each destination that it hears, however few messages there are.
    pub idle_per_s: f64,
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
    /// Whether it needs a server, which runs outside the process unless the transport embeds one; such a transport is left out of the
    /// default run.
    pub needs_server: bool,
    /// The requests that the transport makes at a server whose owner charges for each. `None`: no owner does. A run at such a server that is not on this
    /// machine has to be agreed to.
    pub requests: Option<Requests>,
    /// The options it reads. It cannot read any other.
    pub options: &'static [OptionEntry],
    /// Makes it of checked values; see [`TransportEntry::made`]. An error is a sentence about an option.
    pub make: fn(&Values) -> Result<Box<dyn Dispatcher>, String>,
}

/// As the address of a server, and as its default: the transport starts a server in this process.
pub const EMBEDDED: &str = "embedded";

/// The intents of both styles: commands, requests and replies to known recipients, and events for anyone who listens.
pub const ALL_INTENTS: &[(Style, &[Intent])] =
    &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]), (Style::Event, &[Intent::Event])];

impl TransportEntry {
    /// The entry of a transport in memory, which states only what differs:
    /// `TransportEntry { name, ..TransportEntry::IN_MEMORY }`. The transport runs on threads and has bounded queues, no
    /// server and no options.
    pub const IN_MEMORY: Self = Self {
        name: "",
        summary: "",
        intents: ALL_INTENTS,
        runs_on: RunsOn::Threads,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        requests: None,
        options: &[],
        make: |_| Err("an entry without a transport".into()),
    };

    /// The intents it honours in `style`; `None` if it does not have that style.
    #[must_use]
    pub fn intents(&self, style: Style) -> Option<&'static [Intent]> {
        self.intents.iter().find(|(of, _)| *of == style).map(|(_, intents)| *intents)
    }

    /// Checks the options that it declares, and makes it.
    ///
    /// # Errors
    /// A sentence about an option.
    pub fn made(&self, options: &Options) -> Result<Box<dyn Dispatcher>, String> {
        (self.make)(&options.of(self.options).map_err(|error: OptionError| error.to_string())?)
    }

    /// The option that says where its server is.
    #[must_use]
    pub fn address(&self) -> Option<&'static OptionEntry> {
        self.options.iter().find(|option| option.address)
    }

    /// Whether it starts a server in this process where no address is given.
    #[must_use]
    pub fn embeds_server(&self) -> bool {
        self.address().is_some_and(|address| address.default == Some(EMBEDDED))
    }

    /// Whether it starts a server in this process with these options.
    #[must_use]
    pub fn runs_server(&self, options: &Options) -> bool {
        let given = self.address().and_then(|address| options.get(address.name));
        self.embeds_server() && given.is_none_or(|given| given.is_empty() || given == EMBEDDED)
    }
}

/// A scenario, as the command line lists and makes it.
#[derive(Clone, Debug)]
pub struct ScenarioEntry {
    /// Name.
    pub name: &'static str,
    /// The options it reads. It cannot read any other.
    pub options: &'static [OptionEntry],
    /// Makes it of checked values; see [`ScenarioEntry::made`]. An error is a sentence about an option.
    pub make: fn(&Values) -> Result<Scenario, String>,
}

impl ScenarioEntry {
    /// Checks the options that it declares, and makes it.
    ///
    /// # Errors
    /// A sentence about an option.
    pub fn made(&self, options: &Options) -> Result<Scenario, String> {
        (self.make)(&options.of(self.options).map_err(|error: OptionError| error.to_string())?)
    }
}

/// A transport that drumpost has and this build lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Name.
    pub name: &'static str,
    /// The cargo feature with which a build has it.
    pub feature: &'static str,
}

/// Everything that can be run.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Transports, in the order they are listed.
    pub transports: Vec<TransportEntry>,
    /// Scenarios, in the order they are listed.
    pub scenarios: Vec<ScenarioEntry>,
    /// Transports that this build lacks, so that their names are answered by how to build with them.
    pub absent: Vec<Absent>,
}

/// The name of the transport in a dispatch, which may have a style before it: `nats` of `event/nats` and of `nats`.
#[must_use]
pub fn transport_in(dispatch: &str) -> &str {
    dispatch.split_once('/').map_or(dispatch, |(_, transport)| transport)
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

    /// The feature with which a build has the transport of that name, if this one lacks it.
    #[must_use]
    pub fn feature_of(&self, name: &str) -> Option<&'static str> {
        self.absent.iter().find(|absent| absent.name == name).map(|absent| absent.feature)
    }

    /// The option with the address of the server whose options have names that begin with `family` and a dot.
    #[must_use]
    pub fn address_of(&self, family: &str) -> Option<&'static OptionEntry> {
        let mut options = self.transports.iter().flat_map(|entry| entry.options);
        options.find(|option| option.address && option.family() == family)
    }

    /// All options that transports and scenarios declare, each once.
    #[must_use]
    pub fn options(&self) -> Vec<&'static OptionEntry> {
        let of_transports = self.transports.iter().flat_map(|entry| entry.options);
        let all = of_transports.chain(self.scenarios.iter().flat_map(|entry| entry.options));
        let mut found: Vec<&'static OptionEntry> = Vec::new();
        for option in all {
            if !found.iter().any(|known| known.name == option.name) {
                found.push(option);
            }
        }
        found
    }

    /// The option of that name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'static OptionEntry> {
        self.options().into_iter().find(|option| option.name == name)
    }
}
