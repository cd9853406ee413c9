//! Parts of the hand-written loops: where flows come from, and what is recorded of messages and of ends.

use crate::trial::{Ran, Trial};
use drumpost_core::{
    audit::{Seen, Window},
    clock::{Clock, Now},
    dispatcher::LEAD_NS,
    hist::Hist,
    load::{Feed, Start},
    message::Message,
    payload::Pool,
};
use std::{sync::Arc, thread};

/// Where flows come from.
pub(crate) struct Source {
    feed: Box<dyn Feed>,
    buffer: Vec<Start>,
    next: usize,
    pub(crate) started: u64,
    pub(crate) left: u64,
    pub(crate) in_flight: u64,
}

impl Source {
    pub(crate) fn new(trial: &Trial) -> Self {
        let buffer = Vec::with_capacity(512);
        Self {
            feed: trial.feed(),
            buffer,
            next: 0,
            started: 0,
            left: trial.flows,
            in_flight: trial.in_flight,
        }
    }

    /// How many flows may start when `ended` have ended, at most `batch`.
    #[inline]
    pub(crate) fn room(&self, ended: u64, batch: usize) -> usize {
        (self.in_flight - (self.started - ended)).min(self.left).min(batch as u64) as usize
    }

    /// Starts a flow.
    #[inline]
    pub(crate) fn start(&mut self, lane: u16, now_ns: u64) -> Message {
        if self.next == self.buffer.len() {
            self.buffer.clear();
            self.feed.fill(&mut self.buffer);
            self.next = 0;
        }
        let Start { key, payload_len, .. } = self.buffer[self.next];
        let start = Message::start(lane, self.started as u32, now_ns, key, payload_len);
        self.next += 1;
        self.started += 1;
        self.left -= 1;
        start
    }
}

/// Stamps and seals a batch that is about to be handed over.
#[inline]
pub(crate) fn stamp(batch: &mut [Message], now_ns: u64, pool: &Pool) {
    for message in batch {
        message.stamp(now_ns, pool);
    }
}

/// What a receiver keeps of one stream: its audit and its hop times.
#[derive(Default)]
pub(crate) struct Inbound {
    window: Window,
    next: u64,
    hops: Hist,
    sent_ns: u64,
    times: u32,
    received: u64,
    pub(crate) faults: u64,
    /// Messages that were received before they were sent, by the clocks of two processors. Counted as the engine counts them, and no fault:
    /// the clocks may differ by some ns.
    pub(crate) negative: u64,
}

impl Inbound {
    /// Notes a message received at `now_ns`. Says whether it is whole.
    #[inline]
    pub(crate) fn note(&mut self, message: &Message, now_ns: u64, pool: &Pool) -> bool {
        if !message.intact(pool) {
            self.faults += 1;
            return false;
        }
        let seq = u64::from(message.seq);
        match self.window.note(seq) {
            Seen::New => self.faults += u64::from(seq < self.next),
            Seen::Again | Seen::Redone | Seen::BeyondWindow => self.faults += 1,
        }
        self.next = self.next.max(seq + 1);
        self.received += 1;
        if message.sent_ns() != self.sent_ns {
            self.record(now_ns);
            self.sent_ns = message.sent_ns();
        }
        self.times += 1;
        true
    }

    /// Records what was noted; equal stamps together.
    #[inline]
    pub(crate) fn record(&mut self, now_ns: u64) {
        if self.times > 0 {
            self.negative += u64::from(self.times) * u64::from(now_ns < self.sent_ns);
            self.hops.record_n(now_ns.saturating_sub(self.sent_ns), self.times);
            self.times = 0;
        }
    }

    pub(crate) fn hops(&self) -> u64 {
        assert_eq!(self.hops.count(), self.received);
        self.hops.count()
    }
}

/// What is kept of the ends of flows.
#[derive(Default)]
pub(crate) struct Ends {
    response: Hist,
    service: Hist,
    lag: Hist,
    due_ns: u64,
    first_sent_ns: u64,
    times: u32,
    pub(crate) ended: u64,
    pub(crate) last_ns: u64,
    /// As of [`Inbound`].
    pub(crate) negative: u64,
}

impl Ends {
    /// Notes that the flow of `message` ended.
    #[inline]
    pub(crate) fn note(&mut self, message: &Message, now_ns: u64) {
        self.ended += 1;
        let (due_ns, first_sent_ns) = (message.due_ns(), message.first_sent_ns());
        if due_ns != self.due_ns || first_sent_ns != self.first_sent_ns {
            self.record(now_ns);
            (self.due_ns, self.first_sent_ns) = (due_ns, first_sent_ns);
        }
        self.times += 1;
    }

    /// Records what was noted; equal stamps together.
    #[inline]
    pub(crate) fn record(&mut self, now_ns: u64) {
        if self.times > 0 {
            self.negative += u64::from(self.times) * u64::from(now_ns < self.first_sent_ns);
            self.response.record_n(now_ns.saturating_sub(self.due_ns), self.times);
            self.service.record_n(now_ns.saturating_sub(self.first_sent_ns), self.times);
            self.lag.record_n(self.first_sent_ns.saturating_sub(self.due_ns), self.times);
            self.times = 0;
            self.last_ns = now_ns;
        }
    }

    pub(crate) fn flows(&self) -> u64 {
        assert_eq!([self.response.count(), self.service.count(), self.lag.count()], [self.ended; 3]);
        self.ended
    }
}

/// Waits, as lanes do, until the load begins; says when that is.
pub(crate) fn lead(clock: &Clock) -> u64 {
    while clock.now_ns() < LEAD_NS {
        thread::yield_now();
    }
    LEAD_NS
}

/// Runs a loop as lanes are run: on a thread of its own, the caller waiting.
pub(crate) fn on_a_thread(trial: &Trial, body: impl FnOnce(&Trial, &Arc<Pool>, &Clock) -> Ran + Send) -> Ran {
    let clock = Clock::start();
    thread::scope(|scope| scope.spawn(|| body(trial, &trial.pool, &clock)).join().expect("does not panic"))
}
