//! Publishers of clients that write several messages at once and give a future with what became of each: a pipeline of Redis, a batch
//! of SQS. A broker says how a message joins a write and how to write ([`Write`]); [`Written`] decides when.
//!
//! What one step of a lane sends is one write. While [`WRITES`] writes are under way, messages are held back, so that the next
//! write has more of them: a slower server gets larger writes.

use crate::{
    confirm::{Answers, Confirms},
    last::RoundTrip,
    outbox::Publish,
};
use bytes::Bytes;
use drumpost_core::{message::Message, payload::Pool, port::PortError};
use futures_util::future::BoxFuture;
use std::task::{Context, Poll};

/// Largest number of writes under way of one port.
pub const WRITES: usize = 8;

/// What became of each message of a write, in order: stored, or refused for a reason in words.
pub type Outcomes = BoxFuture<'static, Result<Vec<Result<(), String>>, PortError>>;

/// What one broker's writes have that no other's have.
pub trait Write: Send {
    /// As [`Publish::Place`].
    type Place: From<String> + Send;
    /// Most messages of a write.
    const MOST: usize = usize::MAX;

    /// Most writes under way. One, where the server keeps an order and writes could overtake each other.
    fn at_once(&self) -> usize {
        WRITES
    }

    /// Adds a message to the next write; as [`Publish::put`].
    fn put(&mut self, place: &Self::Place, payload: Bytes, message: &Message, pool: &Pool);

    /// Writes what was added. The future begins at once.
    fn write(&mut self) -> Outcomes;

    /// As [`Publish::last`].
    fn last(&self) -> RoundTrip;
}

/// Publishes by writes.
pub struct Written<W> {
    writer: W,
    /// Messages for the next write.
    held: usize,
    answers: Answers<Outcomes>,
}

impl<W> std::fmt::Debug for Written<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written").field("held", &self.held).finish_non_exhaustive()
    }
}

impl<W: Write> Written<W> {
    /// Nothing is written yet.
    #[must_use]
    pub fn by(writer: W) -> Self {
        Self { writer, held: 0, answers: Answers::default() }
    }

    fn pass_on(&mut self) {
        if self.held > 0 && self.answers.len() < self.writer.at_once() {
            self.held = 0;
            self.answers.push(self.writer.write());
        }
    }
}

impl<W: Write> Publish for Written<W> {
    type Place = W::Place;
    const CONFIRMS: bool = true;
    const FLUSHES: bool = true;

    /// Besides the driver's confirm window, a full write limits what is taken. It is passed on when one is answered.
    #[inline]
    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        if self.held == W::MOST {
            self.pass_on();
        }
        if self.held < W::MOST { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    #[inline]
    fn put(
        &mut self,
        place: &W::Place,
        payload: Bytes,
        message: &Message,
        pool: &Pool,
    ) -> Result<(), PortError> {
        self.held += 1;
        self.writer.put(place, payload, message, pool);
        Ok(())
    }

    fn poll_confirmed(
        &mut self,
        context: &mut Context<'_>,
        confirms: &mut Confirms<'_>,
    ) -> Result<(), PortError> {
        while let Poll::Ready(Some(outcomes)) = self.answers.poll_next(context) {
            outcomes?.into_iter().for_each(|outcome| confirms.came(outcome));
            self.pass_on();
        }
        Ok(())
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.pass_on();
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        self.writer.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::Refusals;
    use drumpost_core::port::Confirmed;
    use std::{mem, task::Waker};
    use tokio::sync::oneshot;

    type Answer = oneshot::Sender<Result<Vec<Result<(), String>>, PortError>>;

    /// Writes numbers of messages; the test answers.
    #[derive(Default)]
    struct Server {
        next: usize,
        writes: Vec<(usize, Answer)>,
    }

    impl Write for Server {
        type Place = String;
        const MOST: usize = 3;

        fn put(&mut self, _place: &String, _payload: Bytes, _message: &Message, _pool: &Pool) {
            self.next += 1;
        }

        fn write(&mut self) -> Outcomes {
            let (answers, answer) = oneshot::channel();
            self.writes.push((mem::take(&mut self.next), answers));
            Box::pin(async move { answer.await.unwrap() })
        }

        fn last(&self) -> RoundTrip {
            Box::pin(async { Ok(()) })
        }
    }

    fn put(port: &mut Written<Server>, count: usize) -> usize {
        let pool = Pool::new(1, 0);
        let mut context = Context::from_waker(Waker::noop());
        let take = |_: &usize| {
            let has_room = port.poll_room(&mut context).is_ready();
            has_room && port.put(&String::new(), Bytes::new(), &Message::default(), &pool).is_ok()
        };
        (0..count).take_while(take).count()
    }

    fn confirmed(port: &mut Written<Server>) -> Result<Vec<Confirmed>, PortError> {
        let (refusals, mut all) = (Refusals::default(), Vec::new());
        let mut tell = |told| all.push(told);
        let mut confirms = Confirms::new(&mut tell, &refusals);
        port.poll_confirmed(&mut Context::from_waker(Waker::noop()), &mut confirms)?;
        drop(confirms);
        Ok(all)
    }

    #[test]
    fn messages_are_held_back_while_many_writes_are_under_way() {
        let mut port = Written::by(Server::default());
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..WRITES {
            assert_eq!(put(&mut port, 1), 1);
            assert!(port.poll_flush(&mut context).is_ready());
        }
        assert_eq!(port.writer.writes.len(), WRITES);
        assert_eq!(put(&mut port, 5), 3, "a write is full");
        assert!(port.poll_flush(&mut context).is_ready());
        assert_eq!(port.writer.writes.len(), WRITES, "held back");
        assert_eq!(confirmed(&mut port), Ok(vec![]));
        port.writer.writes.remove(0).1.send(Ok(vec![Ok(())])).unwrap();
        assert_eq!(confirmed(&mut port), Ok(vec![Confirmed::Stored(1)]));
        let (len, answer) = port.writer.writes.pop().unwrap();
        assert_eq!((len, put(&mut port, 1)), (3, 1), "what was held back is one write");
        for (_, answer) in port.writer.writes.drain(..) {
            answer.send(Ok(vec![Ok(())])).unwrap();
        }
        answer.send(Ok(vec![Ok(()), Err("full".into()), Ok(())])).unwrap();
        let (stored, refused) = (Confirmed::Stored, Confirmed::Refused);
        assert_eq!(confirmed(&mut port), Ok(vec![stored(WRITES as u32), refused(1), stored(1)]));
        assert_eq!(port.writer.writes.len(), 1, "what was put meanwhile follows");
    }

    #[test]
    fn a_write_that_fails_ends_the_port() {
        let mut port = Written::by(Server::default());
        assert_eq!(put(&mut port, 1), 1);
        assert!(port.poll_flush(&mut Context::from_waker(Waker::noop())).is_ready());
        port.writer.writes.remove(0).1.send(Err(PortError::Closed)).unwrap();
        assert_eq!(confirmed(&mut port), Err(PortError::Closed));
    }
}
