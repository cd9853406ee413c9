//! `nats-wire` against a server: what the server counts, how threads sleep on sockets, what is refused, and how it hears of what
//! goes wrong.

use crate::{
    misbehaving::{failure, run, steady},
    secured::options,
    support::NatsServer,
    support_secured::Safe,
    trial::{Trial, assert_sound, ends, ends_slowly, one_hop, order_authorization},
};
use drumpost_core::{
    load::{Extent, Pace},
    outcome::{Cause, Ending},
    plan::{Kill, Placement, Victim},
    scenario::Style,
    transport::OpenError,
};
use drumpost_kit::suite::Proxy;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

const NAME: &str = "nats-wire";

/// Messages that the server took and handed out since it started, by its own count.
fn counts(server: &NatsServer) -> [u64; 2] {
    let varz = server.monitored("varz");
    ["in_msgs", "out_msgs"].map(|name| varz[name].as_u64().expect("a number"))
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_server_counts_what_the_audit_counts() {
    let server = NatsServer::start();
    let mut before = counts(&server);
    for (style, instances) in [
        (Style::Message, &[][..]),
        (Style::Message, &[("warehouse", 3), ("payment", 2)]),
        (Style::Event, &[]),
    ] {
        let trial = Trial { style, instances, extent: Extent::Count(20_000), ..Trial::default() };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, outcome.audit.expected);
        let after = counts(&server);
        let counted = [after[0] - before[0], after[1] - before[1]];
        assert_eq!(counted, [outcome.audit.sent, outcome.audit.unique], "{style}, {instances:?}");
        before = after;
    }
    // With a consumer that dies, too: what the server took is what was sent, and it handed out what was not lost.
    let killed = Trial { pace: Pace::Open { window: 100_000 }, ..Trial::killed(&[], 200_000) };
    let outcome = killed.run(NAME, &server.url(), one_hop(ends)).unwrap();
    let (audit, after) = (&outcome.audit, counts(&server));
    assert_eq!(outcome.ending, Ending::Completed);
    assert!(audit.lost > 1_000, "{audit:?}");
    assert_eq!(after[0] - before[0], audit.sent, "{audit:?}");
    let handed_out = after[1] - before[1];
    // A few were on their way when it died.
    assert!((audit.unique..audit.unique + 100).contains(&handed_out), "{handed_out}: {audit:?}");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_service_with_one_instance_is_in_no_queue_group() {
    let server = NatsServer::start();
    for (instances, expected) in [(&[][..], vec![None]), (&[("warehouse", 2)], vec![Some("warehouse"); 2])] {
        let (mut seen, trial) = (serde_json::Value::Null, Trial { instances, ..steady(2) });
        let outcome = run(NAME, &server.url(), trial, || seen = server.monitored("subsz?subs=1"));
        assert_eq!(outcome.ending, Ending::Completed);
        let all = seen["subscriptions_list"].as_array().expect("a list");
        let ours = all
            .iter()
            .filter(|one| one["subject"].as_str().is_some_and(|name| name.ends_with(".warehouse.ship")));
        let groups: Vec<Option<&str>> = ours.map(|one| one["qgroup"].as_str()).collect();
        assert_eq!(groups, expected, "{seen}");
    }
}

/// A thread that sleeps on its sockets is woken by a message, and one that waits for the end of a flow by its bell: with naps of
/// 50 ms, 3,000 flows one after the other would take minutes.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn threads_are_woken_by_their_sockets() {
    let server = NatsServer::start();
    for placement in [Placement::Threads(1), Placement::Threads(2), Placement::Each] {
        let trial = Trial {
            placement,
            extent: Extent::Count(3_000),
            pace: Pace::Closed { in_flight: 1 },
            batch: 1,
            ..Trial::default()
        };
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        assert_sound(&outcome, 8_700);
        assert!(outcome.elapsed_ns < 15_000_000_000, "{placement}: {}", outcome.elapsed_ns);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn large_messages_come_whole() {
    let server = NatsServer::start();
    let trial = Trial {
        payload_len: 1_000_000,
        extent: Extent::Count(100),
        // The server gives up a receiver for which it holds 64 MiB.
        pace: Pace::Closed { in_flight: 8 },
        batch: 4,
        ..Trial::default()
    };
    assert_sound(&trial.run(NAME, &server.url(), one_hop(ends)).unwrap(), 100);
}

/// A killed consumer ends its subscription, though its instance still sends over the connection, so the others get all.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn killed_consumers_and_connections_come_back() {
    let server = NatsServer::start();
    for what in [Victim::Consumer, Victim::Connection] {
        let mut trial = Trial::killed(&[("payment", 2)], 1_000_000);
        trial.kill = trial.kill.map(|kill| Kill { service: "payment".into(), what, ..kill });
        let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
        let audit = &outcome.audit;
        assert_eq!(
            (outcome.ending.clone(), audit.corrupted, audit.duplicated),
            (Ending::Completed, 0, 0),
            "{audit:?}"
        );
        // The other instance took over: of 500 flows that came meanwhile half would be lost.
        assert!(audit.lost < 100, "{audit:?}");
        let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
        assert!(
            matches!(outage.cause, Cause::ConsumerKilled { .. } | Cause::ConnectionKilled { .. }),
            "{outage}"
        );
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn errors_of_the_server_end_the_run_in_its_words() {
    let safe = Safe::new();
    let lines = "authorization { users: [ { user: me, password: hush, permissions: { publish: { deny: \
                 \"*.warehouse.ship\" } } } ] }\n";
    let server = NatsServer::start_with(&safe.arguments(lines));
    let trial = Trial { options: options(&[("nats.user", "me"), ("nats.password", "hush")]), ..steady(5) };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    let what = failure(&outcome);
    assert!(what.contains("Permissions Violation") && what.contains(&server.url()), "{what}");
    assert!(!what.contains("hush"), "{what}");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_gives_up_a_slow_receiver_says_so() {
    let safe = Safe::new();
    let server = NatsServer::start_with(&safe.arguments("max_payload: 65536\nmax_pending: 100000\n"));
    let trial = Trial {
        pace: Pace::Open { window: 1_000_000 },
        extent: Extent::Duration(5_000_000_000),
        every_ns: 20_000,
        payload_len: 4_000,
        ..Trial::default()
    };
    let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).unwrap();
    let what = failure(&outcome);
    assert!(what.contains("was lost") && what.contains(&server.url()), "{what}");
}

/// It is noticed in the middle of a run, and not only at its end.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_goes_silent_is_noticed_by_its_pings() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port);
    let outcome = run(NAME, &format!("nats://127.0.0.1:{}", proxy.port()), steady(30), || proxy.go_silent());
    let what = failure(&outcome);
    assert!(what.contains("answered no ping for 9s") && what.contains(&proxy.port().to_string()), "{what}");
    assert!(outcome.elapsed_ns < 20_000_000_000, "{}", outcome.elapsed_ns);
}

/// A server that says these words to each client, and hears what the client says.
fn says(words: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("nats://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                for words in words {
                    let _ = client.write_all(words.as_bytes());
                    let _ = client.read(&mut [0; 4096]);
                }
                // It stays open and takes all.
                while client.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {}
            });
        }
    });
    url
}

#[test]
fn servers_that_say_what_they_should_not_are_told_from_others() {
    const INFO: &str = "INFO {\"version\":\"9\",\"max_payload\":1000,\"headers\":true}\r\n";
    let result = |words, payload_len| {
        let trial = Trial {
            payload_len,
            extent: Extent::Count(10),
            drain: Duration::from_secs(1),
            ..Trial::default()
        };
        trial.run(NAME, &says(words), one_hop(ends))
    };
    for (words, expected) in [
        (&["INFO {\r\n"][..], "EOF while parsing"),
        (&["MSG a 1 1\r\n-\r\n+OK\r\nhello\r\n"], "does not speak the protocol of NATS"),
        (&[INFO, "-ERR 'Authorization Violation'\r\n"], "refused the login"),
        (&[INFO, "-ERR 'Secure Connection - TLS Required'\r\n"], "nats.tls-ca"),
        // Whatever follows in plain text was not said by a server with a certificate.
        (&["INFO {\"tls_required\":true}\r\nPING\r\n"], "went on in plain text"),
    ] {
        let error = result(words, 10).unwrap_err();
        assert!(matches!(error, OpenError::Failed(_)) && error.to_string().contains(expected), "{error}");
    }
    // The limit is the server's.
    let error = result(&[INFO, "PONG\r\n"], 1_000).unwrap_err();
    assert!(matches!(&error, OpenError::Refused(what) if what.contains("at most 1000 bytes")), "{error}");
    // A message of somebody else, and one that is too long for this run.
    for (last, expected) in [
        ("PONG\r\nMSG x.warehouse 1 5\r\nhello\r\n", "5 bytes arrived on `x.warehouse`"),
        ("PONG\r\nMSG x.warehouse 1 999999\r\n", "a message has 999999 bytes"),
    ] {
        let words: &'static [&'static str] = vec![INFO, "PONG\r\n", last].leak();
        let what = match result(words, 10) {
            Ok(outcome) => failure(&outcome).to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(what.contains(expected), "{what}");
    }
}
