//! Tests of the wiring of every scenario in both styles, with optional services. `tests/` runs the scenarios.

use drumpost_core::{
    payload::Pool,
    registry::Options,
    scenario::{Intent, Part, Scenario, Style},
    wiring::{Destination, Wiring, WiringError, WiringSettings},
};
use std::{collections::BTreeMap, sync::Arc};

fn made(name: &str) -> Scenario {
    let entry = crate::scenarios().into_iter().find(|entry| entry.name == name).unwrap();
    entry.made(&Options::default()).unwrap()
}

fn wire(scenario: &Scenario, style: Style, with: &[&str], without: &[&str]) -> Result<Wiring, WiringError> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let settings = WiringSettings {
        run_name: "test".to_owned(),
        with: owned(with),
        without: owned(without),
        instances: BTreeMap::new(),
        capacity: 1024,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    Wiring::new(scenario, style, &settings)
}

fn services(wiring: &Wiring) -> Vec<&str> {
    wiring.services.iter().map(|service| service.name.as_str()).collect()
}

fn destinations(wiring: &Wiring) -> Vec<&str> {
    wiring.destinations.iter().map(|destination| destination.name.as_str()).collect()
}

/// What the sender of a route has to know.
fn sender_sides(wiring: &Wiring) -> Vec<(&str, Intent, &[drumpost_core::message::Kind], &str)> {
    let side = |to: &'_ Destination| (to.intent, wiring.services[to.sender].name.as_str());
    wiring.destinations.iter().map(|to| (to.name.as_str(), side(to).0, &to.kinds[..], side(to).1)).collect()
}

#[test]
fn they_are_listed_in_order_and_named_alike() {
    let entries = crate::scenarios();
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["order-authorization", "payment-confirmation", "stream", "fan-out", "ping"]);
    for entry in entries {
        assert_eq!(entry.made(&Options::default()).unwrap().name, entry.name);
    }
}

#[test]
fn each_wires_in_both_styles_with_every_service_and_every_route() {
    for entry in crate::scenarios() {
        let scenario = entry.made(&Options::default()).unwrap();
        let optional: Vec<&str> =
            scenario.services.iter().filter(|s| s.part == Part::Optional).map(|s| s.name).collect();
        for style in Style::ALL {
            let wiring = wire(&scenario, style, &optional, &[]).unwrap();
            assert_eq!(wiring.services.len(), scenario.services.len(), "{} {style}", entry.name);
            assert_eq!(wiring.destinations.len(), scenario.routes(style).len(), "{} {style}", entry.name);
            let is_event = |to: &Destination| to.intent == Intent::Event;
            assert!(wiring.destinations.iter().all(|to| is_event(to) == (style == Style::Event)));
        }
    }
}

#[test]
fn who_every_flow_needs_cannot_be_left_out() {
    // By name, so that a scenario without its service here fails the test.
    let needed_by = |scenario: &str| match scenario {
        "order-authorization" => "warehouse",
        "payment-confirmation" => "email",
        "stream" => "worker",
        "fan-out" => "subscriber-1",
        "ping" => "server",
        other => panic!("say which service every flow of `{other}` needs"),
    };
    for entry in crate::scenarios() {
        let needed = needed_by(entry.name);
        let scenario = entry.made(&Options::default()).unwrap();
        for style in Style::ALL {
            let error = wire(&scenario, style, &[], &[needed]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("--without `{needed}`: flows of `{}` do not end", entry.name)),
                "{error}"
            );
        }
    }
    let payment = crate::scenarios::payment_confirmation::entry().made(&Options::default()).unwrap();
    wire(&payment, Style::Event, &[], &["analytics", "inventory"]).unwrap();
}

#[test]
fn a_name_that_nobody_has_is_an_error_that_names_it() {
    for entry in crate::scenarios() {
        let scenario = entry.made(&Options::default()).unwrap();
        for style in Style::ALL {
            let error = wire(&scenario, style, &["fraud-check"], &[]).unwrap_err().to_string();
            assert!(error.contains("unknown service `fraud-check` in --with"), "{error}");
        }
    }
}

#[test]
fn optional_services_take_part_only_when_asked() {
    for name in ["order-authorization", "payment-confirmation"] {
        let scenario = made(name);
        for style in Style::ALL {
            let plain = wire(&scenario, style, &[], &[]).unwrap();
            assert!(!services(&plain).contains(&"revenue-reporting"), "{name} {style}");
            assert!(!destinations(&plain).contains(&"revenue.record"), "{name} {style}");
            let joined = wire(&scenario, style, &["revenue-reporting"], &[]).unwrap();
            assert!(services(&joined).contains(&"revenue-reporting"), "{name} {style}");
        }
    }
}

#[test]
fn a_service_that_joins_changes_the_sender_only_in_message_style() {
    for name in ["order-authorization", "payment-confirmation"] {
        let scenario = made(name);
        let both = |style| {
            (
                wire(&scenario, style, &[], &[]).unwrap(),
                wire(&scenario, style, &["revenue-reporting"], &[]).unwrap(),
            )
        };
        let (before, after) = both(Style::Event);
        assert_eq!(sender_sides(&before), sender_sides(&after), "{name}");
        assert_eq!(deliveries(&before) + 1, deliveries(&after), "{name}");
        let (before, after) = both(Style::Message);
        assert_eq!(sender_sides(&before), sender_sides(&after)[..before.destinations.len()], "{name}");
        let (added, _, _, sender) = sender_sides(&after)[before.destinations.len()];
        assert_eq!((added, sender), ("revenue.record", "payment"), "{name}");
    }
}

fn deliveries(wiring: &Wiring) -> usize {
    wiring.destinations.iter().map(|to| to.receivers.len()).sum()
}

#[test]
fn payment_confirmation_shrinks_to_one_command() {
    let scenario = made("payment-confirmation");
    let wiring = wire(&scenario, Style::Message, &[], &["analytics", "inventory"]).unwrap();
    assert_eq!(services(&wiring), ["payment", "email"]);
    assert_eq!(destinations(&wiring), ["email.send"]);
    let wiring = wire(&scenario, Style::Event, &[], &["analytics", "inventory"]).unwrap();
    assert_eq!(services(&wiring), ["payment", "email"]);
    assert_eq!(deliveries(&wiring), 1);
}
