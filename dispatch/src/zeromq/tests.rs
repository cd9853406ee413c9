//! Whole runs over sockets on loopback, and what is refused.

use super::*;
use crate::shared::testing::{Trial, ask, fan_out, numbered, pipe, react_and_ask, two_topics, woken};
use drumpost_core::{headers::Shape, plan::Placement, port::AsyncSendPort};

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(20), future).await };
    runtime.block_on(limited).expect("the future hangs")
}

fn zeromq() -> ZeroMq {
    ZeroMq { at: Arc::new(At::new("zeromq", "tcp://127.0.0.1")), made: Mutex::default() }
}

fn run(trial: &Trial, scenario: drumpost_core::scenario::Scenario) {
    Trial { count: 3_000, ..trial.clone() }.run(Tasked::new(zeromq()), scenario);
}

#[test]
fn commands_arrive_once_and_in_order() {
    run(&Trial::default(), pipe(false));
    run(&Trial { batch: 1, placement: Placement::Threads(1), ..Trial::default() }, pipe(false));
    run(&Trial { instances: &[("source", 3), ("sink", 2)], ..Trial::default() }, pipe(false));
}

#[test]
fn replies_go_to_who_asked() {
    for await_replies in [false, true] {
        run(&Trial { instances: &[("source", 2)], await_replies, ..Trial::default() }, ask());
        run(&Trial { await_replies, ..Trial::default() }, react_and_ask());
    }
}

/// The first event arrives too: publishers know their subscribers before the load begins.
#[test]
fn every_subscriber_gets_each_event() {
    let events = Trial { style: Style::Event, ..Trial::default() };
    run(&events, fan_out());
    run(&events, two_topics());
    run(&Trial { instances: &[("source", 3)], ..events }, pipe(false));
}

#[test]
fn a_slow_receiver_holds_up_its_sender_at_the_capacity() {
    let trial = Trial { capacity: 4, count: 500, ..Trial::default() };
    assert!(trial.run(Tasked::new(zeromq()), pipe(true)).blocked_ns > 0);
}

#[test]
fn no_more_than_the_capacity_is_under_way_until_one_is_received() {
    let wiring = Trial { capacity: 4, ..Trial::default() }.wiring(&pipe(false));
    block_on(async {
        let zeromq = zeromq();
        zeromq.prepare(&wiring).await.unwrap();
        let mut source = zeromq.open(&wiring, 0).await.unwrap();
        let mut sink = zeromq.open(&wiring, 1).await.unwrap().inbox.unwrap();
        let port = &mut source.sends[0];
        let mut messages = numbered(0, 9);
        messages.iter_mut().for_each(|message| message.stamp(1, &wiring.pool));
        assert_eq!(port.offer(&messages), Ok(4));
        let (waker, is_woken) = woken();
        assert!(port.poll_room(&mut Context::from_waker(&waker)).is_pending() && !is_woken());
        let mut seen = Vec::new();
        while seen.len() < 4 {
            crate::shared::testing::drain(&mut sink, 9, &mut seen).await.unwrap();
        }
        assert!(is_woken());
        assert_eq!((seen, port.offer(&messages[4..])), (vec![0, 1, 2, 3], Ok(4)));
        assert!(zeromq.open(&wiring, 0).await.err().unwrap().to_string().contains("again"));
    });
}

#[test]
fn what_is_refused_says_why() {
    let trial = Trial { style: Style::Event, instances: &[("sink", 2)], ..Trial::default() };
    assert_eq!(
        trial.refusal(Tasked::new(zeromq()), pipe(false)),
        "zeromq cannot carry Event `source.done` to 2 instances of sink: every subscriber gets each message; use one instance"
    );
    let mut wiring = Trial::default().wiring(&pipe(false));
    wiring.pool = Arc::new(Pool::new(1, 64).with_headers(1, Shape::new(1, 4).unwrap()));
    let refused = block_on(zeromq().prepare(&wiring)).unwrap_err().to_string();
    assert!(refused.starts_with("zeromq carries no application headers"), "{refused}");
}
