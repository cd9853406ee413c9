//! Messages that are given back, that come again after a kill, and that die.

use crate::{
    NAME, few,
    support_sqs::SqsServer,
    trial::{Trial, dies, ends, in_hand, one_hop, order_authorization},
};
use drumpost_core::{
    load::Extent,
    outcome::Ending,
    promise::{Acks, Order},
};

const SHORT: &[(&str, &str)] = &[("sqs.visibility", "1s")];
pub(super) const LIMIT: &[(&str, &str)] = &[("sqs.max-receives", "3")];

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn what_a_killed_consumer_had_is_visible_again_after_the_time_out() {
    let server = SqsServer::start();
    // Messages flow for some seconds after the time-out.
    let trial = Trial {
        options: SHORT,
        order: Order::None,
        extent: Extent::Duration(4_000_000_000),
        ..Trial::killed(&[("warehouse", 2)], 1_000_000)
    };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    let (audit, had) = (&outcome.audit, in_hand(&outcome));
    println!("{audit}, {had} in hand");
    assert_eq!((audit.unique, audit.lost), (audit.expected, 0), "{audit:?}");
    assert!(audit.duplicated >= had, "{had} handled messages come again: {audit:?}");
    // What had come and was not handled yet comes again, too.
    let again = audit.redelivered.unwrap_or(0);
    assert!(again > 0 && again >= audit.duplicated, "the server counts deliveries: {audit:?}");
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn messages_that_are_received_too_often_become_dead_letters() {
    let server = SqsServer::start();
    for (service, await_replies) in [("warehouse", false), ("payment", true)] {
        let trial = Trial {
            options: LIMIT,
            order: Order::None,
            await_replies,
            extent: Extent::Count(300),
            ..dies(service, 10, 50)
        };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        let audit = &outcome.audit;
        println!("{service}: {audit} {:?}", outcome.dead_letters);
        assert_eq!((outcome.ending, audit.lost, outcome.unfinished), (Ending::Completed, 0, 0), "{audit}");
        assert_eq!(audit.unique + audit.dead, audit.expected, "{audit}");
        assert_eq!(audit.rejected, Some(3 * audit.dead), "received three times: {audit}");
        assert!(audit.dead >= outcome.started / 12 && outcome.dead == audit.dead, "{audit}");
        assert_eq!((outcome.notes, server.tools().queues()), (vec![], vec![]));
    }
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn what_is_acknowledged_before_handling_is_deleted_first() {
    let server = SqsServer::start();
    let trial = Trial { acks: Acks::Before, ..few() };
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    let audit = &outcome.audit;
    assert_eq!((audit.unique, audit.delivered, audit.lost), (2_900, 2_900, 0), "{audit:?}");
}
