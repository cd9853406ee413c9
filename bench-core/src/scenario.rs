//! The types of a scenario: kinds of messages, services with their handlers, and a table of routes for each style.
//!
//! A handler says what happened. A route says where a message about it goes. Does not live here: the scenarios
//! themselves (the workloads), and what follows from a table, such as destinations, instances and refusals (`wiring`).

use crate::handler::Reactor;
use std::{fmt, str::FromStr};

/// Commands to known recipients, or events for anyone who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Style {
    /// The sender knows the receiver: commands, requests, replies.
    Message,
    /// The publisher does not know who listens: events.
    Event,
}

impl Style {
    /// Both styles, in the order they are listed.
    pub const ALL: [Self; 2] = [Self::Message, Self::Event];

    /// `message` or `event`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Event => "event",
        }
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Style {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|style| style.name() == text)
            .ok_or_else(|| format!("unknown style `{text}`: `message` or `event`"))
    }
}

/// The sender's intent with a message. A transport has to carry messages accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intent {
    /// "Do this": one addressee, handled by exactly one of its instances.
    Command,
    /// A command with a correlated reply, awaited or not.
    Request,
    /// The answer to a request; goes to the instance that asked.
    Reply,
    /// "This happened": any number of subscribing services; one instance of each handles it.
    Event,
}

impl Intent {
    /// All intents, in the order they are listed.
    pub const ALL: [Self; 4] = [Self::Command, Self::Request, Self::Reply, Self::Event];

    /// `Command`, `Request`, `Reply` or `Event`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "Command",
            Self::Request => "Request",
            Self::Reply => "Reply",
            Self::Event => "Event",
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A participant of a scenario.
pub struct Service {
    /// Name, as routes and the command line use it.
    pub name: &'static str,
    /// Whether flows start here: the load drives it.
    pub driven: bool,
    /// Whether it can be left out.
    pub part: Part,
    /// Makes the handler of one instance.
    pub reactor: fn() -> Box<dyn Reactor>,
}

/// The part a service has in its scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Flows do not start or do not end without it.
    Needed,
    /// It takes part unless it is left out (`--without`).
    Usual,
    /// It takes part only when asked for (`--with`).
    Optional,
}

/// Kinds that travel from one service to others under one intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the queue or topic.
    pub destination: &'static str,
    /// The sender's intent.
    pub intent: Intent,
    /// Names of the kinds that travel here.
    pub kinds: &'static [&'static str],
    /// Name of the sending service.
    pub sender: &'static str,
    /// Names of the receiving services; exactly one unless the intent is `Event`.
    pub receivers: &'static [&'static str],
}

/// A route for a command.
#[must_use]
pub const fn command(
    destination: &'static str,
    kinds: &'static [&'static str],
    sender: &'static str,
    receivers: &'static [&'static str],
) -> Route {
    Route { destination, intent: Intent::Command, kinds, sender, receivers }
}

/// A route for a request.
#[must_use]
pub const fn request(
    destination: &'static str,
    kinds: &'static [&'static str],
    sender: &'static str,
    receivers: &'static [&'static str],
) -> Route {
    Route { intent: Intent::Request, ..command(destination, kinds, sender, receivers) }
}

/// A route for the replies to a request.
#[must_use]
pub const fn reply(
    destination: &'static str,
    kinds: &'static [&'static str],
    sender: &'static str,
    receivers: &'static [&'static str],
) -> Route {
    Route { intent: Intent::Reply, ..command(destination, kinds, sender, receivers) }
}

/// A route for an event.
#[must_use]
pub const fn event(
    destination: &'static str,
    kinds: &'static [&'static str],
    sender: &'static str,
    receivers: &'static [&'static str],
) -> Route {
    Route { intent: Intent::Event, ..command(destination, kinds, sender, receivers) }
}

/// A flow through services, in one or both styles.
pub struct Scenario {
    /// Name, as the command line uses it.
    pub name: &'static str,
    /// One sentence on what flows.
    pub summary: &'static str,
    /// Names of the kinds; the handler's `Kind(n)` is the n-th of these, counted from 1.
    pub kinds: &'static [&'static str],
    /// The services of the scenario.
    pub services: Vec<Service>,
    /// How many times handlers end one flow (a fan-out to n ends n times). 1 for most.
    pub ends_per_flow: u32,
    /// Routes of the message style; empty if the scenario has none.
    pub message: Vec<Route>,
    /// Routes of the event style; empty if the scenario has none.
    pub event: Vec<Route>,
}

impl Scenario {
    /// The table of a style; empty if the scenario does not have that style.
    #[must_use]
    pub fn routes(&self, style: Style) -> &[Route] {
        match style {
            Style::Message => &self.message,
            Style::Event => &self.event,
        }
    }

    /// The styles it has a table for.
    pub fn styles(&self) -> impl Iterator<Item = Style> + '_ {
        Style::ALL.into_iter().filter(|style| !self.routes(*style).is_empty())
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}
