//! Consumers that die with messages in their hands: each of them comes again, and is counted.

use crate::{
    NAME, seen,
    support_redis::RedisServer,
    trial::{Trial, ends, ends_slowly, one_hop, order_authorization},
};
use drumpost_core::{
    outcome::{Cause, Ending},
    plan::{Kill, Victim},
    scenario::Style,
};
use std::time::Duration;

fn killed(instances: &'static [(&'static str, u16)]) -> Trial {
    // Longer than the run: what the instance claims when it is opened again is not claimed for its age.
    Trial { options: &[("redis.claim-idle", "1h")], ..Trial::killed(instances, 200_000) }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_consumer_loses_nothing_and_another_client_counts_the_same() {
    let server = RedisServer::start();
    for instances in [&[][..], &[("warehouse", 3)]] {
        for style in Style::ALL {
            let (trial, seen) = (Trial { style, ..killed(instances) }, seen(&server));
            let outcome = trial.run_watched(NAME, &server.url(), one_hop(ends_slowly), seen.clone()).unwrap();
            let (audit, (added, _)) = (&outcome.audit, seen.sight().found);
            println!("{style}, {instances:?}: {audit:?} {added} added {:?}", outcome.outages);
            assert_eq!(outcome.ending, Ending::Completed);
            assert_eq!((audit.lost, audit.corrupted, outcome.unfinished), (0, 0, 0), "{audit:?}");
            assert_eq!((audit.confirmed, audit.unique), (Some(audit.sent), audit.expected));
            assert_eq!([added; 2], [audit.sent, audit.unique], "another client counts");
            let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
            let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
            assert!(outage.away_ns >= 500_000_000, "{outage}");
            // Each message that it died with comes again, and so does one whose acknowledgement had not left the process.
            assert!(in_hand >= 8 && audit.duplicated >= in_hand as u64, "{outage}: {audit:?}");
            assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
        }
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_asker_loses_no_reply() {
    let server = RedisServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { service: "order".into(), ..kill });
    let outcome = trial.run(NAME, &server.url(), order_authorization()).unwrap();
    assert_eq!((outcome.audit.lost, outcome.audit.corrupted), (0, 0), "{:?}", outcome.audit);
    assert_eq!(outcome.ending, Ending::Completed);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn others_claim_what_a_consumer_has_that_stays_away() {
    let server = RedisServer::start();
    let mut trial = Trial { options: &[("redis.claim-idle", "200ms")], ..killed(&[("warehouse", 3)]) };
    trial.kill = trial.kill.map(|kill| Kill { down: Duration::from_secs(8), ..kill });
    let outcome = trial.run(NAME, &server.url(), one_hop(ends_slowly)).unwrap();
    let audit = &outcome.audit;
    assert_eq!((outcome.ending.clone(), audit.lost), (Ending::Completed, 0), "{audit:?}");
    let Cause::ConsumerKilled { in_hand } = outcome.outages[0].cause else { panic!("{:?}", outcome.outages) };
    assert!(in_hand >= 8 && audit.duplicated >= in_hand as u64, "{audit:?}");
    assert!(audit.redelivered >= Some(audit.duplicated), "{audit:?}");
    // Everything had come when it was still away.
    assert!(outcome.elapsed_ns < 6_000_000_000, "{}", outcome.elapsed_ns);
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_killed_connection_comes_back() {
    let server = RedisServer::start();
    let mut trial = killed(&[]);
    trial.kill = trial.kill.map(|kill| Kill { what: Victim::Connection, ..kill });
    let outcome = trial.run(NAME, &server.url(), one_hop(ends)).unwrap();
    assert_eq!((outcome.ending.clone(), outcome.audit.lost), (Ending::Completed, 0), "{:?}", outcome.audit);
    assert!(matches!(outcome.outages[0].cause, Cause::ConnectionKilled { .. }), "{:?}", outcome.outages);
}
