//! An order is paid for, then shipped: a request with a reply, a command, and an optional service.
//!
//! The handlers are the same in both styles. In message style `order` sends a request to `payment`, waits for the reply
//! and sends a command to the warehouse. In event style `payment` publishes that it accepted, and the warehouse reacts,
//! so the flow is one hop shorter. To add `revenue-reporting`, the message style needs one more route in the table of
//! the sender, `payment`, which then knows the new service. The event style needs only one more name in the list of
//! subscribers.

use super::parts::{Counts, Ends, driven, optional, reacting};
use drumpost_core::{
    handler::{Handler, Out},
    message::{Kind, Message},
    registry::ScenarioEntry,
    scenario::{Scenario, command, event, reply, request},
};

const KINDS: &[&str] = &["OrderPlaced", "AuthorizationAccepted", "AuthorizationDeclined", "ShipOrder"];
const PLACED: Kind = Kind(1);
const ACCEPTED: Kind = Kind(2);
const DECLINED: Kind = Kind(3);
const SHIP: Kind = Kind(4);

/// The scenario `order-authorization`, for the registry.
#[must_use]
pub fn entry() -> ScenarioEntry {
    ScenarioEntry { name: "order-authorization", options: &[], make: |_| Ok(scenario()) }
}

fn scenario() -> Scenario {
    Scenario {
        name: "order-authorization",
        summary: "An order is authorised by the payment service (one in ten is declined) and shipped by the warehouse",
        kinds: KINDS,
        services: vec![
            driven("order", || Box::new(Order)),
            reacting("payment", || Box::new(Payment)),
            reacting("warehouse", || Box::new(Ends)),
            optional("revenue-reporting", || Box::<Counts>::default()),
        ],
        ends_per_flow: 1,
        message: vec![
            request("payment.authorize", &["OrderPlaced"], "order", &["payment"]),
            reply(
                "payment.authorize.reply",
                &["AuthorizationAccepted", "AuthorizationDeclined"],
                "payment",
                &["order"],
            ),
            command("warehouse.ship", &["ShipOrder"], "order", &["warehouse"]),
            command("revenue.record", &["AuthorizationAccepted"], "payment", &["revenue-reporting"]),
        ],
        event: vec![
            event("order.placed", &["OrderPlaced"], "order", &["payment"]),
            event(
                "payment.accepted",
                &["AuthorizationAccepted"],
                "payment",
                &["warehouse", "revenue-reporting"],
            ),
            event("payment.declined", &["AuthorizationDeclined"], "payment", &["order"]),
        ],
    }
}

/// Places the order; sends an accepted one off, and closes a declined one.
struct Order;

impl Handler for Order {
    #[inline]
    fn handle(&mut self, message: &Message, out: &mut Out) {
        match message.kind {
            Kind::START => out.emit(message, PLACED),
            ACCEPTED => out.emit(message, SHIP),
            _ => out.end(message),
        }
    }
}

/// Accepts or declines.
struct Payment;

impl Handler for Payment {
    #[inline]
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, if is_declined(message.key) { DECLINED } else { ACCEPTED });
    }
}

/// One key in ten, always the same ones: a hash without a seed, so that both styles and both sides of a comparison decide
/// alike. Fibonacci hashing spreads them evenly over any range of keys.
fn is_declined(key: u32) -> bool {
    key.wrapping_add(1).wrapping_mul(0x9e37_79b1) < u32::MAX / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_as_they_are_listed() {
        let name = |kind: Kind| KINDS[usize::from(kind.0) - 1];
        assert_eq!(
            [PLACED, ACCEPTED, DECLINED, SHIP].map(name),
            ["OrderPlaced", "AuthorizationAccepted", "AuthorizationDeclined", "ShipOrder"]
        );
        assert_eq!(KINDS.len(), 4);
    }

    #[test]
    fn one_key_in_ten_is_declined_in_any_range() {
        for (from, to) in [(0, 1_000), (0, 1_000_000), (5_000_000, 5_100_000), (u32::MAX - 10_000, u32::MAX)]
        {
            let declined = (from..to).filter(|key| is_declined(*key)).count() as f64;
            let share = declined / f64::from(to - from);
            assert!((share - 0.1).abs() < 0.002, "{share} of {from}..{to}");
        }
        assert!(!is_declined(0), "the hottest key of a skewed workload would decide for all");
    }
}
