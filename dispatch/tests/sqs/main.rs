//! Tests of `sqs` against private emulators. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "sqs")]

#[path = "../support/counted.rs"]
mod counted;
mod failing;
mod faults;
mod restarts;
mod settled;
mod sns;
mod suite;
#[path = "../support/sqs.rs"]
mod support_sqs;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    load::{Extent, Pace},
    outcome::Ending,
    plan::Poison,
    promise::Order,
    scenario::Style,
};
use serde_json::json;
use std::time::Duration;
use support_sqs::SqsServer;
use trial::{
    Seen, Trial, assert_confirmed, assert_in_order, ends, headers, one_hop, order_authorization, with_agent,
};

const NAME: &str = "sqs";
const FIFO: &[(&str, &str)] = &[("sqs.fifo", "true")];

/// As many flows as an emulator takes in a few seconds.
fn few() -> Trial {
    Trial { extent: Extent::Count(1_000), order: Order::None, ..Trial::default() }
}

/// How many messages another client finds in all queues.
fn seen(server: &SqsServer) -> Seen<u64> {
    let tools = server.tools();
    Seen::by(move |_| tools.queues().iter().map(|queue| tools.messages(queue)).sum())
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn requests_replies_and_commands_arrive_whole_with_one_instance_of_each_and_with_several() {
    let server = SqsServer::start();
    for instances in [&[][..], &[("order", 2), ("payment", 2), ("warehouse", 3)]] {
        let trial = Trial { instances, headers: headers(10, 24), ..few() };
        let (seen, expected) = (seen(&server), 2_900);
        let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), seen.clone()).unwrap();
        let audit = &outcome.audit;
        println!("{audit}");
        assert_eq!((audit.unique, audit.lost, audit.corrupted), (expected, 0, 0), "{audit:?}");
        assert_confirmed(&outcome, NAME);
        let seen = seen.sight();
        assert_eq!(seen.found, 0, "what was handled is deleted when the run is measured");
        assert_eq!((outcome.notes, server.tools().queues()), (vec![], vec![]), "nothing is left behind");
        let facts = seen.server.unwrap();
        assert_eq!((facts.product.as_str(), facts.version), ("SQS", None));
        assert_eq!(facts.addresses, [server.url().trim_start_matches("http://").parse().unwrap()]);
    }
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked_apart_where_it_also_reacts() {
    let server = SqsServer::start();
    for await_replies in [false, true] {
        let trial =
            Trial { await_replies, pace: Pace::Closed { in_flight: 8 }, extent: Extent::Count(300), ..few() };
        let several = Trial { instances: &[("order", 2), ("payment", 2)], ..trial.clone() };
        let runs = [
            several.run(NAME, &server.url(), order_authorization()),
            trial.run(NAME, &server.url(), with_agent()),
        ];
        for (outcome, expected) in runs.into_iter().zip([870, 900]) {
            let (outcome, audit) = outcome.map(|outcome| (outcome.ending, outcome.audit)).unwrap();
            assert_eq!((outcome, audit.unique, audit.lost), (Ending::Completed, expected, 0), "{audit:?}");
        }
    }
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn fifo_queues_keep_the_order_of_each_key_among_several_instances() {
    let server = SqsServer::start();
    let trial = Trial::by_key(Style::Message, Order::PerKey, &[("warehouse", 2)], FIFO);
    let trial = Trial { extent: Extent::Count(2_000), ..trial };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    println!("{}", outcome.audit);
    assert_in_order(&outcome, 2_000);
    assert!(outcome.audit.reordered > 0, "two instances of the same queue keep no order but that of keys");
    assert_eq!((outcome.notes, server.tools().queues()), (vec![], vec![]));
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn requests_and_replies_go_through_fifo_queues_too() {
    // With queues for dead letters, which are FIFO as well.
    const OPTIONS: &[(&str, &str)] = &[FIFO[0], ("sqs.max-receives", "5")];
    let server = SqsServer::start();
    let trial = Trial { options: OPTIONS, order: Order::PerKey, ..few() };
    assert_in_order(&trial.run(NAME, &server.url(), order_authorization()).unwrap(), 2_900);
}

/// Every message is given back again and again, so all that was sent is at the server when the run is measured.
#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn another_client_counts_as_many_messages_as_were_sent() {
    let server = SqsServer::start();
    let trial = Trial {
        poison: Some(Poison { service: "warehouse".into(), one_in: 1, times: u16::MAX }),
        pace: Pace::Open { window: 100_000 },
        extent: Extent::Duration(1_000_000_000),
        every_ns: 2_000_000,
        drain: Duration::from_secs(2),
        ..few()
    };
    let seen = seen(&server);
    let outcome = trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap();
    let audit = &outcome.audit;
    println!("{audit}");
    assert!(audit.sent >= 400 && audit.unique == 0, "{audit:?}");
    let seen = seen.sight();
    assert_eq!((seen.found, audit.confirmed), (audit.sent, Some(audit.sent)), "{audit:?}");
    let waited = seen.waited();
    assert!((audit.sent / 4..=audit.sent).contains(&waited), "{waited} waited: {audit:?}");
    assert!(audit.redelivered > Some(0), "what is given back comes again: {audit:?}");
    assert_eq!(server.tools().queues(), [""; 0]);
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn queues_say_which_process_made_them_and_only_those_of_dead_ones_are_cleaned() {
    let server = SqsServer::start();
    let tools = server.tools();
    let dead = "made by drumpost: host=x boot=y namespace=z pid=1 started=2";
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let dead = dead.replace("host=x", &format!("host={}", here.trim()));
    for (name, owner) in [("drumpost-dead", &*dead), ("drumpost-mine", "me"), ("another", &*dead)] {
        tools.ask("CreateQueue", &json!({"QueueName": name, "tags": {"drumpost-owner": owner}})).unwrap();
    }
    let cleaned = trial::made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!(
        (cleaned.at, cleaned.removed, cleaned.kept),
        (server.url(), vec!["drumpost-dead".to_owned()], vec![])
    );
    assert_eq!(tools.queues(), ["another", "drumpost-mine"]);
}
