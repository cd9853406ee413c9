//! Tests of a run as data: the spec of a record, which is run again.

use crate::support::Place;
use serde_json::{Value, json};
use std::fs;

/// A run in virtual time, with something of each part of a spec.
const LINE: &str = "stream --sim service=exp:1ms,duplicate=1/50 --rate 700/s --arrivals poisson --duration 3s --warmup 200ms --trials 2 \
                    --payload uniform:16B,1KiB --keys zipf:100,1.1 --seed 11 --threshold lag_share=20%";

fn record(place: &Place, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path(name)).unwrap()).unwrap()
}

/// All of a record but the command line that made it.
fn measured(mut record: Value) -> String {
    record.as_object_mut().unwrap().remove("command").expect("a record has its command");
    record.to_string()
}

#[test]
fn the_spec_of_a_record_is_the_same_run() {
    let place = Place::new();
    place.run(&format!("run {LINE} --out a.json"));
    let first = record(&place, "a.json");
    assert_eq!(
        first["spec"],
        json!({
            "scenario": "stream", "dispatch": ["message/sim"], "sim": "service=exp:1ms,duplicate=1/50", "rate": "700/s",
            "arrivals": "poisson", "duration": "3s", "warmup": "200ms", "trials": 2, "payload": "uniform:16B,1KiB",
            "keys": "zipf:100,1.1", "seed": 11, "threshold": ["lag_share=20%"]
        })
    );
    // From the record, and from its spec written out.
    place.run("run --spec a.json --out b.json");
    let written = place.run("show a.json --spec").with_code(0).stdout;
    fs::write(place.path("spec.json"), &written).unwrap();
    place.run("run --spec spec.json --out c.json");
    for name in ["b.json", "c.json"] {
        assert_eq!(measured(record(&place, name)), measured(first.clone()), "{name}");
    }
    // Another seed is another run.
    place.run("run --spec a.json --seed 12 --out d.json");
    let other = record(&place, "d.json");
    assert_eq!((&other["seed"], &other["spec"]["rate"]), (&12.into(), &"700/s".into()));
    assert_ne!(other["runs"][0]["trials"][0]["audit"], first["runs"][0]["trials"][0]["audit"]);
}

#[test]
fn flags_beside_a_spec_replace_what_they_exclude() {
    let place = Place::new();
    place.run(&format!("run {LINE} --out a.json"));
    place.run("run --spec a.json --count 500 --trials 1 --out b.json");
    let spec = &record(&place, "b.json")["spec"];
    assert_eq!((&spec["count"], spec.get("duration")), (&500.into(), None), "{spec}");
    let done = place.run("run --spec a.json --in-flight 4 --arrivals poisson").with_code(2);
    assert!(done.stderr.contains("--in-flight cannot be used with --arrivals"), "{}", done.stderr);
}

#[test]
fn a_mistake_in_a_spec_is_named_with_its_file_and_field() {
    let place = Place::new();
    for (text, says) in [
        ("{ \"batch\": 0 }", "`batch`: must be from 1 to 65536"),
        ("{ \"batsh\": 1 }", "did you mean `batch`?"),
        ("{ \"rate\": \"1k/s\", \"in-flight\": 3 }", "cannot be used with --rate"),
        ("[]", "this file is neither, as it is no JSON object"),
        (
            "at_s,size\n1,2\n",
            "--spec takes a record of `run`, or a JSON object with flags of `run`; this file is neither",
        ),
        ("{", "it is not valid JSON: EOF while parsing"),
        ("{ \"schema_version\": 1 }", "this record has no spec"),
        (
            "{ \"at\": [\"1s touch there\"] }",
            "`at`: the run has commands; read them, and give them again with --at",
        ),
        (
            "{ \"server\": \"nats://me:***@h\" }",
            "`server`: a secret was left out of the record; give --server again",
        ),
    ] {
        fs::write(place.path("spec.json"), text).unwrap();
        let done = place.run("run --spec spec.json").with_code(2);
        assert!(
            done.stderr.contains("--spec spec.json: ") && done.stderr.contains(says),
            "{text}: {}",
            done.stderr
        );
    }
    let done = place.run("run --spec nothing.json").with_code(2);
    assert!(done.stderr.contains("--spec nothing.json: failed to read it"), "{}", done.stderr);
}

/// A suite's cell and the command line that it names are one spec.
#[test]
fn the_record_of_a_cell_has_its_spec() {
    let place = Place::new();
    let text =
        "[[matrix]]\nscenario = 'stream'\nsim = 'service=fixed:1ms'\nin-flight = [1, 4]\nduration = '1s'\n";
    fs::write(place.path("suite.toml"), text).unwrap();
    place.run("suite suite.toml --out of").with_code(0);
    let mut in_flight: Vec<u64> = Vec::new();
    for entry in fs::read_dir(place.path("of")).unwrap() {
        let name = format!("of/{}", entry.unwrap().file_name().to_string_lossy());
        if !name.ends_with(".json") {
            continue;
        }
        if let Some(spec) = record(&place, &name).get("spec") {
            assert_eq!(spec["sim"], "service=fixed:1ms");
            in_flight.push(spec["in-flight"].as_u64().unwrap());
        }
    }
    in_flight.sort_unstable();
    assert_eq!(in_flight, [1, 4]);
}
