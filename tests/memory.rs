//! Shared memory: a run leaves nothing behind, and removes what a killed one left.
#![cfg(feature = "iceoryx2")]

use crate::support::{Place, Running, number};
use std::{fs, process::Stdio, thread, time::Duration};

/// What lies in shared memory and in the folder for directories that a process made.
fn made_by(pid: u32) -> Vec<String> {
    let entries = ["/dev/shm", "/tmp"].into_iter().flat_map(|place| fs::read_dir(place).unwrap());
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap_or_default());
    names.filter(|name| name.starts_with(&format!("drumpost-shm-{pid}-"))).collect()
}

#[test]
fn a_killed_run_leaves_memory_that_the_next_one_removes() {
    let place = Place::new();
    let mut command =
        place.command("run stream -d message/iceoryx2 --rate 1k/s --duration 60s --trials 1 --json");
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = killed.id();
    let mut waited = 0;
    // Both: the directory of its nodes, and the queues.
    while made_by(pid).len() < 3 {
        assert!(waited < 1_000, "the run opens its queues");
        thread::sleep(Duration::from_millis(20));
        waited += 1;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(made_by(pid).len() >= 3, "a killed process removes nothing");
    let mut next =
        place.command("run stream -d message/iceoryx2,event/iceoryx2 --count 2000 --trials 2 --json");
    let next = Running::start(&mut next);
    let own = next.id();
    let done = next.end();
    assert!([0, 6].contains(&done.code), "{}", done.stderr);
    for run in done.json()["runs"].as_array().unwrap() {
        assert_eq!((&run["status"], &run["audit"]["lost"]), (&"ok".into(), &0.into()), "{run}");
    }
    assert_eq!(made_by(pid), [""; 0], "what the killed one left");
    assert_eq!(made_by(own), [""; 0], "what this one made");
}

/// Threads that wait for messages sleep: a load of 20 flows/s leaves them nothing to do for most of a second.
#[test]
fn an_idle_run_takes_next_to_no_processor_time() {
    let line = "stream -d message/iceoryx2 --rate 20/s --duration 1s --warmup 0s --trials 1";
    let record = Place::new().record(line);
    let trial = &record.only()["trials"][0];
    let used_ns = number(trial, "/cpu_ns") - number(trial, "/cost/awake_ns");
    assert!(used_ns < 0.3 * number(trial, "/elapsed_ns"), "{trial}");
}
