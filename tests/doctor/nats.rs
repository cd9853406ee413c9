//! Servers of NATS, and what the command says of any server.

use super::{assert_all_say, assert_says, doctor, says};
use crate::{
    nats::{server, server::NatsServer},
    support::Place,
    support_secured::Safe,
};
use serde_json::Value;

/// A server on a free port that greets everyone with these words and says nothing more.
fn greeter(words: &'static [u8]) -> String {
    format!("nats://{}", says(words, true))
}

#[test]
fn a_port_where_nothing_listens() {
    let url = format!("nats://127.0.0.1:{}", server::free_port());
    assert_says(
        &format!("nats --server {url}"),
        &[
            "FAIL port nothing listens on 127.0.0.1:",
            "start the server",
            "note expects address of the server: nats://HOST:PORT",
        ],
    );
    assert_says(
        "nats nats://no-such-host.invalid:4222",
        &["the name no-such-host.invalid is not known here"],
    );
}

#[test]
fn a_port_where_something_else_listens() {
    let web = greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let shell = greeter(b"SSH-2.0-OpenSSH_9.2\r\n");
    assert_all_say([
        (format!("nats {web}"), &["ok port", "FAIL commands", "note answers a web server"]),
        (format!("jetstream {shell}"), &["FAIL commands", "note answers an SSH server"]),
        // Says nothing at all: the client has a limit.
        (format!("nats {}", greeter(b"")), &["ok port", "FAIL commands", "no answer within"]),
    ]);
}

#[test]
fn mistakes_of_the_command_line() {
    for (line, says) in [
        ("doctor rtrb", "rtrb has no server; those that have one: "),
        ("doctor nats://a:1 nats://b:1", "one address at a time"),
        ("doctor nats --set nats.urll=x", "nats.urll"),
        ("doctor ftp://a:1", "no transport with a server has such an address"),
        // A slash is missing: what follows may hold a password, so it is not repeated.
        ("doctor nats nats:/bob:s3cret-word@127.0.0.1:1", "two slashes follow the `:` of a scheme"),
    ] {
        let done = Place::new().run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
        assert!(!done.stderr.contains("s3cret"), "{line}: {}", done.stderr);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_can_be_measured() {
    let server = NatsServer::start();
    let done = doctor(&format!("{} --json", server.url())).with_code(0);
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&document["schema_version"], &document["all_well"]), (&1.into(), &true.into()));
    let servers = document["servers"].as_array().unwrap();
    assert!(servers.len() >= 2, "{document}");
    for server in servers {
        let whats: Vec<&str> = server["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["what"].as_str().unwrap())
            .collect();
        assert_eq!(whats, ["port", "server", "commands", "events"], "{server}");
        assert!(server["findings"][1]["says"].as_str().unwrap().starts_with("nats-server 2."), "{server}");
        assert!(server["findings"][2]["says"].as_str().unwrap().contains("none lost, p50 "), "{server}");
    }
    let cleaned = Place::new().run(&format!("clean jetstream --server {}", server.url())).with_code(0);
    assert!(cleaned.stdout.contains("nothing to remove"), "{}", cleaned.stdout);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_login_that_is_missing_or_wrong_and_permissions_that_are_missing() {
    let safe = Safe::new();
    let users = r#"authorization { users: [
        { user: all, password: s3cret-word }
        { user: deaf, password: s3cret-word, permissions: { subscribe: { deny: ">" } } }
    ] }"#;
    let server = NatsServer::start_with(&safe.arguments(users));
    let url = |user: &str| format!("nats nats://{user}127.0.0.1:{}", server.port);
    doctor(&url("all:s3cret-word@")).with_code(0);
    assert_says(&url(""), &["FAIL commands nats-server refused the login", "password"]);
    let done = doctor(&url("all:wr0ng-word@")).with_code(1);
    assert!(
        done.stdout.contains("refused the login") && !done.stdout.contains("wr0ng-word"),
        "{}",
        done.stdout
    );
    assert_says(&url("deaf:s3cret-word@"), &["FAIL commands", "ermission"]);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_part_of_the_server_that_is_not_turned_on_and_a_line_without_tls() {
    let plain = NatsServer::start_with::<&str>(&[]);
    assert_says(&format!("jetstream {}", plain.url()), &["ok port", "FAIL commands", "JetStream"]);
    drop(plain);
    let safe = Safe::new();
    safe.certificates();
    let server = NatsServer::start_with(&safe.arguments(&safe.tls(false)));
    let url = format!("nats tls://127.0.0.1:{}", server.port);
    assert_says(&url, &["FAIL commands", "certificate", "nats.tls-ca"]);
    doctor(&format!("{url} --set nats.tls-ca={}", safe.text("ca.pem"))).with_code(0);
}
