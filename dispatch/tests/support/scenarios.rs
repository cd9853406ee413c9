//! Small scenarios for tests of transports, with handlers that are plain functions.
#![allow(dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_core::{
    handler::{Handler, Out, Reactor},
    message::{Kind, Message},
    scenario::{Part, Route, Scenario, Service, command, event, reply, request},
};
use std::{thread, time::Duration};

/// Handlers made of plain functions.
pub(crate) struct Reacts(pub(crate) fn(&Message, &mut Out));

impl Handler for Reacts {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        (self.0)(message, out);
    }
}

pub(crate) const PLACED: Kind = Kind(1);
pub(crate) const ACCEPTED: Kind = Kind(2);
pub(crate) const DECLINED: Kind = Kind(3);
pub(crate) const SHIP: Kind = Kind(4);

pub(crate) fn order() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| match message.kind {
        Kind::START => out.emit(message, PLACED),
        ACCEPTED => out.emit(message, SHIP),
        _ => out.end(message),
    }))
}

pub(crate) fn payment() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        out.emit(message, if message.key.is_multiple_of(10) { DECLINED } else { ACCEPTED });
    }))
}

pub(crate) fn ends() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| out.end(message)))
}

pub(crate) fn ends_slowly() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        thread::sleep(Duration::from_micros(100));
        out.end(message);
    }))
}

pub(crate) fn ignores() -> Box<dyn Reactor> {
    Box::new(Reacts(|_, _| {}))
}

pub(crate) fn service(name: &'static str, driven: bool, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven, part: Part::Usual, reactor }
}

pub(crate) fn scenario(services: Vec<Service>, message: Vec<Route>, event: Vec<Route>) -> Scenario {
    Scenario {
        name: "test",
        summary: "for tests",
        kinds: &["OrderPlaced", "Accepted", "Declined", "Ship"],
        services,
        ends_per_flow: 1,
        message,
        event,
    }
}

pub(crate) fn order_authorization() -> Scenario {
    scenario(
        vec![
            service("order", true, order),
            service("payment", false, payment),
            service("warehouse", false, ends),
            service("revenue-reporting", false, ignores),
        ],
        vec![
            request("payment.authorize", &["OrderPlaced"], "order", &["payment"]),
            reply("payment.authorize.reply", &["Accepted", "Declined"], "payment", &["order"]),
            command("warehouse.ship", &["Ship"], "order", &["warehouse"]),
        ],
        vec![
            event("order.placed", &["OrderPlaced"], "order", &["payment"]),
            event("payment.accepted", &["Accepted"], "payment", &["warehouse", "revenue-reporting"]),
            event("payment.declined", &["Declined"], "payment", &["order"]),
        ],
    )
}

/// Answers requests for shipment that it was commanded to see to: it both reacts and asks.
fn agent() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| match message.kind {
        PLACED => out.emit(message, SHIP),
        _ => out.end(message),
    }))
}

fn accepts() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| out.emit(message, ACCEPTED)))
}

/// An agent between `order` and `warehouse` that both reacts to commands and asks, so that its replies are apart.
pub(crate) fn with_agent() -> Scenario {
    scenario(
        vec![
            service("order", true, order),
            service("agent", false, agent),
            service("warehouse", false, accepts),
        ],
        vec![
            command("agent.see-to", &["OrderPlaced"], "order", &["agent"]),
            request("warehouse.ask", &["Ship"], "agent", &["warehouse"]),
            reply("warehouse.answer", &["Accepted"], "warehouse", &["agent"]),
        ],
        vec![],
    )
}

/// One command, or one event, from `order` to `warehouse`.
pub(crate) fn one_hop(warehouse: fn() -> Box<dyn Reactor>) -> Scenario {
    scenario(
        vec![service("order", true, order), service("warehouse", false, warehouse)],
        vec![command("warehouse.ship", &["OrderPlaced"], "order", &["warehouse"])],
        vec![event("order.placed", &["OrderPlaced"], "order", &["warehouse"])],
    )
}
