//! Tests of both ports over real shared memory, and of whole runs.

use super::*;
use crate::shared::{
    on_threads,
    testing::{Trial, fan_out, numbered, numbers, pipe},
};
use drumpost_core::{headers::Shape, scenario::Style};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const TRIAL: Trial = on_threads::ON_THREADS;
const EVENTS: Trial = Trial { style: Style::Event, ..TRIAL };

#[test]
fn everything_arrives_once_and_in_order() {
    on_threads::everything_arrives_once_and_in_order(|| Iceoryx2);
}

#[test]
fn replies_go_to_who_asked() {
    on_threads::replies_go_to_who_asked(|| Iceoryx2);
}

#[test]
fn every_subscribing_service_gets_a_copy() {
    on_threads::every_subscribing_service_gets_a_copy(|| Iceoryx2);
}

/// All ends of a wiring, for threads that sleep.
fn open(trial: &Trial, scenario: &drumpost_core::scenario::Scenario) -> (Vec<Outlet>, Vec<Inlet>) {
    let endpoints = SharedMemory { sleeps: true }.open(&trial.wiring(scenario)).unwrap();
    let (mut sends, mut inlets) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        sends.extend(endpoint.sends);
        inlets.extend(endpoint.inbox);
    }
    (sends, inlets)
}

fn drained(inlet: &mut Inlet) -> Vec<u32> {
    let mut seen = Vec::new();
    while inlet.drain(Inbox::All, 3, |batch, _| seen.extend(numbers(batch))).unwrap() > 0 {}
    seen
}

#[test]
fn a_full_queue_takes_nothing_until_it_is_read() {
    let (mut sends, mut inlets) = open(&Trial { capacity: 4, ..TRIAL }, &pipe(false));
    assert_eq!(sends[0].offer(&numbered(0, 9)), Ok(4));
    assert_eq!(sends[0].offer(&numbered(4, 9)), Ok(0));
    assert_eq!(inlets[0].drain(Inbox::All, 1, |batch, _| assert_eq!(numbers(batch), [0])), Ok(1));
    assert_eq!(sends[0].offer(&numbered(4, 9)), Ok(1));
    assert_eq!(drained(&mut inlets[0]), [1, 2, 3, 4]);
    assert_eq!(sends[0].offer(&numbered(5, 9)), Ok(4));
}

/// One of three subscribers reads; the others have no room. What it has early it does not get twice.
#[test]
fn an_event_is_taken_when_each_service_has_it() {
    let (mut sends, mut inlets) = open(&Trial { capacity: 4, ..EVENTS }, &fan_out());
    assert_eq!(sends[0].offer(&numbered(0, 6)), Ok(4));
    assert_eq!(drained(&mut inlets[0]), [0, 1, 2, 3]);
    assert_eq!(sends[0].offer(&numbered(4, 2)), Ok(0), "the others have no room");
    assert_eq!(drained(&mut inlets[0]), [4, 5]);
    for inlet in &mut inlets[1..] {
        assert_eq!(drained(inlet), [0, 1, 2, 3]);
    }
    assert_eq!(sends[0].offer(&numbered(4, 2)), Ok(2));
    for (inlet, seen) in inlets.iter_mut().zip([&[][..], &[4, 5], &[4, 5]]) {
        assert_eq!(drained(inlet), seen);
    }
    assert_eq!(sends[1].offer(&numbered(0, 9)), Ok(9), "nobody hears it");
}

fn is_readable(socket: &OwnedFd, for_ms: i64) -> bool {
    let at_most = Timespec { tv_sec: for_ms / 1_000, tv_nsec: for_ms % 1_000 * 1_000_000 };
    poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&at_most)).unwrap() > 0
}

/// A notification is a system call: one that has not said that it sleeps gets none, and one call wakes for any number of messages.
#[test]
fn only_one_that_said_that_it_sleeps_is_called() {
    let (mut sends, mut inlets) = open(&TRIAL, &pipe(false));
    let (outlet, inlet) = (&mut sends[0], &mut inlets[0]);
    let socket = inlet.socket().unwrap();
    assert_eq!(outlet.offer(&numbered(0, 2)), Ok(2));
    assert!(!is_readable(&socket, 0), "it has not looked yet");
    assert_eq!(drained(inlet), [0, 1]);
    assert!(!is_readable(&socket, 0), "nothing came since it said that it sleeps");
    assert_eq!(outlet.offer(&numbered(2, 1)), Ok(1));
    assert!(is_readable(&socket, 1_000));
    assert_eq!(outlet.offer(&numbered(3, 1)), Ok(1));
    assert_eq!(drained(inlet), [2, 3]);
    assert!(!is_readable(&socket, 0), "the call was heard, and there was one");
    let unslept = SharedMemory { sleeps: false }.open(&TRIAL.wiring(&pipe(false))).unwrap();
    assert!(unslept.iter().filter_map(|end| end.inbox.as_ref()).all(|inlet| inlet.socket().is_none()));
}

#[test]
fn a_side_that_is_gone_closes_the_other() {
    let (mut sends, mut inlets) = open(&TRIAL, &pipe(false));
    assert_eq!(sends[0].offer(&numbered(0, 3)), Ok(3));
    drop(sends);
    let mut seen = Vec::new();
    let inlet = &mut inlets[0];
    assert_eq!(inlet.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))), Ok(2));
    assert_eq!(inlet.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))), Ok(1));
    assert_eq!((inlet.drain(Inbox::All, 2, |_, _| ()), seen), (Err(PortError::Closed), vec![0, 1, 2]));
    let (mut sends, inlets) = open(&TRIAL, &pipe(false));
    drop(inlets);
    assert_eq!(sends[0].offer(&numbered(0, 3)), Err(PortError::Closed));
}

#[test]
fn what_is_refused_says_why() {
    let refused = |wiring: &Wiring| Iceoryx2.refusal(wiring).unwrap();
    assert_eq!(
        refused(&Trial { instances: &[("sink", 2)], ..EVENTS }.wiring(&pipe(false))),
        "iceoryx2 cannot carry Event `source.done` to the 2 instances of service `sink`, of which exactly one is to handle it: \
         iceoryx2 hands each message to every subscriber; use crossbeam, or one instance"
    );
    let mut wiring = TRIAL.wiring(&pipe(false));
    wiring.pool = Arc::new(Pool::new(1, 64).with_headers(1, Shape::new(1, 4).unwrap()));
    assert!(refused(&wiring).starts_with("iceoryx2 carries no application headers"));
    let mut wiring = TRIAL.wiring(&pipe(false));
    wiring.capacity = 1 << 40;
    let said = refused(&wiring);
    assert!(
        said.starts_with("iceoryx2 needs about ") && said.contains("MiB free; use a smaller --capacity"),
        "{said}"
    );
}

#[test]
fn bytes_that_are_no_message_are_named() {
    let (sends, mut inlets) = open(&TRIAL, &pipe(false));
    let lent = sends[0].targets[0].publisher.loan_slice_uninit(3).unwrap();
    assert_eq!(lent.write_from_slice(&[1, 2, 3]).send(), Ok(1));
    let error = inlets[0].drain(Inbox::All, 2, |_, _| ()).unwrap_err().to_string();
    assert!(error.contains("3 bytes in shared memory are no message"), "{error}");
}
