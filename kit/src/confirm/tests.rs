//! Tests of confirms: in order, by futures, by callbacks.

use super::*;
use futures_util::task::{ArcWake, waker};
use std::{
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

fn told(tells: impl FnOnce(&mut Confirms<'_>)) -> Vec<Confirmed> {
    let (mut all, refusals) = (Vec::new(), Refusals::default());
    let mut tell = |told| all.push(told);
    tells(&mut Confirms::new(&mut tell, &refusals));
    all
}

#[test]
fn what_was_stored_before_is_told_before_what_was_rolled_back() {
    let all = told(|confirms| {
        confirms.all_stored(2);
        confirms.stored();
        confirms.rolled_back(4);
        confirms.all_stored(1);
    });
    assert_eq!(all, [Confirmed::Stored(3), Confirmed::RolledBack(4), Confirmed::Stored(1)]);
}

fn refused() -> Result<(), String> {
    Err("no room".into())
}

#[derive(Default)]
struct Count(AtomicUsize);

impl ArcWake for Count {
    fn wake_by_ref(count: &Arc<Self>) {
        count.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_future_that_fails_with_the_connection_confirms_and_refuses_nothing() {
    let line = Line::to(&Arc::new(crate::server::At::new("broker", "tcp://127.0.0.1:9")));
    let mut futures = Futures::default();
    let answers = [Ok(Ok(())), Ok(Err("no room".to_owned())), Err("gone"), Err("gone")];
    for answer in answers {
        futures.push_over(&line, |error| *error != "gone", std::future::ready(answer));
    }
    let context = &mut Context::from_waker(Waker::noop());
    let all = told(|confirms| futures.poll(context, confirms));
    assert_eq!((all, futures.len()), (vec![Confirmed::Stored(1), Confirmed::Refused(1)], 2));
    assert_eq!(line.link.check(), Err(line.broken(true, &"gone")));
}

#[test]
fn the_first_refusal_is_quoted_and_told_in_its_place() {
    let (mut all, refusals) = (Vec::new(), Refusals::default());
    let mut tell = |told| all.push(told);
    let mut confirms = Confirms::new(&mut tell, &refusals);
    confirms.stored();
    confirms.stored();
    confirms.refused("disk full".into());
    confirms.came(Err("worse".into()));
    confirms.came(Ok(()));
    drop(confirms);
    use Confirmed::{Refused, Stored};
    assert_eq!(all, [Stored(2), Refused(1), Refused(1), Stored(1)]);
    let said = refusals.sentence("broker").unwrap();
    assert_eq!(said, "broker refused to store 2 messages, the first with disk full");
    assert_eq!(refusals.sentence("broker"), None, "the next run's are its own");
    refusals.hold_up("low on memory".into());
    refusals.hold_up("low on disk".into());
    assert_eq!(refusals.sentence("broker").unwrap(), "broker held up senders: low on memory");
}

/// A client's future: ready when the client heard of its message, and never polled after that.
struct Publishing(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    result: Option<Result<(), String>>,
    waker: Option<Waker>,
    polls: u32,
    is_over: bool,
}

impl Future for Publishing {
    type Output = Result<(), String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock().unwrap();
        assert!(!state.is_over, "polled after it was ready");
        state.polls += 1;
        state.waker = Some(context.waker().clone());
        match state.result.take() {
            Some(result) => {
                state.is_over = true;
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

fn hears(state: &Arc<Mutex<State>>, result: Result<(), String>) {
    let mut state = state.lock().unwrap();
    state.result = Some(result);
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
}

#[test]
fn futures_are_told_in_order_and_only_the_oldest_is_polled() {
    let mut futures = Futures::default();
    let states: Vec<Arc<Mutex<State>>> = (0..4).map(|_| Arc::default()).collect();
    hears(&states[0], Ok(()));
    for state in &states {
        futures.push(Publishing(Arc::clone(state)));
        assert_eq!(state.lock().unwrap().polls, 1, "it is sent when it is taken");
    }
    let lane = Arc::new(Count::default());
    let lane_waker = waker(Arc::clone(&lane));
    let mut context = Context::from_waker(&lane_waker);
    let mut poll = |futures: &mut Futures<_>| told(|confirms| futures.poll(&mut context, confirms));
    assert_eq!(poll(&mut futures), [Confirmed::Stored(1)], "it was ready at once");
    hears(&states[2], refused());
    assert_eq!(lane.0.load(Ordering::Relaxed), 0, "the lane waits for the oldest");
    assert_eq!(poll(&mut futures), [], "it came early");
    hears(&states[1], Ok(()));
    assert_eq!(lane.0.load(Ordering::Relaxed), 1, "the lane is woken");
    assert_eq!(states[3].lock().unwrap().polls, 1, "it was not the oldest");
    assert_eq!(poll(&mut futures), [Confirmed::Stored(1), Confirmed::Refused(1)]);
    assert_eq!(states[3].lock().unwrap().polls, 2, "the lane waits for it");
    assert_eq!(futures.len(), 1);
    hears(&states[3], Ok(()));
    assert_eq!(lane.0.load(Ordering::Relaxed), 2, "the lane is woken again");
    assert_eq!(poll(&mut futures), [Confirmed::Stored(1)]);
    assert!(futures.is_empty());
}

#[test]
fn ports_that_share_the_numbers_of_a_client_hear_of_their_own_messages() {
    let mut ports = [0, 1 << 40].map(Callbacks::numbered_from);
    let callers = ports.each_ref().map(Callbacks::caller);
    assert_eq!([0, 1, 1].map(|port: usize| ports[port].take()), [0, 1 << 40, (1 << 40) + 1]);
    callers[1].came((1 << 40) + 1, refused());
    callers[1].came(1 << 40, Ok(()));
    callers[1].came(0, Ok(()));
    let context = Context::from_waker(Waker::noop());
    let all = ports.each_mut().map(|port| told(|confirms| port.poll(&context, confirms)));
    assert_eq!(all, [vec![], vec![Confirmed::Stored(1), Confirmed::Refused(1)]]);
}

#[test]
fn callbacks_of_other_threads_are_told_in_order() {
    let mut callbacks = Callbacks::default();
    let numbers: Vec<u64> = (0..100).map(|_| callbacks.take()).collect();
    let caller = callbacks.caller();
    let lane = Arc::new(Count::default());
    let lane_waker = waker(Arc::clone(&lane));
    let context = Context::from_waker(&lane_waker);
    let poll = |callbacks: &mut Callbacks| told(|confirms| callbacks.poll(&context, confirms));
    assert_eq!(poll(&mut callbacks), []);
    let client = std::thread::spawn(move || {
        // The youngest first; a message whose number is no multiple of 10 is stored.
        for number in numbers.into_iter().rev().filter(|number| *number > 0) {
            caller.came(number, if number.is_multiple_of(10) { refused() } else { Ok(()) });
        }
        caller
    });
    let caller = client.join().unwrap();
    assert!(lane.0.load(Ordering::Relaxed) >= 1);
    assert_eq!(poll(&mut callbacks), [], "the oldest has not come");
    caller.came(0, Ok(()));
    let mut expected = vec![Confirmed::Stored(10)];
    for _ in 1..10 {
        expected.extend([Confirmed::Refused(1), Confirmed::Stored(9)]);
    }
    assert_eq!(poll(&mut callbacks), expected);
    caller.came(7, refused());
    caller.came(1_000, Ok(()));
    assert_eq!(poll(&mut callbacks), [], "told before, or never taken");
    drop(callbacks);
    caller.came(0, Ok(()));
}
