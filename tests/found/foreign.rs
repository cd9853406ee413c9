//! Texts from elsewhere: line breaks that would forge a line on stderr, and secrets in the query of a URL.

use crate::support::{Done, Place, Running, files_with};
use serde_json::Value;
use std::fs;

const FORGED: &str = "FORGED";

#[track_caller]
fn not_forged(what: &str, done: &Done) {
    let lines = || done.stderr.split(['\n', '\r']).chain(done.stdout.split(['\n', '\r']));
    assert!(lines().all(|line| !line.starts_with(FORGED)), "{what}\n{}\n{}", done.stdout, done.stderr);
    assert!(done.stderr.contains(FORGED) || done.stdout.contains(FORGED), "{what}: it was not said at all");
}

#[test]
fn a_line_break_in_a_name_begins_no_line() {
    let place = Place::new();
    let text = include_str!("../../results/tests/samples/v1.json");
    let mut record: Value = serde_json::from_str(text).unwrap();
    record["runs"][0]["dispatch"] = "message/x\nFORGED: it is all right".into();
    fs::write(place.path("r.json"), record.to_string()).unwrap();
    for line in ["show r.json", "show r.json --hops", "compare r.json r.json", "export r.json --format hgrm"]
    {
        not_forged(line, &place.run(line));
    }
    not_forged("export", &place.run("export r.json --format csv --dispatch nothing").with_code(2));
    for (suite, says) in [
        ("[[matrix]]\ndispatch = \"x\\nFORGED\"\n", 2),
        ("[[matrix]]\npayload = \"1B\\r\\nFORGED\"\n", 2),
        ("[[matrix]]\n\"x\\nFORGED\" = 1\n", 2),
        ("[[matrix]]\nset.\"x\\nFORGED\" = 1\n", 2),
        ("[[matrix]]\nscenario = \"x\\nFORGED\"\n", 2),
    ] {
        fs::write(place.path("s.toml"), suite).unwrap();
        not_forged(suite, &place.run("suite s.toml --list").with_code(says));
    }
    // A file's name is foreign, too.
    let done = Running::start(place.command("show").arg("nothing\nFORGED.json")).end().with_code(2);
    not_forged("show", &done);
}

/// A server that refuses everyone with an error of two lines.
#[cfg(feature = "nats")]
#[test]
fn a_line_break_in_the_error_of_a_server_begins_no_line() {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let info =
                "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"max_payload\":1048576,\"proto\":1}\r\n";
            let _ = stream.write_all(info.as_bytes());
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"-ERR 'no entry\nFORGED: it is all right'\r\n");
        }
    });
    let place = Place::new();
    let line =
        format!("run stream --dispatch message/nats --nats {url} --duration 100ms --trials 1 --no-tui");
    not_forged(&line, &place.run(&line).with_code(1));
    let line = format!("clean --nats {url}");
    not_forged(&line, &place.run(&line).with_code(1));
}

const SECRET: &str = "hush4711hush";

#[track_caller]
fn kept_secret(what: &str, done: &Done) {
    let printed = format!("{}{}", done.stdout, done.stderr);
    assert!(!printed.contains(SECRET), "{what}\n{printed}");
}

#[test]
fn a_secret_in_the_query_of_a_url_is_neither_printed_nor_stored() {
    let place = Place::new();
    for name in ["password", "pass", "token", "secret", "key", "api_key", "auth", "Access-Token", "sig"] {
        for url in [
            format!("nats://127.0.0.1:1?{name}={SECRET}"),
            format!("127.0.0.1:1/x?a=b&{name}={SECRET}"),
            format!("nats://127.0.0.1:1#{name}={SECRET}"),
        ] {
            for line in [
                format!("run stream --dispatch message/nats --nats {url}"),
                format!("run stream --dispatch message/nats --set nats.url={url}"),
                format!("run stream --dispatch message/jetstream --nats={url}"),
                format!("clean --nats {url}"),
                format!("run stream --set other.url={url}"),
                format!("run stream --duration {url}"),
                format!("show {url}"),
            ] {
                kept_secret(&line, &place.run(&line).with_code(2));
            }
        }
    }
    assert_eq!(files_with(SECRET, &place.path(".")), Vec::<String>::new());
    // A suite's text is kept with the suite. The cell that cannot be run is a row of it.
    let suite = format!(
        "# nats://h?password={SECRET}\n[[matrix]]\nsim = \"service=fixed:1ms\"\ncount = 5\n[[matrix]]\nname = 'b'\n\
         scenario = 'stream'\ndispatch = 'message/nats'\nset.nats.url = 'nats://127.0.0.1:1?token={SECRET}'\n"
    );
    fs::write(place.path("s.toml"), suite).unwrap();
    for line in ["suite s.toml --list", "suite s.toml --out out", "show out", "show out --json"] {
        kept_secret(line, &place.run(line));
    }
    fs::remove_file(place.path("s.toml")).unwrap();
    assert_eq!(files_with(SECRET, &place.path(".")), Vec::<String>::new());
}
