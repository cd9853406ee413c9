//! Tests with real messages through a private nats-server on a free port, which ends with each test.
#![cfg(feature = "nats")]

#[path = "../dispatch/tests/support/mod.rs"]
pub(crate) mod server;
pub(crate) use crate::support_secured;

use crate::support::{Place, Record, Running, assert_clean, at_once, count};
use server::NatsServer;
use std::{thread, time::Duration};

const DISPATCHES: [&str; 5] =
    ["message/crossbeam", "message/nats", "event/nats", "message/jetstream", "event/jetstream"];

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn nats_and_jetstream_carry_both_styles() {
    let server = NatsServer::start();
    let line = format!("order-authorization --dispatch {} --nats {}", DISPATCHES.join(","), server.url());
    let record = Place::new().record(&format!("{line} --count 1k --warmup 50ms --trials 2 --in-flight 32"));
    assert!([0, 6].contains(&record.code), "code {}", record.code);
    for dispatch in DISPATCHES {
        let run = record.of(dispatch);
        assert_clean(run);
        assert_eq!(run["status"], "ok", "{dispatch}: {}", run["error"]);
    }
    let acks = |dispatch: &str| record.of(dispatch)["settings"]["acks"].clone();
    assert_ne!(acks("message/jetstream"), acks("message/crossbeam"));
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn nats_carries_every_scenario() {
    let server = NatsServer::start();
    for scenario in ["payment-confirmation", "stream", "fan-out", "ping"] {
        let line = format!("{scenario} --dispatch nats,jetstream --nats {}", server.url());
        let record = Place::new().record(&format!("{line} --count 500 --warmup 20ms --trials 1"));
        for run in record.runs() {
            assert_clean(run);
        }
        assert_eq!(record.runs().count(), 4, "{scenario}");
    }
}

/// The server is gone in the middle of a trial: that trial fails with a sentence, what was measured is kept, the other
/// dispatches run, and it ends in time.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn regression_a_nats_server_that_dies_is_a_row_and_ends_the_run_in_time() {
    let mut server = NatsServer::start();
    let place = Place::new();
    let line = format!(
        "run order-authorization --dispatch message/crossbeam,message/nats --nats {} --duration 1500ms --warmup 100ms",
        server.url()
    );
    let running =
        Running::start(&mut place.command(&format!("{line} --trials 2 --seed 3 --out record.json")));
    // Four trials take more than six seconds. Before half of that is over, one of nats has not ended: it fails either in its
    // middle or when it is opened.
    thread::sleep(Duration::from_millis(2_800));
    server.process.kill();
    let done = running.end().with_code(1);
    assert!(done.took < Duration::from_secs(45), "took {:?}", done.took);
    let record = Record::from_file(&place.path("record.json"));
    assert_clean(record.of("message/crossbeam"));
    assert_eq!(record.of("message/crossbeam")["trials"].as_array().unwrap().len(), 2);
    let nats = record.of("message/nats");
    assert_eq!(nats["status"], "failed");
    assert!(nats["error"].as_str().is_some_and(|error| error.contains("nats")), "{}", nats["error"]);
    assert_ne!(nats["verdict"]["status"], "valid");
    assert!(done.stdout.contains("message/nats") && done.stdout.contains("failed"), "{}", done.stdout);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_nats_server_that_dies_in_the_only_trial_leaves_what_was_measured() {
    at_once(["message/nats", "event/jetstream"], |dispatch| {
        let mut server = NatsServer::start();
        let place = Place::new();
        let line = format!("run order-authorization --dispatch {dispatch} --nats {}", server.url());
        let line = format!("{line} --duration 60s --warmup 0s --trials 1 --drain 2s --json");
        let running = Running::start(&mut place.command(&line));
        thread::sleep(Duration::from_millis(2_500));
        server.process.kill();
        let done = running.end().with_code(1);
        assert!(done.took < Duration::from_secs(30), "{dispatch} took {:?}", done.took);
        let document = done.json();
        let run = &document["runs"][0];
        assert_eq!(run["status"], "failed", "{dispatch}: {run}");
        assert!(count(&run["trials"][0], "/response_ns/count") > 0, "{dispatch}: nothing was kept");
    });
}

#[test]
fn no_nats_server_is_a_row_beside_what_runs() {
    let place = Place::new();
    let nowhere = format!("nats://127.0.0.1:{}", server::free_port());
    let line = format!("run order-authorization --dispatch message/crossbeam,message/nats --nats {nowhere}");
    let done = place.run(&format!("{line} --duration 200ms --trials 2 --out record.json")).with_code(1);
    assert!(done.took < Duration::from_secs(60), "took {:?}", done.took);
    let record = Record::from_file(&place.path("record.json"));
    assert_clean(record.of("message/crossbeam"));
    let nats = record.of("message/nats");
    assert_eq!(nats["status"], "failed");
    assert!(nats["error"].as_str().is_some_and(|error| error.contains(&nowhere)), "{}", nats["error"]);
    assert!(done.stdout.contains(&nowhere), "{}", done.stdout);
}

/// What a killed consumer had been handed and not acknowledged is delivered again: nothing is lost, and what comes twice
/// is counted and allowed.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn jetstream_redelivers_to_a_consumer_that_was_killed() {
    let server = NatsServer::start();
    let line = format!("stream --dispatch message/jetstream --nats {} --kill worker@1s/500ms", server.url());
    let line = format!("{line} --set jetstream.ack-wait=2s");
    let record = Place::new()
        .record(&format!("{line} --duration 3s --warmup 0s --trials 1 --in-flight 256 --drain 40s"));
    let run = record.only();
    let audit = &run["audit"];
    assert_eq!((count(audit, "/lost"), count(audit, "/corrupted")), (0, 0), "{audit}");
    assert!(count(audit, "/duplicated") > 0, "{audit}");
    assert_eq!(count(audit, "/unique"), count(audit, "/expected"), "{audit}");
    assert_eq!(record.code, 0, "{}", run["verdict"]);
    assert!(
        run["verdict"]["notes"].to_string().contains("the consumer of worker was killed"),
        "{}",
        run["verdict"]["notes"]
    );
    // It was away for as long as was asked and until it had its consumer again, and died with a batch in its hands.
    let [outage] = &run["trials"][0]["outages"].as_array().expect("outages")[..] else { panic!("{run}") };
    assert_eq!((&outage["instance"], &outage["cause"]), (&"worker".into(), &"consumer-killed".into()));
    let [at_ns, away_ns, in_hand] =
        ["at_ns", "away_ns", "in_hand"].map(|name| count(outage, &format!("/{name}")));
    assert!(at_ns >= 1_000_000_000 && away_ns >= 500_000_000 && in_hand > 0, "{outage}");
    assert!(outage.get("until_end").is_none(), "it came back: {outage}");
    assert!(outage.get("unconfirmed").is_none(), "its consumer alone was killed: {outage}");
    // What was sent meanwhile waited at the server, which tells.
    let points = run["trials"][0]["series"].as_array().expect("a series");
    let waiting = points
        .iter()
        .filter_map(|point| Some(point["server_ready"].as_u64()? + point["server_unacknowledged"].as_u64()?));
    assert!(waiting.max() >= Some(200), "{points:?}");
}

/// A server that redelivers later than the run waits has lost nothing, and the notes say so.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_comes_again_after_the_run_is_said_with_the_option_and_the_drain() {
    let server = NatsServer::start();
    let place = Place::new();
    let line = format!(
        "run stream --dispatch message/jetstream --nats {} --in-flight 256 --duration 1s --warmup 0s --trials 1 --kill worker@500ms/200ms",
        server.url()
    );
    let missing = place.run(&format!("{line} --drain 1s")).stdout;
    let says = ["may not be lost", "only after 30.0 s (jetstream.ack-wait)", "--drain 31s"];
    let plain = missing.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(says.iter().all(|words| plain.contains(words)), "{missing}");
    let all_came = place.run(&format!("{line} --drain 20s --set jetstream.ack-wait=500ms")).stdout;
    assert!(!all_came.contains("may not be lost"), "{all_came}");
}

/// Of a message that is refused more often than the server hands it out, the record, the table and the notes tell.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn jetstream_gives_up_on_what_a_service_never_handles() {
    let server = NatsServer::start();
    let place = Place::new();
    let line = format!(
        "run stream --dispatch message/jetstream --nats {} --poison worker:1/100x50 --set jetstream.max-deliver=3 --in-flight 16",
        server.url()
    );
    let done = place.run(&format!("{line} --count 2000 --warmup 0s --trials 1 --out r.json"));
    assert!([0, 6].contains(&done.code), "{}{}", done.stdout, done.stderr);
    let record = Record::from_file(&place.path("r.json"));
    let (run, dead) = (record.only(), 20);
    let audit = &run["audit"];
    assert_eq!(
        (count(audit, "/dead"), count(audit, "/lost"), count(audit, "/rejected")),
        (dead, 0, 3 * dead),
        "{audit}"
    );
    assert_eq!(count(audit, "/unique") + dead, count(audit, "/expected"), "{audit}");
    let flows = &run["flows"];
    assert_eq!(
        (count(flows, "/dead"), count(flows, "/ended"), count(flows, "/unfinished")),
        (dead, 2_000 - dead, 0)
    );
    assert_eq!(count(run, "/response_ns/count"), 2_000 - dead);
    let letters = &run["trials"][0]["dead_letters"][0];
    assert_eq!(
        (&letters["destination"], &letters["receiver"]),
        (&"work.queue".into(), &"worker".into()),
        "{letters}"
    );
    let shown = place.run("show r.json --hops").stdout;
    assert!(shown.contains("work.queue → worker"), "{shown}");
    for says in ["20 dead letters (allowed)", "20 messages became dead letters (20 of work.queue for worker)"]
    {
        assert!(done.stdout.contains(says), "{says}: {}", done.stdout);
    }
    let refused = place.run(&format!("{line} --count 2000 --acks before")).with_code(2);
    assert!(refused.stderr.contains("--acks before"), "{}", refused.stderr);
}

/// Of the flows with the numbers 99, 199 and so on, a message is given back twice and handled the third time.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn jetstream_takes_back_what_a_service_cannot_handle() {
    let server = NatsServer::start();
    let place = Place::new();
    let line =
        format!("run stream --dispatch message/jetstream --nats {} --poison worker:1/100x2", server.url());
    let done = place.run(&format!("{line} --rate 1k/s --duration 1s --trials 1 --out r.json"));
    assert!([0, 6].contains(&done.code), "{}{}", done.stdout, done.stderr);
    let record = Record::from_file(&place.path("r.json"));
    let audit = &record.only()["audit"];
    let given_back = count(audit, "/sent") / 100 * 2;
    assert_eq!((count(audit, "/rejected"), count(audit, "/lost")), (given_back, 0), "{audit}");
    assert!(count(audit, "/redelivered") >= given_back && given_back > 0, "{audit}");
    assert_eq!(count(audit, "/unique"), count(audit, "/expected"), "{audit}");
    assert!(done.stdout.contains(&format!("{given_back} given back (allowed)")), "{}", done.stdout);
    // Core NATS keeps no message that it could hand out again.
    let line = format!("run stream --dispatch message/nats --nats {} --poison worker:1/100", server.url());
    let refused = place.run(&line).with_code(2);
    assert!(
        refused.stderr.contains("--poison needs a transport that takes a message back"),
        "{}",
        refused.stderr
    );
}

/// The server confirms each message that it stored: how long that takes is a figure of each destination, in record and table.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn jetstream_confirm_times_are_measured() {
    let server = NatsServer::start();
    let place = Place::new();
    let line =
        format!("run stream --dispatch message/jetstream,message/nats --nats {} --rate 2k/s", server.url());
    let done = place.run(&format!("{line} --duration 600ms --warmup 200ms --trials 2 --out r.json"));
    let record = Record::from_file(&place.path("r.json"));
    let run = record.of("message/jetstream");
    let [confirms] = &run["confirms"].as_array().expect("confirms")[..] else { panic!("{run}") };
    let sent = count(run, "/audit/sent");
    assert_eq!(count(confirms, "/confirmed"), sent, "{confirms}");
    // Messages of the warm-up are confirmed and not measured.
    let measured = count(confirms, "/confirm_ns/count");
    assert!(measured > 1_000 && measured < sent, "{measured} of {sent}");
    let [min, p50, p99] = ["min", "p50", "p99"].map(|name| count(confirms, &format!("/confirm_ns/{name}")));
    assert!(10_000 < min && min <= p50 && p50 <= p99, "no server is reached in {min} ns: {confirms}");
    let table = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("confirm time p50"), "{}", done.stdout);
    assert!(record.of("message/nats").get("confirms").is_none(), "core NATS confirms nothing");
    let shown = place.run("show r.json --hops").with_code(0).stdout;
    assert_eq!(shown.matches("confirm time ──").count(), 1, "{shown}");
}

/// The server is killed and started again on its port, over the same store: with `--reconnect` that is a gap in the run, which
/// the verdict's notes tell, and not its end. JetStream loses nothing that it had confirmed.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_is_started_again_is_a_gap_with_reconnect() {
    at_once(["message/nats", "message/jetstream"], |dispatch| {
        let mut server = NatsServer::start();
        let place = Place::new();
        let line =
            format!("run stream --dispatch {dispatch} --nats {} --rate 500/s --duration 8s", server.url());
        let ack_wait = if dispatch == "message/nats" { "" } else { "--set jetstream.ack-wait=2s" };
        let line = format!("{line} --warmup 0s --trials 1 --drain 20s {ack_wait}");
        let running =
            Running::start(&mut place.command(&format!("{line} --reconnect=20s --out record.json")));
        thread::sleep(Duration::from_secs(4));
        server.crash_and_come_back();
        let done = running.end();
        let record = Record::from_file(&place.path("record.json"));
        let run = record.only();
        assert_eq!(run["status"], "ok", "{dispatch}: {} {}", run["error"], done.stderr);
        let notes = run["verdict"]["notes"].to_string();
        for words in ["producer", "worker", "lost their connections", "were away for", &server.url()] {
            assert!(notes.contains(words), "{dispatch}: {notes}");
        }
        let audit = &run["audit"];
        if dispatch == "message/jetstream" {
            assert_eq!(count(audit, "/confirmed_lost"), 0, "{audit}");
        }
        assert!(count(audit, "/unique") > 1_000, "{dispatch}: {audit}");
    });
}

/// Core NATS keeps nothing for a consumer that is away: what was sent meanwhile is a finding, not a failure.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn regression_a_kill_over_a_transport_without_memory_counts_what_was_lost() {
    let server = NatsServer::start();
    let place = Place::new();
    let line =
        format!("run stream --dispatch message/nats --nats {} --rate 1k/s --duration 1500ms", server.url());
    let line =
        format!("{line} --warmup 100ms --trials 1 --kill worker@500ms/400ms --drain 1s --out record.json");
    let done = place.run(&line);
    assert!([0, 6].contains(&done.code), "code {}\n{}\n{}", done.code, done.stdout, done.stderr);
    let record = Record::from_file(&place.path("record.json"));
    let run = record.only();
    assert_eq!(run["status"], "ok", "{}", run["error"]);
    let lost = count(run, "/audit/lost");
    assert!((100..=700).contains(&lost), "{}", run["audit"]);
    assert_eq!(
        (count(run, "/flows/lost") > 0, count(run, "/flows/unfinished")),
        (true, 0),
        "{}",
        run["flows"]
    );
    assert!(done.stdout.contains("lost (allowed)") && done.stdout.contains("killed"), "{}", done.stdout);
}

/// Forty instances over three connections, which the server tells apart by their names.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn instances_share_connections_where_asked() {
    let server = NatsServer::start();
    let line = format!(
        "stream --dispatch message/nats,event/nats --nats {} --instances producer=20,worker=20 --connections 3",
        server.url()
    );
    let record = Place::new().record(&format!("{line} --rate 1k/s --count 1k --warmup 0s --trials 1"));
    for dispatch in ["message/nats", "event/nats"] {
        let run = record.of(dispatch);
        assert_clean(run);
        assert_eq!(count(run, "/trials/0/flows/ended"), 1_000, "{dispatch}");
        assert_eq!(run["settings"]["connections"], 3, "{dispatch}");
    }
    let killed = Place::new().record(&format!("{line} --duration 2s --trials 1 --kill worker@1s/100ms"));
    let run = killed.of("message/nats");
    assert_eq!(run["status"], "refused", "{run}");
}
