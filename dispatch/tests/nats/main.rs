//! Tests of `nats` and `jetstream` against a private server. They are ignored unless scripts/test runs them, which
//! starts servers.
#![cfg(feature = "nats")]

#[path = "../support/counted.rs"]
mod counted;
mod dead;
mod headers;
mod misbehaving;
mod restarts;
mod secured;
mod streams;
mod suite;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/secured.rs"]
mod support_secured;
#[path = "../support/trial.rs"]
mod trial;
mod watched;
mod wire;

use drumpost_core::{
    handler::Reactor,
    load::{Extent, Pace},
    outcome::{Cause, Ending},
    plan::{Kill, Placement, Victim},
    promise::Acks,
    scenario::Style,
    transport::OpenError,
};
use std::{sync::mpsc, thread, time::Duration};
use support::NatsServer;
use trial::{
    Reacts, Trial, assert_confirmed, assert_sound, ends, ends_slowly, headers, one_hop, order_authorization,
    print_throughput, with_agent,
};

const ALL: [&str; 3] = ["nats", "jetstream", "nats-wire"];
/// A password or token; it may stand nowhere.
const SECRET: &str = "hush0815hush";

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_flow_of_requests_and_commands() {
    let server = NatsServer::start();
    for transport in ALL {
        let outcome = Trial::default().run(transport, &server.url(), order_authorization()).unwrap();
        // 5,000 requests and replies, and a shipment for nine of ten.
        assert_sound(&outcome, 14_500);
        assert_confirmed(&outcome, transport);
        assert_eq!(outcome.notes, Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_flow_of_events() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial { style: Style::Event, ..Trial::default() };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        // Accepted orders are heard by two services.
        assert_sound(&outcome, 5_000 + 2 * 4_500 + 500);
        assert_confirmed(&outcome, transport);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn awaited_replies_come_to_the_instance_that_asked() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial {
            instances: &[("order", 2), ("payment", 2)],
            await_replies: true,
            extent: Extent::Count(1_000),
            pace: Pace::Closed { in_flight: 8 },
            ..Trial::default()
        };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, 2_900);
        assert_confirmed(&outcome, transport);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn replies_have_an_inbox_apart_where_a_service_both_reacts_and_asks() {
    let server = NatsServer::start();
    for (transport, await_replies) in ALL.into_iter().flat_map(|name| [(name, false), (name, true)]) {
        let trial = Trial { await_replies, extent: Extent::Count(1_000), ..Trial::default() };
        let outcome = trial.run(transport, &server.url(), with_agent()).unwrap();
        assert_sound(&outcome, 3_000);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn instances_compete_in_both_styles() {
    let server = NatsServer::start();
    for (transport, style) in ALL.into_iter().flat_map(|name| Style::ALL.map(|style| (name, style))) {
        let trial = Trial { style, instances: &[("warehouse", 3)], ..Trial::default() };
        let outcome = trial.run(transport, &server.url(), one_hop(ends)).unwrap();
        assert_sound(&outcome, 5_000);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn one_thread_and_memory_storage() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial {
            placement: Placement::Threads(1),
            options: &[("jetstream.storage", "memory")],
            ..Trial::default()
        };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, 14_500);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn an_open_load() {
    let server = NatsServer::start();
    for transport in ALL {
        let trial = Trial {
            pace: Pace::Open { window: 4096 },
            extent: Extent::Count(1_000),
            every_ns: 1_000_000,
            batch: 1,
            ..Trial::default()
        };
        let outcome = trial.run(transport, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, outcome.audit.sent);
        assert_eq!((outcome.started, outcome.missed), (1_000, 0));
    }
}

fn killed(instances: &'static [(&'static str, u16)]) -> Trial {
    Trial {
        instances,
        // 2 s of load; a lost acknowledgement comes back after 500 ms.
        pace: Pace::Open { window: 100_000 },
        extent: Extent::Duration(2_000_000_000),
        every_ns: 200_000,
        drain: Duration::from_secs(20),
        kill: Some(Kill {
            service: "warehouse".into(),
            instance: instances.first().map_or(0, |(_, count)| count - 1),
            after: Duration::from_millis(300),
            down: Duration::from_millis(500),
            what: Victim::Consumer,
        }),
        // What comes again has them too.
        headers: headers(3, 24),
        options: &[("jetstream.ack-wait", "500ms")],
        ..Trial::default()
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_with_jetstream() {
    let server = NatsServer::start();
    for instances in [&[][..], &[("warehouse", 3)]] {
        for style in Style::ALL {
            let trial = Trial { style, ..killed(instances) };
            let outcome = trial.run("jetstream", &server.url(), one_hop(ends_slowly)).unwrap();
            let audit = &outcome.audit;
            println!("{style}, {instances:?}: {audit:?}");
            assert_eq!(outcome.ending, Ending::Completed);
            assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
            assert_eq!(audit.confirmed, Some(audit.sent));
            assert_eq!(audit.unique, audit.expected);
            let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
            let named = if instances.is_empty() { "warehouse" } else { "warehouse#2" };
            assert!(
                outage.to_string().starts_with(&format!("the consumer of {named} was killed")),
                "{outage}"
            );
            let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
            assert!(outage.at_ns >= 300_000_000 && outage.away_ns >= 500_000_000, "{outage}");
            // Each message that it died with comes again.
            assert!(in_hand >= 8 && audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
        }
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_killed_consumer_that_waits_for_confirms_loses_nothing() {
    let server = NatsServer::start();
    let mut trial = Trial { acks: Acks::Confirmed, ..killed(&[]) };
    trial.kill = trial.kill.map(|kill| Kill { service: "payment".into(), ..kill });
    let outcome = trial.run("jetstream", &server.url(), order_authorization()).unwrap();
    let audit = &outcome.audit;
    assert_eq!(
        (outcome.ending.clone(), audit.lost, audit.unconfirmed),
        (Ending::Completed, 0, Some(0)),
        "{audit:?}"
    );
    let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
    let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
    assert!(in_hand >= 8 && audit.redelivered >= Some(in_hand as u64), "{outage}: {audit:?}");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_killed_asker_loses_no_reply_with_jetstream() {
    let server = NatsServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { service: "payment".into(), ..kill });
    let outcome = trial.run("jetstream", &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "{:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn core_nats_keeps_nothing_for_a_killed_consumer() {
    let server = NatsServer::start();
    let outcome = killed(&[]).run("nats", &server.url(), one_hop(ends)).unwrap();
    assert_eq!(outcome.ending, Ending::Completed);
    assert!(outcome.audit.lost > 0, "{:?}", outcome.audit);
    assert_eq!(outcome.audit.unique + outcome.audit.lost + outcome.audit.unknown, outcome.audit.expected);
}

#[test]
fn a_server_that_is_not_there_is_named_soon() {
    // Nobody listens on the first; the second listens and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [support::free_port(), silent.local_addr().unwrap().port()] {
        for transport in ALL {
            let (done, result) = mpsc::channel();
            let url = format!("nats://127.0.0.1:{port}");
            let asked = url.clone();
            thread::spawn(move || {
                let _ = done.send(Trial::default().run(transport, &asked, one_hop(ends)));
            });
            let result = result.recv_timeout(Duration::from_secs(6)).expect("no error in 6 s");
            let Err(OpenError::Failed(what)) = result else { panic!("{result:?}") };
            assert!(what.contains(&url) && what.contains("scripts/nats-server"), "{what}");
        }
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_without_jetstream_is_refused_in_a_sentence() {
    let server = NatsServer::start_with::<&str>(&[]);
    let refused = Trial::default().run("jetstream", &server.url(), one_hop(ends)).unwrap_err();
    let expected = format!("nats-server at {} has no JetStream: start it with -js", server.url());
    assert_eq!(refused, OpenError::Refused(expected));
    let outcome = Trial::default().run("nats", &server.url(), one_hop(ends)).unwrap();
    assert_sound(&outcome, 5_000);
}

/// Stands still for two seconds at the first message.
fn stalls() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        if message.number == 0 {
            thread::sleep(Duration::from_secs(2));
        }
        out.end(message);
    }))
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_core_nats_drops_for_a_slow_receiver_is_lost_and_counted() {
    let server = NatsServer::start();
    let trial = Trial {
        extent: Extent::Count(200_000),
        pace: Pace::Closed { in_flight: 200_000 },
        batch: 64,
        payload_len: 0,
        drain: Duration::from_secs(5),
        ..Trial::default()
    };
    let outcome = trial.run("nats", &server.url(), one_hop(stalls)).unwrap();
    let audit = &outcome.audit;
    println!("{audit:?}");
    assert_eq!(outcome.ending, Ending::Completed);
    // How many are dropped is up to the scheduler; all of them are accounted for.
    assert_eq!((audit.lost, audit.lagged), (200_000 - audit.unique, audit.lost), "{audit:?}");
    assert!(!outcome.drain_timed_out);
    assert_eq!((audit.duplicated, audit.reordered, audit.corrupted), (0, 0, 0), "{audit:?}");
}

/// Not a test: `cargo test --release ... -- --ignored --nocapture measure_throughput` prints messages per second.
#[test]
#[ignore = "measures, checks nothing"]
fn measure_throughput() {
    let server = NatsServer::start();
    let memory: &[_] = &[("jetstream.storage", "memory")];
    for (transport, style, in_flight, batch, payload_len, options) in [
        ("nats", Style::Message, 1, 1, 128, &[][..]),
        ("nats", Style::Message, 1024, 64, 128, &[]),
        ("nats", Style::Message, 4096, 256, 128, &[]),
        ("nats", Style::Message, 1024, 64, 1024, &[]),
        ("jetstream", Style::Message, 1, 1, 128, &[]),
        ("jetstream", Style::Message, 1024, 64, 128, &[]),
        ("jetstream", Style::Message, 4096, 256, 128, &[]),
        ("jetstream", Style::Message, 1024, 64, 1024, &[]),
        ("jetstream", Style::Message, 1024, 64, 128, memory),
        ("jetstream", Style::Event, 1024, 64, 128, &[]),
        ("jetstream", Style::Event, 1024, 64, 128, memory),
    ] {
        print_throughput(transport, &server.url(), style, (in_flight, batch, payload_len), options);
    }
}
