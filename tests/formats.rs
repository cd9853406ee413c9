//! Tests with files of other versions and with broken files.

use crate::support::Place;
use std::{fs, path::Path};

fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/tests/samples/v1.json");
    fs::read_to_string(path).expect("the sample of version 1")
}

#[test]
fn a_record_of_version_1_stays_readable() {
    let place = Place::new();
    fs::write(place.path("old.json"), sample()).unwrap();
    let table = place.run("show old.json --hops").with_code(0).stdout;
    insta::assert_snapshot!(table);
    let json = place.run("show old.json --json").with_code(0).json();
    assert_eq!((&json["schema_version"], &json["id"]), (&1.into(), &"sample-v1".into()));
    // One of its runs was refused, so nothing can be concluded, but it can be read.
    let comparison = place.run("compare old.json old.json").with_code(6).stdout;
    assert!(comparison.contains("message/crossbeam") && comparison.contains("inconclusive"), "{comparison}");
}

#[track_caller]
fn unreadable(text: &str, says: &[&str]) {
    let place = Place::new();
    fs::write(place.path("record.json"), text).unwrap();
    for line in ["show record.json", "compare record.json record.json"] {
        let done = place.run(line).with_code(2);
        let is_one_line = done.stderr.starts_with("drumpost: ") && done.stderr.lines().count() == 1;
        assert!(done.stdout.is_empty() && is_one_line, "{}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("record.json"), "{}", done.stderr);
        assert!(says.iter().all(|word| done.stderr.contains(word)), "{} expected {says:?}", done.stderr);
    }
}

#[test]
fn a_record_of_a_later_version_is_refused() {
    let later = sample().replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
    unreadable(&later, &["schema version 2", "versions up to 1"]);
    let much_later = "{ \"schema_version\": 99, \"anything\": { \"else\": true } }";
    unreadable(much_later, &["schema version 99"]);
}

#[test]
fn a_damaged_file_is_refused_with_the_place_of_the_damage() {
    let text = sample();
    // Cut off in the middle, as a full disk would.
    unreadable(&text[..text.len() / 2], &["line ", "column "]);
    unreadable("", &["it is empty"]);
    unreadable("{\n  \"schema_version\": 1,\n  oops\n}\n", &["line 3 column 3"]);
    unreadable("[1, 2]", &[]);
    unreadable("{}", &["schema_version"]);
    let no_number = text.replacen("\"seed\": 42", "\"seed\": \"forty-two\"", 1);
    assert_ne!(no_number, text);
    unreadable(&no_number, &["line ", "column "]);
}

#[test]
fn a_damaged_histogram_is_refused() {
    let damaged = sample().replace("\"histogram\": \"HIST", "\"histogram\": \"AAAA");
    unreadable(&damaged, &["histogram"]);
}

/// Fields may be added to a version, so what a later build of the same version wrote is read.
#[test]
fn fields_that_are_not_known_are_passed_over() {
    let place = Place::new();
    let text = sample().replacen("\"schema_version\": 1,", "\"schema_version\": 1, \"added_later\": [1],", 1);
    fs::write(place.path("record.json"), text).unwrap();
    place.run("show record.json").with_code(0);
}
