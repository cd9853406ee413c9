//! Tests of live figures as a whole: over HTTP, over the socket, and against the record of what was measured.

use super::*;
use crate::{
    interrupt::Interrupt,
    run::{execute::execute, job::Job, quietly},
};
use drumpost_core::clock::{Clock, Now};
use drumpost_results::model::Run;
use drumpost_tui::Status;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    thread,
};

fn asked(at: &str) -> LiveArgs {
    LiveArgs { prometheus: Some(at.parse().unwrap()), no_watch: true, ..LiveArgs::default() }
}

fn sent(at: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(at).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    // A request that is refused before it is read whole may have its connection reset.
    let _ = connection.read_to_string(&mut text);
    text
}

fn scraped(at: SocketAddr) -> String {
    let answer = sent(at, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("openmetrics-text"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert!(body.ends_with("# EOF\n"));
    body.to_owned()
}

/// The value of the one sample of a name whose labels hold all of these.
#[track_caller]
fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let is_it = |line: &&str| {
        line.split_once('{')
            .is_some_and(|(own, rest)| own == name && labels.iter().all(|label| rest.contains(label)))
    };
    let found: Vec<&str> = text.lines().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}\n{text}");
    found[0].rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Runs a command line with its figures served, and gives the last ones and the record.
fn measured(line: &str) -> (String, Record) {
    let registry = crate::builtin();
    let job = quietly::job(&registry, line.split_whitespace()).unwrap();
    let mut live = Live::open(&asked(":0"), &About::of_record("run", &job.record)).unwrap();
    let at = live.server.as_ref().unwrap().address();
    let events = live.begin();
    let record = execute(&registry, &job, &events, &Interrupt::default(), &mut |_| ());
    drop(events);
    live.wait();
    let text = scraped(at);
    live.end();
    assert!(TcpStream::connect(at).is_err(), "the port is closed");
    (text, record)
}

#[track_caller]
fn agrees(text: &str, run: &Run) {
    let dispatch = format!("dispatch=\"{}\"", run.dispatch);
    let of = |name: &str, labels: &[&str]| value(text, name, &[&[dispatch.as_str()], labels].concat()) as u64;
    let (audit, response) = (run.audit(), run.response());
    let flows = run.trials.iter().fold(drumpost_results::Flows::default(), |mut all, trial| {
        all.merge(&trial.flows);
        all
    });
    assert!(audit.sent > 0 && flows.ended > 0);
    let system = format!("messaging_system=\"{}\"", run.dispatch.split_once('/').unwrap().1);
    assert_eq!(of("messaging_client_sent_messages_total", &[&system]), audit.sent);
    assert_eq!(of("messaging_client_consumed_messages_total", &[&system]), audit.delivered);
    for (state, n) in [
        ("sent", audit.sent),
        ("expected", audit.expected),
        ("lost", audit.lost),
        ("duplicated", audit.duplicated),
        ("reordered", audit.reordered),
        ("corrupted", audit.corrupted),
    ] {
        assert_eq!(of("drumpost_messages_total", &[&format!("state=\"{state}\"")]), n, "{state}");
    }
    for (state, n) in
        [("due", flows.due), ("started", flows.started), ("ended", flows.ended), ("lost", flows.lost)]
    {
        assert_eq!(of("drumpost_flows_total", &[&format!("state=\"{state}\"")]), n, "{state}");
    }
    for name in ["messaging_process_duration_seconds_count", "drumpost_response_seconds_count"] {
        assert_eq!(of(name, &[]), response.count(), "{name}");
    }
    assert_eq!(of("messaging_process_duration_seconds_bucket", &["le=\"+Inf\""]), response.count());
    let sum = value(text, "messaging_process_duration_seconds_sum", &[&dispatch]);
    assert!((sum - response.sum_ns() as f64 / 1e9).abs() <= sum * 1e-9, "{sum}");
    let to_1ms = of("messaging_process_duration_seconds_bucket", &["le=\"0.001\""]);
    let [below, above] =
        [0.998, 1.002].map(|share| response.histogram().count_between(0, (1e6 * share) as u64));
    assert!((below..=above).contains(&to_1ms), "{below} {to_1ms} {above}");
    let ended: u64 =
        STATUSES.iter().map(|status| of("drumpost_ended_trials_total", &[&format!("=\"{status}\"")])).sum();
    assert_eq!(ended, run.trials.len() as u64);
}

const STATUSES: [&str; 5] = ["valid", "suspect", "invalid", "refused", "failed"];

/// In virtual time with faults, so that what is known at the end alone is there, too.
#[test]
fn the_counters_of_a_run_with_faults_are_those_of_its_record() {
    let (text, record) = measured(
        "stream --sim service=exp:300us,loss=1/50,duplicate=1/40,reorder=1/30 --rate 1k/s --duration 4s --warmup 1s --trials 3 --seed 5",
    );
    let audit = record.runs[0].audit();
    assert!(audit.lost > 0 && audit.duplicated > 0 && audit.reordered > 0, "{audit}");
    record.runs.iter().for_each(|run| agrees(&text, run));
    assert_eq!(value(&text, "drumpost_finished", &[]) as u64, 0, "this run told no end");
}

#[test]
fn the_counters_of_a_run_on_a_real_clock_are_those_of_its_record() {
    let (text, record) = measured(
        "stream --dispatch message/crossbeam,event/crossbeam --duration 300ms --warmup 100ms --trials 2 --rate 5k/s",
    );
    record.runs.iter().for_each(|run| agrees(&text, run));
}

/// The events of a job.
fn told_of(job: &Job, adds_up: bool) -> Vec<Event> {
    let (to, seen) = channel();
    let events = Events::new(to, adds_up);
    execute(&crate::builtin(), job, &events, &Interrupt::default(), &mut |_| ());
    drop(events);
    seen.iter().collect()
}

/// Making them reads a histogram for each snapshot, and the dashboard and `drumpost watch` show none of them.
#[test]
fn totals_are_made_where_a_viewer_adds_up_and_nowhere_else() {
    let line = "stream --sim service=exp:300us --rate 1k/s --duration 2s --trials 1 --seed 5";
    let job = quietly::job(&crate::builtin(), line.split_whitespace()).unwrap();
    let totals = |adds_up| {
        let all = told_of(&job, adds_up);
        assert!(all.iter().any(|event| matches!(event, Event::Sample(_))));
        all.iter().filter(|event| matches!(event, Event::Totals { .. })).count()
    };
    assert_eq!(totals(false), 0);
    assert!(totals(true) > 10);
    let adds_up = |args: &LiveArgs| {
        let mut live = Live::open(args, &About::default()).unwrap();
        let adds_up = live.begin().adds_up();
        live.end();
        adds_up
    };
    assert!(adds_up(&asked(":0")));
    assert!(!adds_up(&LiveArgs { no_watch: true, ..LiveArgs::default() }));
}

/// A pair that the machine disturbed is measured again under the same number. Its messages were sent, and so they count.
#[test]
fn trials_that_are_measured_again_count_again() {
    let about = About { rows: vec![Row::default()], ..About::default() };
    let mut figures = Figures::new(&about);
    for (sent, so_far) in [(30, 10), (50, 20)] {
        let totals = |sent, is_over| {
            let audit = drumpost_results::Audit { sent, ..drumpost_results::Audit::default() };
            let totals = Box::new(drumpost_results::metrics::Totals { audit, ..Default::default() });
            Event::Totals { dispatch: 0, trial: 4, is_over, totals }
        };
        figures.tell(&Event::TrialStarted { dispatch: 0, trial: 4 });
        figures.tell(&totals(so_far, false));
        figures.tell(&totals(sent, true));
        figures.tell(&Event::TrialEnded {
            dispatch: 0,
            trial: 4,
            status: Status::Suspect,
            note: String::new(),
        });
    }
    let text = figures.text();
    assert_eq!(value(&text, "messaging_client_sent_messages_total", &[]) as u64, 80);
    assert_eq!(value(&text, "drumpost_messages_total", &["state=\"sent\""]) as u64, 80);
    assert_eq!(value(&text, "drumpost_ended_trials_total", &["suspect"]) as u64, 2);
    let help = |name: &str| text.lines().find(|line| line.starts_with(&format!("# HELP {name} "))).unwrap();
    for name in ["messaging_client_sent_messages", "drumpost_ended_trials"] {
        assert!(help(name).contains("pairs that a comparison repeated included"), "{}", help(name));
    }
}

#[test]
fn the_server_has_its_version_and_its_connections() {
    let mut figures = Figures::new(&About { rows: vec![Row::default()], ..About::default() });
    figures.tell(&Event::TrialStarted { dispatch: 0, trial: 0 });
    let server = |connections| drumpost_tui::Server {
        product: "a-server".into(),
        version: Some("1.2 \"beta\"".into()),
        connections,
    };
    for (connections, expected) in [(None, None), (Some(5), Some(5.0))] {
        figures.tell(&Event::Server { dispatch: 0, server: server(connections) });
        figures.tell(&Event::Sample(drumpost_tui::Sample::default()));
        let text = figures.text();
        assert!(text.contains(r#"product="a-server",version="1.2 \"beta\""} 1"#), "{text}");
        let open = text.contains("drumpost_server_connections{");
        assert_eq!(open, expected.is_some(), "{text}");
        expected.into_iter().for_each(|n| assert_eq!(value(&text, "drumpost_server_connections", &[]), n));
    }
}

#[test]
fn counters_never_fall_while_trials_follow_each_other() {
    let line = "stream --sim service=exp:300us,duplicate=1/40 --rate 1k/s --duration 2s --trials 3 --seed 5";
    let job = quietly::job(&crate::builtin(), line.split_whitespace()).unwrap();
    let seen = told_of(&job, true);
    let mut figures = Figures::new(&About::of_record("run", &job.record));
    let mut before = std::collections::BTreeMap::new();
    let mut grown = 0;
    for event in seen {
        figures.tell(&event);
        for line in
            figures.text().lines().filter(|line| line.contains("_total{") || line.contains("_bucket{"))
        {
            let (name, now) = line.rsplit_once(' ').unwrap();
            let now: f64 = now.parse().unwrap();
            let earlier = before.insert(name.to_owned(), now).unwrap_or(0.0);
            assert!(now >= earlier, "{name} fell from {earlier} to {now}");
            grown += u32::from(now > earlier);
        }
    }
    assert!(grown > 100, "{grown}");
}

#[test]
fn an_address_that_others_reach_has_to_be_allowed() {
    let about = About::default();
    let refused = |args: &LiveArgs| Live::open(args, &about).err().unwrap().to_string();
    let why = refused(&asked("0.0.0.0:0"));
    assert!(why.contains("--prometheus-public"), "{why}");
    Live::open(&LiveArgs { prometheus_public: true, ..asked("0.0.0.0:0") }, &about).unwrap().end();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let why = refused(&asked(&taken.local_addr().unwrap().to_string()));
    assert!(why.contains("failed to listen there") && why.contains(":0 for any"), "{why}");
}

#[test]
fn only_metrics_are_served() {
    let live = Live::open(&asked(":0"), &About::default()).unwrap();
    let at = live.server.as_ref().unwrap().address();
    assert!(at.ip().is_loopback());
    let status = |request: &str| sent(at, request).lines().next().unwrap_or_default().to_owned();
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status("GET /metrics/x HTTP/1.0\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status("GET /metrics?name=x HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
    assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status("hello\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert!(sent(at, "HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(8 * 1024));
    assert_eq!(status(&long), "HTTP/1.1 431 Request Header Fields Too Large");
    live.end();
}

/// A page of another host that a browser on this machine shows may point its name at the loopback. It may not read what is served there.
#[test]
fn a_request_for_another_host_is_refused_unless_others_may_read() {
    let get = |host: &str| format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let live = Live::open(&asked(":0"), &About::default()).unwrap();
    let at = live.server.as_ref().unwrap().address();
    for host in [&*format!("localhost:{}", at.port()), &at.to_string(), "[::1]:1"] {
        assert!(sent(at, &get(host)).starts_with("HTTP/1.1 200 OK\r\n"), "{host}");
    }
    let refused = sent(at, &get("rebound.example:80"));
    assert!(refused.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{refused}");
    assert!(refused.contains("names another host") && !refused.contains("drumpost_"), "{refused}");
    // Nor is a second header taken for the first one.
    let two = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n";
    assert!(sent(at, two).starts_with("HTTP/1.1 421"));
    live.end();
    let public = LiveArgs { prometheus_public: true, ..asked(":0") };
    let live = Live::open(&public, &About::default()).unwrap();
    let at = live.server.as_ref().unwrap().address();
    assert!(sent(at, &get("rebound.example:80")).starts_with("HTTP/1.1 200 OK\r\n"));
    live.end();
}

/// Clients that say nothing take all places for a while, and then others are served again.
#[test]
fn clients_that_say_nothing_are_sent_away() {
    let live = Live::open(&asked(":0"), &About::default()).unwrap();
    let at = live.server.as_ref().unwrap().address();
    let clock = Clock::start();
    let mut silent: Vec<TcpStream> = (0..12).map(|_| TcpStream::connect(at).unwrap()).collect();
    let is_served = || sent(at, "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200");
    while !is_served() {
        assert!(clock.now_ns() < 30_000_000_000, "nobody is served any more");
        thread::sleep(Duration::from_millis(50));
    }
    for one in &mut silent {
        one.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The end, or a reset.
        assert!(!matches!(one.read(&mut [0; 1]), Ok(1)));
    }
    live.end();
}

fn lines(folder: &Path) -> BufReader<UnixStream> {
    let path = folder::sockets(folder).pop().expect("a socket");
    let connection = UnixStream::connect(path).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    BufReader::new(connection)
}

fn told(lines: &mut BufReader<UnixStream>) -> Option<Event> {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
}

#[test]
fn a_watcher_is_told_what_was_and_what_happens() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("private");
    let about = About { kind: "run", id: "run-1".into(), rows: Vec::new() };
    let (announced, mut teller) = announce::Announced::start_in(&folder, &about).unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let started = Event::Started(drumpost_tui::Plan::default());
    teller.tell(&started);
    let mut watcher = lines(&folder);
    let mut hello = String::new();
    watcher.read_line(&mut hello).unwrap();
    let hello: folder::Hello = serde_json::from_str(&hello).unwrap();
    assert_eq!((hello.id.as_str(), hello.pid), ("run-1", std::process::id()));
    assert_eq!(told(&mut watcher), Some(started));
    let warning = Event::Warning("late".into());
    teller.tell(&warning);
    assert_eq!(told(&mut watcher), Some(warning));
    let finished = Event::Finished { note: String::new() };
    teller.tell(&finished);
    drop(teller);
    announced.end();
    assert_eq!(told(&mut watcher), Some(finished));
    assert_eq!(told(&mut watcher), None, "the connection is closed");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the socket is removed");
}

/// A watcher that reads nothing holds up nobody, and no more than a bounded number of events is kept for it.
#[test]
fn a_watcher_that_reads_nothing_delays_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("private");
    let (announced, mut teller) = announce::Announced::start_in(&folder, &About::default()).unwrap();
    let stuck = lines(&folder);
    let mut reads = lines(&folder);
    reads.read_line(&mut String::new()).unwrap();
    let clock = Clock::start();
    for i in 0..100_000 {
        teller.tell(&Event::Sample(drumpost_tui::Sample { sent: i, ..drumpost_tui::Sample::default() }));
    }
    assert!(clock.now_ns() < 30_000_000_000);
    assert!(matches!(told(&mut reads), Some(Event::Sample(_))));
    drop((stuck, reads));
    announced.end();
}

#[test]
fn what_a_killed_process_left_is_removed_and_a_folder_of_others_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("private");
    folder::make(&folder).unwrap();
    // No process has this number.
    let left = folder.join("2147483646-abcd.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert!(left.exists());
    assert!(folder::sockets(&folder).is_empty() && !left.exists());
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    let why = announce::Announced::start_in(&folder, &About::default()).err().unwrap();
    assert!(why.contains("open to other users"), "{why}");
}
