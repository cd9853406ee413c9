//! A receiver that does nothing for longer than a broker waits for a ping.

use crate::{
    EMBEDDED, LEVELS, NAME,
    trial::{Trial, ends, made, one_hop},
};
use drumpost_core::{
    load::{Extent, Pace},
    monitor::Unwatched,
    outcome::{Cause, Ending},
    plan::Pause,
};
use std::time::Duration;

/// Regression: at QoS 0 nothing but the client's queue limits what a broker sends, so a client with a full queue read nothing, answers to
/// pings included, and the broker ended the connection after 7.5 s. The queue is full after less than a second here.
#[test]
fn a_receiver_at_qos_0_outlives_a_pause() {
    let trial = Trial {
        pace: Pace::Open { window: 1_000_000 },
        extent: Extent::Duration(9_500_000_000),
        every_ns: 100_000,
        options: LEVELS[0],
        ..Trial::default()
    };
    let mut plan = trial.plan(one_hop(ends));
    let (after, lasts) = (Duration::from_millis(200), Duration::from_secs(9));
    plan.conditions.pause = Some(Pause { service: "warehouse".into(), instance: 0, after, lasts });
    let outcome = made(NAME, EMBEDDED, LEVELS[0]).run(&plan, &mut Unwatched).expect("it opens");
    assert_eq!(outcome.ending, Ending::Completed, "{:?}", outcome.outages);
    assert!(outcome.outages.iter().all(|outage| outage.cause == Cause::Paused), "{:?}", outcome.outages);
    // More than the queues hold, so messages flowed after the pause.
    assert!(outcome.audit.unique > 10_000, "{:?}", outcome.audit);
}
