//! `drumpost contract`: what it says of a transport that keeps the contract, of one that does not, and of mistakes.

use crate::{found::faulty, support::Place};
use drumpost::Exit;
use serde_json::Value;
use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

#[test]
fn a_transport_that_keeps_the_contract() {
    let done = Place::new().run("contract rtrb --only count,order,competing").with_code(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines[0], "rtrb:", "{}", done.stdout);
    let last = lines.iter().rfind(|line| !line.is_empty());
    assert_eq!(
        last,
        Some(&"rtrb keeps the contract: 2 passed, 0 failed, 1 not applicable"),
        "{}",
        done.stdout
    );
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["pass", "message/count"]);
    assert!(done.stdout.contains("n/a") && done.stdout.contains("a ring has one reader"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
}

#[test]
fn a_line_is_printed_as_soon_as_its_check_is_done() {
    let place = Place::new();
    let mut command = place.command("contract rtrb --only count,interruption");
    let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("rtrb:"));
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), ["pass", "message/count"]);
    // The other check takes longer, as it waits for samples of many runs.
    std::thread::sleep(Duration::from_millis(100));
    assert!(program.try_wait().unwrap().is_none(), "all lines came at the end");
    assert_eq!(lines.count(), 3);
    assert!(program.wait().unwrap().success());
}

#[test]
fn one_style_and_the_whole_as_a_document() {
    let done =
        Place::new().run("contract event/listeners message/rtrb --only fan-out,order --json").with_code(0);
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&document["schema_version"], &document["holds"]), (&1.into(), &true.into()));
    let checks = |at: usize| -> Vec<(String, String, String)> {
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = document["transports"][at]["checks"].as_array().unwrap();
        rows.iter().map(|row| (text(row, "style"), text(row, "check"), text(row, "verdict"))).collect()
    };
    let expected = |style: &str, of: [(&str, &str); 2]| {
        of.map(|(check, verdict)| (style.to_owned(), check.to_owned(), verdict.to_owned())).to_vec()
    };
    assert_eq!(checks(0), expected("event", [("order", "passed"), ("fan-out", "passed")]));
    assert_eq!(checks(1), expected("message", [("order", "passed"), ("fan-out", "not_applicable")]));
}

#[test]
fn what_was_asked_of_delivery_is_in_the_document() {
    let of = |asked: &str| -> Value {
        let line = format!("contract message/rtrb --only count {asked} --json");
        serde_json::from_str(&Place::new().run(&line).with_code(0).stdout).unwrap()
    };
    let asked = of("--guarantee exactly-once --acks after");
    assert_eq!((&asked["guarantee"], &asked["acks"]), (&"exactly-once".into(), &"after".into()));
    let nothing = of("");
    assert!(nothing.get("guarantee").is_none() && nothing.get("acks").is_none(), "{nothing}");
}

#[test]
fn a_third_partys_transport_that_does_not_keep_it() {
    let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let check = |line: &str| drumpost::run(faulty::registry(), words(line));
    assert_eq!(check("mine contract threadbare --only count"), Exit::Ok);
    let fault = "--set faulty.at=drain --set faulty.kind=panic";
    assert_eq!(check(&format!("mine contract threadbare --only count {fault}")), Exit::Failed);
    // Of one that passes and one that fails, the second counts.
    assert_eq!(check(&format!("mine contract rtrb threadbare --only count {fault}")), Exit::Failed);
}

#[test]
fn the_list_of_checks_has_each_of_them() {
    let done = Place::new().run("contract --checks").with_code(0);
    for check in drumpost_core::contract::CHECKS {
        let line = done.stdout.lines().find(|line| line.split_whitespace().next() == Some(check.name));
        assert!(line.is_some(), "{}", check.name);
    }
}

#[test]
fn a_check_that_one_transport_has_no_use_for_is_run_on_the_others() {
    let done = Place::new().run("contract rtrb event/listeners --only fan-out").with_code(0);
    assert!(done.stdout.starts_with("listeners:\n"), "{}", done.stdout);
    assert!(done.stdout.contains("\nlisteners keeps the contract: 1 passed"), "{}", done.stdout);
    assert!(done.stderr.contains("rtrb: none of the checks"), "{}", done.stderr);
}

#[test]
fn mistakes_are_refused_before_anything_is_checked() {
    for (line, says) in [
        ("contract rtrb --only ordr", "did you mean `order`?"),
        ("contract rtbr", "did you mean `rtrb`?"),
        ("contract massage/rtrb", "did you mean `message`?"),
        ("contract rtrb --set rtrb.depth=3", "unknown option `rtrb.depth`"),
        ("contract rtrb --set depth", "is not KEY=VALUE"),
        ("contract rtrb --only fan-out", "none of the checks that were asked for applies"),
        ("contract rtrb --guarantee once", "is no guarantee: at-most-once, at-least-once or exactly-once"),
        (
            "contract tokio-broadcast --guarantee at-least-once",
            "tokio-broadcast promises at-most-once delivery: a message may be lost",
        ),
        ("contract rtrb --acks before", "rtrb has no acknowledgements, so --acks before means nothing here"),
        ("contract --acks before", "no in-process transport can do what --guarantee or --acks asks for"),
    ] {
        let done = Place::new().run(line).with_code(2);
        assert!(
            done.stderr.contains(says) && done.stdout.is_empty(),
            "{line}: {}{}",
            done.stdout,
            done.stderr
        );
    }
}

/// The checks of the suite for brokers as a user runs them, some of those that take little time.
#[cfg(all(feature = "nats", feature = "redis"))]
#[test]
#[ignore = "needs a nats-server and a redis-server: scripts/test starts them"]
fn a_server_that_runs_already_is_checked_and_not_killed_and_nothing_stays_there() {
    let nats = crate::nats::server::NatsServer::start();
    let redis = crate::faults::redis_server::RedisServer::start();
    let servers = [("jetstream", nats.url()), ("redis-stream", redis.url())];
    crate::support::at_once(servers, |(transport, url)| {
        let line = format!("contract message/{transport} --server {url} --json --only");
        let checks = "second-run,interrupted,clean,server-killed,line-cut";
        let done = Place::new().run(&format!("{line} {checks}")).with_code(0);
        let document: Value = serde_json::from_str(&done.stdout).unwrap();
        let rows = document["transports"][0]["checks"].as_array().unwrap();
        let verdicts: Vec<(&str, &str)> = rows
            .iter()
            .map(|row| (row["check"].as_str().unwrap(), row["verdict"].as_str().unwrap()))
            .collect();
        let verdict = |check| (check, if check == "server-killed" { "not_applicable" } else { "passed" });
        assert_eq!(verdicts, checks.split(',').map(verdict).collect::<Vec<_>>(), "{transport}: {rows:?}");
    });
    let left: Vec<String> =
        redis.keys().into_iter().filter(|key| !key.starts_with("drumpost:owners")).collect();
    assert_eq!(left, [""; 0]);
}
