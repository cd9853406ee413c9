//! `drumpost doctor`: what it says of servers that can be measured, and of each thing that may be wrong. A file for each broker.

#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "amqp-tls")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqs")]
mod sqs;

use crate::support::{Done, Place, Running};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

/// A server on a free port that says these words to everyone and nothing more: at once, or each time that it hears something.
fn says(words: &'static [u8], at_once: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut heard = [0; 4096];
                if at_once {
                    let _ = stream.write_all(words);
                }
                while stream.read(&mut heard).is_ok_and(|len| len > 0) {
                    if !at_once {
                        let _ = stream.write_all(words);
                    }
                }
            });
        }
    });
    address
}

fn doctor(line: &str) -> Done {
    let place = Place::new();
    // Objects that a run could not remove are written down there.
    let state = place.path("state");
    Running::start(place.command(&format!("doctor {line}")).env("XDG_STATE_HOME", state)).end()
}

/// That it says no, and why.
fn assert_says(line: &str, reasons: &[&str]) {
    assert_said(doctor(line), reasons);
}

/// The same of several, which are asked at once: they mostly wait.
#[cfg(any(feature = "amqp-tls", feature = "kafka", feature = "mqtt", feature = "nats"))]
fn assert_all_say<const N: usize>(cases: [(String, &[&str]); N]) {
    crate::support::at_once(cases, |(line, reasons)| assert_says(&line, reasons));
}

/// The same of a command that has ended.
#[track_caller]
fn assert_said(done: Done, reasons: &[&str]) {
    let done = done.with_code(1);
    let said = done.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(" FAIL ") && said.ends_with("cannot be measured as it is."), "{said}");
    for reason in reasons {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    for secret in ["s3cret-word", "wr0ng-word"] {
        assert!(!said.contains(secret) && !done.stderr.contains(secret), "{said}");
    }
}

/// Runs a load over a server that is asked with a password, and asserts that the password stands neither in what is printed nor in any file:
/// the record, its page and the notes on what was made there.
#[cfg(any(feature = "amqp-tls", feature = "mqtt"))]
#[track_caller]
fn assert_password_is_kept(transport: &str, url: &str, password: &str) {
    let place = Place::new();
    let run = format!(
        "run stream -d message/{transport} --server {url} --count 500 --warmup 0s --trials 1 --out r.json"
    );
    for (line, codes) in [(&*run, [0, 6]), ("show r.json --hops --html page.html", [0, 0])] {
        let done = Running::start(place.command(line).env("XDG_STATE_HOME", place.path("state"))).end();
        let printed = format!("{}{}", done.stdout, done.stderr);
        assert!(codes.contains(&done.code), "{line}: {printed}");
        assert!(!printed.contains(password), "{line}: {printed}");
    }
    let record = crate::support::Record::from_file(&place.path("r.json"));
    assert!(record.text.contains(":***@127.0.0.1"), "the address stays, without its password");
    assert!(place.path("page.html").exists());
    assert_eq!(crate::support::files_with(password, &place.path(".")), Vec::<String>::new());
}
