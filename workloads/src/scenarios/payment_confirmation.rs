//! A payment is confirmed by e-mail, and other services react to it, too: one fact, several recipients.
//!
//! In message style `payment` knows every recipient and sends each of them a command. In event style it publishes once
//! that the payment is complete. The flow ends when the e-mail is handled; the other services only handle their
//! message. Without them (`--without analytics,inventory`) the scenario is a single command from payment to e-mail.

use super::parts::{Counts, Emits, Ends, driven, listening, optional, reacting};
use drumpost_core::{
    message::Kind,
    registry::ScenarioEntry,
    scenario::{Scenario, command, event},
};

const KINDS: &[&str] = &["PaymentCompleted"];
const COMPLETED: Kind = Kind(1);

/// The scenario `payment-confirmation`, for the registry.
#[must_use]
pub fn entry() -> ScenarioEntry {
    ScenarioEntry { name: "payment-confirmation", options: &[], make: |_| Ok(scenario()) }
}

fn scenario() -> Scenario {
    Scenario {
        name: "payment-confirmation",
        summary: "A completed payment is confirmed by e-mail, counted by analytics, and reserves stock in the inventory",
        kinds: KINDS,
        services: vec![
            driven("payment", || Box::new(Emits(COMPLETED))),
            reacting("email", || Box::new(Ends)),
            listening("analytics", || Box::<Counts>::default()),
            listening("inventory", || Box::<Counts>::default()),
            optional("revenue-reporting", || Box::<Counts>::default()),
        ],
        ends_per_flow: 1,
        message: vec![
            command("email.send", KINDS, "payment", &["email"]),
            command("analytics.record", KINDS, "payment", &["analytics"]),
            command("inventory.reserve", KINDS, "payment", &["inventory"]),
            command("revenue.record", KINDS, "payment", &["revenue-reporting"]),
        ],
        event: vec![event(
            "payment.completed",
            KINDS,
            "payment",
            &["email", "analytics", "inventory", "revenue-reporting"],
        )],
    }
}
