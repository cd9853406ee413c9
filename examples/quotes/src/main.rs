//! drumpost with a scenario and handlers of its own: what a gate in CI measures. `docs/gate.md` builds on it.
//!
//! A shop asks for the price of a basket, and a pricer answers. In the message style the shop sends a request to the pricer. In the
//! event style the pricer hears that a basket was filled, and the shop hears that it was priced.

use drumpost_core::{
    handler::{Handler, Out},
    message::{Kind, Message},
    registry::ScenarioEntry,
    scenario::{Part, Scenario, Service, event, reply, request},
};
use std::{hint::black_box, process::ExitCode};

/// The kinds of messages of this scenario, by their numbers.
const KINDS: &[&str] = &["BasketFilled", "BasketPriced"];
const FILLED: Kind = Kind(1);
const PRICED: Kind = Kind(2);

/// Articles in a basket.
const ARTICLES: u64 = 200;

fn main() -> ExitCode {
    let mut registry = drumpost::builtin();
    registry.scenarios.push(entry());
    drumpost::main(registry)
}

fn entry() -> ScenarioEntry {
    ScenarioEntry { name: "quotes", options: &[], make: |_options| Ok(scenario()) }
}

fn scenario() -> Scenario {
    Scenario {
        name: "quotes",
        summary: "A shop asks for the price of a basket, and a pricer answers",
        kinds: KINDS,
        services: vec![
            Service { name: "shop", driven: true, part: Part::Needed, reactor: || Box::new(Shop) },
            Service { name: "pricer", driven: false, part: Part::Needed, reactor: || Box::new(Pricer) },
        ],
        ends_per_flow: 1,
        message: vec![
            request("pricer.quote", &["BasketFilled"], "shop", &["pricer"]),
            reply("pricer.quote.reply", &["BasketPriced"], "pricer", &["shop"]),
        ],
        event: vec![
            event("basket.filled", &["BasketFilled"], "shop", &["pricer"]),
            event("basket.priced", &["BasketPriced"], "pricer", &["shop"]),
        ],
    }
}

/// Fills a basket, and is done when it hears the price.
struct Shop;

impl Handler for Shop {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        match message.kind {
            Kind::START => out.emit(message, FILLED),
            _ => out.end(message),
        }
    }
}

/// Adds up the prices of a basket.
struct Pricer;

impl Handler for Pricer {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        black_box(price(message.key.into()));
        out.emit(message, PRICED);
    }
}

/// The price of a basket in cents. The basket follows from its number.
fn price(basket: u64) -> u64 {
    (0..ARTICLES).fold(basket, |sum, article| {
        let cents = (sum ^ article).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) % 10_000;
        sum.wrapping_add(cents)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost::Exit;

    /// A run in which a flow does not end, or whose messages do not arrive, has another exit code.
    #[test]
    fn every_basket_is_priced_in_both_styles() {
        let mut registry = drumpost::builtin();
        registry.scenarios.push(entry());
        let line = "quotes run quotes --dispatch message/crossbeam,event/crossbeam --count 2000 --warmup 0s --trials 1 --no-tui \
                    --out /dev/null";
        assert_eq!(drumpost::run(registry, line.split_whitespace().map(Into::into)), Exit::Ok);
    }

    #[test]
    fn a_basket_has_one_price() {
        assert_eq!(price(7), price(7));
        assert_ne!(price(7), price(8));
    }
}
