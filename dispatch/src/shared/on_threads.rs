//! Runs that every transport on threads without a server has to carry, for the tests of such transports.

use super::testing::{Trial, ask, fan_out, pipe, react_and_ask, two_topics};
use drumpost_core::{
    dispatcher::Dispatcher,
    plan::{Placement, Wait},
    scenario::Style,
};
use std::time::Duration;

/// A trial over threads that sleep when they have nothing to do.
pub(crate) const ON_THREADS: Trial = Trial {
    style: Style::Message,
    instances: &[],
    capacity: 1024,
    batch: 64,
    in_flight: 64,
    count: 5_000,
    await_replies: false,
    placement: Placement::Each,
    wait: Wait::Park,
    flow_timeout: Duration::from_secs(5),
    sample_every: Duration::from_millis(100),
    unconfirmed: 1024,
};

/// Runs over a transport on threads without a server: wait strategies, batches, threads that several instances share, several senders.
pub(crate) fn everything_arrives_once_and_in_order<D: Dispatcher + 'static>(make: fn() -> D) {
    for (batch, wait) in [(64, Wait::Yield), (1, Wait::Park), (7, Wait::Native)] {
        Trial { batch, wait, ..ON_THREADS }.run(make(), pipe(false));
    }
    Trial { placement: Placement::Threads(1), ..ON_THREADS }.run(make(), pipe(false));
    Trial { instances: &[("source", 3)], ..ON_THREADS }.run(make(), pipe(false));
}

/// Runs in which services ask, and in which one both reacts and asks.
pub(crate) fn replies_go_to_who_asked<D: Dispatcher + 'static>(make: fn() -> D) {
    for await_replies in [false, true] {
        Trial { instances: &[("source", 2)], await_replies, ..ON_THREADS }.run(make(), ask());
        Trial { await_replies, ..ON_THREADS }.run(make(), react_and_ask());
    }
}

/// Runs with several subscribers, and with two topics of one.
pub(crate) fn every_subscribing_service_gets_a_copy<D: Dispatcher + 'static>(make: fn() -> D) {
    let events = Trial { style: Style::Event, ..ON_THREADS };
    events.run(make(), fan_out());
    events.run(make(), two_topics());
}
