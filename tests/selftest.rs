//! Tests of `drumpost selftest`: its table, its JSON document and its exit code.

use crate::support::Place;

#[test]
fn what_virtual_time_shows_holds() {
    let place = Place::new();
    let done = place.run("selftest --virtual").with_code(0);
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 80), "{}", done.stdout);
    for (shown, at_least) in [
        ("M/M/1 ρ 0.5  response p99.9", 1),
        ("M/M/1 ρ 0.8  response p50", 1),
        ("M/D/1 ρ 0.8  flows without a wait", 1),
        ("Little's law", 2),
        ("evenly paced", 2),
        ("mean response", 3),
        ("stall", 8),
        ("overload 1.2", 5),
        ("lost + unique = sent", 4),
        ("A²", 2),
        ("histogram", 2),
        ("averaged p99s, which is wrong", 1),
        ("samples before", 4),
    ] {
        let rows = done.stdout.lines().filter(|line| line.contains(shown)).count();
        assert!(rows >= at_least, "{rows} rows of `{shown}`\n{}", done.stdout);
    }
    assert!(done.stdout.contains("rows hold (seed 1)") && done.stdout.contains("MSER-5"), "{}", done.stdout);
}

/// A target that is 3 % slower than it says: the queues show it, and the code says so.
#[test]
fn a_target_that_is_slower_than_it_says_fails() {
    let done = Place::new().run("selftest --virtual --slower 0.03 --seed 2 --json").with_code(1);
    let document = done.json();
    assert_eq!(document["verdict"], "fails");
    let failed: Vec<&str> = document["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["status"] == "failed")
        .map(|row| row["what"].as_str().unwrap())
        .collect();
    for row in
        ["M/D/1 ρ 0.8  response p50", "evenly paced ρ 0.5  response max", "overload 1.2  response at 10 s"]
    {
        assert!(failed.contains(&row), "{row} is not among {failed:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for line in ["selftest --virtual --real", "selftest --seed x", "selftest --imaginary"] {
        assert!(Place::new().run(line).with_code(2).stdout.is_empty());
    }
}
