//! Searches that left the bounds they were given, or said more than they had found out.

use crate::support::Place;
use serde_json::Value;

/// The end, and the rates that were held.
fn searched(line: &str, code: i32) -> (Value, Vec<f64>, Value) {
    let document = Place::new().run(&format!("search stream {line} --json")).with_code(code).json();
    let one = document["search"]["dispatches"][0].clone();
    let held = one["holds"].as_array().unwrap().iter().map(|held| held["rate_per_s"].as_f64().unwrap());
    (one["end"].clone(), held.collect(), one)
}

/// What a search says, without the breaks of its lines.
fn said(line: &str, code: i32) -> String {
    let done = Place::new().run(&format!("search stream {line}")).with_code(code);
    done.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn no_rate_outside_the_bounds_is_tried_or_reported() {
    // At 100 flows a second the target is full.
    let target = "--sim service=fixed:10ms --duration 20s";
    for (line, (low, high), (end, code)) in [
        // A single rate: missed, and kept.
        ("--slo p99<5ms --from 70/s --to 70/s", (70.0, 70.0), ("never-kept", 4)),
        ("--slo p99<15ms --from 70/s --to 70/s", (70.0, 70.0), ("always-kept", 0)),
        // The limit lies below, between and above.
        ("--slo p99<15ms --from 150/s --to 400/s", (150.0, 400.0), ("never-kept", 4)),
        ("--slo p99<15ms --from 60/s --to 400/s", (60.0, 400.0), ("found", 0)),
        ("--slo p99<15ms --from 30/s --to 50/s", (30.0, 50.0), ("always-kept", 0)),
    ] {
        let (ended, held, one) = searched(&format!("{line} {target}"), code);
        assert_eq!(ended, end, "{line}");
        let told = [&one["kept_per_s"], &one["failed_per_s"]].into_iter().filter_map(Value::as_f64);
        for rate in held.into_iter().chain(told) {
            assert!((low..=high).contains(&rate), "{line}: {rate}");
        }
    }
    let said = said(&format!("--slo p99<5ms --from 70/s --to 70/s {target}"), 4);
    let words = "no rate keeps the goal, not even 70.0 /s, the lowest allowed: p99 10.0 ms, not < 5 ms; loosen the goal \
                 (--slo), or allow lower rates (--from)";
    assert!(said.contains(words), "{said}");
}

#[test]
fn a_goal_that_asks_for_long_times_is_refused() {
    let done = Place::new().run("search stream --sim service=fixed:1ms --slo p99>20ms").with_code(2);
    let says = "--slo: term `p99 > 20 ms`: times grow with the rate, so a search needs an upper limit (did you mean p99 < 20 ms?)";
    assert!(done.stderr.contains(says), "{}", done.stderr);
}

/// A closed load goes as fast as the target, which may be far more than is allowed.
#[test]
fn the_probe_does_not_exceed_the_highest_rate_allowed() {
    let place = Place::new();
    let line = "search stream --sim service=fixed:1ms --slo p99<5ms --to 100/s --duration 10s --json";
    let done = place.run(line).with_code(0);
    let told = "a load of 100 /s, the highest rate allowed, reaches 100 /s; the search starts at about half of that, 50.0 /s";
    assert!(done.stderr.contains(told), "{}", done.stderr);
    let one = &done.json()["search"]["dispatches"][0];
    assert_eq!((&one["end"], one["kept_per_s"].as_f64()), (&"always-kept".into(), Some(100.0)));
    assert!(one["probe_per_s"].as_f64().is_some_and(|reached| reached <= 100.5), "{one}");
}

/// Where lower rates might keep the goal and holds are too short to judge them, nothing was found out.
#[test]
fn holds_that_do_not_suffice_and_a_goal_that_no_rate_keeps_have_codes_of_their_own() {
    // Half of what the target can do is 50/s; a hold of 10 s can judge 38/s and more.
    let target = "--sim service=fixed:10ms --slo p99<5ms";
    assert_eq!(searched(&format!("{target} --duration 10s"), 7).0, "too-few");
    let words = said(&format!("{target} --duration 10s"), 7);
    for words_of in [
        "the goal cannot be judged below 37.1 /s",
        "lengthen them with --duration",
        "37.1 /s does not keep the goal: p99",
    ] {
        assert!(words.contains(words_of), "{words_of}: {words}");
    }
    // As long as it takes.
    assert_eq!(searched(target, 4).0, "never-kept");
    // Too few holds are no answer either.
    assert_eq!(searched(&format!("{target} --max-holds 1"), 7).0, "out-of-holds");
    let words = said(&format!("{target} --max-holds 1"), 7);
    assert!(words.contains("the search ended after 1 hold, the most allowed"), "{words}");
}
