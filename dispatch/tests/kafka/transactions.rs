//! Messages that are handled in transactions: each takes effect once, also if consumers die. Servers that die are in `restarts.rs`.

use crate::{
    FOUR, NAME,
    support_kafka::KafkaServer,
    trial::{Trial, assert_confirmed, ends, ends_slowly, in_hand, one_hop, order_authorization},
};
use drumpost_core::{
    load::{Extent, Pace},
    outcome::{Ending, Outcome},
    plan::Kill,
    promise::{Acks, Order},
    scenario::Style,
};

/// Every message that was sent and not rolled back came, and took effect once.
#[track_caller]
fn assert_exactly_once(outcome: &Outcome) {
    let audit = &outcome.audit;
    assert_eq!(outcome.ending, Ending::Completed, "{:?}", outcome.outages);
    assert_eq!((audit.lost, audit.duplicated, audit.corrupted), (0, 0, 0), "{audit}");
    assert_eq!((audit.unique, audit.out_of_order), (audit.expected, 0), "{audit}");
    assert_eq!((outcome.unfinished, outcome.drain_timed_out), (0, false), "{audit}");
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn flows_in_transactions_are_sound() {
    let server = KafkaServer::start();
    for (style, options, order) in
        [(Style::Message, &[][..], Order::PerProducer), (Style::Event, FOUR, Order::PerKey)]
    {
        let trial = Trial { style, options, order, acks: Acks::Transaction, ..Trial::default() };
        let trial = Trial { pace: Pace::Closed { in_flight: 500 }, extent: Extent::Count(5_000), ..trial };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        assert_exactly_once(&outcome);
        assert_confirmed(&outcome, NAME);
        assert_eq!(outcome.audit.rolled_back, Some(0), "{style}");
        assert_eq!((outcome.notes, server.plain().names()), (vec![], vec![]));
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn what_a_killed_instance_sent_in_its_transaction_is_rolled_back_and_sent_again() {
    let server = KafkaServer::start();
    // The instance between two others: it receives, handles and sends.
    let trial = Trial {
        style: Style::Event,
        acks: Acks::Transaction,
        options: &[("kafka.commit-every", "300ms")],
        ..Trial::killed(&[], 1_000_000)
    };
    let kill = trial.kill.clone().map(|kill| Kill { service: "payment".into(), ..kill });
    let outcome = Trial { kill, ..trial }.run(NAME, &server.url(), order_authorization()).expect("it opens");
    println!("{} in hand: {}", in_hand(&outcome), outcome.audit);
    assert_exactly_once(&outcome);
    let (audit, in_hand) = (&outcome.audit, in_hand(&outcome));
    assert!(audit.rolled_back >= Some(in_hand), "each message that was handled caused one: {audit}");
    assert!(in_hand > 0 && audit.delivered >= audit.unique + in_hand, "{in_hand} came again: {audit}");
    assert_eq!(audit.confirmed, Some(audit.sent - audit.rolled_back.unwrap()), "{audit}");
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn messages_of_a_killed_consumer_take_effect_once_at_those_that_take_its_partitions() {
    let server = KafkaServer::start();
    let trial = Trial {
        acks: Acks::Transaction,
        options: FOUR,
        order: Order::PerKey,
        keys: 50,
        ..Trial::killed(&[("warehouse", 2)], 400_000)
    };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).expect("it opens");
    println!("{} in hand: {}", in_hand(&outcome), outcome.audit);
    assert_exactly_once(&outcome);
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_message_is_seen_when_its_transaction_is_committed() {
    let server = KafkaServer::start();
    let trial = Trial {
        acks: Acks::Transaction,
        pace: Pace::Closed { in_flight: 1 },
        extent: Extent::Count(10),
        options: &[("kafka.commit-every", "200ms")],
        ..Trial::default()
    };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    assert_exactly_once(&outcome);
    assert!(outcome.response.min_ns >= 190_000_000, "{}", outcome.response.min_ns);
}
