//! A stream of work from one producer to workers that compete for it (`--instances worker=4`): competing consumers.
//!
//! In message style the queue is the workers'; in event style they are one subscribing service among any that may listen.
//! One hop, so this is what shows a transport's own cost best.

use super::parts::{Emits, Ends, driven, reacting};
use drumpost_core::{
    message::Kind,
    registry::ScenarioEntry,
    scenario::{Scenario, command, event},
};

const KINDS: &[&str] = &["WorkProduced"];
const PRODUCED: Kind = Kind(1);

/// The scenario `stream`, for the registry.
#[must_use]
pub fn entry() -> ScenarioEntry {
    ScenarioEntry { name: "stream", options: &[], make: |_| Ok(scenario()) }
}

fn scenario() -> Scenario {
    Scenario {
        name: "stream",
        summary: "A producer hands work to workers that compete for it",
        kinds: KINDS,
        services: vec![
            driven("producer", || Box::new(Emits(PRODUCED))),
            reacting("worker", || Box::new(Ends)),
        ],
        ends_per_flow: 1,
        message: vec![command("work.queue", KINDS, "producer", &["worker"])],
        event: vec![event("work.published", KINDS, "producer", &["worker"])],
    }
}
