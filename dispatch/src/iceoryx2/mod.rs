//! `iceoryx2`: queues in shared memory between the instances of one process, by the crate of that name. No server is needed.
//!
//! For each destination and receiving service there is one publish-subscribe service of the crate, with exactly one subscriber. A reply goes
//! through a service for each instance that may have asked. A message is its 48-byte header and its payload in a slice that the
//! publisher lends. The name of a service has the name of the run, the destination and the receiver.
//!
//! - *Full*: overflow is off and the crate discards what does not fit, so a send to no recipient says that the queue is full. With several
//!   subscribers the number of recipients would not say which of them is full. So the sender sends an event once for each subscribing
//!   service, and remembers which of them have a message that others have no room for.
//! - *Competing instances* are refused, because every subscriber gets each message.
//! - *Capacity*: `--capacity` messages for each pair of a sending and a receiving instance. The memory for them is made at set-up.
//! - *Waking*: an idle thread sleeps on the socket of an event service of the crate (`wake`), unless the wait strategy never sleeps.
//! - *Several senders*: the crate looks for messages in the order in which publishers joined, so one that always has messages comes first.

mod home;
#[cfg(test)]
mod tests;
mod wake;

use crate::shared::{Addressees, Refusals, exactly_one, fan_out, queues::put_all};
use drumpost_core::{
    dispatcher::{Dispatcher, Threaded},
    message::{MESSAGE_LEN, Message},
    monitor::Watch,
    outcome::Outcome,
    payload::Pool,
    plan::{TrialPlan, Wait},
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    promise::Promise,
    registry::TransportEntry,
    scenario::Intent,
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wire,
    wiring::{Destination, Wiring},
};
use home::{Home, failed};
use iceoryx2::{
    port::{publisher::Publisher, subscriber::Subscriber},
    prelude::{BackpressureStrategy, ipc_threadsafe},
    service::port_factory::{PortFactory, publish_subscribe},
};
use std::{os::fd::OwnedFd, sync::Arc};
use wake::{Call, Sleep};

/// Ports of this kind may move between threads.
type Shared = ipc_threadsafe::Service;
/// A publish-subscribe service.
type Queue = publish_subscribe::PortFactory<Shared, [u8], ()>;

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "iceoryx2",
        summary: "shared memory between the instances, without a server; one send for each subscribing service (crate iceoryx2)",
        promise: Promise { persistence: "shared memory", ..Promise::IN_MEMORY },
        make: |_| Ok(Box::new(Iceoryx2)),
        ..TransportEntry::IN_MEMORY
    }
}

const REFUSALS: Refusals = Refusals {
    intents: "it carries all of them",
    competing: |instances, service| {
        exactly_one(instances, service, "iceoryx2 hands each message to every subscriber")
    },
};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Iceoryx2;

impl Dispatcher for Iceoryx2 {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        let sleeps = matches!(plan.wait, Wait::Park | Wait::Native);
        Threaded(SharedMemory { sleeps }).run(plan, watch)
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        Threaded(SharedMemory { sleeps: false }).refusal(wiring)
    }
}

/// The transport for one wait strategy.
#[derive(Clone, Copy, Debug)]
pub struct SharedMemory {
    /// Whether idle threads sleep. Calls for a thread that never does would be system calls for nothing.
    sleeps: bool,
}

impl Transport for SharedMemory {
    type Send = Outlet;
    type Recv = Inlet;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Outlet, Inlet>, OpenError> {
        if wiring.pool.headers().count() > 0 {
            let why = "iceoryx2 carries no application headers: a message in shared memory is 48 bytes and its payload";
            return Err(OpenError::Refused(why.into()));
        }
        REFUSALS.check(&entry(), wiring)?;
        let home = Arc::new(Home::new(wiring)?);
        let mut heard: Vec<Heard> = (0..wiring.instance_count()).map(|_| Heard::default()).collect();
        if self.sleeps {
            for (instance, heard) in (0..).zip(&mut heard) {
                heard.sleep = sleep(&home, wiring, instance)?;
            }
        }
        let mut sends: Vec<Vec<Outlet>> = heard.iter().map(|_| Vec::new()).collect();
        for sent in &wiring.destinations {
            open_destination(&home, wiring, sent, &mut heard, &mut sends)?;
        }
        let endpoint = |(sends, heard): (Vec<Outlet>, Heard)| {
            let inbox = Inlet::new(wiring, heard, &home)?;
            Ok(Endpoint { inbox, sends })
        };
        sends.into_iter().zip(heard).map(endpoint).collect()
    }
}

/// The listener that wakes the thread of an instance; `None` for an instance that receives no messages.
fn sleep(home: &Home, wiring: &Wiring, instance: u16) -> Result<Option<Sleep>, OpenError> {
    let heard = wiring.heard_by(wiring.service_of(instance));
    let callers: usize = heard.map(|heard| wiring.services[heard.sender].instances.len()).sum();
    (callers > 0).then(|| home.sleep(callers, instance)).transpose()
}

/// Makes the services of one destination, with their ports.
fn open_destination(
    home: &Arc<Home>,
    wiring: &Wiring,
    sent: &Destination,
    heard: &mut [Heard],
    sends: &mut [Vec<Outlet>],
) -> Result<(), OpenError> {
    let senders = wiring.services[sent.sender].instances.clone();
    let receivers = sent.receivers.iter().flat_map(|service| {
        let is_apart = sent.intent == Intent::Reply && wiring.has_replies_apart(*service);
        wiring.services[*service].instances.clone().map(move |instance| (*service, instance, is_apart))
    });
    let mut queues = Vec::new();
    for (service, instance, is_apart) in receivers {
        let what = format!("{}/{}/{instance}", sent.name, wiring.services[service].name);
        let queue = Arc::new(home.queue(wiring, senders.len(), &what)?);
        let subscriber = queue.subscriber_builder().create();
        let subscriber = subscriber.map_err(|error| failed("make a subscriber", &error))?;
        let heard = &mut heard[usize::from(instance)];
        heard.sources.push(Source { subscriber, queue: Arc::clone(&queue), is_apart });
        queues.push((queue, instance));
    }
    let asked = sent.receivers.first().filter(|_| sent.intent == Intent::Reply);
    for sender in senders {
        let mut targets = Vec::new();
        for (queue, instance) in &queues {
            let sleep = heard[usize::from(*instance)].sleep.as_ref();
            targets.push(Target::new(home, wiring, queue, sleep)?);
        }
        sends[usize::from(sender)].push(Outlet {
            pool: Arc::clone(&wiring.pool),
            asked: asked.map(|asked| Addressees::new(sent, wiring.services[*asked].instances.clone())),
            ahead: vec![0; targets.len()],
            targets,
            encoded: Vec::new(),
            _home: Arc::clone(home),
        });
    }
    Ok(())
}

/// Where one instance sends to another.
#[derive(Debug)]
struct Target {
    publisher: Publisher<Shared, [u8], ()>,
    queue: Arc<Queue>,
    call: Option<Call>,
}

impl Target {
    fn new(
        home: &Home,
        wiring: &Wiring,
        queue: &Arc<Queue>,
        sleep: Option<&Sleep>,
    ) -> Result<Self, OpenError> {
        let builder = queue.publisher_builder().backpressure_strategy(BackpressureStrategy::DiscardData);
        let longest = MESSAGE_LEN + wiring.pool.max_len() as usize;
        let publisher = builder.max_loaned_samples(1).initial_max_slice_len(longest).create();
        let publisher = publisher.map_err(|error| failed("make a publisher", &error))?;
        let call = sleep.map(|sleep| home.call(sleep)).transpose()?;
        Ok(Self { publisher, queue: Arc::clone(queue), call })
    }

    /// Sends until there is no room, and says how many were sent.
    fn fill(&self, batch: &[Message], pool: &Pool, encoded: &mut Vec<u8>) -> Result<usize, PortError> {
        let sent = put_all(batch, |message| {
            encoded.clear();
            wire::encode(message, pool, encoded);
            let lost = |error: String| PortError::Lost(format!("failed to send in shared memory: {error}"));
            let lent = self.publisher.loan_slice_uninit(encoded.len());
            let lent = lent.map_err(|error| lost(error.to_string()))?;
            let recipients =
                lent.write_from_slice(encoded).send().map_err(|error| lost(error.to_string()))?;
            if recipients == 0 && self.queue.dynamic_config().number_of_subscribers() == 0 {
                return Err(PortError::Closed);
            }
            Ok(recipients > 0)
        })?;
        if let Some(call) = self.call.as_ref().filter(|_| sent > 0) {
            call.wake();
        }
        Ok(sent)
    }
}

/// Sends to one destination.
#[derive(Debug)]
pub struct Outlet {
    pool: Arc<Pool>,
    /// For replies: each target is then an instance that may have asked. Otherwise a message goes to all targets.
    asked: Option<Addressees>,
    targets: Vec<Target>,
    /// By target: how many messages at the head of the next offer it already has.
    ahead: Vec<usize>,
    encoded: Vec<u8>,
    /// Dropped last.
    _home: Arc<Home>,
}

impl SendPort for Outlet {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let Self { pool, asked, targets, ahead, encoded, .. } = self;
        match asked {
            Some(asked) => asked.offer(batch, |to, run| targets[to].fill(run, pool, encoded)),
            None => fan_out(targets, ahead, batch, |target, batch| target.fill(batch, pool, encoded)),
        }
    }
}

/// One queue from which an instance receives messages.
#[derive(Debug)]
struct Source {
    subscriber: Subscriber<Shared, [u8], ()>,
    queue: Arc<Queue>,
    is_apart: bool,
}

/// All that one instance hears, while it is opened.
#[derive(Debug, Default)]
struct Heard {
    sources: Vec<Source>,
    sleep: Option<Sleep>,
}

/// Receives what one instance hears.
#[derive(Debug)]
pub struct Inlet {
    sources: Vec<Source>,
    /// Where the next look begins.
    next: usize,
    sleep: Option<Sleep>,
    batch: Vec<Message>,
    pool: Arc<Pool>,
    /// Dropped last.
    _home: Arc<Home>,
}

impl Inlet {
    /// `None` if the instance hears nothing.
    fn new(
        wiring: &Wiring,
        Heard { sources, sleep }: Heard,
        home: &Arc<Home>,
    ) -> Result<Option<Self>, OpenError> {
        for Source { subscriber, .. } in &sources {
            // Maps the memory of all publishers now, and not with the first message.
            subscriber.has_samples().map_err(|error| failed("connect a subscriber", &error))?;
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let (batch, pool) = (Vec::with_capacity(wiring.batch), Arc::clone(&wiring.pool));
        Ok(Some(Self { sources, next: 0, sleep, batch, pool, _home: Arc::clone(home) }))
    }

    /// Puts up to `max` messages into the batch. Looks into each source, beginning with another one each time.
    fn take(&mut self, replies: bool, max: usize) -> Result<(), PortError> {
        let Self { sources, next, batch, pool, .. } = self;
        *next = (*next + 1) % sources.len();
        let (late, early) = sources.split_at(*next);
        for source in early.iter().chain(late).filter(|source| source.is_apart || !replies) {
            while batch.len() < max {
                let received = source.subscriber.receive();
                let lost = |error| PortError::Lost(format!("failed to receive in shared memory: {error}"));
                let Some(sample) = received.map_err(lost)? else { break };
                batch.push(wire::decode(sample.payload(), pool).ok_or_else(|| {
                    let len = sample.payload().len();
                    PortError::Failed(format!("{len} bytes in shared memory are no message of this run"))
                })?);
            }
        }
        Ok(())
    }
}

impl RecvPort for Inlet {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.batch.clear();
        let replies = from == Inbox::Replies;
        self.take(replies, max)?;
        if self.batch.is_empty() {
            let are_gone = |source: &Source| source.queue.dynamic_config().number_of_publishers() == 0;
            let is_closed = !replies && self.sources.iter().all(are_gone);
            if let Some(sleep) = &self.sleep {
                sleep.falls_asleep();
            }
            if is_closed || self.sleep.is_some() {
                // A message may have arrived after the first look: before the last publisher left, or before senders could
                // see that this thread will sleep.
                self.take(replies, max)?;
            }
            if self.batch.is_empty() {
                return if is_closed { Err(PortError::Closed) } else { Ok(0) };
            }
        }
        if let Some(sleep) = &self.sleep {
            sleep.is_awake();
        }
        on_batch(&self.batch, &[]);
        Ok(self.batch.len())
    }

    fn socket(&self) -> Option<OwnedFd> {
        self.sleep.as_ref()?.socket()
    }
}
