//! One request and one reply: the smallest round trip.
//!
//! In message style the reply goes back to the instance that asked. In event style both sides publish and subscribe.

use super::parts::{Emits, driven, reacting};
use drumpost_core::{
    handler::{Handler, Out},
    message::{Kind, Message},
    registry::ScenarioEntry,
    scenario::{Scenario, event, reply, request},
};

const KINDS: &[&str] = &["PingAsked", "PingAnswered"];
const ASKED: Kind = Kind(1);
const ANSWERED: Kind = Kind(2);

/// The scenario `ping`, for the registry.
#[must_use]
pub fn entry() -> ScenarioEntry {
    ScenarioEntry { name: "ping", options: &[], make: |_| Ok(scenario()) }
}

fn scenario() -> Scenario {
    Scenario {
        name: "ping",
        summary: "A client sends a request and the server replies",
        kinds: KINDS,
        services: vec![
            driven("client", || Box::new(Client)),
            reacting("server", || Box::new(Emits(ANSWERED))),
        ],
        ends_per_flow: 1,
        message: vec![
            request("ping.request", &["PingAsked"], "client", &["server"]),
            reply("ping.reply", &["PingAnswered"], "server", &["client"]),
        ],
        event: vec![
            event("ping.asked", &["PingAsked"], "client", &["server"]),
            event("ping.answered", &["PingAnswered"], "server", &["client"]),
        ],
    }
}

/// Asks, and is content with the answer.
struct Client;

impl Handler for Client {
    #[inline]
    fn handle(&mut self, message: &Message, out: &mut Out) {
        match message.kind {
            Kind::START => out.emit(message, ASKED),
            _ => out.end(message),
        }
    }
}
