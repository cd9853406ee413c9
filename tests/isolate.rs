//! Tests of trials that have processes of their own.

use crate::support::{Place, Record, Running, assert_clean};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{fs, thread, time::Duration};

/// Where a trial runs changes nothing of what it comes to.
#[test]
fn a_trial_is_the_same_in_a_process_of_its_own() {
    let line = "stream --sim service=exp:1ms,duplicate=1/50,reorder=1/80 --rate 800/s --arrivals poisson --duration 3s --trials 3 \
                --seed 5";
    let place = Place::new();
    place.run(&format!("run {line} --out here.json"));
    place.run(&format!("run {line} --isolate --out apart.json"));
    let [here, apart] =
        ["here.json", "apart.json"].map(|name| Record::from_file(&place.path(name)).only()["trials"].clone());
    assert_eq!(here.as_array().map(Vec::len), Some(3));
    assert_eq!(here.to_string(), apart.to_string());
}

#[test]
fn trials_on_a_real_clock_have_processes_of_their_own() {
    let record = Place::new().record(
        "stream --dispatch message/crossbeam,event/tokio-broadcast --duration 200ms --warmup 50ms --trials 2 --isolate",
    );
    for run in record.runs() {
        assert_clean(run);
        assert_eq!(run["settings"]["isolate"], true);
        assert_eq!(run["trials"].as_array().map(Vec::len), Some(2));
    }
}

/// The process of the trial that `running` has under way.
fn child_of(running: &Running) -> i32 {
    let path = format!("/proc/{0}/task/{0}/children", running.id());
    for _ in 0..1_000 {
        // Threads start processes, too; each has a list of its own.
        let lists = fs::read_dir(format!("/proc/{}/task", running.id())).into_iter().flatten().flatten();
        let lists = lists.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let found = lists.filter_map(|list| list.split_whitespace().next()?.parse().ok()).next();
        if let Some(found) = found {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no child in {path}");
}

fn kill(process: i32) {
    send(process, Signal::KILL);
}

fn send(process: i32, signal: Signal) {
    kill_process(Pid::from_raw(process).expect("a process"), signal).expect("a signal can be sent");
}

#[test]
fn a_process_that_dies_is_a_failed_trial_and_the_next_one_runs() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --in-flight 1 --duration 1500ms --trials 2 --isolate --out r.json";
    let running = Running::start(&mut place.command(line));
    let child = child_of(&running);
    thread::sleep(Duration::from_millis(200));
    kill(child);
    let done = running.end();
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let record: Value = serde_json::from_str(&fs::read_to_string(place.path("r.json")).unwrap()).unwrap();
    let trials = record["runs"][0]["trials"].as_array().unwrap();
    let says = "the process of the trial ended without a result, by signal 9";
    assert_eq!((&trials[0]["status"], &trials[0]["error"]), (&"failed".into(), &says.into()));
    assert_eq!(trials[1]["status"], "ok");
}

#[test]
fn an_interruption_reaches_the_process_of_the_trial() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 1k/s --duration 60s --trials 2 --isolate --out r.json";
    let running = Running::start(&mut place.command(line));
    let child = child_of(&running);
    thread::sleep(Duration::from_millis(1_500));
    running.interrupt();
    let done = running.end();
    assert_eq!(done.code, 130, "{}{}", done.stdout, done.stderr);
    let record: Value = serde_json::from_str(&fs::read_to_string(place.path("r.json")).unwrap()).unwrap();
    let trial = &record["runs"][0]["trials"][0];
    assert_eq!(trial["status"], "interrupted");
    assert!(trial["flows"]["ended"].as_u64() > Some(100), "what was measured is kept: {trial}");
    assert!(!std::path::Path::new(&format!("/proc/{child}")).exists(), "it has ended");
}

/// A process that is stopped hears nothing. A second signal kills it soon, and the record says so.
#[test]
fn a_process_that_does_not_answer_is_killed() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 1k/s --duration 60s --trials 2 --isolate --out r.json";
    let running = Running::start(&mut place.command(line));
    let child = child_of(&running);
    thread::sleep(Duration::from_millis(300));
    send(child, Signal::STOP);
    running.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    running.signal(Signal::TERM);
    let sent = running.took();
    let done = running.end().with_code(130);
    assert!(
        done.took.saturating_sub(sent) < Duration::from_secs(15),
        "ended {:?} after it",
        done.took - sent
    );
    let record: Value = serde_json::from_str(&fs::read_to_string(place.path("r.json")).unwrap()).unwrap();
    let trial = &record["runs"][0]["trials"][0];
    assert_eq!(trial["status"], "interrupted", "{trial}");
    let says = "the process of the trial did not end when asked, so it was killed, by signal 9";
    assert_eq!(trial["error"], says);
}

/// A parent that is killed takes the process of its trial with it.
#[test]
fn no_process_outlives_the_command() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 1k/s --duration 60s --isolate --out r.json";
    let running = Running::start(&mut place.command(line));
    let child = child_of(&running);
    thread::sleep(Duration::from_millis(500));
    kill(running.id() as i32);
    running.end();
    for _ in 0..500 {
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // One that waits for whoever started it to ask for its end has ended.
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("process {child} still runs");
}
