//! The scenarios of the contract kit. The sending service is always `sender`, and it starts the flows. The receiving
//! service is `receiver`.

use super::handlers::{KINDS, Look, Make, Plain, Slow, answers, asks, ends, passes_on, tells, tells_twice};
use crate::scenario::{Intent, Part, Route, Scenario, Service, Style, command, event, reply, request};

fn service(name: &'static str, reactor: Make) -> Service {
    Service { name, driven: name == "sender", part: Part::Usual, reactor }
}

fn scenario(style: Style, services: Vec<Service>, routes: Vec<Route>) -> Scenario {
    let (message, event) = match style {
        Style::Message => (routes, Vec::new()),
        Style::Event => (Vec::new(), routes),
    };
    let summary = "a small flow of the contract's checks";
    Scenario { name: "contract", summary, kinds: KINDS, services, ends_per_flow: 1, message, event }
}

/// sender → receiver under `intent`; a request is answered and its reply ends the flow. Both ends look as `L` does.
pub(super) fn one_hop<L: Look>(style: Style, intent: Intent) -> Scenario {
    match intent {
        Intent::Request | Intent::Reply => ask::<L, false>(style),
        Intent::Command => tell::<L>(style, command("receiver.work", &["Told"], "sender", &["receiver"])),
        Intent::Event => tell::<L>(style, event("sender.told", &["Told"], "sender", &["receiver"])),
    }
}

fn tell<L: Look>(style: Style, route: Route) -> Scenario {
    scenario(style, vec![service("sender", tells), service("receiver", ends::<L>)], vec![route])
}

/// sender asks receiver; the reply ends the flow.
pub(super) fn ask<L: Look, const AWAITS: bool>(style: Style) -> Scenario {
    let services = vec![service("sender", asks::<L, AWAITS>), service("receiver", answers::<L>)];
    let routes = vec![
        request("receiver.ask", &["Told"], "sender", &["receiver"]),
        reply("receiver.answer", &["Answered"], "receiver", &["sender"]),
    ];
    scenario(style, services, routes)
}

/// sender tells receiver, which asks server and, with the answer, tells sink: it both reacts and asks.
pub(super) fn react_and_ask<const AWAITS: bool>(style: Style) -> Scenario {
    let services = vec![
        service("sender", tells),
        service("receiver", passes_on::<AWAITS>),
        service("server", answers::<Plain>),
        service("sink", ends::<Plain>),
    ];
    let routes = vec![
        command("receiver.work", &["Told"], "sender", &["receiver"]),
        request("server.ask", &["Asked"], "receiver", &["server"]),
        reply("server.answer", &["Answered"], "server", &["receiver"]),
        command("sink.work", &["PassedOn"], "receiver", &["sink"]),
    ];
    scenario(style, services, routes)
}

/// How many deliveries follow from one flow of [`fan_out`].
pub(super) const FAN_OUT: u64 = 4;

/// sender → three subscribers, one of them slow; → one; → none.
pub(super) fn fan_out(style: Style) -> Scenario {
    let services = vec![
        service("sender", tells_twice),
        service("receiver", ends::<Plain>),
        service("slow", ends::<Slow<20>>),
        service("third", ends::<Plain>),
    ];
    let routes = vec![
        event("sender.told", &["Told"], "sender", &["receiver", "slow", "third"]),
        event("sender.passed-on", &["PassedOn"], "sender", &["third"]),
        event("sender.unheard", &["Answered"], "sender", &[]),
    ];
    Scenario { ends_per_flow: FAN_OUT as u32, ..scenario(style, services, routes) }
}

/// sender → a slow and a fast subscriber.
pub(super) fn slow_and_fast<const US: u64>(style: Style) -> Scenario {
    let services =
        vec![service("sender", tells), service("receiver", ends::<Slow<US>>), service("fast", ends::<Plain>)];
    let routes = vec![event("sender.told", &["Told"], "sender", &["receiver", "fast"])];
    Scenario { ends_per_flow: 2, ..scenario(style, services, routes) }
}
