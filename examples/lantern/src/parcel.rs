//! # parcel: a scenario of one's own
//!
//! A shop sends a parcel: a depot weighs it and says whether it is too heavy. A light one goes to a courier. A heavy one
//! ends at the shop, which has to pack it again. In the message style the shop asks the depot and commands the courier. In
//! the event style every service reacts to what another one published, and a `tracker` may listen in.
//!
//! To write a scenario of your own, follow these steps:
//!
//! 1. Name the *kinds* of messages. A kind says what happened or what is to be done.
//! 2. Write a *handler* for each service. It reacts to a message with [`Out::emit`] (a kind follows) or [`Out::end`] (the flow is
//!    over). It never names a receiver, so the same handlers serve both styles.
//! 3. Write a *table of routes* for each style: which kinds go to which destination, from whom, to whom. A driven service gets a
//!    message of the kind [`Kind::START`] for each flow that the load starts.
//! 4. Register it (`src/main.rs`). It then runs over every transport, with every load.
//!
//! ```text
//! cargo run --release -- run parcel --rate 10k/s --dispatch message,event
//! cargo run --release -- run parcel --with tracker --set parcel.limit=20
//! ```

use drumpost_core::{
    handler::{Handler, Out},
    message::{Kind, Message},
    options::{Grammar, OptionEntry},
    registry::ScenarioEntry,
    scenario::{Part, Scenario, Service, command, event, reply, request},
};
use std::sync::atomic::{AtomicU32, Ordering};

const KINDS: &[&str] = &["ParcelPacked", "ParcelAccepted", "ParcelTooHeavy", "DeliverParcel"];
const PACKED: Kind = Kind(1);
const ACCEPTED: Kind = Kind(2);
const TOO_HEAVY: Kind = Kind(3);
const DELIVER: Kind = Kind(4);

static OPTIONS: [OptionEntry; 1] = [OptionEntry::new(
    "parcel.limit",
    Grammar::Count { min: 0, max: 100 },
    "90",
    "parcels per hundred that are light enough",
)];

/// The option's value. Handlers are made by functions without arguments, so it lies in a static.
static LIMIT: AtomicU32 = AtomicU32::new(90);

/// The scenario, as `drumpost list` shows it.
pub fn entry() -> ScenarioEntry {
    ScenarioEntry {
        name: "parcel",
        options: &OPTIONS,
        make: |options| {
            LIMIT.store(options.count("parcel.limit") as u32, Ordering::Relaxed);
            Ok(scenario())
        },
    }
}

fn scenario() -> Scenario {
    let usual = |name, reactor| Service { name, driven: false, part: Part::Needed, reactor };
    Scenario {
        name: "parcel",
        summary: "A parcel is weighed by a depot and delivered by a courier; one in ten is too heavy",
        kinds: KINDS,
        services: vec![
            Service { driven: true, ..usual("shop", || Box::new(Shop)) },
            usual("depot", || Box::new(Depot { limit: LIMIT.load(Ordering::Relaxed) })),
            usual("courier", || Box::new(Courier)),
            Service { part: Part::Optional, ..usual("tracker", || Box::<Tracker>::default()) },
        ],
        ends_per_flow: 1,
        message: vec![
            request("depot.weigh", &["ParcelPacked"], "shop", &["depot"]),
            reply("depot.weigh.reply", &["ParcelAccepted", "ParcelTooHeavy"], "depot", &["shop"]),
            command("courier.deliver", &["DeliverParcel"], "shop", &["courier"]),
            // With a tracker the sender has to know it: one more route from the depot.
            command("tracker.note", &["ParcelAccepted"], "depot", &["tracker"]),
        ],
        event: vec![
            event("parcel.packed", &["ParcelPacked"], "shop", &["depot"]),
            // With a tracker one more name stands in the list of those who listen. The depot does not change.
            event("parcel.accepted", &["ParcelAccepted"], "depot", &["courier", "tracker"]),
            event("parcel.too-heavy", &["ParcelTooHeavy"], "depot", &["shop"]),
        ],
    }
}

/// Packs a parcel, has an accepted one delivered, and gives up one that is too heavy.
struct Shop;

impl Handler for Shop {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        match message.kind {
            Kind::START => out.emit(message, PACKED),
            ACCEPTED => out.emit(message, DELIVER),
            _ => out.end(message),
        }
    }
}

/// Weighs. The weight follows from the message's key, so that both styles decide alike.
struct Depot {
    limit: u32,
}

impl Handler for Depot {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        let is_light = message.key.wrapping_mul(0x9e37_79b1) >> 16 < 65_536 / 100 * self.limit;
        out.emit(message, if is_light { ACCEPTED } else { TOO_HEAVY });
    }
}

/// Delivers: the flow is over.
struct Courier;

impl Handler for Courier {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
    }
}

/// Listens in and counts. It ends nothing.
#[derive(Default)]
struct Tracker {
    seen: u64,
}

impl Handler for Tracker {
    fn handle(&mut self, _message: &Message, _out: &mut Out) {
        self.seen += 1;
    }
}
