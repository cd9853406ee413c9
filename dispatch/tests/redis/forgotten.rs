//! A server that has lost everything when it comes back. What one keeps that writes to a file is in `restarts.rs`.

use crate::{
    support_redis::RedisServer,
    trial::{Trial, ends, made, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Watch,
    outcome::{Cause, Ending, Outcome, Snapshot},
};
use drumpost_kit::suite::PrivateServer;
use std::{sync::mpsc, thread, time::Duration};

/// Long enough for every instance to find nobody there, on a busy machine too.
const AWAY: Duration = Duration::from_secs(5);

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

/// A run over a server that is killed while messages flow, and started again when it was away for so long. `look` is called while messages
/// flow again.
fn over_a_restart(
    transport: &str,
    server: &mut RedisServer,
    away: Duration,
    look: impl FnOnce(&RedisServer),
) -> Outcome {
    let trial = Trial {
        instances: if transport == "redis-pubsub" { &[] } else { &[("warehouse", 2)] },
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
    thread::sleep(away);
    server.come_back();
    look(server);
    run.join().expect("it ends")
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_server_that_comes_back_without_its_data_gets_its_groups_again() {
    let mut server = RedisServer::start();
    let outcome = over_a_restart("redis-stream", &mut server, Duration::ZERO, |_| {});
    let audit = &outcome.audit;
    println!("{audit:?} {:?} {:?}", outcome.outages, outcome.notes);
    assert_eq!((outcome.ending, audit.corrupted), (Ending::Completed, 0), "{audit:?}");
    assert!(audit.unique > 2_000, "messages flow afterwards: {audit:?}");
    assert_eq!(audit.unique + audit.lost + audit.unknown, audit.expected, "{audit:?}");
    assert_eq!(server.keys(), [""; 0], "nothing is left");
}

/// Regression: only the lists of consumers were noted again, so `drumpost clean` did not find what a run had sent that was killed later.
#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_server_that_comes_back_without_its_data_is_told_whose_the_lists_are() {
    let mut server = RedisServer::start();
    let has_owner = |server: &RedisServer| {
        let noted = server.cli().lines(&["HKEYS", "drumpost:owners:redis"]);
        noted.iter().any(|list| !list.is_empty() && !list.contains(":taken:"))
    };
    let outcome = over_a_restart("redis", &mut server, Duration::ZERO, |server| {
        for _ in 0..200 {
            if has_owner(server) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("nobody noted the list to which messages are sent");
    });
    assert_eq!(outcome.ending, Ending::Completed, "{:?}", outcome.audit);
    assert_eq!(server.keys(), [""; 0], "nothing is left");
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_server_is_no_slow_subscriber() {
    let mut server = RedisServer::start();
    let outcome = over_a_restart("redis-pubsub", &mut server, AWAY, |_| {});
    let why = |outage: &drumpost_core::outcome::Outage| match &outage.cause {
        Cause::ConnectionLost { why } => why.clone(),
        other => panic!("{other:?}"),
    };
    let whys: Vec<String> = outcome.outages.iter().map(why).collect();
    assert!(!whys.is_empty() && whys.iter().all(|why| !why.contains("too slow")), "{whys:?}");
}
