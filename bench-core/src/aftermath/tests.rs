//! A shop, a bank, a depot, a stock and a ledger: what each of their messages would have brought about.

use super::*;
use crate::{
    handler::Handler,
    load::{Extent, LoadPlan},
    message::Kind,
    payload::Pool,
    scenario::{Part, Service, Style, command, reply, request},
    wiring::WiringSettings,
};
use std::{collections::BTreeMap, time::Duration};

const ASKED: Kind = Kind(1);
const ANSWERED: Kind = Kind(2);
const SHIPPED: Kind = Kind(3);
const COUNTED: Kind = Kind(4);
const CIRCLED: Kind = Kind(5);

/// Reacts by the kind of a message.
struct By(fn(&Message, &mut Out));

impl Handler for By {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        (self.0)(message, out);
    }
}

/// `shop` asks `bank`, and has `depot` ship what was answered; that ends the flow, and again at `stock`, which `depot` tells. `bank`
/// tells `ledger`, which ends nothing, and `stock` tells itself for ever about one key.
fn aftermath() -> Aftermath {
    let service = |name, reactor: fn() -> Box<dyn Reactor>| Service {
        name,
        driven: name == "shop",
        part: Part::Usual,
        reactor,
    };
    let scenario = Scenario {
        name: "test",
        summary: "",
        kinds: &["Asked", "Answered", "Shipped", "Counted", "Circled"],
        services: vec![
            service("shop", || {
                Box::new(By(|message, out| {
                    out.emit(message, if message.kind == ANSWERED { SHIPPED } else { ASKED });
                }))
            }),
            service("bank", || {
                Box::new(By(|message, out| {
                    out.emit(message, ANSWERED);
                    out.emit(message, COUNTED);
                }))
            }),
            service("depot", || {
                Box::new(By(|message, out| {
                    out.end(message);
                    out.emit(message, CIRCLED);
                }))
            }),
            service("stock", || {
                Box::new(By(|message, out| match message.key {
                    7 => out.emit(message, CIRCLED),
                    _ => out.end(message),
                }))
            }),
            service("ledger", || Box::new(By(|_, _| {}))),
        ],
        ends_per_flow: 2,
        message: vec![
            request("bank.ask", &["Asked"], "shop", &["bank"]),
            reply("bank.answer", &["Answered"], "bank", &["shop"]),
            command("depot.ship", &["Shipped"], "shop", &["depot"]),
            command("ledger.count", &["Counted"], "bank", &["ledger"]),
            command("stock.note", &["Circled"], "depot", &["stock"]),
            command("stock.again", &["Circled"], "stock", &["stock"]),
        ],
        event: vec![],
    };
    let settings = WiringSettings {
        run_name: "test".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::from([("shop".into(), 2)]),
        capacity: 8,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    Aftermath::new(&TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).unwrap(),
        scenario: Arc::new(scenario),
        load: LoadPlan::closed(1, Extent::Count(1)),
        feeds: Arc::new(|_, _| panic!("no load is started")),
        await_replies: true,
        placement: crate::plan::Placement::Each,
        wait: crate::plan::Wait::Park,
        drain_deadline: Duration::ZERO,
        sample_every: Duration::ZERO,
        conditions: Default::default(),
    })
}

/// A message of the second shop's flow to a destination, as a request of that shop left it.
fn message(kind: Kind, destination: u16, key: u32) -> Message {
    let mut message = Message::start(1, 0, 5, key, 0).caused(kind, destination, 1, 0);
    message.set_reply_to(1);
    message
}

/// Lanes: two shops, then one of each.
#[test]
fn what_does_not_follow_from_a_dead_letter_is_what_the_handlers_would_have_done() {
    let aftermath = aftermath();
    for (what, lane, dead, ends, reply) in [
        ("the request: no answer, so nothing is shipped", 2, message(ASKED, 0, 1), 2, true),
        ("the answer", 1, message(ANSWERED, 1, 1), 2, true),
        ("the shipment, long after the answer", 3, message(SHIPPED, 2, 1), 2, false),
        ("the last of two ends", 4, message(CIRCLED, 4, 1), 1, false),
        ("a service that ends nothing", 5, message(COUNTED, 3, 1), 0, false),
        ("a circle is left at some time", 3, message(SHIPPED, 2, 7), 1, false),
    ] {
        for _ in 0..2 {
            assert_eq!(aftermath.of(lane, &dead), Missed { ends, reply }, "{what}");
        }
    }
}
