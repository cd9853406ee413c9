//! A server that writes what it confirms to a file, and is killed and started again while messages flow.

use crate::{
    support_redis::RedisServer,
    trial::{Trial, ends, made, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Watch,
    outcome::{Cause, Ending, Snapshot},
};
use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

/// How often a command stands in the server's own log.
fn logged(folder: &Path, command: &str) -> u64 {
    let wanted = format!("\r\n${}\r\n{command}\r\n", command.len()).into_bytes();
    let files = fs::read_dir(folder.join("appendonlydir")).expect("the log").flatten();
    let count = |file: fs::DirEntry| {
        let log = fs::read(file.path()).expect("a file of it");
        log.windows(wanted.len()).filter(|part| *part == wanted).count() as u64
    };
    files.map(count).sum()
}

/// Tells when messages flow.
struct Flows(Option<mpsc::Sender<()>>);

impl Watch for Flows {
    fn sample(&mut self, snapshot: &Snapshot) {
        if snapshot.ended >= 300
            && let Some(flows) = self.0.take()
        {
            let _ = flows.send(());
        }
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Nothing that the server confirmed is lost when it is killed, and its log has as many messages as were received.
fn nothing_confirmed_is_lost(transport: &str, command: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display().to_string();
    let log = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
    let mut server = RedisServer::start_with(&[&["--dir", &at][..], &log].concat());
    let trial = Trial {
        instances: &[("warehouse", 2)],
        pace: Pace::Open { window: 100_000 },
        extent: Extent::Duration(3_000_000_000),
        every_ns: 500_000,
        drain: Duration::from_secs(5),
        ..Trial::default()
    };
    let mut plan = trial.plan(one_hop(ends));
    plan.conditions.reconnect = Some(Duration::from_secs(20));
    let mut dispatcher = made(transport, &server.url(), &[]);
    let (flow, flows) = mpsc::channel();
    let run = thread::spawn(move || dispatcher.run(&plan, &mut Flows(Some(flow))).expect("it opens"));
    flows.recv_timeout(Duration::from_secs(20)).expect("messages flow");
    server.kill();
    server.come_back();
    let outcome = run.join().expect("it ends");
    let (audit, stored) = (&outcome.audit, logged(folder.path(), command));
    assert_eq!((outcome.ending.clone(), audit.corrupted), (Ending::Completed, 0), "{audit:?}");
    let is_lost = |cause: &Cause| matches!(cause, Cause::ConnectionLost { .. });
    assert!(outcome.outages.iter().any(|outage| is_lost(&outage.cause)), "{:?}", outcome.outages);
    assert!(audit.unique > 4_000, "messages flow afterwards: {audit:?}");
    assert_eq!(audit.unique, stored, "the server's log counts: {audit:?}");
    assert!(
        audit.lost <= audit.unconfirmed.unwrap_or(0),
        "only what was not confirmed may be lost: {audit:?}"
    );
    assert!(audit.confirmed <= Some(stored) && stored <= audit.sent, "{audit:?}");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_server_keeps_what_it_confirmed_in_streams() {
    nothing_confirmed_is_lost("redis-stream", "XADD");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_server_keeps_what_it_confirmed_in_lists() {
    nothing_confirmed_is_lost("redis", "RPUSH");
}
