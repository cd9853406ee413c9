//! Tests of live figures and of watching: `--prometheus` and `drumpost watch`.

use crate::{
    dashboard::Terminal,
    support::{Done, LIMIT, Place, Running},
};
use drumpost_core::clock::{Clock, Now};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

/// A port that nobody has taken.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn scrape(port: u16) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").ok()?;
    let mut text = String::new();
    connection.read_to_string(&mut text).ok()?;
    text.ends_with("# EOF\n").then_some(text)
}

fn value(text: &str, begins: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with(begins))?.rsplit_once(' ')?.1.parse().ok()
}

/// Figures as long as they are served.
fn scrapes(port: u16, running: Running) -> (Vec<String>, Done) {
    let clock = Clock::start();
    let mut texts = Vec::new();
    loop {
        match scrape(port) {
            Some(text) => texts.push(text),
            None if !texts.is_empty() => return (texts, running.end()),
            None => assert!(clock.now_ns() < LIMIT.as_nanos() as u64, "nothing was ever served"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_run_serves_its_figures_until_it_ends() {
    let (place, port) = (Place::new(), port());
    let line = format!(
        "run stream --dispatch message/crossbeam --rate 2k/s --duration 1s --warmup 200ms --trials 2 --out r.json --prometheus :{port}"
    );
    let (texts, done) = scrapes(port, Running::start(&mut place.command(&line)));
    done.with_code(0);
    let name = "messaging_client_sent_messages_total{messaging_system=\"crossbeam\",messaging_destination_name=\"stream\"";
    let sent: Vec<f64> = texts.iter().filter_map(|text| value(text, name)).collect();
    assert!(sent.len() == texts.len() && sent.is_sorted(), "{sent:?}");
    let last = *sent.last().unwrap();
    let record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(place.path("r.json")).unwrap()).unwrap();
    let trials = record["runs"][0]["trials"].as_array().unwrap();
    let counted: u64 = trials.iter().map(|trial| trial["audit"]["sent"].as_u64().unwrap()).sum();
    assert!(last > 1_000.0 && last <= counted as f64, "{last} of {counted}");
    let labels = "{scenario=\"stream\",dispatch=\"message/crossbeam\"}";
    assert!(texts.iter().any(|text| value(text, &format!("drumpost_trial{labels}")) == Some(2.0)));
    assert!(texts.iter().any(|text| {
        value(text, &format!("drumpost_response_seconds{}", &labels[..labels.len() - 1])).is_some()
    }));
}

/// The process of the trial is told that somebody adds up.
#[test]
fn a_trial_in_a_process_of_its_own_is_counted_while_it_goes_on() {
    let (place, port) = (Place::new(), port());
    let line = format!(
        "run stream --dispatch message/crossbeam --isolate --rate 2k/s --duration 2s --trials 1 --out r.json --prometheus :{port}"
    );
    let (texts, _) = scrapes(port, Running::start(&mut place.command(&line)));
    let is_counted = |text: &String| {
        value(text, "messaging_client_sent_messages_total").is_some_and(|sent| sent > 100.0)
            && value(text, "drumpost_trial{") == Some(1.0)
    };
    assert!(texts.iter().any(is_counted), "{}", texts.last().unwrap());
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_measured() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let done =
        place.run(&format!("run stream --sim service=fixed:1ms --out r.json --prometheus {at}")).with_code(2);
    assert!(done.stderr.contains("failed to listen there"), "{}", done.stderr);
    assert!(!place.path("r.json").exists());
    let done = place.run("run stream --sim service=fixed:1ms --prometheus 0.0.0.0:0").with_code(2);
    assert!(done.stderr.contains("--prometheus-public"), "{}", done.stderr);
    let done = place.run("run stream --sim service=fixed:1ms --prometheus nonsense").with_code(2);
    assert!(done.stderr.contains("write :9464"), "{}", done.stderr);
}

const SUITE: &str = "name = \"two\"\n[[matrix]]\nscenario = \"stream\"\ndispatch = [\"message/crossbeam\", \"event/crossbeam\"]\n\
                     rate = \"1k/s\"\nduration = \"700ms\"\nwarmup = \"0s\"\ntrials = 2\n";

#[test]
fn suites_and_searches_serve_theirs() {
    let place = Place::new();
    fs::write(place.path("two.toml"), SUITE).unwrap();
    let one = port();
    let (texts, done) =
        scrapes(one, Running::start(&mut place.command(&format!("suite two.toml --prometheus :{one}"))));
    done.with_code(0);
    let last = texts.last().unwrap();
    assert_eq!(value(last, "drumpost_rows"), Some(2.0), "{last}");
    assert!(last.contains("row=\"") && last.contains("kind=\"suite\""), "{last}");
    let other = port();
    let line = format!(
        "search stream --dispatch message/crossbeam --slo p50<1s --from 200/s --to 400/s --duration 400ms --repeats 1 --hold 400ms \
         --precision 50% --out s.json --prometheus :{other}"
    );
    let (texts, _) = scrapes(other, Running::start(&mut place.command(&line)));
    assert!(texts.last().unwrap().contains("kind=\"search\""));
}

/// The command, with what is announced in a folder of the test's own.
fn announced(place: &Place, line: &str) -> Command {
    let mut command = place.command(line);
    command.env_remove("DRUMPOST_NO_WATCH").env("XDG_RUNTIME_DIR", place.path(""));
    command
}

/// Waits until a command goes on, and says what is listed.
fn listed(place: &Place) -> String {
    let clock = Clock::start();
    loop {
        let done = Running::start(&mut announced(place, "watch --list")).end().with_code(0);
        if !done.stdout.is_empty() {
            return done.stdout;
        }
        assert!(clock.now_ns() < LIMIT.as_nanos() as u64, "nothing was announced");
    }
}

#[test]
fn a_run_is_watched_to_its_end() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 1k/s --duration 2s --trials 2 --out r.json";
    let running = Running::start(&mut announced(&place, line));
    let list = listed(&place);
    assert!(list.contains("stream-") && list.contains("run"), "{list}");
    let name = list.split_whitespace().next().unwrap();
    let one = Running::start(&mut announced(&place, "watch"));
    let seen = Running::start(&mut announced(&place, &format!("watch {name}"))).end().with_code(0);
    one.end().with_code(0);
    running.end().with_code(0);
    assert!(seen.stdout.contains("message/crossbeam (1/1) · trial "), "{}", seen.stdout);
    assert!(seen.stdout.lines().last().unwrap().contains("2 trials"), "{}", seen.stdout);
    assert!(seen.stderr.contains(&format!("run {name} ended")), "{}", seen.stderr);
    let done = Running::start(&mut announced(&place, "watch")).end().with_code(2);
    assert!(done.stderr.contains("no run that can be watched is in progress"), "{}", done.stderr);
}

#[test]
fn a_run_that_is_killed_is_told_and_leaves_nothing() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 1k/s --duration 60s --out r.json";
    let running = Running::start(&mut announced(&place, line));
    listed(&place);
    let watcher = Running::start(&mut announced(&place, "watch"));
    thread::sleep(Duration::from_millis(1_500));
    // It is killed.
    drop(running);
    let seen = watcher.end().with_code(1);
    assert!(seen.stderr.contains("is gone"), "{}", seen.stderr);
    assert_eq!(Running::start(&mut announced(&place, "watch --list")).end().with_code(0).stdout, "");
    assert_eq!(fs::read_dir(place.path("drumpost")).unwrap().count(), 0);
}

#[test]
fn a_search_tells_which_hold_it_is_on() {
    let place = Place::new();
    let line = "search stream --dispatch message/crossbeam --slo p50<1s --from 200/s --to 400/s --duration 1500ms --repeats 1 \
                --hold 1500ms --precision 50% --out s.json";
    let running = Running::start(&mut announced(&place, line));
    listed(&place);
    let seen = Running::start(&mut announced(&place, "watch")).end();
    running.end();
    assert!(seen.stdout.contains("hold 1 of at most 30, 200 /s"), "{}", seen.stdout);
}

#[test]
fn a_terminal_shows_the_dashboard_of_a_record_and_q_leaves() {
    let place = Place::new();
    place
        .run("run stream --sim service=exp:300us --rate 1k/s --duration 60s --seed 5 --out r.json")
        .with_code(0);
    let mut terminal = Terminal::run(&place, "watch r.json --speed 4", (110, 32));
    let text =
        terminal.shows(&["message/sim", "throughput", "replayed from a record", "1.00 k/s", "trial 1"]);
    assert!(text.contains("p99"), "{text}");
    terminal.press("q");
    assert_eq!(terminal.end().0, 130);
    let (code, left) = Terminal::run(&place, "watch r.json --speed 1000", (110, 32)).end();
    assert_eq!(code, 0);
    assert!(left.contains("message/sim: valid") && left.contains("the replay ended"), "{left}");
}

#[test]
fn keys_hold_a_replay_and_move_it() {
    let place = Place::new();
    place
        .run("run stream --sim service=exp:300us --rate 1k/s --duration 60s --seed 5 --out r.json")
        .with_code(0);
    let mut terminal = Terminal::run(&place, "watch r.json --speed 2", (110, 32));
    terminal.shows(&["REPLAY ×2", "space pause", "←→ seek", "+- speed"]);
    terminal.press(" ");
    terminal.shows(&["PAUSED ×2", "space resume", "running"]);
    terminal.press("+");
    terminal.shows(&["PAUSED ×4"]);
    // More than there is of the record: it stays at the end.
    terminal.press(&"\x1b[C".repeat(21));
    terminal.shows(&["PAUSED ×4", "100 %", "✓ valid"]);
    terminal.press(&"\x1b[D".repeat(21));
    terminal.shows(&["PAUSED ×4", "● running"]);
    terminal.press("?");
    terminal.shows(&["pause the replay, or go on"]);
    terminal.press("?");
    terminal.press(" ");
    terminal.press(&"+".repeat(8));
    // At 1024 times the speed the minute is over soon.
    let (code, left) = terminal.end();
    assert_eq!(code, 0);
    assert!(left.contains("the replay ended"), "{left}");
}

/// A full disk behind stdout is a failure, and not somebody who left.
#[test]
fn a_line_that_cannot_be_printed_is_told() {
    let place = Place::new();
    place
        .run("run stream --sim service=exp:300us --rate 1k/s --duration 60s --seed 5 --out r.json")
        .with_code(0);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.command("watch r.json --speed 10").stdout(full).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("failed to write to stdout"), "{told}");
}

#[test]
fn a_record_and_a_suite_are_replayed() {
    let place = Place::new();
    place.run("run stream --sim service=exp:300us,duplicate=1/40 --rate 1k/s --duration 20s --trials 2 --seed 5 --out r.json");
    let seen = place.run("watch r.json --speed 10");
    assert_eq!(seen.code, 5, "{}{}", seen.stdout, seen.stderr);
    assert!(seen.took > Duration::from_secs(3) && seen.took < Duration::from_secs(60), "{:?}", seen.took);
    assert!(seen.stdout.contains("/sim (1/") && seen.stdout.contains(" · 1.00 k/s · "), "{}", seen.stdout);
    assert!(seen.stdout.contains("2 trials") && seen.stdout.contains("faults"), "{}", seen.stdout);
    let fast = place.run("watch r.json --speed 10 --from 39s");
    assert!(fast.took < Duration::from_secs(3), "{:?}", fast.took);
    fs::write(place.path("two.toml"), SUITE).unwrap();
    place.run("suite two.toml --out folder").with_code(0);
    let seen = place.run("watch folder --speed 1000").with_code(0);
    assert_eq!(seen.stdout.matches("2 trials").count(), 2, "{}", seen.stdout);
    let done = place.run("watch nothing.json").with_code(2);
    assert!(done.stderr.contains("there is no such file"), "{}", done.stderr);
    place.run("watch --speed 10").with_code(2);
}
