//! The trait that a scenario implements ([`Handler`]), the one that the engine calls ([`Reactor`]), and the output of
//! both ([`Out`]).

use crate::{
    counters::Published,
    message::{Kind, Message},
    payload::Pool,
    recorder::Recorder,
};

/// Reacts to one message at a time. A service's behaviour, the same in both styles.
pub trait Handler: Send {
    /// Reacts to `message` by emitting kinds, by ending the flow, or not at all. The message cannot be changed.
    fn handle(&mut self, message: &Message, out: &mut Out);
}

/// Reacts to one batch at a time, so that the engine makes one dynamic call per batch.
pub trait Reactor: Send {
    /// Reacts to `batch`, in order.
    fn react(&mut self, batch: &[Message], out: &mut Out);
}

impl<H: Handler> Reactor for H {
    #[inline]
    fn react(&mut self, batch: &[Message], out: &mut Out) {
        for message in batch {
            self.handle(message, out);
        }
    }
}

/// Stands in for a handler that a wiring names and a scenario does not have, which wiring rules out.
pub(crate) struct Deaf;

impl Handler for Deaf {
    fn handle(&mut self, _message: &Message, _out: &mut Out) {}
}

/// A destination that a lane sends to. An outbox is made from these.
#[derive(Clone, Debug)]
pub(crate) struct OutboxSpec {
    pub destination: u16,
    /// Messages to it are requests.
    pub asks: bool,
    pub kinds: Vec<Kind>,
}

/// The messages that wait for one send port. They lie on cache lines of their own, because every message writes to them.
#[derive(Debug)]
#[repr(align(128))]
struct Outbox {
    destination: u16,
    /// Messages to this destination are requests and carry the instance that waits for the reply.
    asks: bool,
    /// Messages that have left: the number of the first that is pending.
    gone: u64,
    pending: Vec<Message>,
    /// How many of `pending` the transport has taken.
    offered: usize,
}

impl Outbox {
    fn new(spec: &OutboxSpec) -> Self {
        Self {
            destination: spec.destination,
            asks: spec.asks,
            gone: 0,
            pending: Vec::with_capacity(64),
            offered: 0,
        }
    }

    #[inline]
    fn waiting(&self) -> usize {
        self.pending.len() - self.offered
    }

    /// Messages emitted so far. Not counted one by one: that would be one more write per message.
    #[inline]
    fn emitted(&self) -> u64 {
        self.gone + self.pending.len() as u64
    }

    /// Forgets what was pending, all of which a transport has taken.
    #[inline]
    fn clear(&mut self) {
        self.gone += self.pending.len() as u64;
        self.pending.clear();
        self.offered = 0;
    }
}

/// A lane's outbox and the ends of flows. Handlers emit into it; they cannot forge a stamp or an address.
///
/// Messages keep their order within a destination, which is all that is promised; those of one batch that go the same way
/// are offered together, however the handler mixed them.
#[derive(Debug)]
pub struct Out {
    lane: u16,
    outboxes: Vec<Outbox>,
    /// A bit for each outbox that has something no transport has taken.
    waiting: u64,
    /// The outbox that was offered last.
    last_port: usize,
    /// By kind, the outbox it goes to if that is one, else [`NOT_ONE`]; index 0 is `START`, which goes nowhere.
    one: Box<[u8]>,
    /// By kind, all outboxes it goes to.
    all: Box<[Box<[u8]>]>,
    pub(crate) recorder: Recorder,
    pub(crate) now_ns: u64,
}

/// No outbox has this number: wiring allows fewer.
const NOT_ONE: u8 = u8::MAX;

impl Out {
    /// The outbox of a lane with a send port for each of `specs`; `kinds` is how many there are in its scenario.
    pub(crate) fn new(lane: u16, kinds: usize, specs: &[OutboxSpec], recorder: Recorder) -> Self {
        let outboxes = specs.iter().map(Outbox::new).collect();
        let ports_of = |kind: usize| {
            let carries = |spec: &OutboxSpec| spec.kinds.iter().any(|carried| usize::from(carried.0) == kind);
            let ports = specs.iter().enumerate().filter(|(_, spec)| carries(spec));
            ports.map(|(port, _)| port as u8).collect()
        };
        let all: Box<[Box<[u8]>]> = (0..=kinds).map(ports_of).collect();
        let one = all.iter().map(|ports| if let [port] = **ports { port } else { NOT_ONE }).collect();
        Self { lane, outboxes, waiting: 0, last_port: 0, one, all, recorder, now_ns: 0 }
    }

    /// Says that `kind` happened because of `cause`. It goes wherever the style's table routes it; a kind that
    /// nobody is wired to is counted as unrouted.
    #[expect(clippy::inline_always, reason = "once per message; a call costs a tenth of a hop over a ring")]
    #[inline(always)]
    pub fn emit(&mut self, cause: &Message, kind: Kind) {
        let port = self.one.get(usize::from(kind.0)).copied().unwrap_or(NOT_ONE);
        if !self.send(cause, kind, port) {
            self.send_to_all(cause, kind);
        }
    }

    #[inline(never)]
    fn send_to_all(&mut self, cause: &Message, kind: Kind) {
        let mut sent = 0;
        while let Some(port) = self.all.get(usize::from(kind.0)).and_then(|ports| ports.get(sent).copied()) {
            self.send(cause, kind, port);
            sent += 1;
        }
        if sent == 0 {
            self.recorder.unrouted(kind);
        }
    }

    /// Says whether there is such a port.
    #[expect(clippy::inline_always, reason = "as emit")]
    #[inline(always)]
    fn send(&mut self, cause: &Message, kind: Kind, port: u8) -> bool {
        let Some(outbox) = self.outboxes.get_mut(usize::from(port)) else { return false };
        // The number's low half: receivers extend what they see.
        let seq = outbox.emitted() as u32;
        if outbox.pending.is_empty() {
            self.waiting |= 1 << port;
        }
        let Outbox { destination, asks, pending, .. } = outbox;
        // Made when there is room for it: made before, it would have to be kept over the call that may make room.
        pending.extend(std::iter::once_with(|| {
            let mut message = cause.caused(kind, *destination, self.lane, seq);
            if *asks {
                message.set_reply_to(self.lane);
            }
            message
        }));
        true
    }

    /// Says that the flow of `cause` is over.
    #[inline]
    pub fn end(&mut self, cause: &Message) {
        self.recorder.end(cause, self.now_ns);
    }

    /// The send port that is offered next: the one that was offered last until it has taken everything, then the others
    /// in turn.
    #[inline]
    pub(crate) const fn next_port(&self) -> usize {
        let not_before = self.waiting & (u64::MAX << self.last_port);
        (if not_before == 0 { self.waiting } else { not_before }).trailing_zeros() as usize
    }

    /// How many requests were emitted.
    pub(crate) fn requests(&self) -> u64 {
        self.outboxes.iter().filter(|outbox| outbox.asks).map(Outbox::emitted).sum()
    }

    /// How many messages were emitted, for all ports.
    pub(crate) fn emitted(&self) -> u64 {
        self.outboxes.iter().map(Outbox::emitted).sum()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Takes the messages that wait, as if a transport had.
    pub(crate) fn take_emitted(&mut self) -> Vec<Message> {
        let all =
            self.outboxes.iter().flat_map(|outbox| &outbox.pending[outbox.offered..]).copied().collect();
        self.outboxes.iter_mut().for_each(Outbox::clear);
        self.waiting = 0;
        all
    }

    /// Messages not yet taken by a transport, by destination.
    pub(crate) fn unsent(&self) -> Vec<(u16, u64)> {
        let left = |outbox: &Outbox| (outbox.destination, outbox.waiting() as u64);
        self.outboxes.iter().map(left).collect()
    }

    /// Publishes all counters.
    #[inline(never)]
    pub(crate) fn publish_all(&mut self, counters: &Published) {
        self.count_emitted();
        self.recorder.publish_all(counters);
    }

    /// Settles with the group's audit, and publishes if that or anything since the last batch changed a rare counter, or
    /// if `changed` says so. Called when idle.
    pub(crate) fn settle(&mut self, counters: &Published, changed: bool) {
        self.count_emitted();
        self.recorder.settle(counters, changed);
    }

    fn count_emitted(&mut self) {
        for (outbox, emitted) in self.outboxes.iter().zip(&mut self.recorder.local.emitted) {
            *emitted = outbox.emitted();
        }
    }

    /// The only message that waits, stamped, and its port; `None` if several do. Tells that it was emitted.
    #[inline(always)]
    pub(crate) fn only(
        &mut self,
        now_ns: u64,
        pool: &Pool,
        counters: &Published,
    ) -> Option<(usize, &Message)> {
        // More than one bit: more than one outbox.
        if self.waiting & self.waiting.wrapping_sub(1) != 0 {
            return None;
        }
        let port = self.waiting.trailing_zeros() as usize;
        let Outbox { pending, gone, .. } = self.outboxes.get_mut(port)?;
        let [only] = &mut pending[..] else { return None };
        counters.publish_emitted(port, *gone + 1);
        only.stamp(now_ns, pool);
        Some((port, only))
    }

    /// Forgets the only message that waited, for `port`.
    #[inline(always)]
    pub(crate) fn only_taken(&mut self, port: usize) {
        if let Some(Outbox { pending, gone, .. }) = self.outboxes.get_mut(port) {
            pending.clear();
            *gone += 1;
        }
        self.waiting = 0;
    }

    /// The next messages for one port, stamped: at most `max`, and the port. A port that is full stays next until it
    /// has taken everything. Tells of what was emitted for it.
    #[inline(always)]
    pub(crate) fn stamped(
        &mut self,
        max: usize,
        now_ns: u64,
        pool: &Pool,
        counters: &Published,
    ) -> (usize, &[Message]) {
        let port = self.next_port();
        let Some(outbox) = self.outboxes.get_mut(port) else {
            return (0, &[]);
        };
        self.last_port = port;
        counters.publish_emitted(self.last_port, outbox.emitted());
        let Outbox { pending, offered, .. } = outbox;
        let rest = &mut pending[*offered..];
        let len = rest.len().min(max);
        (self.last_port, stamp(&mut rest[..len], now_ns, pool))
    }

    /// Forgets the first `taken` of what was offered last.
    #[inline(always)]
    pub(crate) fn taken(&mut self, taken: usize) {
        let outbox = &mut self.outboxes[self.last_port];
        outbox.offered += taken;
        if outbox.waiting() == 0 {
            outbox.clear();
            self.waiting &= !(1 << self.last_port);
        }
    }
}

/// Out of line, so that a single message is stamped without setting up a loop.
#[inline(never)]
fn stamp<'a>(batch: &'a mut [Message], now_ns: u64, pool: &Pool) -> &'a [Message] {
    for message in &mut *batch {
        message.stamp(now_ns, pool);
    }
    batch
}
