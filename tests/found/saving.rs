//! Killed processes: what was finished is in the record, and nothing else stays behind.
//!
//! The moments are drawn from a seed that is printed when a test fails. `scripts/kill-trial` does the same many times.

use crate::support::{LIMIT, Place, Record, at_once, seeds};
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// Kills the process of `command` some time after the first line on stderr that has `word` in it. Gives all such lines.
fn killed(command: &mut Command, word: &'static str, after: Duration) -> Vec<String> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let (tell, begun) = channel();
    let lines = thread::spawn(move || {
        let told = stderr.lines().map_while(Result::ok).filter(|line| line.contains(word));
        let told = told.inspect(|_| {
            let _ = tell.send(());
        });
        told.collect::<Vec<_>>()
    });
    begun.recv_timeout(LIMIT / 4).expect("something finished");
    thread::sleep(after);
    child.kill().expect("a process to kill");
    child.wait().expect("it ends");
    lines.join().expect("its lines")
}

/// Some moments up to 2 s.
fn moments(seed: u64, n: u64) -> impl Iterator<Item = Duration> {
    (0..n).map(move |i| {
        let drawn = seed.wrapping_add(i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        Duration::from_millis(drawn % 2_000)
    })
}

/// Temporary files in a folder.
fn left_over(place: &Place, folder: &str) -> usize {
    let files = fs::read_dir(place.path(folder)).unwrap().map(|file| file.unwrap().file_name());
    files.filter(|name| name.to_string_lossy().ends_with(".tmp")).count()
}

#[test]
fn a_run_that_is_killed_keeps_the_trials_that_were_finished() {
    for seed in seeds(&[1]) {
        at_once(moments(seed, 5), |after| {
            let place = Place::new();
            let line =
                "stream --dispatch message/crossbeam --duration 40ms --warmup 0s --trials 200 --no-tui";
            let mut command = place.command(&format!("run {line} --out out/r.json"));
            let told = killed(&mut command, "trial", after).len();
            let what = format!("seed {seed}, killed after {after:?}, {told} trials told");
            if !place.path("out/r.json").exists() {
                assert_eq!(told, 0, "no record: {what}");
                return;
            }
            let record = Record::from_file(&place.path("out/r.json"));
            let kept = record.only()["trials"].as_array().unwrap().len();
            assert!(kept >= told, "{kept} kept: {what}");
            assert_eq!(record.document["partial"], true, "{what}");
            let reason = record.document["partial_reason"].as_str().unwrap();
            assert!(reason.starts_with(&format!("{kept} of 200 trials are in this record")), "{reason}");
            place.run("show out/r.json").with_code(0);
            place.run("run stream --sim service=fixed:1ms --count 10 --out out/last.json").with_code(0);
            assert_eq!(left_over(&place, "out"), 0, "temporary files stayed: {what}");
        });
    }
}

#[test]
fn a_search_that_is_killed_keeps_the_holds_that_were_made() {
    for seed in seeds(&[2]) {
        at_once(moments(seed, 4), |after| {
            let place = Place::new();
            let line =
                "stream --dispatch message/crossbeam --slo p50<1s --from 100/s --duration 100ms --warmup 0s";
            let mut command = place.command(&format!("search {line} --out out/r.json"));
            let told = killed(&mut command, "bracket", after).len();
            let what = format!("seed {seed}, killed after {after:?}, {told} holds told");
            if !place.path("out/r.json").exists() {
                assert_eq!(told, 0, "no record: {what}");
                return;
            }
            let record = Record::from_file(&place.path("out/r.json"));
            let holds = record.document["search"]["dispatches"][0]["holds"].as_array().unwrap().len();
            assert!(holds >= told && holds == record.runs().count(), "{holds} kept: {what}");
            assert_eq!(record.document["partial"], true, "{what}");
            place.run("show out/r.json").with_code(0);
        });
    }
}
