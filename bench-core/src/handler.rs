//! What a scenario writes ([`Handler`]), what the engine calls ([`Reactor`]), and what both get to answer with ([`Out`]).

use crate::{
    counters::Published,
    message::{Kind, Message},
    payload::Pool,
    recorder::Recorder,
    scenario::Intent,
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

/// Where a kind travels from one lane: a send port and what to write on the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    pub destination: u16,
    pub port: u8,
    pub intent: Intent,
}

/// A lane's outbox and the ends of flows. Handlers emit into it; they cannot forge a stamp or an address.
#[derive(Debug)]
pub struct Out {
    lane: u16,
    pending: Vec<Message>,
    offered: usize,
    /// Legs by kind; index 0 is `START`, which has none.
    legs: Vec<Vec<Leg>>,
    ports_by_destination: Vec<u8>,
    seqs: Vec<u32>,
    requests: u64,
    pub(crate) recorder: Recorder,
    pub(crate) now_ns: u64,
}

impl Out {
    pub(crate) fn new(lane: u16, legs: Vec<Vec<Leg>>, destinations: usize, recorder: Recorder) -> Self {
        let mut ports_by_destination = vec![0; destinations];
        let mut ports = 0;
        for leg in legs.iter().flatten() {
            ports_by_destination[usize::from(leg.destination)] = leg.port;
            ports = ports.max(usize::from(leg.port) + 1);
        }
        let pending = Vec::with_capacity(1024);
        let seqs = vec![0; ports];
        Self { lane, pending, offered: 0, legs, ports_by_destination, seqs, requests: 0, recorder, now_ns: 0 }
    }

    /// Says that `kind` happened because of `cause`. It goes wherever the style's table routes it; a kind that
    /// nobody is wired to is counted as unrouted.
    #[inline]
    pub fn emit(&mut self, cause: &Message, kind: Kind) {
        let Some(legs) = self.legs.get(usize::from(kind.0)) else {
            self.recorder.local.unrouted += 1;
            return;
        };
        for leg in legs {
            let seq = &mut self.seqs[usize::from(leg.port)];
            let mut message = cause.caused(kind, leg.destination, self.lane, *seq);
            *seq = seq.wrapping_add(1);
            if leg.intent == Intent::Request {
                message.set_reply_to(self.lane);
                self.requests += 1;
            }
            self.recorder.local.emitted[usize::from(leg.port)] += 1;
            self.pending.push(message);
        }
        self.recorder.local.unrouted += u64::from(legs.is_empty());
    }

    /// Says that the flow of `cause` is over.
    #[inline]
    pub fn end(&mut self, cause: &Message) {
        self.recorder.end(cause, self.now_ns);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Messages not yet taken by a transport, by destination.
    pub(crate) fn unsent(&self) -> Vec<(u16, u64)> {
        self.pending[self.offered..].iter().map(|message| (message.destination, 1)).collect()
    }

    /// The next run of messages for one port, stamped: at most `max`, and the port.
    #[inline]
    pub(crate) fn stamped(&mut self, max: usize, now_ns: u64, pool: &Pool) -> (usize, &[Message]) {
        let rest = &mut self.pending[self.offered..];
        let destination = rest.first().map_or(0, |message| message.destination);
        let mut len = 0;
        for message in rest.iter_mut().take(max) {
            if message.destination != destination {
                break;
            }
            message.stamp(now_ns, pool);
            len += 1;
        }
        (usize::from(self.ports_by_destination[usize::from(destination)]), &rest[..len])
    }

    /// Forgets the first `taken` of what is pending.
    #[inline]
    pub(crate) fn taken(&mut self, taken: usize) {
        self.offered += taken;
        if self.offered == self.pending.len() {
            self.pending.clear();
            self.offered = 0;
        }
    }

    pub(crate) fn publish(&mut self, counters: &Published) {
        self.recorder.publish(counters);
    }
}
