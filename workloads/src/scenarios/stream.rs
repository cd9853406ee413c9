//! A stream of work from one producer to competing consumers (`--instances worker=4`).
//!
//! In message style the workers have a queue. In event style they are one subscribing service. A flow is a single hop,
//! so this scenario shows the cost of a transport most directly.

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
        summary: "A producer sends work to a pool of workers",
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
