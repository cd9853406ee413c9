//! Derives a wiring from a style's table of routes: destinations, instances, receivers of each destination, and
//! refusals.
//!
//! A transport is opened with a wiring. Everything here happens before a run.

mod checks;

use crate::{
    handler::OutboxSpec,
    message::Kind,
    payload::Pool,
    promise::Acks,
    scenario::{Intent, Part, Route, Scenario, Service, Style},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

/// The settings from which a wiring is made, besides the scenario.
#[derive(Clone, Debug)]
pub struct WiringSettings {
    /// Unique among runs; brokers name their objects after it.
    pub run_name: String,
    /// Optional services that take part.
    pub with: Vec<String>,
    /// Services left out.
    pub without: Vec<String>,
    /// Instances by service; 1 where not given.
    pub instances: BTreeMap<String, u16>,
    /// Most messages that each bounded queue of the transport holds, however many queues a destination has.
    pub capacity: usize,
    /// Most messages moved at once.
    pub batch: usize,
    /// Most flows under way; `None`: as many as the deadlock rule allows.
    pub window: Option<u64>,
    /// Payload bytes.
    pub pool: Arc<Pool>,
}

/// A service that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiredService {
    /// Its name.
    pub name: String,
    /// Its instances' numbers.
    pub instances: Range<u16>,
    /// Whether a load starts flows here.
    pub driven: bool,
}

/// A named place messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its number: [`crate::message::Message::destination`].
    pub id: u16,
    /// Its name.
    pub name: String,
    /// The sender's intent with messages to this destination.
    pub intent: Intent,
    /// Kinds that travel here.
    pub kinds: Vec<Kind>,
    /// The sending service, as an index into [`Wiring::services`].
    pub sender: usize,
    /// The receiving services, as indices into [`Wiring::services`].
    pub receivers: Vec<usize>,
}

impl Destination {
    /// The facts about a lane that its outbox needs.
    pub(crate) fn outbox(&self) -> OutboxSpec {
        OutboxSpec { destination: self.id, asks: self.intent == Intent::Request, kinds: self.kinds.clone() }
    }
}

/// The routes of one style with the number of instances.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Unique among runs.
    pub run_name: String,
    /// The name of the transport that carries it, for messages about faults; empty if nobody said.
    pub transport: String,
    /// Which style's table this is.
    pub style: Style,
    /// Services that take part.
    pub services: Vec<WiredService>,
    /// Destinations; a message's `destination` is an index.
    pub destinations: Vec<Destination>,
    /// Most messages that each bounded queue holds, however many queues a destination has.
    pub capacity: usize,
    /// Most messages moved at once.
    pub batch: usize,
    /// Most flows under way, `None` if nothing limits them.
    pub window: Option<u64>,
    /// Payload bytes.
    pub pool: Arc<Pool>,
    /// How many connections all instances share; `None`: each has its own. Set after the wiring is made, for a transport of
    /// which [`crate::dispatcher::Dispatcher::shares_connections`] is true.
    pub connections: Option<u16>,
    /// When receivers acknowledge. A dispatcher sets it from the conditions of the trial before it opens the transport, which may
    /// then open consumers whose messages need no acknowledgement ([`Acks::Before`]).
    pub acks: Acks,
    /// For how long an instance may be away in the trial, at most. A dispatcher sets it as it does `acks`, for transports at whose servers
    /// a session or a queue ends when it is not used.
    pub away: Duration,
}

/// Why a scenario cannot be wired so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WiringError {
    /// The scenario has no table for the style.
    #[error("scenario `{scenario}` has no {style} style")]
    NoStyle {
        /// The scenario.
        scenario: &'static str,
        /// The style.
        style: Style,
    },
    /// A name that nothing has.
    #[error("unknown {what} `{name}` in {place}; known: {known}")]
    Unknown {
        /// `service` or `kind`.
        what: &'static str,
        /// The name.
        name: String,
        /// The place of the name.
        place: String,
        /// The known names.
        known: String,
    },
    /// The table breaks a rule, in words.
    #[error("{0}")]
    Rule(String),
}

impl Wiring {
    /// Wires the table of `style`.
    ///
    /// # Errors
    /// A name that is not there, or a table that could not work, each in a sentence.
    pub fn new(scenario: &Scenario, style: Style, settings: &WiringSettings) -> Result<Self, WiringError> {
        if scenario.routes(style).is_empty() {
            return Err(WiringError::NoStyle { scenario: scenario.name, style });
        }
        checks::names(scenario, style, settings)?;
        checks::width(scenario, style)?;
        checks::needed(scenario, settings)?;
        checks::replies(scenario.routes(style))?;
        let asked: HashSet<&str> = settings.with.iter().map(String::as_str).collect();
        let left_out: HashSet<&str> = settings.without.iter().map(String::as_str).collect();
        let routes: Vec<Route> = scenario.routes(style).to_vec();
        let ends = |route: &Route| std::iter::once(route.sender).chain(route.receivers.iter().copied());
        let routed: HashSet<&str> = routes.iter().flat_map(ends).collect();
        let used = |service: &&Service| {
            let takes_part = service.part != Part::Optional || asked.contains(service.name);
            let is_wired = service.driven || routed.contains(service.name);
            takes_part && !left_out.contains(service.name) && is_wired
        };
        let services = number(scenario.services.iter().filter(used), settings)?;
        let numbers: HashMap<&str, usize> =
            services.iter().enumerate().map(|(number, service)| (&*service.name, number)).collect();
        let index = |name: &str| numbers.get(name).copied();
        let mut destinations = Vec::new();
        for route in &routes {
            let receivers: Vec<usize> = route.receivers.iter().filter_map(|name| index(name)).collect();
            let Some(sender) = index(route.sender) else { continue };
            // A queue whose only reader was left out goes with it; a topic without subscribers is still a topic.
            if receivers.is_empty() && route.intent != Intent::Event {
                continue;
            }
            destinations.push(Destination {
                id: u16::try_from(destinations.len()).map_err(|_| rule("more than 65,536 destinations"))?,
                name: route.destination.to_owned(),
                intent: route.intent,
                kinds: route.kinds.iter().filter_map(|name| kind(scenario, name)).collect(),
                sender,
                receivers,
            });
        }
        let wiring = Self {
            run_name: settings.run_name.clone(),
            transport: String::new(),
            style,
            services,
            destinations,
            capacity: settings.capacity,
            batch: settings.batch,
            window: settings.window,
            pool: Arc::clone(&settings.pool),
            connections: None,
            acks: Acks::default(),
            away: Duration::ZERO,
        };
        wiring.check_shape(scenario)?;
        Ok(wiring)
    }

    /// The number of service instances; endpoints and lanes come in this order.
    #[must_use]
    pub fn instance_count(&self) -> u16 {
        self.services.last().map_or(0, |service| service.instances.end)
    }

    /// The service of an instance, as an index.
    #[must_use]
    pub fn service_of(&self, instance: u16) -> usize {
        // Their numbers follow each other.
        let at = self.services.partition_point(|service| service.instances.end <= instance);
        if at < self.services.len() { at } else { 0 }
    }

    /// A name for an instance: `payment`, or `payment#2` where there are several.
    #[must_use]
    pub fn instance_name(&self, instance: u16) -> String {
        let service = &self.services[self.service_of(instance)];
        match service.instances.len() {
            1 => service.name.clone(),
            _ => format!("{}#{}", service.name, instance - service.instances.start),
        }
    }

    /// The destinations a service sends to; an instance has one send port for each, in this order.
    pub fn sends_of(&self, service: usize) -> impl Iterator<Item = &Destination> {
        self.destinations.iter().filter(move |destination| destination.sender == service)
    }

    /// The destinations a service hears.
    pub fn heard_by(&self, service: usize) -> impl Iterator<Item = &Destination> {
        self.destinations.iter().filter(move |destination| destination.receivers.contains(&service))
    }

    /// Whether instances of a service have to be able to receive replies alone ([`crate::port::Inbox::Replies`]): the service both
    /// handles messages of others and sends requests, and a lane that awaits a reply takes nothing else.
    #[must_use]
    pub fn has_replies_apart(&self, service: usize) -> bool {
        let mut heard = self.heard_by(service).map(|destination| destination.intent == Intent::Reply);
        let first = heard.next();
        heard.any(|is_reply| Some(is_reply) != first)
    }

    /// Numbers of the driven instances.
    pub fn driven(&self) -> impl Iterator<Item = u16> + '_ {
        self.services.iter().filter(|service| service.driven).flat_map(|service| service.instances.clone())
    }

    fn check_shape(&self, scenario: &Scenario) -> Result<(), WiringError> {
        let instances: usize = self.services.iter().map(|service| service.instances.len()).sum();
        if instances > INSTANCES_MAX {
            return Err(rule(format!("{instances} service instances: one process can have 32,768 at most")));
        }
        if self.driven().next().is_none() {
            return Err(rule(format!("scenario `{}` has no driven service that takes part", scenario.name)));
        }
        for destination in &self.destinations {
            if destination.intent != Intent::Event && destination.receivers.len() != 1 {
                return Err(rule(format!(
                    "{} `{}` goes to {} services; a {} has exactly one addressee",
                    destination.intent,
                    destination.name,
                    destination.receivers.len(),
                    destination.intent
                )));
            }
        }
        for (index, service) in self.services.iter().enumerate() {
            let answers = self.heard_by(index).any(|heard| heard.intent == Intent::Request);
            let asks = self.sends_of(index).any(|sent| sent.intent == Intent::Request);
            if answers && asks {
                return Err(rule(format!(
                    "service `{}` answers requests and makes requests: a message carries one reply address, \
                     which the second request would overwrite; make the inner one a command",
                    service.name
                )));
            }
        }
        Ok(())
    }

    /// The deadlock rule. If the services' send graph has a cycle, every service in it may wait for room in the queue of
    /// the next while its own is full. That cannot happen as long as all flows under way fit each queue together:
    /// window × messages of one flow per queue ≤ capacity. Says how large the window may be; `None`: any.
    #[must_use]
    pub fn safe_window(&self) -> Option<u64> {
        let cyclic: Vec<usize> =
            (0..self.services.len()).filter(|service| self.reaches(*service, *service)).collect();
        let per_flow = cyclic
            .iter()
            .map(|service| {
                let from_cycle = |heard: &&Destination| cyclic.contains(&heard.sender);
                self.heard_by(*service)
                    .filter(from_cycle)
                    .map(|heard| heard.kinds.len().max(1))
                    .sum::<usize>()
            })
            .max()?;
        Some((self.capacity / per_flow.max(1)) as u64)
    }

    /// Refuses a window that could deadlock over bounded queues, with the rule in words.
    ///
    /// # Errors
    /// The rule, with the figures that break it.
    pub fn check_deadlock(&self, window: u64) -> Result<(), WiringError> {
        match self.safe_window() {
            Some(safe) if window > safe => Err(rule(format!(
                "{window} flows under way could deadlock: services send to each other in a circle over queues of {} \
                 messages, so all flows under way must fit each queue together (window × messages of one flow per \
                 queue ≤ capacity, here at most {safe}); lower --in-flight or --window, or raise --capacity",
                self.capacity
            ))),
            _ => Ok(()),
        }
    }

    /// Whether messages from `from` can cause messages to `to`.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![false; self.services.len()];
        let mut open = vec![from];
        while let Some(service) = open.pop() {
            for receiver in
                self.sends_of(service).flat_map(|destination| destination.receivers.iter().copied())
            {
                if receiver == to {
                    return true;
                }
                if !std::mem::replace(&mut reached[receiver], true) {
                    open.push(receiver);
                }
            }
        }
        false
    }
}

/// Service instances of one process. Messages name an instance by a number of 16 bits, of which the last has a meaning of its
/// own; half of the numbers are enough for ten thousand clients and what they talk to.
const INSTANCES_MAX: usize = 32_768;

fn rule(text: impl Into<String>) -> WiringError {
    WiringError::Rule(text.into())
}

fn kind(scenario: &Scenario, name: &str) -> Option<Kind> {
    let index = scenario.kinds.iter().position(|kind| *kind == name)?;
    Some(Kind(u16::try_from(index + 1).ok()?))
}

fn number<'a>(
    services: impl Iterator<Item = &'a Service>,
    settings: &WiringSettings,
) -> Result<Vec<WiredService>, WiringError> {
    let mut next = 0_u16;
    let mut wired = Vec::new();
    for service in services {
        let count = settings.instances.get(service.name).copied().unwrap_or(1);
        if count == 0 {
            return Err(rule(format!("service `{}` needs at least one instance", service.name)));
        }
        let end = next.checked_add(count).ok_or_else(|| rule("more than 65,535 service instances"))?;
        wired.push(WiredService {
            name: service.name.to_owned(),
            instances: next..end,
            driven: service.driven,
        });
        next = end;
    }
    Ok(wired)
}
