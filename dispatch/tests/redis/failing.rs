//! What a server refuses, and what dead processes left behind.

use crate::{
    NAME,
    support_redis::RedisServer,
    trial::{Reacts, Trial, assert_sound, ends, made, one_hop},
};
use drumpost_core::{
    handler::Reactor,
    load::{Extent, Pace},
    transport::OpenError,
};
use drumpost_kit::owner::Owner;
use std::{thread, time::Duration};

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_password_is_asked_for_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", SECRET]);
    let with = |who: &str| server.url().replace("://", &format!("://{who}@"));
    let trial = Trial { extent: Extent::Count(100), ..Trial::default() };
    assert_sound(&trial.run(NAME, &with(&format!(":{SECRET}")), one_hop(ends)).unwrap(), 100);
    for url in [server.url(), with(&format!(":{SECRET}2")), with(&format!("me:{SECRET}"))] {
        let Err(OpenError::Failed(what)) = trial.run(NAME, &url, one_hop(ends)) else { panic!("{url}") };
        assert!(what.contains(&server.url()) && !what.contains(SECRET), "{what}");
    }
}

/// Stands still for two seconds at the first message.
pub(crate) fn stalls() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| {
        if message.number == 0 {
            thread::sleep(Duration::from_secs(2));
        }
        out.end(message);
    }))
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn what_a_full_server_refuses_is_counted_and_told() {
    let server = RedisServer::start_with(&["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"]);
    let trial = Trial {
        extent: Extent::Count(20_000),
        pace: Pace::Closed { in_flight: 20_000 },
        payload_len: 1_000,
        drain: Duration::from_secs(5),
        ..Trial::default()
    };
    let outcome = trial.run(NAME, &server.url(), one_hop(stalls)).unwrap();
    let (audit, notes) = (&outcome.audit, outcome.notes.join("\n"));
    println!("{audit:?} {notes}");
    let refused = audit.refused.unwrap_or(0);
    assert!(refused > 0, "{audit:?}");
    assert_eq!((audit.confirmed, audit.unique), (Some(20_000 - refused), 20_000 - refused), "{audit:?}");
    assert!(
        notes.contains(&format!("refused to store {refused} messages")) && notes.contains("OOM"),
        "{notes}"
    );
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn streams_of_dead_processes_are_cleaned_and_no_others() {
    let server = RedisServer::start();
    let Some(this) = Owner::this() else { return };
    let alive = this.description();
    let dead = alive.split(" started=").next().unwrap().to_owned() + " started=1";
    for (stream, owner) in [("dead", dead.as_str()), ("alive", alive.as_str()), ("mine", "")] {
        server.cli().lines(&["XADD", stream, "*", "a", "b"]);
        if !owner.is_empty() {
            server.cli().lines(&["HSET", "drumpost:owners:redis-stream", stream, owner]);
        }
    }
    let cleaned = made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!((cleaned.at, cleaned.removed), (server.url(), vec!["dead".to_owned()]));
    // Lists have owners of their own.
    server.cli().lines(&["HSET", "drumpost:owners:redis", "list", dead.as_str()]);
    let cleaned_streams = made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!(cleaned_streams.removed, [""; 0]);
    let cleaned_lists = made("redis", &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!(cleaned_lists.removed, ["list"]);
    assert!(cleaned.kept[0].starts_with("alive: process "), "{:?}", cleaned.kept);
    let mut keys = server.keys();
    keys.sort();
    assert_eq!(keys, ["alive", "drumpost:owners:redis-stream", "mine"]);
}
