//! Tests of what a gate in CI relies on: several rows of a suite, margins, an invalid head and an invalid machine, disturbed pairs, a copy of the
//! base that differs, and comparisons with known answers. Most are in virtual time, in which figures are exact.

use crate::support::{Place, Record, Running};
use serde_json::Value;
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, thread, time::Duration};

/// A simulated server at half load, in virtual time. Twelve pairs are as many as one row needs.
const MEASURED: &str = "--pairs 12 -- stream -d message/sim --rate 500/s --arrivals poisson --count 500";

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn margin_of_p50(comparison: &Value) -> f64 {
    let gates = comparison["rows"][0]["gates"].as_array().unwrap();
    let p50 = gates.iter().find(|gate| gate["metric"] == "response_ns_p50").unwrap();
    p50["margin"].as_f64().unwrap()
}

#[test]
fn margins_are_kept_with_the_record_and_for_its_replay() {
    let place = Place::new();
    let sides = "--base flags:--sim=service=fixed:1ms --head flags:--sim=service=fixed:1100us";
    let wide = "--margin p50=100%,p90=100% --margin p99=100%";
    let done = place.run(&format!("compare {sides} {wide} --json --out r.json {MEASURED}")).with_code(0);
    let comparison = done.json();
    assert_eq!(
        (&comparison["verdict"], margin_of_p50(&comparison)),
        (&"no change".into(), 1.0),
        "{comparison}"
    );
    let margins = Record::from_file(&place.path("r.json")).document["comparison"]["margins"].clone();
    assert_eq!(margins, serde_json::json!({"p50": 1.0, "p90": 1.0, "p99": 1.0}));
    let again = place.run("compare r.json --json").with_code(0).json();
    assert_eq!(margin_of_p50(&again), 1.0, "it is judged by its own");
    let other = place.run("compare r.json --json --margin p50=2%").with_code(3).json();
    assert_eq!((&other["verdict"], margin_of_p50(&other)), (&"regression".into(), 0.02));
    place.run(&format!("compare {sides} --replay r.json --out again.json --margin p90=90%")).with_code(0);
    let margins = Record::from_file(&place.path("again.json")).document["comparison"]["margins"].clone();
    assert_eq!(margins, serde_json::json!({"p50": 1.0, "p90": 0.9, "p99": 1.0}));
    for (margin, says) in [
        ("p98=3%", "did you mean `p9"),
        ("lost=3%", "known: throughput_per_s"),
        ("p99=0%", "is no margin"),
        ("p99", "FIGURE=SHARE"),
    ] {
        let done = place.run(&format!("compare r.json --margin {margin}")).with_code(2);
        assert!(done.stderr.contains(says), "{margin}: {}", done.stderr);
    }
}

#[test]
fn the_rows_of_a_suite_are_compared_each_by_its_name() {
    let place = Place::new();
    let suite = "[defaults]\nsim = 'service=fixed:1ms'\nrate = '100/s'\ncount = 300\n\
                 [[matrix]]\nname = 'one'\nscenario = ['stream', 'ping']\ndispatch = 'message/sim'\n\
                 [[matrix]]\nname = 'two'\nscenario = 'stream'\ndispatch = 'event/sim'\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let names = ["one/stream/message/sim", "one/ping/message/sim", "two/stream/event/sim"];
    let line =
        "compare --base flags: --head flags:--sim=service=fixed:1200us --pairs 13 --json --out r.json s.toml";
    let comparison = place.run(line).with_code(3).json();
    let rows = comparison["rows"].as_array().unwrap();
    let of = |key: &str| rows.iter().map(|row| row[key].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(of("scenario"), ["stream", "ping", "stream"]);
    assert_eq!(of("dispatch_a"), ["message/sim", "message/sim", "event/sim"]);
    for row in rows {
        assert_eq!(row["pairs"], 13, "{row}");
        let gates = row["gates"].as_array().unwrap();
        let p50 = gates.iter().find(|gate| gate["metric"] == "response_ns_p50").unwrap();
        assert_eq!(p50["verdict"], "regression", "{row}");
    }
    let record = Record::from_file(&place.path("r.json"));
    let runs: Vec<(&str, &str)> = record
        .runs()
        .map(|run| (run["side"]["row"].as_str().unwrap(), run["side"]["role"].as_str().unwrap()))
        .collect();
    let expected: Vec<(&str, &str)> =
        names.iter().flat_map(|name| ["base", "head", "control"].map(|role| (*name, role))).collect();
    assert_eq!(runs, expected);
    // The rows take turns in random order, and the trials of a pair run next to each other.
    let order = record.document["pairing"]["order"].as_array().unwrap();
    let row = |trial: &Value| trial["label"].as_str().unwrap().split_once(' ').unwrap().1.to_owned();
    let pairs: Vec<BTreeSet<String>> = order.chunks(3).map(|pair| pair.iter().map(row).collect()).collect();
    assert_eq!(pairs.len(), 3 * 13);
    assert!(pairs.iter().all(|rows| rows.len() == 1), "{pairs:?}");
    let first: BTreeSet<&BTreeSet<String>> = pairs.iter().step_by(3).collect();
    assert!(first.len() > 1, "one row is first in every round: {first:?}");
    // A reader sees each by its name, in the order of the file.
    let text = place.run("compare r.json").with_code(3).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let heading = |name: &&str| lines.iter().rposition(|line| line.starts_with(name));
    let at: Vec<Option<usize>> = names.iter().map(heading).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{at:?} {text}");
}

/// A program that serves more slowly where it is the copy of the base: the third run of the row.
#[test]
fn a_copy_of_the_base_that_differs_makes_it_invalid() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    script(
        &place.path("wrapper"),
        &format!(
            "order=$(cat)\n\
             case $order in *'\"dispatch\":2,'*) order=$(printf %s \"$order\" | sed s/fixed:1ms/fixed:2ms/) ;; esac\n\
             printf %s \"$order\" | exec {program} \"$@\""
        ),
    );
    let line = "compare --base bin:wrapper --head bin:wrapper --json --out r.json";
    let measured = MEASURED.replace("message/sim", "message/sim --sim service=fixed:1ms");
    let comparison = place.run(&format!("{line} {measured}")).with_code(6).json();
    assert_eq!((&comparison["invalid"], &comparison["verdict"]), (&true.into(), &"inconclusive".into()));
    assert_eq!(comparison["headline"], "invalid");
    assert_eq!(comparison["control"]["state"], "differs", "{comparison}");
    assert_eq!(comparison["ended"]["stop"], "control differs");
    let text = place.run("compare r.json").with_code(6).stdout;
    assert!(text.contains("a copy of A differs from A"), "{text}");
    // It says nothing of the head.
    let done = place.run("compare r.json --tolerate-machine").with_code(0);
    assert!(done.stderr.contains("--tolerate-machine does not fail it"), "{}", done.stderr);
    place.run("compare r.json --tolerate-machine --strict").with_code(7);
}

/// A single trial that stalled is no reason to blame the head, and one in each pair is.
#[test]
fn an_invalid_head_fails_whatever_the_machine_may_do() {
    let place = Place::new();
    let sides = "--base flags:--sim=service=fixed:1ms --head flags:--sim=service=fixed:1ms";
    place.run(&format!("compare {sides} --out r.json {MEASURED}")).with_code(0);
    let mut document = Record::from_file(&place.path("r.json")).document;
    for run in document["runs"].as_array().unwrap() {
        // What the programs of the sides say of their builds.
        let built = &run["side"]["built"];
        assert!(built["toolchain"].as_str().unwrap().starts_with("rustc "), "{built}");
        assert!(["build", "allocator", "rustflags"].iter().all(|fact| built[fact].is_string()), "{built}");
    }
    let mut write = |invalid: &[usize], trials: usize| {
        for run in invalid {
            for trial in document["runs"][*run]["trials"].as_array_mut().unwrap().iter_mut().take(trials) {
                let ended = trial["flows"]["ended"].as_u64().unwrap();
                for (flows, count) in [("due", 2 * ended), ("started", 2 * ended), ("unfinished", ended)] {
                    trial["flows"][flows] = count.into();
                }
            }
            document["runs"][*run]["verdict"] = serde_json::json!({"status": "invalid", "reasons": ["half of the flows did not end"], "notes": []});
        }
        document["runs"][1]["side"]["built"]["toolchain"] = "rustc 1.0".into();
        fs::write(place.path("invalid.json"), document.to_string()).unwrap();
    };
    write(&[1], 1);
    place.run("compare invalid.json").with_code(6);
    let done = place.run("compare invalid.json --tolerate-machine").with_code(0);
    assert!(done.stderr.contains("the machine may be the reason"), "{}", done.stderr);
    write(&[1], usize::MAX);
    let done = place.run("compare invalid.json --tolerate-machine").with_code(6);
    assert!(done.stdout.contains("half of the flows did not end"), "{}", done.stdout);
    assert!(done.stdout.contains("the sides were not built alike: toolchain A rustc "), "{}", done.stdout);
    write(&[0], usize::MAX);
    place.run("compare invalid.json").with_code(6);
    place.run("compare invalid.json --tolerate-machine").with_code(0);
    let done = place.run("compare r.json --tolerate-machine --fail-on suspect").with_code(2);
    assert!(done.stderr.contains("--fail-on"), "{}", done.stderr);
}

/// More arrives than can be served, so the queue grows and the runs are not steady.
#[test]
fn suspect_runs_fail_where_that_is_asked_for() {
    let place = Place::new();
    let load = "stream -d message/sim --sim service=fixed:1ms --rate 1100/s --duration 2s";
    place.run(&format!("run {load}")).with_code(0);
    place.run(&format!("run {load} --fail-on suspect")).with_code(6);
    let sides = "compare --base flags: --head flags: --out r.json --within 1ns";
    place.run(&format!("{sides} --fail-on suspect -- {load}")).with_code(6);
    // Shown again it says the same, unless something else is asked for.
    place.run("compare r.json").with_code(6);
    place.run("compare r.json --fail-on invalid").with_code(0);
    let search = "search stream -d message/sim --sim service=fixed:1ms --slo p99<5ms --from 400/s --to 700/s --repeats 1";
    place.run(&format!("{search} --fail-on suspect")).with_code(0);
}

/// The process of the first trial is stopped and continued while it measures. Its whole pair is measured again.
#[test]
fn a_disturbed_pair_is_repeated_whole_and_told() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    script(
        &place.path("wrapper"),
        &format!(
            "if mkdir once 2>/dev/null; then\n\
             (while sleep 0.08 && kill -STOP $$; do sleep 0.02; kill -CONT $$; done) >/dev/null 2>&1 &\n\
             fi\n\
             exec {program} \"$@\""
        ),
    );
    let line = "compare --base bin:wrapper --head bin:wrapper --threshold others=none --threshold steal=none --threshold throttled=none";
    let done = place.run(&format!(
        "{line} --pairs 11 --within 60s --out r.json -- stream -d message/rtrb --duration 200ms --warmup 0s"
    ));
    let record = Record::from_file(&place.path("r.json"));
    let repeated = &record.document["comparison"]["repeated"];
    assert_eq!(repeated["the process was stopped"], 1, "{repeated} {}", done.stderr);
    assert!(done.stdout.contains("repeated whole"), "{}", done.stdout);
    // What was disturbed is not in the record, and nothing is there twice.
    let order = record.document["pairing"]["order"].as_array().unwrap();
    let distinct: BTreeSet<String> = order.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), order.len());
    for run in record.runs() {
        let trials = run["trials"].as_array().unwrap();
        assert!(trials.iter().all(|trial| trial["status"] == "ok"), "{}", run["side"]);
    }
}

/// The time of an interrupted comparison may have gone into pairs that were set aside. Here each trial is stopped and continued.
#[test]
fn pairs_that_were_set_aside_are_told_when_none_is_kept() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    script(
        &place.path("wrapper"),
        &format!(
            "(while sleep 0.08 && kill -STOP $$; do sleep 0.02; kill -CONT $$; done) >/dev/null 2>&1 &\n\
             echo >>runs\n\
             exec {program} \"$@\""
        ),
    );
    let line = "compare --base bin:wrapper --head bin:wrapper --threshold others=none --threshold steal=none --threshold throttled=none";
    let line = format!("{line} --out r.json -- stream -d message/rtrb --duration 300ms --warmup 0s");
    let running = Running::start(&mut place.command(&line));
    // A pair has three trials, so the second pair is under way.
    let runs = || fs::read_to_string(place.path("runs")).map_or(0, |text| text.lines().count());
    while runs() < 5 && running.took() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    running.end().with_code(130);
    let record = Record::from_file(&place.path("r.json"));
    let reason = record.document["partial_reason"].as_str().unwrap();
    let is_told =
        reason.starts_with("interrupted after 0 pairs; ") && reason.contains("not used, because the machine");
    assert!(is_told, "{reason}");
    for run in record.runs() {
        assert_eq!(
            run["verdict"]["reasons"][0], "no trial of this side is in the record",
            "{}",
            run["verdict"]
        );
    }
}

/// When the time is over nothing is repeated, and a pair that was disturbed is counted all the same.
#[test]
fn a_pair_that_is_disturbed_when_the_time_is_over_is_told() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_drumpost");
    script(
        &place.path("wrapper"),
        &format!(
            "(while sleep 0.08 && kill -STOP $$; do sleep 0.02; kill -CONT $$; done) >/dev/null 2>&1 &\n\
             exec {program} \"$@\""
        ),
    );
    let line = "compare --base bin:wrapper --head bin:wrapper --threshold others=none --threshold steal=none --threshold throttled=none";
    let done = place.run(&format!(
        "{line} --within 1ns --out r.json -- stream -d message/rtrb --duration 300ms --warmup 0s"
    ));
    let compared = Record::from_file(&place.path("r.json")).document["comparison"].clone();
    assert_eq!(compared["kept"]["the process was stopped"], 1, "{compared} {}", done.stderr);
    assert!(compared["repeated"].is_null(), "{compared}");
    assert!(done.stdout.contains("the machine disturbed 1 pair"), "{}", done.stdout);
}

/// Two comparisons whose answers are known: of equal sides, and with a head that costs four times as much. Verdicts are those of the
/// machine, so what is looked at is what the costs came to.
#[test]
fn a_proof_runs_comparisons_with_known_answers() {
    let place = Place::new();
    let line = "compare --prove=1 --inject 0%,300% --pairs 11 --json --out proof.json -- stream -d event/listeners --batch 64 --duration 40ms --warmup 5ms";
    let done = place.run(line).with_code(0);
    let proof = done.json();
    let saved = fs::read_to_string(place.path("proof.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), proof);
    assert!(proof["partial"].is_null(), "{proof}");
    let cases = proof["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2, "{proof}");
    for case in cases {
        assert_eq!(case["comparisons"], 1, "{case}");
    }
    let ratio = |case: usize| cases[case]["cpu_ratio"].as_f64().unwrap();
    assert!((0.5..1.5).contains(&ratio(0)), "{proof}");
    // Three times more than nothing, of which a busy machine may learn a multiple.
    assert!(ratio(1) > 1.3, "{proof}");
    assert!(proof["rows"][0]["cpu_ns_per_message"].as_f64().unwrap() > 0.0, "{proof}");
    assert!(done.stderr.contains("comparison 1 of 1"), "{}", done.stderr);
    assert!(!place.path(".drumpost").exists() || place.saved().is_empty(), "a proof leaves no records");
}

/// Half an hour of comparisons is not lost with a process that is killed.
#[test]
fn a_proof_is_saved_after_each_comparison() {
    let place = Place::new();
    let line = "compare --prove=1000 --inject 0% --pairs 11 --out proof.json -- stream -d event/listeners --batch 64 --duration 40ms --warmup 5ms";
    let running = Running::start(&mut place.command(line));
    while !place.path("proof.json").exists() && running.took() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let proof =
        || -> Value { serde_json::from_str(&fs::read_to_string(place.path("proof.json")).unwrap()).unwrap() };
    let kept = proof();
    assert!(kept["partial"].as_str().unwrap().starts_with("saved after "), "{kept}");
    assert!(kept["cases"][0]["comparisons"].as_u64().unwrap() >= 1, "{kept}");
    running.interrupt();
    assert_eq!(running.end().code, 130);
    assert!(proof()["partial"].as_str().unwrap().starts_with("interrupted in comparison "), "{}", proof());
    let done = place.run("compare --prove --out - -- stream").with_code(2);
    assert!(done.stderr.contains("--out -: give --json"), "{}", done.stderr);
}

/// What finds the window full is never started. Whether that makes a side invalid is a matter of the limit `rate_off`, which is 1 % unless
/// it is set: before the `--` or after it.
#[test]
fn a_limit_decides_when_it_is_measured_as_it_does_later() {
    let place = Place::new();
    let measured =
        "stream -d message/sim --sim service=fixed:1ms --arrivals poisson --count 500 --at-cap shed";
    let many = format!("--threshold rate_off=60% -- {measured} --rate 500/s --window 1");
    let few = format!("-- {measured} --rate 80/s --window 2 --threshold rate_off=0.01%");
    for (load, code, by_default) in [(many, 0, 6), (few, 6, 0)] {
        let line = format!("compare --base flags: --head flags: --pairs 12 --strict --out r.json {load}");
        let done = place.run(&line).with_code(code);
        place.run("compare r.json --strict").with_code(code);
        place.run("compare r.json --strict --threshold rate_off=1%").with_code(by_default);
        let record = Record::from_file(&place.path("r.json")).document;
        let is_decided = record["comparison"]["stopped"] == "decided";
        assert_eq!(is_decided, code == 0, "{} {}", record["comparison"]["stopped"], done.stdout);
    }
    // The limits of a record are those of its replay.
    let replay = "compare --base flags: --head flags: --replay r.json --out again.json";
    place.run(replay).with_code(6);
    let limits = Record::from_file(&place.path("again.json")).document["thresholds"].clone();
    assert_eq!(limits, serde_json::json!({"rate_off": 0.0001}));
    let side =
        place.run(&format!("compare --base flags: --head flags:--threshold=rate_off=2% -- {measured}"));
    assert!(side.with_code(2).stderr.contains("--threshold: both sides have the same limits"));
    let suite = "[[matrix]]\ndispatch = 'message/sim'\nscenario = 'stream'\nthreshold = ['rate_off=2%', 'rate_off=3%']\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let suite = place.run("compare --base flags: --head flags: s.toml").with_code(2);
    assert!(suite.stderr.contains("the same limits for all rows"), "{}", suite.stderr);
}

/// Each flow takes a millisecond. The goal of the first block is missed, and that of the second is kept.
#[test]
fn the_goals_of_a_suite_are_those_of_its_comparison() {
    let place = Place::new();
    let suite = "assert = 'lost=0'\n[defaults]\nsim = 'service=fixed:1ms'\nrate = '100/s'\ncount = 300\nscenario = 'stream'\n\
                 [[matrix]]\nname = 'one'\ndispatch = 'message/sim'\nassert = 'p50<500us'\n\
                 [[matrix]]\nname = 'two'\ndispatch = 'event/sim'\nassert = 'p50<5ms'\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let sides = "compare --base flags: --head flags: --within 1ns";
    let line = format!("{sides} --json --out r.json --assert lost=0,p90<10s");
    let outcome = place.run(&format!("{line} s.toml")).with_code(4).json()["assertions"].clone();
    assert_eq!(outcome["answer"], "missed", "{outcome}");
    let goals = outcome["assertions"].as_array().unwrap();
    let answers: Vec<(Option<&str>, &str)> =
        goals.iter().map(|goal| (goal["selector"].as_str(), goal["answer"].as_str().unwrap())).collect();
    let expected =
        [(None, "kept"), (Some("one/stream/message/sim"), "missed"), (Some("two/stream/event/sim"), "kept")];
    assert_eq!(answers[..3], expected, "{outcome}");
    assert_eq!(answers[3..], [(None, "kept")], "that of the command line");
    // The record has all of them, and so has a replay of it.
    let again = place.run("compare r.json --json").with_code(4).json();
    assert_eq!(again["assertions"], outcome);
    let replay = "compare --base flags: --head flags: --replay r.json --out again.json --json";
    assert_eq!(place.run(replay).with_code(4).json()["assertions"]["answer"], "missed");
    let goals = |name: &str| Record::from_file(&place.path(name)).document["comparison"]["goals"].clone();
    assert_eq!(goals("r.json").as_array().unwrap().len(), 4);
    assert_eq!(goals("again.json"), goals("r.json"));
    let more = place.run("compare r.json --json --assert lost=0 --assert p99<10s").with_code(4).json();
    assert_eq!(more["assertions"]["assertions"].as_array().unwrap().len(), 5, "{more}");
    fs::write(place.path("s.toml"), suite.replacen("assert = 'lost=0'", "fail-on = 'suspect'", 1)).unwrap();
    let done = place.run(&format!("{sides} --tolerate-machine s.toml")).with_code(2);
    assert!(done.stderr.contains("fail-on"), "{}", done.stderr);
}
