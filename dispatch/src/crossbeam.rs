//! `crossbeam`: bounded channels with any number of senders and receivers.
//!
//! Command, Request and Event: the instances of a receiving service take from one shared queue, so exactly one of them
//! handles each message. Reply: each requesting instance has a queue of its own, which the message's `reply_to`
//! selects. Event: a copy goes into the queue of every subscribing service; a topic without subscribers accepts
//! everything. A service with a single instance receives everything through one queue, unless it both handles messages
//! and sends requests. A full queue blocks the sender. Other subscribers still receive its messages, up to one batch
//! ahead.

use crate::shared::{
    Addressees, fan_out,
    merged::{Merged, Source},
    queues::{endpoints, put_all},
};
use crossbeam::channel::{Receiver, Select, Sender, TryRecvError, TrySendError, bounded};
use drumpost_core::{
    dispatcher::{Dispatcher, Threaded},
    message::Message,
    monitor::Watch,
    outcome::Outcome,
    plan::{TrialPlan, Wait},
    port::{PortError, SendPort, Told},
    registry::TransportEntry,
    transport::{Endpoints, OpenError, Queues, Transport},
    wiring::Wiring,
};
use std::time::Duration;

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "crossbeam",
        summary: "bounded channels in memory, one per receiving service, shared by its instances (crate crossbeam)",
        make: |_| Ok(Box::new(Crossbeam)),
        ..TransportEntry::IN_MEMORY
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crossbeam;

impl Dispatcher for Crossbeam {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        match plan.wait {
            Wait::Native => Threaded(Channels::<true>).run(plan, watch),
            Wait::Spin | Wait::Yield | Wait::Park => Threaded(Channels::<false>).run(plan, watch),
        }
    }
}

/// The transport. Channels in which no receiver sleeps (`SLEEPS` is false) are a type of their own: then the compiler makes
/// looking into one a twentieth cheaper, as code that it need not share with code that sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channels<const SLEEPS: bool>;

/// A message in a channel.
#[derive(Clone, Copy, Debug)]
pub struct Carried<const SLEEPS: bool>(Message);

/// Sends to one destination. On cache lines of its own: it is written at every offer.
#[derive(Debug)]
#[repr(align(128))]
pub struct QueueSender<const SLEEPS: bool> {
    /// Which of the queues a reply goes to. `None`: a message goes to each of them.
    who_asked: Option<Addressees>,
    /// One by subscribing service, or by instance that asks.
    queues: Vec<Sender<Carried<SLEEPS>>>,
    /// By queue: how many messages at the head of the next offer it already has.
    ahead: Vec<usize>,
}

impl<const SLEEPS: bool> Transport for Channels<SLEEPS> {
    type Send = QueueSender<SLEEPS>;
    type Recv = Merged<Receiver<Carried<SLEEPS>>>;

    const QUEUES: Queues = Queues::Shared;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError> {
        let sender =
            |who_asked, queues: Vec<_>| QueueSender { who_asked, ahead: vec![0; queues.len()], queues };
        Ok(endpoints(wiring, bounded, |queue| queue.clone(), sender))
    }
}

impl<const SLEEPS: bool> SendPort for QueueSender<SLEEPS> {
    #[inline(always)]
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if let ([queue], [message]) = (&self.queues[..], batch) {
            return put(queue, message).map(usize::from);
        }
        self.offer_several(batch)
    }
}

impl<const SLEEPS: bool> QueueSender<SLEEPS> {
    #[inline(never)]
    fn offer_several(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let Self { who_asked, queues, ahead } = self;
        if let [queue] = &queues[..] {
            return fill(queue, batch);
        }
        if let Some(who_asked) = who_asked {
            return who_asked.offer(batch, |to, run| fill(&queues[to], run));
        }
        fan_out(queues, ahead, batch, fill)
    }
}

#[inline]
fn fill<const SLEEPS: bool>(queue: &Sender<Carried<SLEEPS>>, batch: &[Message]) -> Result<usize, PortError> {
    put_all(batch, |message| put(queue, message))
}

/// Says whether there was room.
#[inline(always)]
fn put<const SLEEPS: bool>(queue: &Sender<Carried<SLEEPS>>, message: &Message) -> Result<bool, PortError> {
    match queue.try_send(Carried(*message)) {
        Ok(()) => Ok(true),
        Err(TrySendError::Full(_)) => Ok(false),
        Err(TrySendError::Disconnected(_)) => Err(PortError::Closed),
    }
}

impl<const SLEEPS: bool> Source for Receiver<Carried<SLEEPS>> {
    #[inline]
    fn read(
        &mut self,
        max: usize,
        buffer: &mut Vec<Message>,
        on_batch: &mut impl FnMut(&[Message], &[Told]),
    ) -> Option<usize> {
        // Handed over from where it was received: moved on at once, it would be read before it is all written.
        let received = if max == 1 { self.try_recv() } else { Err(TryRecvError::Empty) };
        let batch = match &received {
            Ok(Carried(message)) => std::slice::from_ref(message),
            Err(TryRecvError::Empty) if max == 1 => return Some(0),
            Err(TryRecvError::Empty) if fill_buffer(self, max, buffer) => &buffer[..],
            Err(_) => return None,
        };
        if !batch.is_empty() {
            on_batch(batch, &[]);
        }
        Some(batch.len())
    }

    fn wait<'a>(all: impl Iterator<Item = &'a Self>, at_most: Duration) {
        if !SLEEPS {
            return std::thread::yield_now();
        }
        let mut select = Select::new();
        for queue in all {
            select.recv(queue);
        }
        // Ready or out of time: either way the next drain looks.
        let _ = select.ready_timeout(at_most);
    }
}

/// Receives up to `max` messages into an emptied `buffer`. Says whether there were any or more may come.
#[inline(never)]
fn fill_buffer<const SLEEPS: bool>(
    queue: &Receiver<Carried<SLEEPS>>,
    max: usize,
    buffer: &mut Vec<Message>,
) -> bool {
    buffer.clear();
    while buffer.len() < max {
        match queue.try_recv() {
            Ok(Carried(message)) => buffer.push(message),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return !buffer.is_empty(),
        }
    }
    true
}

#[cfg(test)]
mod tests;
