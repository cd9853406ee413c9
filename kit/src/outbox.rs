//! A sending port of a broker. A broker says how to wait for room, how to publish one message, and how confirms come
//! ([`Publish`]); [`Outbox`] does the rest: it encodes messages, finds the place of each, never waits, and tells the driver of
//! confirms in the order in which the messages were taken.

use crate::{
    confirm::Confirms,
    encode::Encoder,
    last::{Last, RoundTrip},
    layout::{Address, Layout},
    link::Line,
    look,
    refusals::Refusals,
};
use bytes::Bytes;
use drumpost_core::{
    message::Message,
    payload::Pool,
    port::{AsyncSendPort, Confirmed, PortError},
    wiring::{Destination, Wiring},
};
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// What one broker's publisher does that no other's does.
pub trait Publish: Send {
    /// The name of a place as the client takes it. Made at set-up.
    type Place: From<String> + Send;
    /// As [`AsyncSendPort::CONFIRMS`].
    const CONFIRMS: bool = false;
    /// As [`AsyncSendPort::FLUSHES`].
    const FLUSHES: bool = false;

    /// Ready if the client takes one more message without waiting. It always does if its queue has no limit: the engine limits
    /// what is not confirmed.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// Publishes a message into the room that was asked for. `payload` is header and payload; the application headers are
    /// those of `message` in `pool` ([`drumpost_core::wire::headers`]).
    ///
    /// # Errors
    /// `Lost` or `Failed` if the client does not take it.
    fn put(
        &mut self,
        place: &Self::Place,
        payload: Bytes,
        message: &Message,
        pool: &Pool,
    ) -> Result<(), PortError>;

    /// Tells what was confirmed or refused; never waits.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_confirmed(
        &mut self,
        _context: &mut Context<'_>,
        _confirms: &mut Confirms<'_>,
    ) -> Result<(), PortError> {
        Ok(())
    }

    /// As [`AsyncSendPort::poll_flush`].
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// The last round trip to the server: done when the server has all that was published.
    fn last(&self) -> RoundTrip {
        Box::pin(async { Ok(()) })
    }
}

/// Publishes to one destination.
#[derive(Debug)]
pub struct Outbox<P: Publish> {
    publisher: P,
    line: Line,
    encoder: Encoder,
    address: Address<P::Place>,
    refusals: Arc<Refusals>,
    last: Last,
}

impl<P: Publish> Outbox<P> {
    /// Publishes to the destination `sent` of `layout` over `line`.
    #[must_use]
    pub fn new(wiring: &Wiring, layout: Layout<'_>, sent: &Destination, line: Line, publisher: P) -> Self {
        let (encoder, address) = (Encoder::new(Arc::clone(&wiring.pool)), layout.address(sent));
        Self { publisher, line, encoder, address, refusals: Arc::default(), last: Last::default() }
    }

    /// The same; the reasons why messages are refused are noted in `refusals`.
    #[must_use]
    pub fn noting(self, refusals: &Arc<Refusals>) -> Self {
        Self { refusals: Arc::clone(refusals), ..self }
    }
}

impl<P: Publish> AsyncSendPort for Outbox<P> {
    const CONFIRMS: bool = P::CONFIRMS;
    const FLUSHES: bool = P::FLUSHES;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.line.link.check()?;
        let Self { publisher, encoder, address, .. } = self;
        // Not limited by the task's budget: a lane yields by itself, and a queue with room is not full.
        look::unlimited(&mut Context::from_waker(Waker::noop()), |context| {
            for (taken, message) in batch.iter().enumerate() {
                match publisher.poll_room(context) {
                    Poll::Ready(room) => room?,
                    Poll::Pending => return Ok(taken),
                }
                let place = address.of(message)?;
                publisher.put(place, encoder.bytes(message), message, encoder.pool())?;
            }
            Ok(batch.len())
        })
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        match self.publisher.poll_room(context) {
            Poll::Pending => self.line.link.listen(context),
            ready => ready,
        }
    }

    fn poll_confirmed(
        &mut self,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        self.line.link.check()?;
        let Self { publisher, refusals, .. } = self;
        let mut confirms = Confirms::new(tell, refusals);
        // A task that has used up its budget finds nothing even where there is something.
        look::unlimited(context, |context| publisher.poll_confirmed(context, &mut confirms))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.publisher.poll_flush(context)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.line.link.check()?;
        let Self { publisher, last, line, .. } = self;
        last.poll(context, &line.at.to_string(), || publisher.last())
    }
}

impl Layout<'_> {
    /// The sending ports of an instance: one for each destination that it sends to, with the publisher that `publisher` makes for it.
    /// The reasons why messages are refused are noted in `refusals`.
    pub fn outboxes<P: Publish>(
        &self,
        instance: u16,
        line: &Line,
        refusals: &Arc<Refusals>,
        mut publisher: impl FnMut(&Destination) -> P,
    ) -> Vec<Outbox<P>> {
        let outbox = |sent| {
            let outbox = Outbox::new(self.wiring, *self, sent, line.clone(), publisher(sent));
            outbox.noting(refusals)
        };
        self.wiring.sends_of(self.wiring.service_of(instance)).map(outbox).collect()
    }
}
