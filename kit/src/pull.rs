//! Deliveries of clients that are asked for the next ones: each call gives a future with a batch, such as Redis' `XREADGROUP` or the
//! `ReceiveMessage` of SQS. A broker says how to ask ([`Pull`]) and how to acknowledge ([`Settle`]); [`Pulled`] has the next call
//! under way while the last batch is handled, and hears of acknowledgements that failed.

use crate::{
    confirm::Answers,
    inbox::{Deliveries, Delivery, Due, Inbox, Settled},
    last::RoundTrip,
    link::Line,
    write::WRITES,
};
use drumpost_core::{port::PortError, wiring::Wiring};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{BoxStream, try_unfold},
};
use std::{
    collections::VecDeque,
    future::Future,
    mem::take,
    task::{Context, Poll},
};

/// Most calls under way of one instance that acknowledge or give back. Beyond them, and beyond so many batches that wait for such a call, no
/// further messages are handed over: a server that is slower to acknowledge than to deliver would let them pile up.
pub const SETTLES: usize = 32;

/// One consumer at the broker.
pub trait Pull: Send + 'static {
    /// What settles a delivery.
    type Token: Send + 'static;
    /// As [`drumpost_core::port::AsyncRecvPort::TELLS_ATTEMPTS`].
    const TELLS_ATTEMPTS: bool = false;

    /// Waits for deliveries. May give none, and is then called again.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke or something arrived that is no message.
    fn pull(&mut self) -> impl Future<Output = Result<Vec<Delivery<Self::Token>>, PortError>> + Send;
}

/// Acknowledges deliveries.
pub trait Settle: Send {
    /// What settles a delivery.
    type Token: Send;
    /// As [`Deliveries::REJECTS`].
    const REJECTS: bool = false;
    /// Most calls under way that acknowledge. What is handled meanwhile waits for the next one, which then has more of it: few calls, where
    /// each is paid for.
    const AT_ONCE: usize = WRITES;

    /// Acknowledges these, oldest first. The future begins at once.
    fn acknowledge(&mut self, tokens: Vec<Self::Token>) -> BoxFuture<'static, Result<(), PortError>>;

    /// Has the broker hand these out again, oldest first. The future begins at once. Not called where [`Settle::REJECTS`] is false.
    fn give_back(&mut self, _tokens: Vec<Self::Token>) -> BoxFuture<'static, Result<(), PortError>> {
        Box::pin(async { Ok(()) })
    }

    /// As [`Deliveries::last`].
    fn last(&self) -> RoundTrip;
}

/// What a consumer gives, and what of it was not handed over yet.
type Consumer<T> = (BoxStream<'static, Result<Vec<Delivery<T>>, PortError>>, VecDeque<Delivery<T>>);

/// What several consumers of one instance pull.
pub struct Pulled<P: Pull, S> {
    consumers: Vec<Consumer<P::Token>>,
    enough: usize,
    settle: S,
    /// What is handled and in no call yet.
    handled: Vec<P::Token>,
    answers: Answers<BoxFuture<'static, Result<(), PortError>>>,
}

impl<P: Pull, S> std::fmt::Debug for Pulled<P, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulled").field("consumers", &self.consumers.len()).finish_non_exhaustive()
    }
}

impl<P: Pull, S: Settle<Token = P::Token>> Pulled<P, S> {
    /// An inbox with these consumers, of which each says whether it has replies that are apart. No consumer is asked for more while
    /// `enough` of its deliveries were not handed over. `None` without consumers.
    #[must_use]
    pub fn inbox(
        wiring: &Wiring,
        line: Line,
        consumers: Vec<(P, bool)>,
        enough: usize,
        settle: S,
    ) -> Option<Inbox<Self>> {
        let apart: Vec<bool> = consumers.iter().map(|(_, is_apart)| *is_apart).collect();
        let again = |mut consumer: P| async move {
            let batch = consumer.pull().await?;
            Ok(Some((batch, consumer)))
        };
        let consumers =
            consumers.into_iter().map(|(pull, _)| (try_unfold(pull, again).boxed(), VecDeque::new()));
        let (consumers, answers) = (consumers.collect(), Answers::default());
        Inbox::new(wiring, line, &apart, Self { consumers, enough, settle, handled: Vec::new(), answers })
    }

    /// Whether the server is behind with what it is to settle.
    fn is_full(&self) -> bool {
        self.answers.len() >= SETTLES || self.handled.len() >= SETTLES * self.enough
    }

    fn pass_on(&mut self) {
        if !self.handled.is_empty() && self.answers.len() < S::AT_ONCE {
            self.answers.push(self.settle.acknowledge(take(&mut self.handled)));
        }
    }
}

impl<P: Pull, S: Settle<Token = P::Token>> Deliveries for Pulled<P, S> {
    type Token = P::Token;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = P::TELLS_ATTEMPTS;
    const REJECTS: bool = S::REJECTS;

    #[inline]
    fn poll_next(
        &mut self,
        source: usize,
        _context: &mut Context<'_>,
    ) -> Poll<Result<Delivery<Self::Token>, PortError>> {
        self.consumers[source].1.pop_front().map_or(Poll::Pending, |delivery| Poll::Ready(Ok(delivery)))
    }

    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        let _under_way = self.poll_settled(context)?;
        for (batches, waiting) in &mut self.consumers {
            while waiting.len() < self.enough
                && let Poll::Ready(Some(batch)) = batches.poll_next_unpin(context)
            {
                waiting.extend(batch?);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        how: Settled,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), PortError>> {
        if self.is_full() {
            let _under_way = self.poll_settled(context)?;
            if self.is_full() {
                return Poll::Pending;
            }
        }
        match how {
            Settled::Acknowledged => self.handled.extend(due),
            Settled::Rejected => self.answers.push(self.settle.give_back(due.collect())),
        }
        self.pass_on();
        Poll::Ready(Ok(()))
    }

    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        loop {
            match self.answers.poll_next(context) {
                Poll::Ready(Some(answer)) => {
                    answer?;
                    self.pass_on();
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn last(&self) -> RoundTrip {
        self.settle.last()
    }
}

#[cfg(test)]
mod tests {
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
            self.0.lock().unwrap().numbers.extend(tokens.iter().map(|token| token + 1_000));
            Box::pin(async { Ok(()) })
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
        let count = WRITES + 3 * SETTLES + 5;
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
        assert_eq!(
            settled.lock().unwrap().numbers,
            all[..count - 5],
            "with everything that there was room for"
        );
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
}
