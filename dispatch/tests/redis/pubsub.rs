//! Tests of `redis-pubsub`, whose messages are not stored.

use crate::{
    failing::stalls,
    support_redis::RedisServer,
    trial::{Trial, assert_confirmed, assert_sound, ends, headers, made, one_hop, order_authorization},
};
use drumpost_core::{
    headers::Shape,
    load::{Extent, Pace},
    monitor::Unwatched,
    outcome::{Cause, Ending},
    scenario::Style,
    transport::OpenError,
};
use std::time::Duration;

const PUBSUB: &str = "redis-pubsub";

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn flows_of_events_and_of_requests() {
    let server = RedisServer::start();
    let trial = Trial { style: Style::Event, ..Trial::default() };
    let outcome = trial.run(PUBSUB, &server.url(), order_authorization()).unwrap();
    // Accepted orders are heard by two services.
    assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
    assert_confirmed(&outcome, PUBSUB);
    let published = server.cli().calls("publish");
    assert_eq!(published, outcome.audit.sent, "another client counts");
    let outcome = Trial::default().run(PUBSUB, &server.url(), order_authorization()).unwrap();
    assert_sound(&outcome, 14_500);
    assert_eq!((server.cli().calls("publish") - published, outcome.notes), (14_500, vec![]));
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn several_instances_and_headers_are_refused_in_a_sentence() {
    let server = RedisServer::start();
    let refusal = |trial: Trial| match trial.run(PUBSUB, &server.url(), one_hop(ends)) {
        Err(OpenError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    for (style, what) in
        [(Style::Message, "Command `warehouse.ship`"), (Style::Event, "Event `order.placed`")]
    {
        let why = refusal(Trial { style, instances: &[("warehouse", 3)], ..Trial::default() });
        assert!(
            why.starts_with(&format!("redis-pubsub cannot carry {what} to 3 instances of warehouse: ")),
            "{why}"
        );
    }
    let why = refusal(Trial { headers: headers(2, 8), ..Trial::default() });
    assert!(why.starts_with("redis-pubsub carries no headers: "), "{why}");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn what_nobody_hears_is_refused_and_counted() {
    let server = RedisServer::start();
    let trial =
        Trial { headers: Shape::NONE, drain: Duration::from_secs(2), ..Trial::killed(&[], 1_000_000) };
    let outcome = trial.run(PUBSUB, &server.url(), one_hop(ends)).unwrap();
    let (audit, notes) = (&outcome.audit, outcome.notes.join("\n"));
    println!("{audit:?} {notes} {:?}", outcome.outages);
    assert_eq!((outcome.ending, audit.duplicated, audit.corrupted), (Ending::Completed, 0, 0));
    // It was away for half a second, in which 500 were published.
    let refused = audit.refused.unwrap_or(0);
    assert!((300..1_000).contains(&refused), "{audit:?}");
    assert!(
        notes.contains(&format!("refused to store {refused} messages, the first with PUBLISH answered 0")),
        "{notes}"
    );
    assert_eq!(audit.unique + audit.lost + audit.unknown, audit.expected, "{audit:?}");
    assert_eq!(audit.confirmed, Some(server.cli().calls("publish") - refused), "{audit:?}");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_subscriber_that_is_too_slow_is_cut_off_which_is_told_and_counted() {
    let server = RedisServer::start_with(&["--client-output-buffer-limit", "pubsub 1mb 1mb 1"]);
    let trial = Trial {
        extent: Extent::Count(20_000),
        pace: Pace::Closed { in_flight: 20_000 },
        payload_len: 1_000,
        // The subscriber hears that it was cut off after what had reached it, which takes a busy machine some seconds.
        drain: Duration::from_secs(8),
        ..Trial::default()
    };
    let mut plan = trial.plan(one_hop(stalls));
    plan.conditions.reconnect = Some(Duration::from_secs(10));
    let outcome = made(PUBSUB, &server.url(), &[]).run(&plan, &mut Unwatched).unwrap();
    let audit = &outcome.audit;
    println!("{audit:?} {:?} {:?}", outcome.outages, outcome.notes);
    assert_eq!((outcome.ending, audit.duplicated, audit.corrupted), (Ending::Completed, 0, 0));
    let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
    let Cause::ConnectionLost { why } = &outage.cause else { panic!("{outage}") };
    assert!(why.contains("at client-output-buffer-limit with subscribers that are too slow"), "{why}");
    // What the server held is lost, and what it published to nobody afterwards is refused.
    let refused = audit.refused.unwrap_or(0);
    assert!(audit.lost + audit.unknown >= 100, "{audit:?}");
    assert_eq!(audit.unique + audit.lost + audit.unknown + refused, 20_000, "{audit:?}");
    assert_eq!(server.cli().calls("publish"), 20_000, "another client counts");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked() {
    let server = RedisServer::start();
    let several = Trial { instances: &[("order", 2)], extent: Extent::Count(1_000), ..Trial::default() };
    assert_sound(&several.run(PUBSUB, &server.url(), order_authorization()).unwrap(), 2_900);
}
