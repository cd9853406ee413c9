//! Tests of `kafka` against a private server. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "kafka")]

#[path = "../support/counted.rs"]
mod counted;
mod failing;
mod killed;
mod restarts;
#[cfg(feature = "kafka-tls")]
mod secured;
#[cfg(feature = "kafka-tls")]
#[path = "../support/secured_trial.rs"]
mod secured_trial;
mod suite;
#[path = "../support/kafka.rs"]
mod support_kafka;
#[cfg(feature = "kafka-tls")]
#[path = "../support/secured.rs"]
mod support_secured;
mod transactions;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    contract,
    load::{Extent, Pace},
    options::Options,
    promise::Order,
    scenario::Style,
};
use support_kafka::KafkaServer;
use trial::{
    Seen, Trial, assert_confirmed, assert_in_order, assert_replies_find_who_asked, assert_runs_do_not_meet,
    assert_sound, ends, ends_slowly, entry, one_hop, order_authorization, print_throughput,
};

const NAME: &str = "kafka";
const FOUR: &[(&str, &str)] = &[("kafka.partitions", "4")];

/// The ends of all partitions, as another client finds them.
fn seen(server: &KafkaServer) -> Seen<Vec<u64>> {
    let plain = server.plain();
    Seen::by(move |_| plain.ends())
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn the_contract_is_kept_with_fewer_replicas_and_with_more_partitions() {
    let server = KafkaServer::start();
    let entry = entry(NAME);
    let checks = ["count", "order", "competing"];
    for (name, value) in [("kafka.acks", "1"), FOUR[0]] {
        let mut options = Options::default();
        options.set("kafka.url", server.url());
        options.set(name, value);
        contract::check_only(&entry, &options, |check| checks.contains(&check)).assert();
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn flows_of_both_styles_are_sound_and_another_client_counts_the_same() {
    let server = KafkaServer::start();
    // 5,000 requests and replies, and a shipment for nine of ten. Accepted orders are heard by two services.
    for (style, options, expected) in
        [(Style::Message, &[][..], 14_500), (Style::Event, FOUR, 5_000 + 2 * 4_500 + 500)]
    {
        let order = if options == FOUR { Order::PerKey } else { Order::PerProducer };
        let (trial, seen) = (Trial { style, options, order, ..Trial::default() }, seen(&server));
        let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), seen.clone()).unwrap();
        let audit = &outcome.audit;
        assert_eq!((audit.unique, audit.lost, audit.duplicated), (expected, 0, 0), "{style}: {audit:?}");
        assert_eq!((audit.corrupted, audit.out_of_order, audit.unjudged), (0, 0, 0), "{style}: {audit:?}");
        assert_confirmed(&outcome, NAME);
        assert_eq!(seen.sight().found.iter().sum::<u64>(), audit.sent, "{style}: another client counts");
        assert_eq!((outcome.notes, server.plain().names()), (vec![], vec![]));
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked_apart_where_it_also_reacts() {
    assert_replies_find_who_asked(NAME, &KafkaServer::start().url());
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn instances_share_partitions_and_each_key_keeps_its_order() {
    let server = KafkaServer::start();
    for (style, order) in [(Style::Message, Order::PerKey), (Style::Event, Order::PerShard)] {
        let trial = Trial::by_key(style, order, &[("warehouse", 2)], FOUR);
        let seen = seen(&server);
        let outcome = trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap();
        assert_in_order(&outcome, 5_000);
        assert!(outcome.audit.reordered > 0, "several partitions were read: {:?}", outcome.audit);
        let ends = seen.sight().found;
        assert!(ends.len() == 4 && ends.iter().all(|end| *end >= 500), "keys are spread: {ends:?}");
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn what_waits_is_told() {
    let (server, trial) = (KafkaServer::start(), Trial { batch: 1, ..Trial::default() });
    let trial = Trial { pace: Pace::Closed { in_flight: 5_000 }, ..trial };
    let seen = seen(&server);
    assert_sound(&trial.run_watched(NAME, &server.url(), one_hop(ends_slowly), seen.clone()).unwrap(), 5_000);
    let (seen, waited) = (seen.sight(), seen.sight().waited());
    assert!((1_000..=5_000).contains(&waited), "{waited} waited");
    let handed_out = seen.depths.iter().find_map(|depth| depth.unacknowledged);
    assert_eq!(handed_out, None, "Kafka does not tell, and a 0 would look measured");
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn the_server_is_told_with_its_features_and_its_address() {
    let (server, trial) = (KafkaServer::start(), Trial { extent: Extent::Count(100), ..Trial::default() });
    let seen = seen(&server);
    trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap();
    let facts = seen.sight().server.unwrap();
    let version = facts.version.unwrap();
    let level = version.strip_prefix("metadata.version ").and_then(|level| level.parse::<u16>().ok());
    assert!(facts.product == "Kafka" && level >= Some(7), "{version}");
    assert_eq!(facts.addresses, [server.url().trim_start_matches("kafka://").parse().unwrap()]);
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn two_runs_at_once_and_two_one_after_the_other_do_not_meet() {
    let server = KafkaServer::start();
    assert_runs_do_not_meet(NAME, &server.url(), Style::ALL, 1_000);
    assert_eq!(server.plain().names(), [""; 0]);
}

/// Not a test: `cargo test --release ... -- --ignored --nocapture measure_throughput` prints messages per second.
#[test]
#[ignore = "measures, checks nothing"]
fn measure_throughput() {
    let server = KafkaServer::start();
    for (in_flight, batch, options) in [
        (1, 1, &[][..]),
        (1024, 64, &[]),
        (4096, 256, &[]),
        (4096, 256, &[("kafka.acks", "1")]),
        (4096, 256, &[("kafka.linger", "1ms")]),
        (4096, 256, &[("kafka.partitions", "4"), ("kafka.linger", "0s")]),
        (4096, 256, &[("kafka.partitions", "4")]),
        (4096, 256, &[("kafka.partitions", "4"), ("kafka.linger", "1ms")]),
    ] {
        print_throughput(NAME, &server.url(), Style::Message, (in_flight, batch, 128), options);
    }
}
