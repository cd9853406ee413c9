//! `crossbeam`: bounded channels with any number of senders and receivers.
//!
//! Command, Request and Event: the instances of a receiving service take from one shared queue, so exactly one of them
//! handles each message. Reply: each requesting instance has a queue of its own, which the message's `reply_to`
//! selects. Event: a copy goes into the queue of every subscribing service; a topic without subscribers accepts
//! everything. A service with a single instance receives everything through one queue, unless it both handles messages
//! and sends requests. A full queue blocks the sender. Other subscribers still receive its messages, up to one batch
//! ahead.

use crate::shared::{
    Addressees,
    queues::{Targets, endpoints, put_all},
};
use crossbeam::channel::{Receiver, Select, Sender, TryRecvError, TrySendError, bounded};
use drumpost_core::{
    dispatcher::{Dispatcher, Threaded},
    drive::Wait,
    message::Message,
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{self, Endpoints, OpenError, Transport},
    wiring::Wiring,
};
use std::time::Duration;

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "crossbeam",
        summary: "bounded channels in memory, one per receiving service, shared by its instances (crate crossbeam)",
        intents: &[
            (Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]),
            (Style::Event, &[Intent::Event]),
        ],
        runs_on: RunsOn::Threads,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        options: &[],
        make: |_| Ok(Box::new(Crossbeam)),
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
struct Carried<const SLEEPS: bool>(Message);

/// Sends to one destination. On cache lines of its own: it is written at every offer.
#[derive(Debug)]
#[repr(align(128))]
pub struct QueueSender<const SLEEPS: bool>(To<SLEEPS>);

#[derive(Debug)]
enum To<const SLEEPS: bool> {
    /// The queues of all subscribing services, or the one of the addressee.
    Each(Vec<Subscriber<SLEEPS>>),
    /// One queue by instance that asks.
    WhoAsked(Addressees, Vec<Sender<Carried<SLEEPS>>>),
}

#[derive(Debug)]
struct Subscriber<const SLEEPS: bool> {
    queue: Sender<Carried<SLEEPS>>,
    /// How many messages at the head of the next offer it already has.
    ahead: usize,
}

/// Receives from one queue, or from two if replies are apart.
#[derive(Debug)]
pub struct QueueReceiver<const SLEEPS: bool> {
    queue: Receiver<Carried<SLEEPS>>,
    /// The queue of replies, if they are apart.
    replies: Option<Receiver<Carried<SLEEPS>>>,
    buffer: Vec<Message>,
}

impl<const SLEEPS: bool> Transport for Channels<SLEEPS> {
    type Send = QueueSender<SLEEPS>;
    type Recv = QueueReceiver<SLEEPS>;

    const QUEUES: transport::Queues = transport::Queues::Shared;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError> {
        let subscriber = |queue| Subscriber { queue, ahead: 0 };
        let sender = |targets: Targets<_>| {
            QueueSender(match targets.who_asked {
                Some(addressees) => To::WhoAsked(addressees, targets.queues),
                None => To::Each(targets.queues.into_iter().map(subscriber).collect()),
            })
        };
        let receiver = |queue, replies, buffer| QueueReceiver { queue, replies, buffer };
        Ok(endpoints(wiring, bounded, |queue| queue.clone(), sender, receiver))
    }
}

impl<const SLEEPS: bool> SendPort for QueueSender<SLEEPS> {
    #[inline(always)]
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        match (&mut self.0, batch) {
            (To::Each(subscribers), [message]) if subscribers.len() == 1 => {
                match subscribers[0].queue.try_send(Carried(*message)) {
                    Ok(()) => Ok(1),
                    Err(TrySendError::Full(_)) => Ok(0),
                    Err(TrySendError::Disconnected(_)) => Err(PortError::Closed),
                }
            }
            (To::Each(subscribers), batch) => offer_to_each(subscribers, batch),
            (To::WhoAsked(addressees, queues), batch) => {
                addressees.offer(batch, |to, run| fill(&queues[to], run))
            }
        }
    }
}

/// Gives every subscriber what it has room for. Taken is what all of them have; who has more remembers it.
#[inline(never)]
fn offer_to_each<const SLEEPS: bool>(
    subscribers: &mut [Subscriber<SLEEPS>],
    batch: &[Message],
) -> Result<usize, PortError> {
    if let [Subscriber { queue, .. }] = subscribers {
        return fill(queue, batch);
    }
    let mut taken = batch.len();
    for Subscriber { queue, ahead } in subscribers.iter_mut() {
        *ahead += fill(queue, batch.get(*ahead..).unwrap_or_default())?;
        taken = taken.min(*ahead);
    }
    subscribers.iter_mut().for_each(|subscriber| subscriber.ahead -= taken);
    Ok(taken)
}

#[inline]
fn fill<const SLEEPS: bool>(queue: &Sender<Carried<SLEEPS>>, batch: &[Message]) -> Result<usize, PortError> {
    put_all(batch, |message| match queue.try_send(Carried(*message)) {
        Ok(()) => Ok(true),
        Err(TrySendError::Full(_)) => Ok(false),
        Err(TrySendError::Disconnected(_)) => Err(PortError::Closed),
    })
}

impl<const SLEEPS: bool> RecvPort for QueueReceiver<SLEEPS> {
    #[inline]
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let Self { queue, replies, buffer } = self;
        let one_by_one = max == 1 && replies.is_none();
        // Handed over from where it was received: moved on at once, it would be read before it is all written.
        let received = if one_by_one { queue.try_recv() } else { Err(TryRecvError::Empty) };
        let batch = match &received {
            Ok(Carried(message)) => std::slice::from_ref(message),
            Err(TryRecvError::Empty) if one_by_one => return Ok(0),
            Err(TryRecvError::Empty) if fill_buffer(queue, replies.as_ref(), from, max, buffer) => {
                &buffer[..]
            }
            Err(_) => return Err(PortError::Closed),
        };
        if !batch.is_empty() {
            on_batch(batch, &[]);
        }
        Ok(batch.len())
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        if !SLEEPS {
            std::thread::yield_now();
            return Ok(());
        }
        let mut select = Select::new();
        select.recv(&self.queue);
        if let Some(replies) = &self.replies {
            select.recv(replies);
        }
        // Ready or out of time: either way the next drain looks.
        let _ = select.ready_timeout(at_most);
        Ok(())
    }
}

/// Receives up to `max` messages into an emptied `buffer`. Says whether there were any or more may come.
#[inline(never)]
fn fill_buffer<const SLEEPS: bool>(
    queue: &Receiver<Carried<SLEEPS>>,
    replies: Option<&Receiver<Carried<SLEEPS>>>,
    from: Inbox,
    max: usize,
    buffer: &mut Vec<Message>,
) -> bool {
    buffer.clear();
    let max = max.min(buffer.capacity());
    // Replies first: they end what was asked, and there are never more of them than was asked.
    let mut open = replies.is_some_and(|replies| take(replies, max, buffer));
    if from == Inbox::All {
        open |= take(queue, max, buffer);
    }
    open || !buffer.is_empty()
}

/// Fills `buffer` up to `max` messages. Says whether more may come.
#[inline]
fn take<const SLEEPS: bool>(
    queue: &Receiver<Carried<SLEEPS>>,
    max: usize,
    buffer: &mut Vec<Message>,
) -> bool {
    while buffer.len() < max {
        match queue.try_recv() {
            Ok(Carried(message)) => buffer.push(message),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
