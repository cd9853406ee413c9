//! Publisher confirms. The driver wants to hear of messages in the order in which the transport took them
//! ([`drumpost_core::port::Confirmed`]). Clients tell it in three ways, and each has a type here:
//!
//! - in order, on a channel or a subscription: the port tells [`Confirms`];
//! - by a future for each message: [`Futures`], or for each write that carries several: [`Answers`];
//! - by a callback, often on a thread of the client's own and in any order: [`Callbacks`].

use crate::{link::Line, refusals::Refusals};
use drumpost_core::port::Confirmed;
use futures_util::{
    future::{BoxFuture, FutureExt},
    stream::{FuturesOrdered, StreamExt},
    task::AtomicWaker,
};
use std::{
    collections::VecDeque,
    fmt::Display,
    future::Future,
    sync::{Arc, mpsc},
    task::{Context, Poll, Waker},
};

/// Tells the driver of the oldest messages that it has not heard of, one by one. Messages that were stored are told together.
pub struct Confirms<'a> {
    tell: &'a mut dyn FnMut(Confirmed),
    refusals: &'a Refusals,
    stored: u32,
}

impl std::fmt::Debug for Confirms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirms").field("stored", &self.stored).finish_non_exhaustive()
    }
}

impl<'a> Confirms<'a> {
    /// Tells by `tell`, and notes reasons in `refusals`.
    pub fn new(tell: &'a mut dyn FnMut(Confirmed), refusals: &'a Refusals) -> Self {
        Self { tell, refusals, stored: 0 }
    }

    /// The oldest is stored.
    #[inline]
    pub fn stored(&mut self) {
        self.stored += 1;
    }

    /// The oldest `count` are stored.
    #[inline]
    pub const fn all_stored(&mut self, count: u32) {
        self.stored += count;
    }

    /// The oldest `count` were sent in a transaction that was rolled back.
    pub fn rolled_back(&mut self, count: u32) {
        self.tell_stored();
        (self.tell)(Confirmed::RolledBack(count));
    }

    /// The oldest is refused, for a reason in words.
    pub fn refused(&mut self, reason: String) {
        self.refusals.note(reason);
        self.tell_stored();
        (self.tell)(Confirmed::Refused(1));
    }

    /// The oldest is stored, or refused with an error.
    #[inline]
    pub fn came(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.stored(),
            Err(reason) => self.refused(reason),
        }
    }

    fn tell_stored(&mut self) {
        if self.stored > 0 {
            (self.tell)(Confirmed::Stored(std::mem::take(&mut self.stored)));
        }
    }
}

impl Drop for Confirms<'_> {
    fn drop(&mut self) {
        self.tell_stored();
    }
}

/// A client's futures, in the order in which they began: those of requests, or of writes that carry a batch.
///
/// A future is polled when it is pushed, as most clients send nothing before, and then only when it was woken; never again
/// after it was ready.
#[derive(Debug)]
pub struct Answers<F: Future> {
    under_way: FuturesOrdered<F>,
    /// Ready before anyone asked, oldest first.
    ready: VecDeque<F::Output>,
}

impl<F: Future> Default for Answers<F> {
    fn default() -> Self {
        Self { under_way: FuturesOrdered::new(), ready: VecDeque::new() }
    }
}

impl<F: Future> Answers<F> {
    /// Takes the next future and polls it once. Nobody is woken for it until [`Answers::poll_next`] is called: a driver polls its
    /// ports once more before it sleeps.
    pub fn push(&mut self, future: F) {
        self.under_way.push_back(future);
        let mut nobody = Context::from_waker(Waker::noop());
        if let Poll::Ready(Some(output)) = self.under_way.poll_next_unpin(&mut nobody) {
            self.ready.push_back(output);
        }
    }

    /// How many outputs are to come or to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len() + self.ready.len()
    }

    /// Whether no output is to come or to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The output of the oldest future; `None` if there is no future. Pending leaves the lane's waker with all of them.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        match self.ready.pop_front() {
            Some(output) => Poll::Ready(Some(output)),
            None => self.under_way.poll_next_unpin(context),
        }
    }
}

/// The publish futures of a client, one for each message, in the order in which their messages were taken.
///
/// A future is polled when it is pushed, and then only when it is the oldest: messages are told in order, so nobody has to know earlier
/// what became of a later one. A lane with a thousand unconfirmed messages is then woken for one of them and takes what came meanwhile,
/// in place of a wake-up and an allocation for each. For a client whose futures go on only when they are polled, take [`Answers`].
#[derive(Debug)]
pub struct Futures<F>(VecDeque<Publishing<F>>);

/// A message of which nobody was told.
#[derive(Debug)]
enum Publishing<F> {
    UnderWay(F),
    /// Its future was ready when it was pushed.
    Came(Result<(), String>),
}

impl<F> Default for Futures<F> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<F: Future<Output = Result<(), String>> + Unpin> Futures<F> {
    /// Takes the future of the next message and polls it once. Wakes nobody: the driver asks for confirms at the end of the
    /// step in which it offered.
    pub fn push(&mut self, mut future: F) {
        self.0.push_back(match future.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Publishing::Came(result),
            Poll::Pending => Publishing::UnderWay(future),
        });
    }

    /// How many messages are neither confirmed nor refused.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all are confirmed or refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells what came, and leaves the lane's waker with the oldest that did not.
    pub fn poll(&mut self, context: &mut Context<'_>, confirms: &mut Confirms<'_>) {
        while let Some(oldest) = self.0.front_mut() {
            let result = match oldest {
                Publishing::Came(result) => std::mem::replace(result, Ok(())),
                Publishing::UnderWay(future) => match future.poll_unpin(context) {
                    Poll::Ready(result) => result,
                    Poll::Pending => return,
                },
            };
            self.0.pop_front();
            confirms.came(result);
        }
    }
}

impl Futures<BoxFuture<'static, Result<(), String>>> {
    /// The same for a client whose future also fails when the connection is gone, with an error which ends the
    /// line unless `is_refusal` says that the server only refused something. Every port of the lane hears of such an error. The message is neither confirmed nor refused.
    pub fn push_over<E: Display + Send>(
        &mut self,
        line: &Line,
        is_refusal: impl Fn(&E) -> bool + Send + 'static,
        answer: impl Future<Output = Result<Result<(), String>, E>> + Send + 'static,
    ) {
        let line = line.clone();
        self.push(Box::pin(async move {
            match answer.await {
                Ok(answer) => answer,
                Err(error) => {
                    line.break_off(!is_refusal(&error), &error);
                    std::future::pending().await
                }
            }
        }));
    }
}

/// Confirms that come by callback, on any thread and in any order.
#[derive(Debug)]
pub struct Callbacks {
    /// The number of the next message.
    taken: u64,
    /// The number of the oldest message that nobody was told of.
    told: u64,
    /// Of the messages after those: what came early.
    early: VecDeque<Option<Result<(), String>>>,
    came: mpsc::Receiver<(u64, Result<(), String>)>,
    caller: Caller,
}

/// Where a callback tells what became of a message. Clones go to the threads of the client.
#[derive(Clone, Debug)]
pub struct Caller {
    tell: mpsc::Sender<(u64, Result<(), String>)>,
    waker: Arc<AtomicWaker>,
}

impl Caller {
    /// The message with this number was stored, or refused for a reason in words.
    pub fn came(&self, number: u64, result: Result<(), String>) {
        // The port is gone if its instance was killed; nobody waits for the message then.
        if self.tell.send((number, result)).is_ok() {
            self.waker.wake();
        }
    }
}

impl Default for Callbacks {
    fn default() -> Self {
        let (tell, came) = mpsc::channel();
        let caller = Caller { tell, waker: Arc::default() };
        Self { taken: 0, told: 0, early: VecDeque::new(), came, caller }
    }
}

impl Callbacks {
    /// The same for messages that are numbered from `first` on: for clients whose numbers are not those of one port alone, or not those
    /// of one opening.
    #[must_use]
    pub fn numbered_from(first: u64) -> Self {
        Self { taken: first, told: first, ..Self::default() }
    }

    /// What callbacks tell.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// The number of the next message, to be handed to its callback.
    pub const fn take(&mut self) -> u64 {
        self.taken += 1;
        self.taken - 1
    }

    /// Tells what came, in the order in which the messages were taken, and leaves the lane's waker for what did not. A message
    /// that is told of twice is passed over the second time.
    pub fn poll(&mut self, context: &Context<'_>, confirms: &mut Confirms<'_>) {
        self.caller.waker.register(context.waker());
        while let Ok((number, result)) = self.came.try_recv() {
            let Some(at) = number.checked_sub(self.told).filter(|_| number < self.taken) else { continue };
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if self.early.len() <= at {
                self.early.resize(at + 1, None);
            }
            self.early[at].get_or_insert(result);
            while let Some(Some(_)) = self.early.front() {
                let Some(Some(result)) = self.early.pop_front() else { break };
                self.told += 1;
                confirms.came(result);
            }
        }
    }
}

#[cfg(test)]
mod tests;
