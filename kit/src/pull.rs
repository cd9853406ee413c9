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

/// Most calls under way of one instance that acknowledge or give back. Beyond them, and while as many deliveries wait for such a call as are
/// enough of a consumer, no further messages are handed over: a server that is slower to acknowledge than to deliver would let them pile up,
/// and what acknowledges a message may be as long as the message.
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

/// The answer that came. Notes if one is still to come.
fn some<T>(answer: Poll<Option<T>>, is_under_way: &mut bool) -> Option<T> {
    *is_under_way |= answer.is_pending();
    match answer {
        Poll::Ready(answer) => answer,
        Poll::Pending => None,
    }
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
    acknowledged: Answers<BoxFuture<'static, Result<(), PortError>>>,
    given_back: Answers<BoxFuture<'static, Result<(), PortError>>>,
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
        const { assert!(S::AT_ONCE > 0, "without a call under way nothing is ever acknowledged") };
        let apart: Vec<bool> = consumers.iter().map(|(_, is_apart)| *is_apart).collect();
        let again = |mut consumer: P| async move {
            let batch = consumer.pull().await?;
            Ok(Some((batch, consumer)))
        };
        let consumers =
            consumers.into_iter().map(|(pull, _)| (try_unfold(pull, again).boxed(), VecDeque::new()));
        let pulled = Self {
            consumers: consumers.collect(),
            enough,
            settle,
            handled: Vec::new(),
            acknowledged: Answers::default(),
            given_back: Answers::default(),
        };
        Inbox::new(wiring, line, &apart, pulled)
    }

    /// Whether the server is behind with what it is to settle.
    fn is_full(&self) -> bool {
        self.acknowledged.len() + self.given_back.len() >= SETTLES || self.handled.len() >= self.enough
    }

    fn pass_on(&mut self) {
        if !self.handled.is_empty() && self.acknowledged.len() < S::AT_ONCE {
            self.acknowledged.push(self.settle.acknowledge(take(&mut self.handled)));
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
            Settled::Rejected => self.given_back.push(self.settle.give_back(due.collect())),
        }
        self.pass_on();
        Poll::Ready(Ok(()))
    }

    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        let mut are_under_way = false;
        while let Some(answer) = some(self.given_back.poll_next(context), &mut are_under_way) {
            answer?;
        }
        while let Some(answer) = some(self.acknowledged.poll_next(context), &mut are_under_way) {
            answer?;
            self.pass_on();
        }
        if are_under_way { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn last(&self) -> RoundTrip {
        self.settle.last()
    }
}

#[cfg(test)]
mod tests;
