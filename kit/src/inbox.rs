//! A receiving port that merges what an instance hears: several subscriptions, queues or partitions become one inbox. A
//! broker says how to poll the next delivery of one source ([`Deliveries`]); [`Inbox`] does the rest.
//!
//! - Sources are polled in turn, so that a busy one does not silence the others. Replies come first where they are apart.
//! - Each delivery comes with a *token* that settles it: a delivery tag, a message's id, a subject to answer on. The tokens of
//!   what was handed over are kept in order. The driver acknowledges them or gives them back by count, the oldest first; the
//!   tokens that are due wait until the client has room for them.
//! - A batch that is interrupted by an error is handed over first, and the error is told next.

use crate::{
    drops::Drops,
    last::{Last, RoundTrip},
    link::Line,
    look,
};
use drumpost_core::{
    message::Message,
    port::{AsyncRecvPort, Inbox as Part, PortError, Told, Transacted},
    wiring::Wiring,
};
use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker, ready},
};

/// One delivery.
#[derive(Clone, Debug)]
pub struct Delivery<T> {
    /// The message.
    pub message: Message,
    /// What the broker says of it.
    pub told: Told,
    /// What settles it. `()` where nothing is acknowledged.
    pub token: T,
}

/// What one broker's inbox does that no other's does.
pub trait Deliveries: Send {
    /// What settles a delivery.
    type Token: Send;
    /// As [`AsyncRecvPort::ACKNOWLEDGES`].
    const ACKNOWLEDGES: bool = false;
    /// As [`AsyncRecvPort::TELLS_ATTEMPTS`].
    const TELLS_ATTEMPTS: bool = false;
    /// Whether [`Told::shard`] is told. The lane gets it where attempts are told, too.
    const TELLS_SHARDS: bool = false;
    /// As [`AsyncRecvPort::REJECTS`].
    const REJECTS: bool = false;
    /// Whether [`Deliveries::poll_settle`] always has room, and is to be called as soon as something is due.
    const SETTLES_AT_ONCE: bool = false;

    /// The next delivery of a source. Pending if there is none, with the lane's waker left where the client rings it.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke or something arrived that is no message.
    fn poll_next(
        &mut self,
        source: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Delivery<Self::Token>, PortError>>;

    /// Asks the broker for more where it does not send by itself. Called before each look; pending if there is no room for the
    /// request.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_ask(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// Acknowledges deliveries or gives them back, as many as there is room for. Pending if some are left. Nothing is given back
    /// where [`Deliveries::REJECTS`] is false.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_settle(
        &mut self,
        due: &mut Due<'_, Self::Token>,
        _how: Settled,
        _context: &mut Context<'_>,
    ) -> Poll<Result<(), PortError>> {
        due.for_each(drop);
        Poll::Ready(Ok(()))
    }

    /// As [`AsyncRecvPort::transacted`].
    fn transacted(&mut self, _context: &mut Context<'_>, _tell: &mut dyn FnMut(Transacted)) {}

    /// Ready when the server has answered what was acknowledged or given back, for clients that do so by requests of their own. Asked
    /// at the end of a run.
    ///
    /// # Errors
    /// `Lost` or `Failed` if the connection broke.
    fn poll_settled(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// For clients that drop messages for a slow receiver: what is known of that.
    fn drops(&mut self) -> Option<&mut Drops> {
        None
    }

    /// The last round trip to the server, after the last acknowledgement: done when the server has them all.
    fn last(&self) -> RoundTrip {
        Box::pin(async { Ok(()) })
    }
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was handled.
    Acknowledged,
    /// It was not, and is to be handed out again.
    Rejected,
}

/// Tokens of messages that are to be acknowledged or given back, oldest first. What is not taken stays due.
#[derive(Debug)]
pub struct Due<'a, T> {
    handed: &'a mut VecDeque<T>,
    count: &'a mut usize,
}

impl<T> Due<'_, T> {
    /// Whether nothing is due.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        *self.count == 0
    }

    /// The youngest that is due, for brokers that acknowledge everything up to a message at once. Nothing is due afterwards.
    pub fn last_of_all(&mut self) -> Option<T> {
        std::iter::from_fn(|| self.next()).last()
    }
}

impl<T> Iterator for Due<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        *self.count = self.count.checked_sub(1)?;
        self.handed.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (*self.count, Some(*self.count))
    }
}

/// Receives what one instance hears.
#[derive(Debug)]
pub struct Inbox<D: Deliveries> {
    deliveries: D,
    line: Line,
    /// Sources of replies that are apart.
    apart: Vec<usize>,
    others: Vec<usize>,
    /// Which of the others is polled first.
    first: usize,
    /// Tokens of what was handed over and is not acknowledged, oldest first.
    handed: VecDeque<D::Token>,
    /// What becomes of how many of the oldest, then of the next.
    due: VecDeque<(usize, Settled)>,
    batch: Vec<Message>,
    told: Vec<Told>,
    failure: Option<PortError>,
    last: Last,
    /// The last round trip to the server was answered.
    is_there: bool,
}

impl<D: Deliveries> Inbox<D> {
    /// Receives from sources of which each says whether it has replies that are apart ([`crate::layout::Heard::is_apart`]).
    /// `None` without sources: the instance hears nothing.
    #[must_use]
    pub fn new(wiring: &Wiring, line: Line, sources: &[bool], deliveries: D) -> Option<Self> {
        let (apart, others): (Vec<usize>, Vec<usize>) = (0..sources.len()).partition(|at| sources[*at]);
        (!sources.is_empty()).then(|| Self {
            deliveries,
            line,
            apart,
            others,
            first: 0,
            handed: VecDeque::with_capacity(if D::ACKNOWLEDGES { wiring.batch } else { 0 }),
            due: VecDeque::new(),
            batch: Vec::with_capacity(wiring.batch),
            told: Vec::with_capacity(if D::TELLS_ATTEMPTS || D::TELLS_SHARDS { wiring.batch } else { 0 }),
            failure: None,
            last: Last::default(),
            is_there: false,
        })
    }

    /// Takes what is there, up to `max` messages.
    #[inline]
    fn fill(&mut self, from: Part, max: usize, context: &mut Context<'_>) {
        let Self { deliveries, apart, others, first, handed, batch, told, failure, .. } = self;
        let others = if from == Part::Replies { &[][..] } else { &others[..] };
        let (before, after) = others.split_at((*first).min(others.len()));
        for source in apart.iter().chain(after).chain(before) {
            while batch.len() < max {
                match deliveries.poll_next(*source, context) {
                    Poll::Ready(Ok(delivery)) => {
                        batch.push(delivery.message);
                        if D::TELLS_ATTEMPTS || D::TELLS_SHARDS {
                            told.push(delivery.told);
                        }
                        if D::ACKNOWLEDGES {
                            handed.push_back(delivery.token);
                        }
                    }
                    Poll::Ready(Err(error)) => {
                        *failure = Some(error);
                        return;
                    }
                    Poll::Pending => break,
                }
            }
        }
        if !others.is_empty() {
            *first = (*first + 1) % others.len();
        }
    }

    /// Passes on what is due.
    fn poll_settle(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        let Self { deliveries, handed, due, .. } = self;
        while D::ACKNOWLEDGES
            && let Some((count, how)) = due.front_mut()
        {
            let mut tokens = Due { handed, count };
            let settled = deliveries.poll_settle(&mut tokens, *how, context)?;
            if settled.is_pending() || !tokens.is_empty() {
                return Poll::Pending;
            }
            due.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn settle(&mut self, count: usize, how: Settled) {
        match self.due.back_mut().filter(|last| last.1 == how) {
            Some((last, _)) => *last += count,
            None => self.due.push_back((count, how)),
        }
    }
}

impl<D: Deliveries> AsyncRecvPort for Inbox<D> {
    const ACKNOWLEDGES: bool = D::ACKNOWLEDGES;
    const TELLS_ATTEMPTS: bool = D::TELLS_ATTEMPTS;
    const REJECTS: bool = D::REJECTS;

    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Part,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        self.line.link.check()?;
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        for is_ready in [self.poll_settle(context)?, self.deliveries.poll_ask(context)?] {
            if is_ready.is_pending() {
                return self.line.link.listen(context);
            }
        }
        self.batch.clear();
        self.told.clear();
        // Only a look at everything can find everything empty.
        let drops = self.deliveries.drops().filter(|_| from == Part::All);
        let looks_for_drops = drops.is_some_and(|drops| drops.begin(&self.line.link));
        if looks_for_drops {
            look::unlimited(context, |context| self.fill(from, max, context));
        } else {
            self.fill(from, max, context);
        }
        let count = self.batch.len();
        if count == 0 {
            if let Some(error) = self.failure.take() {
                return Poll::Ready(Err(error));
            }
            if looks_for_drops && let Some(drops) = self.deliveries.drops() {
                drops.found_nothing()?;
            }
            return self.line.link.listen(context);
        }
        if let Some(drops) = self.deliveries.drops() {
            drops.handed(count, &self.line.link);
        }
        on_batch(&self.batch, &self.told);
        Poll::Ready(Ok(count))
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        self.settle(count, Settled::Acknowledged);
        if D::SETTLES_AT_ONCE && self.poll_settle(&mut Context::from_waker(Waker::noop()))?.is_pending() {
            return Err(PortError::Failed("the transport had no room for an acknowledgement".into()));
        }
        Ok(())
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        self.settle(count, Settled::Rejected);
        Ok(())
    }

    fn transacted(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Transacted)) {
        self.deliveries.transacted(context, tell);
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.line.link.check()?;
        if self.poll_settle(context)?.is_pending() {
            return self.line.link.listen(context);
        }
        let settled = self.deliveries.poll_settled(context)?;
        let Self { deliveries, last, line, is_there, .. } = self;
        // Meanwhile: a server that has gone silent answers neither.
        if !*is_there {
            ready!(last.poll(context, &line.at.to_string(), || deliveries.last()))?;
            *is_there = true;
        }
        if settled.is_pending() { line.link.listen(context) } else { Poll::Ready(Ok(())) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
