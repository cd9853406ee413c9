//! Tests of the transport over channels.

use super::*;
use crate::shared::testing::{
    Trial, ask, fan_out, half_a_pipe, numbered, numbers, pipe, react_and_ask, two_topics,
};
use drumpost_core::{
    clock::{Clock, Now},
    plan::{Placement, Wait},
    port::{Inbox, RecvPort},
    scenario::Style,
};

#[test]
fn a_flow_that_ends_where_it_starts_makes_room_for_the_next() {
    for (batch, in_flight) in [(1, 1), (1, 4), (64, 64)] {
        Trial { batch, in_flight, ..Trial::default() }.run(Crossbeam, half_a_pipe());
    }
}

#[test]
fn everything_arrives_once_and_in_order() {
    for style in Style::ALL {
        for (batch, wait) in [(64, Wait::Yield), (1, Wait::Park), (7, Wait::Native), (64, Wait::Park)] {
            Trial { style, batch, wait, ..Trial::default() }.run(Crossbeam, pipe(false));
        }
        let trial = Trial { style, placement: Placement::Threads(1), count: 200_000, ..Trial::default() };
        trial.run(Crossbeam, pipe(false));
    }
    Trial { style: Style::Event, ..Trial::default() }.run(Crossbeam, two_topics());
}

#[test]
fn a_full_queue_holds_the_sender_up() {
    let trial = Trial { capacity: 4, count: 500, ..Trial::default() };
    assert!(trial.run(Crossbeam, pipe(true)).blocked_ns > 0);
}

#[test]
fn competing_instances_share_the_work() {
    for style in Style::ALL {
        let trial = Trial { style, instances: &[("sink", 4), ("source", 2)], ..Trial::default() };
        trial.run(Crossbeam, pipe(false));
    }
}

#[test]
fn a_slow_subscriber_holds_up_and_nothing_is_lost_or_duplicated() {
    for instances in [&[][..], &[("slow", 2), ("fast", 2)]] {
        let trial = Trial { style: Style::Event, capacity: 4, count: 1_000, instances, ..Trial::default() };
        let outcome = trial.run(Crossbeam, fan_out());
        assert!(outcome.blocked_ns > 0);
        assert_eq!(outcome.audit.delivered, 3_000);
        assert_eq!(outcome.audit.sent, 2_000, "the topic nobody hears took everything");
    }
}

#[test]
fn a_fan_out_remembers_who_has_what() {
    let trial = Trial { style: Style::Event, capacity: 4, ..Trial::default() };
    let mut endpoints = Channels::<true>.open(&trial.wiring(&fan_out())).unwrap();
    let mut sends = endpoints.remove(0).sends;
    let mut seen = vec![Vec::new(); 3];
    let mut drain = |of: usize, seen: &mut Vec<Vec<u32>>| {
        let inbox = endpoints[of].inbox.as_mut().unwrap();
        inbox.drain(Inbox::All, 64, |batch, _| seen[of].extend(numbers(batch))).unwrap()
    };
    let batch = numbered(0, 10);
    assert_eq!(sends[0].offer(&batch), Ok(4), "all are full");
    assert_eq!(sends[0].offer(&batch[4..]), Ok(0));
    assert_eq!((drain(0, &mut seen), drain(2, &mut seen)), (4, 4));
    assert_eq!(sends[0].offer(&batch[4..]), Ok(0), "the slow one is still full");
    assert_eq!((drain(0, &mut seen), drain(1, &mut seen)), (4, 4));
    assert_eq!(sends[0].offer(&batch[4..]), Ok(4), "two of them for one subscriber only, who is behind");
    assert_eq!((drain(0, &mut seen), drain(1, &mut seen), drain(2, &mut seen)), (2, 4, 4));
    assert_eq!(sends[0].offer(&batch[8..]), Ok(2));
    assert_eq!((drain(0, &mut seen), drain(1, &mut seen), drain(2, &mut seen)), (0, 2, 2));
    for seen in seen {
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
    assert_eq!(sends[1].offer(&batch), Ok(10), "nobody hears it");
}

#[test]
fn a_window_that_stands_is_written_off() {
    for wait in Wait::ALL {
        Trial { wait, ..Trial::default() }.stuck(Crossbeam);
    }
}

#[test]
fn replies_go_to_who_asked() {
    for await_replies in [false, true] {
        for instances in [&[("source", 2)][..], &[("source", 2), ("server", 2)]] {
            let trial = Trial { instances, await_replies, count: 5_000, ..Trial::default() };
            trial.run(Crossbeam, ask());
        }
    }
}

#[test]
fn a_service_that_reacts_and_asks_gets_both() {
    for await_replies in [false, true] {
        for (instances, wait) in [
            (&[][..], Wait::Park),
            (&[], Wait::Native),
            (&[("middle", 3)], Wait::Park),
            (&[("middle", 2), ("server", 2)], Wait::Native),
        ] {
            let trial = Trial { instances, wait, await_replies, count: 5_000, ..Trial::default() };
            trial.run(Crossbeam, react_and_ask());
        }
    }
}

#[test]
fn a_wait_ends_when_something_comes_and_keeps_it() {
    let mut endpoints = Channels::<true>.open(&Trial::default().wiring(&pipe(false))).unwrap();
    let mut inbox = endpoints.remove(1).inbox.unwrap();
    assert_eq!(inbox.wait(Duration::from_millis(1)), Ok(()));
    assert_eq!(inbox.drain(Inbox::All, 1, |_, _| ()), Ok(0));
    endpoints[0].sends[0].offer(&numbered(7, 2)).unwrap();
    assert_eq!(inbox.wait(Duration::from_secs(10)), Ok(()));
    let mut seen = Vec::new();
    assert_eq!(inbox.drain(Inbox::All, 64, |batch, _| seen.extend(numbers(batch))), Ok(2));
    assert_eq!(seen, [7, 8]);
    endpoints.clear();
    // There is nothing to wait for; the next look tells why.
    let clock = Clock::start();
    assert_eq!(inbox.wait(Duration::from_secs(10)), Ok(()));
    assert!(clock.now_ns() < 9_000_000_000);
    assert_eq!(inbox.drain(Inbox::All, 64, |_, _| ()), Err(PortError::Closed));
}

#[test]
fn a_receiver_that_is_gone_closes_the_sender() {
    let mut endpoints = Channels::<true>.open(&Trial::default().wiring(&pipe(false))).unwrap();
    endpoints.truncate(1);
    assert_eq!(endpoints[0].sends[0].offer(&numbered(0, 3)), Err(PortError::Closed));
}

#[test]
fn a_panicking_handler_ends_the_run() {
    for wait in [Wait::Park, Wait::Native] {
        let failure = Trial { wait, ..Trial::default() }.failure(Crossbeam);
        assert!(failure.contains("number 1000 is too much"), "{failure}");
    }
}
