//! Very many instances in one process: each of them is heard, none takes much memory, and reports stay short.

use crate::support::{LIMIT, Place, Record, assert_clean, count};
use std::{fs, process::Child, thread, time::Duration};

/// The most memory that a process had at a time, in bytes, as far as it lives.
fn peak_bytes(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// A lane with histograms of its own takes half a MiB. A row of credit for each, and a number for each pair of a producer
/// and a worker, would take another 300 MiB together.
#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_lanes_take_16_kib_each_at_most() {
    const BASE: u64 = 64 << 20;
    const LANE: u64 = 16 << 10;
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --instances producer=5000,worker=5000 --placement 2 --rate 5k/s \
                --duration 2s --trials 1 --capacity 8192 --out record.json";
    let mut child = place.command(line).stdout(std::process::Stdio::null()).spawn().unwrap();
    let (mut peak, mut looks) = (0, LIMIT.as_millis() / 5);
    while child.try_wait().unwrap().is_none() {
        peak = peak_bytes(&child).unwrap_or(0).max(peak);
        thread::sleep(Duration::from_millis(5));
        looks -= 1;
        assert!(looks > 0, "still running");
    }
    assert!(peak > 0 && peak < BASE + 10_000 * LANE, "{} MiB", peak >> 20);
    let record = Record::from_file(&place.path("record.json"));
    let run = record.only();
    assert_clean(run);
    assert_eq!(count(run, "/trials/0/flows/ended"), 10_000, "of 5k/s in 2 s");
    assert!(fs::metadata(place.path("record.json")).unwrap().len() < 200_000, "a short record");
}

/// A closed load goes on when its flows end, a full queue holds producers up, and workers compete for what is in it.
#[test]
fn lanes_that_wait_for_room_and_for_ends_go_on() {
    for wait in ["park", "spin", "yield"] {
        let line = format!(
            "stream --dispatch message/crossbeam --instances producer=150,worker=150 --placement 2 --wait {wait} \
             --capacity 4 --in-flight 300 --count 20k --warmup 0s --trials 1"
        );
        let record = Place::new().record(&line);
        let run = record.only();
        assert_clean(run);
        assert_eq!(count(run, "/trials/0/flows/ended"), 20_000, "{wait}");
    }
}

/// A reply goes to the instance that asked, and only that one is called for it.
#[test]
fn every_lane_that_asks_is_called_for_its_reply() {
    for (dispatch, instances) in
        [("message/crossbeam", "client=150,server=150"), ("message/rtrb", "client=150,server=1")]
    {
        let line = format!(
            "ping --dispatch {dispatch} --instances {instances} --placement 1 --capacity 256 --in-flight 150 --count 5k \
             --warmup 0s --trials 1"
        );
        let record = Place::new().record(&line);
        let run = record.only();
        assert_clean(run);
        assert_eq!(count(run, "/trials/0/flows/ended"), 5_000, "{dispatch}");
    }
}

#[test]
fn one_event_reaches_ten_thousand_subscribers() {
    let line = "fan-out --dispatch event/crossbeam --set fan-out.subscribers=10000 --placement 2 --capacity 16 --rate 10/s \
                --count 10 --warmup 0s --trials 1 --drain 60s";
    let record = Place::new().record(line);
    let run = record.only();
    for (figure, expected) in [("delivered", 100_000), ("unique", 100_000), ("lost", 0), ("reordered", 0)] {
        assert_eq!(count(run, &format!("/audit/{figure}")), expected, "{figure}");
    }
    assert_eq!(count(run, "/response_ns/count"), 100_000, "each end is recorded");
    let hops = run["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 1, "subscribers of one event are told of together");
    assert_eq!(hops[0]["receiver"], "subscriber-1 and 9999 others");
    assert!(record.text.len() < 100_000, "{} bytes", record.text.len());
}

/// More lanes that wait for due times than workers: they share threads, and an end wakes the lane that waits for it.
#[test]
fn many_lanes_on_tasks_are_paced_together() {
    for load in ["--rate 2k/s --count 2k", "--in-flight 200 --count 5k"] {
        let line = format!(
            "stream --dispatch message/tokio-mpsc --instances producer=200 --placement 2 {load} --warmup 0s --trials 1"
        );
        let record = Place::new().record(&line);
        let run = record.only();
        assert_clean(run);
        let ended = if load.contains("5k") { 5_000 } else { 2_000 };
        assert_eq!(count(run, "/trials/0/flows/ended"), ended, "{load}");
    }
}

#[test]
fn a_transport_without_connections_refuses_to_share_them() {
    let done = Place::new().run("run stream --dispatch message/crossbeam --connections 4").with_code(2);
    assert!(done.stderr.contains("instances of this transport cannot share connections"), "{}", done.stderr);
    let done = Place::new().run("run stream --dispatch message/crossbeam --connections 0").with_code(2);
    assert!(done.stderr.contains("each, or a number of connections"), "{}", done.stderr);
}
