//! Consumers that die: what was confirmed comes, again or for the first time. Servers that die are in `restarts.rs`.

use crate::{
    FOUR, NAME,
    support_kafka::KafkaServer,
    trial::{Trial, ends_slowly, in_hand, one_hop, order_authorization},
};
use drumpost_core::{
    outcome::{Ending, Outcome},
    plan::Kill,
    promise::Order,
    scenario::Style,
};
use std::time::Duration;

/// Runs a trial in which a consumer dies, and gives back how many handled messages it died with.
fn killed(trial: &Trial, server: &KafkaServer) -> (Outcome, u64) {
    let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).expect("it opens");
    let in_hand = in_hand(&outcome);
    (outcome, in_hand)
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_and_others_take_its_partitions() {
    let server = KafkaServer::start();
    for (style, options, instances) in
        [(Style::Message, &[][..], &[][..]), (Style::Event, FOUR, &[("warehouse", 2)])]
    {
        let order = if options == FOUR { Order::PerKey } else { Order::PerProducer };
        let trial = Trial { style, options, order, keys: 50, ..Trial::killed(instances, 400_000) };
        let (outcome, in_hand) = killed(&trial, &server);
        let audit = &outcome.audit;
        assert_eq!((audit.lost, audit.out_of_order, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        assert!(audit.duplicated >= in_hand, "{in_hand} in hand: {audit:?}");
        assert_eq!(audit.redelivered, None, "the server does not say");
    }
    assert_eq!(server.plain().names(), [""; 0]);
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_consumer_that_comes_back_replays_the_topic_or_skips_what_it_missed() {
    let server = KafkaServer::start();
    let mut replay = Trial { options: &[("kafka.from", "beginning")], ..Trial::killed(&[], 400_000) };
    // It has handled some hundred messages then.
    replay.kill = replay.kill.map(|kill| Kill { after: Duration::from_secs(1), ..kill });
    let (outcome, in_hand) = killed(&replay, &server);
    assert_eq!(outcome.audit.lost, 0, "{:?}", outcome.audit);
    assert!(outcome.audit.duplicated > in_hand + 200, "{in_hand} in hand: {:?}", outcome.audit);
    let skip = Trial { options: &[("kafka.from", "end")], drain: Duration::from_secs(1), ..replay };
    let (outcome, _) = killed(&skip, &server);
    // What was sent while it was away for 500 ms.
    assert!(outcome.audit.lost > 500 && outcome.audit.duplicated == 0, "{:?}", outcome.audit);
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_killed_asker_loses_no_reply() {
    let (server, mut trial) = (KafkaServer::start(), Trial::killed(&[], 400_000));
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "{:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}
