//! Tests of `rabbitmq-stream` against a private server. They are ignored unless scripts/test runs them, which starts servers.
#![cfg(feature = "rabbitmq-stream")]

#[path = "../support/cleaned.rs"]
mod cleaned;
#[path = "../support/counted.rs"]
mod counted;
mod failing;
mod killed;
#[path = "../support/rabbitmq_login.rs"]
mod rabbitmq_login;
mod restarts;
mod suite;
#[path = "../support/rabbitmq.rs"]
mod support_rabbitmq;
#[path = "../support/trial.rs"]
mod trial;

use drumpost_core::{
    load::{Extent, Pace},
    outcome::Outcome,
    plan::Placement,
    scenario::Style,
    transport::OpenError,
};
use std::{thread, time::Duration};
use support_rabbitmq::{RabbitServer, Tools};
use trial::{
    Seen, Trial, assert_confirmed, assert_runs_do_not_meet, assert_sound, ends, ends_slowly, headers,
    one_hop, order_authorization,
};

const NAME: &str = "rabbitmq-stream";

/// Offsets are stored once, at the end.
const SELDOM: &[(&str, &str)] = &[("rabbitmq-stream.store-every", "1M")];

const DEDUPLICATED: &[(&str, &str)] =
    &[SELDOM[0], ("rabbitmq-stream.deduplicate", "on"), ("rabbitmq-stream.credit", "1")];

/// A trial with events.
fn events() -> Trial {
    Trial { style: Style::Event, ..Trial::default() }
}

/// How many messages the server counts. It counts a stream every few seconds: until it has counted what it confirmed, and a little longer.
fn count(tools: &Tools, outcome: &Outcome) -> u64 {
    let count = || {
        let all = tools.ctl(&["list_queues", "-q", "--no-table-headers", "messages"]);
        all.iter().map(|messages| messages.parse::<u64>().expect("a number")).sum::<u64>()
    };
    let mut counted = count();
    for _ in 0..30 {
        if Some(counted) >= outcome.audit.confirmed {
            break;
        }
        thread::sleep(Duration::from_millis(500));
        counted = count();
    }
    thread::sleep(Duration::from_secs(1));
    counted.max(count())
}

fn seen(server: &RabbitServer) -> Seen<u64> {
    let tools = server.tools();
    Seen::by(move |outcome| count(&tools, outcome))
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_flow_of_events_is_sound_and_the_server_counts_the_same() {
    let server = RabbitServer::start();
    for (options, placement) in [(SELDOM, Placement::Threads(1)), (DEDUPLICATED, Placement::Each)] {
        let (trial, seen) = (Trial { options, placement, ..events() }, seen(&server));
        let outcome =
            trial.run_watched(NAME, &server.stream_url(), order_authorization(), seen.clone()).unwrap();
        // Accepted orders are heard by two services.
        assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
        assert_confirmed(&outcome, NAME);
        // At the end each of the four readers has its offset stored, which may take a place in its stream.
        let (counted, sent) = (seen.sight().found, outcome.audit.sent);
        assert!((sent..=sent + 4).contains(&counted), "{counted}: {:?}", outcome.audit);
        assert_eq!((outcome.notes, server.tools().objects()), (vec![], vec![]));
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn payloads_of_every_size_and_headers_are_carried() {
    let server = RabbitServer::start();
    for (payload_len, headers, batch, extent) in
        [(16, headers(4, 32), 1, 2_000), (300, headers(1, 300), 64, 2_000), (900_000, headers(1, 8), 16, 40)]
    {
        let pace = Pace::Closed { in_flight: 40 };
        // Messages of a megabyte take some seconds on a busy machine. The drain is over when all are there.
        let (count, drain) = (Extent::Count(extent), Duration::from_secs(60));
        let trial = Trial { payload_len, headers, batch, pace, extent: count, drain, ..events() };
        let outcome = trial.run(NAME, &server.stream_url(), one_hop(ends)).unwrap();
        assert_sound(&outcome, extent);
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_slow_reader_holds_no_more_than_its_credit() {
    let server = RabbitServer::start();
    let pace = Pace::Closed { in_flight: 5_000 };
    let options = &[("rabbitmq-stream.credit", "1"), ("rabbitmq-stream.store-every", "1")];
    let outcome =
        Trial { pace, options, batch: 1, ..events() }.run(NAME, &server.stream_url(), one_hop(ends_slowly));
    assert_sound(&outcome.unwrap(), 5_000);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn the_server_is_told_with_its_version_and_its_address() {
    let (server, trial) = (RabbitServer::start(), Trial { extent: Extent::Count(100), ..events() });
    let seen = seen(&server);
    trial.run_watched(NAME, &server.stream_url(), one_hop(ends), seen.clone()).unwrap();
    let facts = seen.sight().server.unwrap();
    let version = server.tools().ctl(&["version"]).pop().unwrap();
    assert_eq!((facts.product.as_str(), facts.version), ("RabbitMQ", Some(version)));
    let address = server.stream_url().trim_start_matches("rabbitmq-stream://").parse().unwrap();
    assert_eq!(facts.addresses, [address]);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn what_readers_of_a_stream_cannot_do_is_refused_in_a_sentence() {
    let (server, short) = (RabbitServer::start(), Trial { extent: Extent::Count(100), ..events() });
    let several = Trial { instances: &[("warehouse", 3)], ..short.clone() };
    for (trial, says) in [
        (
            several,
            "rabbitmq-stream cannot carry Event `order.placed` to 3 instances of warehouse: every reader",
        ),
        (
            Trial { style: Style::Message, ..short },
            "rabbitmq-stream cannot carry Command `warehouse.ship`: a stream",
        ),
    ] {
        let Err(OpenError::Refused(why)) = trial.run(NAME, &server.stream_url(), one_hop(ends)) else {
            panic!("{says}")
        };
        assert!(why.starts_with(says) && why.contains("rabbitmq "), "{why}");
    }
    assert_eq!(server.tools().objects(), [""; 0]);
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn two_runs_at_once_and_two_one_after_the_other_do_not_meet() {
    let server = RabbitServer::start();
    assert_runs_do_not_meet(NAME, &server.stream_url(), [Style::Event; 2], 5_000);
    assert_eq!(server.tools().objects(), [""; 0]);
}
