//! Tests of `redis`, whose messages lie in lists.

use crate::{
    failing::stalls,
    logged::logged,
    support_redis::RedisServer,
    trial::{
        Seen, Trial, assert_confirmed, assert_replies_find_who_asked, assert_sound, ends, ends_slowly,
        headers, one_hop, order_authorization,
    },
};
use drumpost_core::{
    headers::Shape,
    load::{Extent, Pace},
    outcome::{Cause, Ending},
    plan::{Kill, Victim},
    scenario::Style,
    server::Depth,
    transport::OpenError,
};
use std::time::Duration;

const LISTS: &str = "redis";
const POP: &[(&str, &str)] = &[("redis.take", "pop")];

/// A server that writes to a log what it is told.
fn logging() -> RedisServer {
    RedisServer::start_with(&[
        "--appendonly",
        "yes",
        "--appendfsync",
        "no",
        "--auto-aof-rewrite-percentage",
        "0",
    ])
}

/// How many messages were pushed, as its log has it.
fn pushed(server: &RedisServer) -> u64 {
    logged(server.folder.path(), "RPUSH")
}

/// The same, and how many another client finds in all lists, while a run is there.
fn seen(server: &RedisServer) -> Seen<(u64, u64)> {
    let (cli, folder) = (server.cli(), server.folder.path().to_owned());
    Seen::by(move |_| (logged(&folder, "RPUSH"), cli.in_lists()))
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_flow_of_requests_and_commands_is_counted_by_another_client() {
    let server = logging();
    for options in [&[][..], POP] {
        let (trial, seen, before) = (Trial { options, ..Trial::default() }, seen(&server), pushed(&server));
        let outcome = trial.run_watched(LISTS, &server.url(), order_authorization(), seen.clone()).unwrap();
        // 5,000 requests and replies, and a shipment for nine of ten.
        assert_sound(&outcome, 14_500);
        assert_confirmed(&outcome, LISTS);
        assert_eq!((outcome.audit.redelivered, outcome.notes), (Some(0), vec![]));
        let (pushed, there) = seen.sight().found;
        assert_eq!((pushed - before, there), (14_500, 0), "the server's log counts");
        assert_eq!(server.keys(), [""; 0]);
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked_and_instances_compete() {
    let server = RedisServer::start();
    assert_replies_find_who_asked(LISTS, &server.url());
    for options in [&[][..], POP] {
        let trial = Trial { instances: &[("warehouse", 3)], batch: 1, options, ..Trial::default() };
        assert_sound(&trial.run(LISTS, &server.url(), one_hop(ends)).unwrap(), 5_000);
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn events_and_headers_are_refused_in_a_sentence() {
    let server = RedisServer::start();
    for (trial, sentence) in [
        (
            Trial { style: Style::Event, ..Trial::default() },
            "redis cannot carry Event `order.placed`: a list gives ",
        ),
        (Trial { headers: headers(2, 8), ..Trial::default() }, "redis carries no headers: "),
    ] {
        let refused = trial.run(LISTS, &server.url(), one_hop(ends));
        let Err(OpenError::Refused(why)) = refused else { panic!("{refused:?}") };
        assert!(why.starts_with(sentence), "{why}");
    }
}

fn killed(instances: &'static [(&'static str, u16)]) -> Trial {
    Trial { headers: Shape::NONE, ..Trial::killed(instances, 200_000) }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_and_another_client_counts_the_same() {
    let server = logging();
    for instances in [&[][..], &[("warehouse", 3)]] {
        let (trial, seen, before) = (killed(instances), seen(&server), pushed(&server));
        let outcome = trial.run_watched(LISTS, &server.url(), one_hop(ends_slowly), seen.clone()).unwrap();
        let (audit, (pushed, there)) = (&outcome.audit, seen.sight().found);
        println!("{instances:?}: {audit:?} {} {there} {:?}", pushed - before, outcome.outages);
        assert_eq!(outcome.ending, Ending::Completed);
        assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
        assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
        assert_eq!((pushed - before, there), (audit.unique, 0), "another client counts");
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
        // Each message that it died with comes again, and so does one whose acknowledgement had not left the process.
        assert!(in_hand >= 8 && audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
        assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
    }
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn what_a_killed_consumer_popped_is_lost_and_counted() {
    let server = logging();
    let (trial, seen) = (Trial { options: POP, drain: Duration::from_secs(6), ..killed(&[]) }, seen(&server));
    let outcome = trial.run_watched(LISTS, &server.url(), one_hop(ends_slowly), seen.clone()).unwrap();
    let (audit, found) = (&outcome.audit, seen.sight().found);
    println!("{audit:?} {found:?}");
    assert_eq!((outcome.ending, audit.duplicated, audit.corrupted), (Ending::Completed, 0, 0));
    assert_eq!(found, (audit.sent, 0), "another client counts");
    assert_eq!(audit.unique + audit.lost + audit.unknown, audit.expected, "{audit:?}");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_connection_or_asker_loses_nothing() {
    let server = RedisServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { what: Victim::Connection, ..kill });
    let outcome = trial.run(LISTS, &server.url(), one_hop(ends)).unwrap();
    assert_eq!((outcome.ending, outcome.audit.lost), (Ending::Completed, 0), "{:?}", outcome.audit);
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(LISTS, &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.ending, outcome.audit.lost), (Ending::Completed, 0), "{:?}", outcome.audit);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn what_waits_is_told_ready_and_unacknowledged() {
    let server = logging();
    let trial =
        Trial { extent: Extent::Count(2_000), pace: Pace::Closed { in_flight: 2_000 }, ..Trial::default() };
    for transport in [LISTS, crate::NAME] {
        let seen = seen(&server);
        let outcome = trial.run_watched(transport, &server.url(), one_hop(stalls), seen.clone()).unwrap();
        assert_sound(&outcome, 2_000);
        let depths = seen.sight().depths;
        println!("{transport}: {depths:?}");
        // All had been sent, none was acknowledged, and the consumer had taken some.
        let unacknowledged = |depth: &Depth| depth.unacknowledged.unwrap_or(0);
        let all = |depth: &Depth| depth.ready + unacknowledged(depth);
        let stood = |depth: &Depth| all(depth) == 2_000 && unacknowledged(depth) > 0;
        assert!(depths.iter().any(stood), "{transport}: {depths:?}");
        assert!(depths.iter().all(|depth| all(depth) <= 2_000), "{transport}: {depths:?}");
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_full_server_refuses_messages_and_ends_a_run_that_moves() {
    for options in [&[][..], POP] {
        let server = RedisServer::start_with(&["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"]);
        let trial = Trial {
            extent: Extent::Count(20_000),
            pace: Pace::Closed { in_flight: 20_000 },
            payload_len: 1_000,
            drain: Duration::from_secs(5),
            options,
            ..Trial::default()
        };
        let outcome = trial.run(LISTS, &server.url(), one_hop(stalls)).unwrap();
        let (audit, notes) = (&outcome.audit, outcome.notes.join("\n"));
        println!("{options:?}: {} {audit:?} {notes}", outcome.ending);
        let refused = audit.refused.unwrap_or(0);
        assert!(refused > 0 && notes.contains("OOM"), "{audit:?} {notes}");
        if options.is_empty() {
            let Ending::Failed(why) = &outcome.ending else { panic!("{}", outcome.ending) };
            assert!(why.contains("OOM"), "{why}");
        } else {
            assert_eq!(
                (audit.confirmed, audit.unique),
                (Some(20_000 - refused), 20_000 - refused),
                "{audit:?}"
            );
        }
    }
}
