//! Runs whose flows do not all end: how long they are said to have lasted, and why they stood still.

use super::faulty;
use crate::support::{Place, Record, count, number};
use drumpost::{Exit, run};
use std::ffi::OsString;

/// All messages of one in two hundred flows are lost, on a real clock, and the run waits two seconds for them.
const LOSSY: &str = "stream --sim loss=1/200,clock=real --drain 2s --trials 1";

#[test]
fn the_wait_for_lost_messages_is_in_no_figure_of_the_window() {
    let record =
        Place::new().record(&format!("{LOSSY} --in-flight 1000 --duration 100ms --warmup 0s")).with_code(5);
    let trial = &record.only()["trials"][0];
    assert!(count(trial, "/flows/unfinished") > 0, "{}", trial["flows"]);
    let elapsed_ns = count(trial, "/elapsed_ns");
    for name in ["/hygiene/window_ns", "/cost/window_ns"] {
        let window_ns = count(trial, name);
        assert!(window_ns < elapsed_ns + 1_000_000_000, "{name}: {window_ns} of {elapsed_ns}");
    }
    let in_flight = number(trial, "/counted_in_flight");
    assert!(in_flight <= 1_001.0, "{in_flight} were under way in a window of 1,000");
}

/// Flows that all begin at once and take long: nearly all of the window lies after the last start.
#[test]
fn the_window_of_a_load_by_count_lasts_until_its_last_flow_has_ended() {
    let line = "stream --sim service=fixed:200ms,servers=4,clock=real --in-flight 8 --count 8 --warmup 0s --trials 1";
    let record = Place::new().record(line);
    let trial = &record.only()["trials"][0];
    let (elapsed_ns, window_ns) = (count(trial, "/elapsed_ns"), count(trial, "/hygiene/window_ns"));
    assert!(elapsed_ns >= 400_000_000, "{elapsed_ns}");
    assert!(window_ns + 20_000_000 >= elapsed_ns, "{window_ns} of {elapsed_ns}");
}

#[test]
fn flows_under_way_are_counted_until_the_load_ends_and_no_longer() {
    let line =
        "stream --sim service=fixed:10us,loss=1/1000 --in-flight 1000 --duration 1s --warmup 0s --trials 1";
    let record = Place::new().record(line);
    let trial = &record.only()["trials"][0];
    let in_flight = number(trial, "/counted_in_flight");
    assert!((985.0..=1_000.0).contains(&in_flight), "{in_flight}");
}

#[test]
fn a_load_that_stood_still_says_since_when_and_why() {
    let line = format!("{LOSSY} --in-flight 64 --duration 300ms --warmup 300ms");
    let record = Place::new().record(&line).with_code(5);
    let run = record.only();
    assert_eq!(run["verdict"]["status"], "invalid");
    let reasons = run["verdict"]["reasons"].to_string();
    assert!(
        reasons.contains(
            "64 flows were started and never ended; they fill the window of 64, so the load stood still from "
        ) && reasons.contains("on (64 messages were lost)")
            && reasons.contains("64 flows of the warm-up did not end"),
        "{reasons}"
    );
    let standstill = &run["trials"][0]["standstill"];
    assert_eq!((count(standstill, "/window"), count(standstill, "/written_off")), (64, 0));
    let until_ns = count(standstill, "/from_ns") + count(standstill, "/longest_ns");
    assert!((500_000_000..2_000_000_000).contains(&until_ns), "{standstill}");
    // As virtual time has it: the 12,800th message is the 64th that is lost.
    let line =
        "stream --sim service=fixed:1us,loss=1/200 --in-flight 64 --duration 100ms --warmup 0s --trials 1";
    let record = Place::new().record(line).with_code(5);
    let reasons = record.only()["verdict"]["reasons"].to_string();
    assert!(reasons.contains("so the load stood still from 12."), "{reasons}");
}

#[test]
fn nothing_is_awaited_in_the_event_style() {
    let line = "order-authorization --dispatch crossbeam --reply await --count 200 --trials 1";
    let record = Place::new().record(line);
    let reply = |dispatch: &str| record.of(dispatch)["settings"]["reply"].as_str();
    assert_eq!(reply("message/crossbeam"), Some("await"));
    assert_eq!(reply("event/crossbeam"), Some("async"));
}

/// The verdict of a scenario whose handler is wrong, in one text.
fn verdict_of(line: &str) -> String {
    let place = Place::new();
    let path = place.path("record.json");
    let words = format!("drumpost run {line} --trials 1 --no-tui --out {}", path.display());
    let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    assert_eq!(run(faulty::registry(), words), Exit::Invalid);
    Record::from_file(&path).only()["verdict"].to_string()
}

#[test]
fn a_handler_that_never_ends_its_flows_is_suspected() {
    let load = "--in-flight 8 --duration 100ms --warmup 0s --drain 200ms";
    let said = verdict_of(&format!("endless --dispatch message/crossbeam {load}"));
    for words in [
        "8 flows were started and never ended; they fill the window of 8, so the load stood still from ",
        "no message was lost, so a handler may not end its flows, or the scenario's `ends_per_flow` is larger",
        "8 messages went nowhere, because no route carries them: 8 of kind WorkProduced from worker",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_handler_that_ends_its_flows_twice_is_suspected() {
    let said = verdict_of("twice --dispatch message/crossbeam --in-flight 8 --count 500 --warmup 0s");
    let words = "500 flows started, but 1,000 ended, 0 unfinished and 0 lost. The likely cause: handlers end a flow 2 times as \
                 often as the scenario's `ends_per_flow` says";
    assert!(said.contains(words), "{said}");
}
