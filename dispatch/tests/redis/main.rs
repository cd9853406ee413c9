//! Tests of `redis-stream`, `redis` and `redis-pubsub` against private servers; those without a name of their own are of the first. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "redis")]

#[path = "../support/counted.rs"]
mod counted;
mod failing;
mod forgotten;
mod killed;
mod lists;
mod logged;
mod pubsub;
mod restarts;
mod suite;
#[path = "../support/redis.rs"]
mod support_redis;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    load::{Extent, Pace},
    plan::Placement,
    scenario::Style,
};
use support_redis::RedisServer;
use trial::{
    Seen, Trial, assert_confirmed, assert_replies_find_who_asked, assert_runs_do_not_meet, assert_sound,
    ends, headers, one_hop, order_authorization, print_throughput,
};

const NAME: &str = "redis-stream";

/// How many entries an independent client counts: those that were ever added, and those that are there.
fn seen(server: &RedisServer) -> Seen<(u64, u64)> {
    let cli = server.cli();
    Seen::by(move |_| cli.entries())
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_flow_of_requests_and_commands() {
    let server = RedisServer::start();
    let outcome = Trial::default().run(NAME, &server.url(), order_authorization()).unwrap();
    // 5,000 requests and replies, and a shipment for nine of ten.
    assert_sound(&outcome, 14_500);
    assert_confirmed(&outcome, NAME);
    assert_eq!((outcome.audit.redelivered, outcome.notes), (Some(0), vec![]));
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_flow_of_events() {
    let server = RedisServer::start();
    let trial = Trial { style: Style::Event, placement: Placement::Threads(1), ..Trial::default() };
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    // Accepted orders are heard by two services.
    assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
    assert_confirmed(&outcome, NAME);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn replies_come_to_the_instance_that_asked_apart_where_it_also_reacts() {
    assert_replies_find_who_asked(NAME, &RedisServer::start().url());
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn instances_compete_in_both_styles_and_headers_are_fields() {
    let server = RedisServer::start();
    for style in Style::ALL {
        let trial = Trial {
            style,
            instances: &[("warehouse", 3)],
            headers: headers(4, 32),
            batch: 1,
            ..Trial::default()
        };
        assert_sound(&trial.run(NAME, &server.url(), one_hop(ends)).unwrap(), 5_000);
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn the_streams_hold_what_was_sent_and_are_kept_short() {
    let server = RedisServer::start();
    for style in Style::ALL {
        let trial = Trial {
            style,
            pace: Pace::Open { window: 100_000 },
            extent: Extent::Duration(2_000_000_000),
            every_ns: 500_000,
            ..Trial::default()
        };
        let seen = seen(&server);
        let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), seen.clone()).unwrap();
        let (audit, (added, there)) = (&outcome.audit, seen.sight().found);
        println!("{style}: {added} added, {there} there, {audit:?}");
        assert_eq!(added, audit.sent, "another client counts");
        assert!(there < audit.sent / 4, "what was acknowledged is deleted meanwhile");
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn the_server_is_told_with_its_version_its_durability_and_its_address() {
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let seen = seen(&server);
    let trial = Trial { extent: Extent::Count(100), ..Trial::default() };
    trial.run_watched(NAME, &server.url(), one_hop(ends), seen.clone()).unwrap();
    let facts = seen.sight().server.unwrap();
    let version = facts.version.unwrap();
    assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    assert!(version.contains(", appendonly no"), "{version}");
    assert_eq!(facts.addresses, [server.url().trim_start_matches("redis://").parse().unwrap()]);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn two_runs_at_once_and_two_one_after_the_other_do_not_meet() {
    let server = RedisServer::start();
    assert_runs_do_not_meet(NAME, &server.url(), Style::ALL, 5_000);
    assert_eq!(server.keys(), [""; 0]);
}

/// Not a test: `cargo test --release ... -- --ignored --nocapture measure_throughput` prints messages per second.
#[test]
#[ignore = "measures, checks nothing"]
fn measure_throughput() {
    let server = RedisServer::start();
    let pop: &[_] = &[("redis.take", "pop")];
    for (transport, style, in_flight, batch, payload_len, options) in [
        (NAME, Style::Message, 1, 1, 128, &[][..]),
        (NAME, Style::Message, 1024, 64, 128, &[]),
        (NAME, Style::Message, 4096, 256, 128, &[]),
        (NAME, Style::Message, 1024, 64, 1024, &[]),
        (NAME, Style::Event, 1024, 64, 128, &[]),
        ("redis", Style::Message, 1, 1, 128, &[]),
        ("redis", Style::Message, 1024, 64, 128, &[]),
        ("redis", Style::Message, 1024, 64, 1024, &[]),
        ("redis", Style::Message, 1024, 64, 128, pop),
        ("redis-pubsub", Style::Message, 1, 1, 128, &[]),
        ("redis-pubsub", Style::Message, 1024, 64, 128, &[]),
        ("redis-pubsub", Style::Event, 1024, 64, 128, &[]),
    ] {
        print_throughput(transport, &server.url(), style, (in_flight, batch, payload_len), options);
    }
}
