//! Terminals that go away, that are given to others for a while, that can do little, that are narrow.

use crate::{
    dashboard::Terminal,
    support::{LIMIT, Place, Record, at_once, count},
};
use drumpost_core::clock::{Clock, Now};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, thread, time::Duration};

const LINE: &str = "run stream --dispatch message/crossbeam --warmup 0s --out record.json";
const AT: (u16, u16) = (100, 30);

/// Waits for something for as long as a busy machine may take.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = Clock::start();
    while !is_so() {
        assert!(Duration::from_nanos(clock.now_ns()) < LIMIT / 8, "{what} did not come");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The letter of proc(5): `T` is stopped.
fn state(process: Pid) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('X')
}

#[test]
fn a_terminal_that_is_closed_ends_the_run_and_what_was_measured_is_saved() {
    at_once(["--duration 60s --trials 1", "--duration 60s --no-tui"], |load| {
        let line = format!("{LINE} {load}");
        let place = Place::new();
        let terminal = Terminal::named(&place, &line, AT, Some("xterm"));
        if line.contains("--no-tui") {
            eventually("a line of progress", || terminal.text().contains("message/crossbeam"));
        } else {
            terminal.shows(&["running", "p99"]);
        }
        thread::sleep(Duration::from_millis(500));
        let clock = Clock::start();
        let mut child = terminal.hang_up();
        eventually("the end", || child.try_wait().expect("the state of a child").is_some());
        let took = Duration::from_nanos(clock.now_ns());
        assert!(took < Duration::from_secs(5), "it took {took:?}");
        let status = child.wait().unwrap();
        assert_eq!(status.exit_code(), 130, "{line}: {status:?}");
        let record = Record::from_file(&place.path("record.json"));
        assert_eq!(record.document["partial"], true);
        assert!(record.only()["flows"]["ended"].as_u64().unwrap() > 0);
    });
}

/// Whoever reads keys of a terminal that is gone must not ask it again and again: the run goes on, and so would that.
#[test]
fn a_run_that_outlives_its_terminal_goes_on_and_leaves_the_cores_alone() {
    let place = Place::new();
    // Lanes that sleep nearly all the time.
    let line = "run stream --sim service=fixed:20ms,clock=real --in-flight 1 --warmup 0s --duration 5s --trials 1 \
                --out record.json";
    let terminal = Terminal::outlived(&place, line, AT);
    terminal.shows(&["running", "p99"]);
    let mut child = terminal.hang_up();
    eventually("the end", || child.try_wait().expect("the state of a child").is_some());
    // What was to be printed at the end cannot be.
    assert_eq!(child.wait().unwrap().exit_code(), 1);
    let record = Record::from_file(&place.path("record.json"));
    assert_eq!(record.document["partial"], false);
    let trial = &record.only()["trials"][0];
    // The thread that reads keys is one of the harness's own.
    let (used_ns, of_ns) = (count(trial, "/cost/harness_ns"), count(trial, "/elapsed_ns"));
    assert!(of_ns >= 5_000_000_000 && used_ns < of_ns / 4, "{used_ns} of {of_ns} ns");
}

#[test]
fn a_terminal_that_takes_nothing_holds_nothing_up() {
    at_once(["", "--no-tui"], |lines| {
        let line = format!("{LINE} --duration 6s --trials 1 {lines}");
        let place = Place::new();
        let terminal = Terminal::named(&place, &line, AT, Some("xterm"));
        eventually("a sign of life", || terminal.text().contains("message/crossbeam"));
        let (_open, mut child) = terminal.stall();
        eventually("the record", || place.path("record.json").exists());
        let clock = Clock::start();
        eventually("the end", || child.try_wait().expect("the state of a child").is_some());
        let took = Duration::from_nanos(clock.now_ns());
        assert!(took < Duration::from_secs(10), "it took {took:?}");
        assert_eq!(Record::from_file(&place.path("record.json")).document["partial"], false);
    });
}

#[test]
fn a_run_that_is_stopped_leaves_the_screen_and_takes_it_again() {
    at_once([Signal::TSTP, Signal::STOP], |signal| {
        let place = Place::new();
        let mut terminal =
            Terminal::named(&place, &format!("{LINE} --duration 60s --trials 1"), AT, Some("xterm"));
        terminal.shows(&["running", "p99"]);
        let process = terminal.process();
        kill_process(process, signal).unwrap();
        eventually("the stop", || state(process) == 'T');
        if signal == Signal::TSTP {
            eventually("the shell's screen", || !terminal.is_taken());
        }
        kill_process(process, Signal::CONT).unwrap();
        eventually("going on", || state(process) != 'T');
        terminal.shows(&["running", "p99", "q quit"]);
        terminal.press("q");
        let (code, left) = terminal.end();
        assert_eq!(code, 130, "{left}");
        let record = Record::from_file(&place.path("record.json"));
        let verdict = &record.only()["verdict"];
        assert_ne!(verdict["status"], "valid");
        assert!(verdict.to_string().contains("was stopped and continued 1 time"), "{verdict}");
        assert_eq!(record.only()["trials"][0]["hygiene"]["stops"], 1);
    });
}

/// Ended by a signal as if nothing handled it, but not before the shell has its screen and its modes again.
#[test]
fn a_signal_that_ends_the_process_at_once_leaves_the_terminal_as_it_was() {
    at_once([Signal::QUIT, Signal::USR1, Signal::XCPU], |signal| {
        let place = Place::new();
        let mut terminal =
            Terminal::named(&place, &format!("{LINE} --duration 60s --trials 1"), AT, Some("xterm"));
        terminal.shows(&["running", "p99"]);
        assert!(terminal.is_taken() && terminal.is_raw());
        kill_process(terminal.process(), signal).unwrap();
        let ended = terminal.signalled();
        assert!(ended.is_some(), "{signal:?} is not what ended the process");
        assert!(!terminal.is_raw(), "{signal:?}: raw mode stayed");
        eventually("the shell's screen", || !terminal.is_taken());
    });
}

#[test]
fn a_terminal_that_can_do_nothing_gets_lines() {
    at_once([Some("dumb"), Some(""), None], |name| {
        let place = Place::new();
        let terminal = Terminal::named(&place, &format!("{LINE} --duration 300ms --trials 2"), AT, name);
        // Asked all along: an emulator forgets what was on an alternate screen.
        eventually("the table", || {
            assert!(!terminal.is_taken(), "a dashboard on {name:?}");
            terminal.text().contains("record.json")
        });
        let (code, left) = terminal.end();
        assert!(code == 0 || code == 6, "code {code}:\n{left}");
        assert!(left.contains("message/crossbeam"), "{left}");
    });
}

#[test]
fn tables_fit_a_narrow_terminal() {
    let place = Place::new();
    let line = "run --duration 100ms --warmup 0s --trials 2 --no-tui --out r.json";
    place.run(line);
    for width in ["40", "57", "80"] {
        for line in ["show r.json", "show r.json --hops", "compare r.json r.json", "list"] {
            let output = place.command(line).env("COLUMNS", width).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let columns: usize = width.parse().unwrap();
            // A word that is longer than the terminal is wide cannot be folded: the name of a record, or an option's form.
            let is_name = |text: &str| text.starts_with("A  ") || text.starts_with("B  ");
            let is_wide = |text: &&str| text.chars().count() > columns && text.trim().contains(' ');
            let wide: Vec<&str> = text.lines().filter(is_wide).filter(|text| !is_name(text)).collect();
            assert!(wide.is_empty(), "{line} at {width}:\n{}\n\n{text}", wide.join("\n"));
        }
    }
}

/// The parser of flags quotes a word as it was typed; on a terminal it would take effect.
#[test]
fn a_word_that_acts_on_the_terminal_is_shown_and_does_nothing() {
    for before in ["completions", "help", "export x --format", "search stream --slo", "run stream --rate", ""]
    {
        let line = format!("{before} se\x1b]0;seen\x07\x1b[2J\u{202e}l\u{9b}2Jf");
        let (code, text) = Terminal::named(&Place::new(), &line, AT, Some("xterm")).end();
        assert_eq!(code, 2, "{before}: {text}");
        // A title would not be on the screen, and a screen that was cleared would not have what came before.
        assert!(text.contains("]0;seen") && text.contains("error:"), "{before}: {text}");
        let done = Place::new().run(&line.replace('f', "\r\u{85}forged")).with_code(2);
        assert!(!done.stderr.chars().any(drumpost_results::plain::acts), "{before}: {:?}", done.stderr);
        assert!(!done.stderr.lines().any(|line| line.starts_with("forged")), "{before}: {:?}", done.stderr);
    }
}
