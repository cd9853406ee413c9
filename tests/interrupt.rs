//! Tests of Ctrl-C: finished trials are kept, the record says that it is partial, and the program ends soon.

use crate::support::{Done, Place, Record, Running, at_once, count};
use rustix::process::Signal;
use std::{thread, time::Duration};

/// From the signal to the end of the process, on a busy machine.
const PROMPT: Duration = Duration::from_secs(3);

/// Runs `line`, interrupts it `after` that long, and gives what it printed and the record it left.
#[track_caller]
fn interrupted(line: &str, after: Duration) -> (Done, Record) {
    let place = Place::new();
    let running = Running::start(&mut place.command(&format!("run {line} --out record.json")));
    thread::sleep(after);
    running.interrupt();
    let sent = running.took();
    let done = running.end().with_code(130);
    let late = done.took.saturating_sub(sent);
    assert!(late < PROMPT, "ended {late:?} after the signal");
    let record = Record::from_file(&place.path("record.json"));
    assert_eq!(record.document["partial"], true);
    let reason = record.document["partial_reason"].as_str().unwrap();
    assert!(reason.starts_with("interrupted"), "{reason}");
    (done, record)
}

#[test]
fn a_single_trial_keeps_what_it_had() {
    at_once(["message/crossbeam", "event/tokio-broadcast", "event/listeners"], |dispatch| {
        let line = format!("stream --dispatch {dispatch} --duration 60s --warmup 0s --trials 1 --json");
        let (done, record) = interrupted(&line, Duration::from_millis(2_500));
        assert_eq!(done.json(), record.document);
        let run = record.only();
        assert_eq!(run["status"], "interrupted");
        assert_ne!(run["verdict"]["status"], "valid");
        let trial = &run["trials"][0];
        assert!(count(trial, "/flows/ended") > 0 && count(trial, "/response_ns/count") > 0, "{dispatch}");
    });
}

#[test]
fn trials_that_were_finished_are_kept_whole() {
    let line =
        "stream --dispatch message/crossbeam,message/rtrb --duration 300ms --warmup 0s --trials 200 --no-tui";
    let (done, record) = interrupted(line, Duration::from_secs(3));
    assert!(done.stdout.contains("interrupted"), "{}", done.stdout);
    let trials = || record.runs().flat_map(|run| run["trials"].as_array().unwrap());
    let finished = trials().filter(|trial| trial["status"] == "ok").count();
    assert!((2..100).contains(&finished), "{finished} finished");
    assert!(trials().filter(|trial| trial["status"] == "interrupted").count() <= 1);
    let reason = record.document["partial_reason"].as_str().unwrap();
    assert!(reason.contains(&format!("{} of 400", 400 - trials().count())), "{reason}");
    for run in record.runs() {
        // What is said of the run is said of the trials that were finished.
        assert!(count(run, "/flows/ended") > 0 && run["throughput_per_s"].is_f64(), "{}", run["verdict"]);
    }
}

#[test]
fn a_simulation_is_left_as_fast() {
    let line = "stream --sim service=exp:1ms --rate 500/s --arrivals poisson --duration 70h --json";
    let (_, record) = interrupted(line, Duration::from_secs(1));
    assert_eq!(record.only()["status"], "interrupted");
    assert!(count(&record.only()["trials"][0], "/flows/ended") > 0);
}

#[test]
fn a_target_that_stands_still_can_be_left() {
    let line = "stream --sim service=fixed:1h,clock=real --in-flight 1 --duration 60s --warmup 0s --trials 1";
    let (done, record) = interrupted(&format!("{line} --no-tui"), Duration::from_secs(1));
    assert!(done.stdout.contains("interrupted"), "{}", done.stdout);
    assert_eq!(count(&record.only()["trials"][0], "/flows/ended"), 0);
}

/// The second signal comes before the lanes have seen the first one. They return within milliseconds all the same, and have what they measured.
#[test]
fn two_signals_at_once_are_no_hang() {
    for dispatch in ["message/rtrb", "event/tokio-broadcast"] {
        let place = Place::new();
        let line = format!(
            "run stream --dispatch {dispatch} --duration 60s --warmup 0s --trials 2 --no-tui --out record.json"
        );
        let running = Running::start(&mut place.command(&line));
        thread::sleep(Duration::from_millis(1_500));
        // Two of the same kind might arrive as one.
        running.signal(Signal::TERM);
        running.interrupt();
        let sent = running.took();
        let done = running.end().with_code(130);
        assert!(done.took.saturating_sub(sent) < PROMPT, "ended {:?} after the signals", done.took - sent);
        let record = Record::from_file(&place.path("record.json"));
        let trial = &record.only()["trials"][0];
        assert_eq!(trial["status"], "interrupted", "{}", trial["error"]);
        assert!(count(trial, "/flows/ended") > 0 && count(trial, "/response_ns/count") > 0, "{dispatch}");
        for wrong in ["did not run for", "hangs"] {
            assert!(!done.stdout.contains(wrong) && !done.stderr.contains(wrong), "{}", done.stdout);
        }
    }
}
