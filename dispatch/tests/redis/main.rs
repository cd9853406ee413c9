//! Tests of `redis-stream`, `redis` and `redis-pubsub` against private servers; those without a name of their own are of the first. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "redis")]

#[path = "../support/counted.rs"]
mod counted;
mod failing;
mod forgotten;
mod killed;
mod lists;
mod pubsub;
mod restarts;
mod suite;
#[path = "../support/redis.rs"]
mod support_redis;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    load::{Extent, Pace},
    monitor::{Unwatched, Watch},
    outcome::{Outcome, Snapshot},
    plan::Placement,
    scenario::Style,
    server::ServerFacts,
};
use std::{
    sync::{Arc, Mutex},
    thread,
};
use support_redis::{Cli, RedisServer};
use trial::{
    Trial, assert_confirmed, assert_replies_find_who_asked, assert_sound, ends, headers, made, one_hop,
    order_authorization,
};

const NAME: &str = "redis-stream";

/// What an independent client counts when everything is measured and nothing is removed yet, and what the server is.
#[derive(Clone)]
struct Count {
    cli: Cli,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    added: u64,
    there: u64,
    server: Option<ServerFacts>,
}

impl Count {
    fn of(server: &RedisServer) -> Self {
        Self { cli: server.cli(), seen: Arc::default() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().expect("not poisoned").clone()
    }
}

impl Watch for Count {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        false
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        self.seen.lock().expect("not poisoned").server = server.cloned();
    }

    fn measured(&mut self, _outcome: &Outcome) {
        let (added, there) = self.cli.entries();
        let mut seen = self.seen.lock().expect("not poisoned");
        (seen.added, seen.there) = (added, there);
    }
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
        let count = Count::of(&server);
        let outcome = trial.run_watched(NAME, &server.url(), order_authorization(), count.clone()).unwrap();
        let (audit, seen) = (&outcome.audit, count.seen());
        println!("{style}: {seen:?} {audit:?}");
        assert_eq!(seen.added, audit.sent, "another client counts");
        assert!(seen.there < audit.sent / 4, "what was acknowledged is deleted meanwhile");
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn the_server_is_told_with_its_version_its_durability_and_its_address() {
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let count = Count::of(&server);
    let trial = Trial { extent: Extent::Count(100), ..Trial::default() };
    trial.run_watched(NAME, &server.url(), one_hop(ends), count.clone()).unwrap();
    let facts = count.seen().server.unwrap();
    let version = facts.version.unwrap();
    assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
    assert!(version.contains(", appendonly no"), "{version}");
    assert_eq!(facts.addresses, [server.url().trim_start_matches("redis://").parse().unwrap()]);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn two_runs_at_once_and_two_one_after_the_other_do_not_meet() {
    let server = RedisServer::start();
    let url = server.url();
    thread::scope(|scope| {
        for style in Style::ALL {
            let trial = Trial { style, ..Trial::default() };
            let url = &url;
            scope.spawn(move || assert_sound(&trial.run(NAME, url, one_hop(ends)).unwrap(), 5_000));
        }
    });
    // The same name twice: the second could not be set up if the first had left its streams.
    let plan = Trial { extent: Extent::Count(100), ..Trial::default() }.plan(one_hop(ends));
    let mut dispatcher = made(NAME, &url, &[]);
    for _ in 0..2 {
        assert_sound(&dispatcher.run(&plan, &mut Unwatched).unwrap(), 100);
    }
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
        let trial = Trial {
            style,
            pace: Pace::Closed { in_flight },
            extent: Extent::Duration(3_000_000_000),
            batch,
            payload_len,
            options,
            ..Trial::default()
        };
        let outcome = trial.run(transport, &server.url(), one_hop(ends)).unwrap();
        let rate = outcome.measured_ended as f64 / outcome.elapsed_ns as f64 * 1e9;
        println!(
            "{transport} {style} {options:?}, {in_flight} in flight, batch {batch}, {payload_len} B: {rate:.0} msgs/s, mean {:.0} us, \
             cpu {:.1} us a message",
            outcome.response.mean_ns() / 1e3,
            outcome.cost.unwrap_or_default().cpu_ns as f64 / outcome.measured_ended as f64 / 1e3
        );
    }
}
