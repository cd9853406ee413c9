//! Tests of deliveries that are asked for, with a consumer that gives what the test says.

use super::*;
use crate::{inbox::tests::wiring, server::At};
use drumpost_core::{
    message::Message,
    port::{AsyncRecvPort, Inbox as Part, Told},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

type Batch = Result<Vec<u32>, PortError>;

struct Fake {
    came: UnboundedReceiver<Batch>,
    asked: Arc<AtomicUsize>,
}

impl Pull for Fake {
    type Token = u32;

    async fn pull(&mut self) -> Result<Vec<Delivery<u32>>, PortError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let deliver = |number| {
            let message = Message::start(0, number, 0, 0, 0);
            Delivery { message, told: Told::default(), token: number }
        };
        Ok(self.came.recv().await.unwrap()?.into_iter().map(deliver).collect())
    }
}

/// What was settled.
#[derive(Default)]
struct Calls {
    /// Of which those that were given back are above 1,000.
    numbers: Vec<u32>,
    /// Calls with a number above 9,000, which the test answers.
    open: Vec<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Settled(Arc<Mutex<Calls>>);

impl Settle for Settled {
    type Token = u32;
    const REJECTS: bool = true;

    fn acknowledge(&mut self, tokens: Vec<u32>) -> BoxFuture<'static, Result<(), PortError>> {
        let (refuses, waits) = (tokens.contains(&99), tokens.iter().any(|token| *token > 9_000));
        let (answer, answered) = oneshot::channel();
        let mut calls = self.0.lock().unwrap();
        calls.numbers.extend(tokens);
        calls.open.extend(waits.then_some(answer));
        Box::pin(async move {
            if waits {
                answered.await.unwrap();
            }
            if refuses { Err(PortError::Closed) } else { Ok(()) }
        })
    }

    fn give_back(&mut self, tokens: Vec<u32>) -> BoxFuture<'static, Result<(), PortError>> {
        let waits = tokens.iter().any(|token| *token > 9_000);
        let (answer, answered) = oneshot::channel();
        let mut calls = self.0.lock().unwrap();
        calls.numbers.extend(tokens.iter().map(|token| token + 1_000));
        calls.open.extend(waits.then_some(answer));
        Box::pin(async move {
            if waits {
                answered.await.unwrap();
            }
            Ok(())
        })
    }

    fn last(&self) -> RoundTrip {
        Box::pin(async { Ok(()) })
    }
}

type Port = Inbox<Pulled<Fake, Settled>>;
/// A port, where its batches come from, how often it asked, and what it settled.
type Parts = (Port, UnboundedSender<Batch>, Arc<AtomicUsize>, Arc<Mutex<Calls>>);

fn port() -> Parts {
    let (send, came) = unbounded_channel();
    let (asked, settled) = (Arc::<AtomicUsize>::default(), Settled::default());
    let seen = Arc::clone(&settled.0);
    let line = Line::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
    let fake = Fake { came, asked: Arc::clone(&asked) };
    (Pulled::inbox(&wiring(), line, vec![(fake, false)], 3, settled).unwrap(), send, asked, seen)
}

fn drain(port: &mut Port, max: usize) -> Poll<Result<Vec<u32>, PortError>> {
    let (mut context, mut got) = (Context::from_waker(Waker::noop()), Vec::new());
    let drained = port.poll_drain(&mut context, Part::All, max, |batch, _| {
        got.extend(batch.iter().map(|message| message.number));
    });
    drained.map_ok(|_| got)
}

#[test]
fn the_next_call_is_under_way_until_enough_is_there() {
    let (mut port, send, asked, _) = port();
    let asked = || asked.load(Ordering::Relaxed);
    assert_eq!((drain(&mut port, 2), asked()), (Poll::Pending, 1));
    send.send(Ok(vec![1, 2])).unwrap();
    assert_eq!((drain(&mut port, 1), asked()), (Poll::Ready(Ok(vec![1])), 2), "there is room for more");
    send.send(Ok(vec![3, 4, 5])).unwrap();
    assert_eq!((drain(&mut port, 1), asked()), (Poll::Ready(Ok(vec![2])), 2), "three are left");
    assert_eq!((drain(&mut port, 9), asked()), (Poll::Ready(Ok(vec![3, 4, 5])), 2));
    assert_eq!((drain(&mut port, 9), asked()), (Poll::Pending, 3));
    send.send(Err(PortError::Closed)).unwrap();
    assert_eq!(drain(&mut port, 9), Poll::Ready(Err(PortError::Closed)));
}

#[test]
fn what_is_given_back_takes_no_call_from_acknowledgements() {
    let (mut port, send, _, settled) = port();
    let back: Vec<u32> = (9_001..).take(WRITES).collect();
    send.send(Ok(back.iter().copied().chain([7]).collect())).unwrap();
    assert!(drain(&mut port, 99).is_ready());
    for _ in &back {
        port.reject(1).unwrap();
        assert_eq!(drain(&mut port, 9), Poll::Pending);
    }
    assert_eq!(settled.lock().unwrap().open.len(), WRITES, "no answer has come");
    port.acknowledge(1).unwrap();
    assert_eq!(drain(&mut port, 9), Poll::Pending);
    assert_eq!(settled.lock().unwrap().numbers.last(), Some(&7));
}

#[test]
fn acknowledgements_begin_at_once_and_their_errors_are_heard() {
    let (mut port, send, _, settled) = port();
    send.send(Ok(vec![7, 99])).unwrap();
    assert_eq!(drain(&mut port, 9), Poll::Ready(Ok(vec![7, 99])));
    port.acknowledge(1).unwrap();
    assert_eq!((drain(&mut port, 9), settled.lock().unwrap().numbers.clone()), (Poll::Pending, vec![7]));
    port.acknowledge(1).unwrap();
    assert_eq!(drain(&mut port, 9), Poll::Ready(Err(PortError::Closed)));
    assert_eq!(settled.lock().unwrap().numbers, [7, 99]);
}

#[test]
fn what_is_given_back_is_told_from_what_is_acknowledged_and_both_are_waited_for() {
    let (mut port, send, _, settled) = port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (_entered, context) = (runtime.enter(), &mut Context::from_waker(Waker::noop()));
    send.send(Ok(vec![1, 2, 9_001])).unwrap();
    assert_eq!(drain(&mut port, 9), Poll::Ready(Ok(vec![1, 2, 9_001])));
    port.reject(1).unwrap();
    port.acknowledge(1).unwrap();
    assert_eq!(port.poll_finish(context), Poll::Ready(Ok(())));
    assert_eq!(settled.lock().unwrap().numbers, [1_001, 2]);
    port.acknowledge(1).unwrap();
    assert_eq!(port.poll_finish(context), Poll::Pending, "the server has not answered");
}

#[test]
fn what_is_handled_while_calls_are_under_way_is_in_the_next_one_and_does_not_pile_up() {
    let (mut port, send, _, settled) = port();
    // As many as there are calls, as wait for one, and some more.
    let count = WRITES + 3 + 5;
    let all: Vec<u32> = (9_001..).take(count).collect();
    send.send(Ok(all.clone())).unwrap();
    assert_eq!(drain(&mut port, count), Poll::Ready(Ok(all.clone())));
    for _ in 0..count {
        port.acknowledge(1).unwrap();
        assert_eq!(drain(&mut port, 1), Poll::Pending);
    }
    assert_eq!(settled.lock().unwrap().numbers, all[..WRITES]);
    settled.lock().unwrap().open.remove(0).send(()).unwrap();
    assert_eq!(drain(&mut port, 1), Poll::Pending);
    assert_eq!(settled.lock().unwrap().open.len(), WRITES, "one call is answered, and the next begins");
    assert_eq!(settled.lock().unwrap().numbers, all[..count - 5], "with everything that there was room for");
    send.send(Ok(vec![1])).unwrap();
    assert_eq!(drain(&mut port, 1), Poll::Ready(Ok(vec![1])), "the server is not behind any more");
}

#[test]
fn what_waits_for_a_call_is_acknowledged_before_the_end() {
    let (mut port, send, _, settled) = port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (_entered, context) = (runtime.enter(), &mut Context::from_waker(Waker::noop()));
    let all: Vec<u32> = (9_001..).take(WRITES + 2).collect();
    send.send(Ok(all.clone())).unwrap();
    assert_eq!(drain(&mut port, 99), Poll::Ready(Ok(all.clone())));
    for _ in &all {
        port.acknowledge(1).unwrap();
        assert_eq!(drain(&mut port, 1), Poll::Pending);
    }
    assert_eq!(port.poll_finish(context), Poll::Pending);
    for answer in settled.lock().unwrap().open.drain(..) {
        answer.send(()).unwrap();
    }
    assert_eq!(port.poll_finish(context), Poll::Pending, "the call with the last two is not answered");
    assert_eq!(settled.lock().unwrap().numbers, all);
    for answer in settled.lock().unwrap().open.drain(..) {
        answer.send(()).unwrap();
    }
    assert_eq!(port.poll_finish(context), Poll::Ready(Ok(())));
}
