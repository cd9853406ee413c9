//! Tests of records that are made of several.

use crate::support::{Place, Record};
use serde_json::Value;

const LINE: &str = "stream --sim service=exp:1ms,loss=3/1000 --rate 800/s --arrivals poisson --duration 1s";

/// Eight processes that run a trial each come to what one comes to that runs eight.
#[test]
fn eight_parts_are_one_record() {
    let place = Place::new();
    place.run(&format!("run {LINE} --trials 8 --seed 5 --out whole.json"));
    let whole = Record::from_file(&place.path("whole.json"));
    let whole: &Value = whole.only();
    let mut names = Vec::new();
    for (number, trial) in whole["trials"].as_array().unwrap().iter().enumerate() {
        let name = format!("part-{number}.json");
        place.run(&format!("run {LINE} --trials 1 --seed {} --out {name}", trial["seed"]));
        names.push(name);
    }
    place.run(&format!("merge {} --out merged.json", names.join(" ")));
    let merged = Record::from_file(&place.path("merged.json"));
    let merged = merged.only();
    for key in [
        "response_ns",
        "service_ns",
        "lag_ns",
        "hops",
        "audit",
        "flows",
        "verdict",
        "throughput_per_s",
        "trials",
    ] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    let shown = place.run("show merged.json").stdout;
    assert!(shown.contains("8 trials of 1.00 s"), "{shown}");
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = Place::new();
    place.run(&format!("run {LINE} --out a.json"));
    place.run(&format!("run {LINE} --seed 2 --batch 8 --out b.json"));
    place.run("search stream --sim service=fixed:1ms --slo p99<2ms --from 100/s --to 200/s --duration 10s --repeats 1 --out s.json");
    for (line, says) in [
        ("merge a.json b.json", "b.json does not belong to a.json: message/sim has `batch` 8, and not 1"),
        (
            "merge a.json a.json",
            "both have a trial of message/sim with the seed 1: give each part a --seed of its own",
        ),
        ("merge a.json s.json", "s.json is the record of a search"),
        ("merge a.json", "2 values required"),
        ("merge a.json nothing.json", "nothing.json"),
    ] {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}
