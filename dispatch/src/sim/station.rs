//! A station: the simulated queue and servers in front of one receiving service, with faults by rule.
//!
//! The caller passes the time. A station knows no clock, no port and no thread.

use super::spec::{ServiceTime, SimSpec};
use drumpost_core::{message::Message, promise::Order};
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque, hash_map::Entry},
    hash::Hash,
};

/// Shards among which keys are divided where order is promised within shards.
const SHARDS: u32 = 4;
/// A message held back until its successor has passed is let go after this long without one.
const HOLD_NS: u64 = 1_000_000_000;

#[derive(Debug)]
struct Served {
    at_ns: u64,
    serial: u64,
    message: Message,
}

impl PartialEq for Served {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ns, self.serial) == (other.at_ns, other.serial)
    }
}

impl Eq for Served {}

impl PartialOrd for Served {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Served {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ns, self.serial).cmp(&(other.at_ns, other.serial))
    }
}

/// Held back by the reordering rule.
#[derive(Debug)]
struct Held {
    since_ns: u64,
    messages: Vec<Message>,
}

/// The shard of a message, counted from 1: its key's.
pub(crate) const fn shard(message: &Message) -> u16 {
    (message.key % SHARDS) as u16 + 1
}

type HeldBack<K> = HashMap<K, Held>;

fn hold<K>(held: Entry<'_, K, Held>, message: Message, now_ns: u64) {
    held.or_insert_with(|| Held { since_ns: now_ns, messages: Vec::new() }).messages.push(message);
}

/// Takes what has been held back for too long, in an order that does not depend on the map's.
fn take_overdue<K: Ord + Copy + Hash>(held: &mut HeldBack<K>, now_ns: u64) -> Vec<Held> {
    let overdue = held.iter().filter(|(_, held)| held.since_ns + HOLD_NS <= now_ns);
    let mut names: Vec<K> = overdue.map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.into_iter().filter_map(|name| held.remove(&name)).collect()
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Station {
    spec: SimSpec,
    random: StdRng,
    capacity: usize,
    /// When each server is free next.
    free_ns: BinaryHeap<Reverse<u64>>,
    served: BinaryHeap<Reverse<Served>>,
    serial: u64,
    /// By stream (destination and producer).
    held: HeldBack<(u16, u16)>,
    /// By stream and part: held back until a message of the same part has passed.
    misheld: HeldBack<((u16, u16), u32)>,
    /// A sender was refused since the last stall began.
    refused: bool,
    /// What arrived while nobody serves; `None`: somebody does.
    piled: Option<VecDeque<Message>>,
}

impl Station {
    pub(crate) fn new(spec: SimSpec, seed: u64, capacity: usize) -> Self {
        Self {
            spec,
            random: StdRng::seed_from_u64(seed),
            capacity,
            free_ns: (0..spec.servers).map(|_| Reverse(0)).collect(),
            served: BinaryHeap::new(),
            serial: 0,
            held: HashMap::new(),
            misheld: HashMap::new(),
            refused: false,
            piled: None,
        }
    }

    /// Serves nothing from now on.
    pub(crate) fn leave(&mut self) {
        self.piled.get_or_insert_default();
    }

    /// Serves again, at first what has piled up. Says whether it served nothing before.
    pub(crate) fn join(&mut self, now_ns: u64) -> bool {
        let piled = self.piled.take();
        piled.iter().flatten().for_each(|message| self.serve(message, now_ns));
        piled.is_some()
    }

    /// Takes a prefix of `batch` at `now_ns`; nothing during a stall.
    pub(crate) fn offer(&mut self, batch: &[Message], now_ns: u64) -> usize {
        let piled = self.piled.as_ref().map_or(0, VecDeque::len);
        let room = self.capacity.saturating_sub(self.served.len() + piled);
        let taken = if self.stall_end_ns(now_ns).is_some() { 0 } else { room.min(batch.len()) };
        self.refused = taken < batch.len();
        for message in &batch[..taken] {
            self.arrive(message, now_ns);
        }
        taken
    }

    /// Hands over up to `max` messages whose service is over.
    pub(crate) fn drain(&mut self, max: usize, now_ns: u64, into: &mut Vec<Message>) {
        if !self.held.is_empty() || !self.misheld.is_empty() {
            self.release_overdue(now_ns);
        }
        while into.len() < max && self.served.peek().is_some_and(|Reverse(next)| next.at_ns <= now_ns) {
            if let Some(Reverse(next)) = self.served.pop() {
                into.push(next.message);
            }
        }
    }

    /// When it next does something by itself, after `now_ns`.
    pub(crate) fn next_event_ns(&self, now_ns: u64) -> Option<u64> {
        let served = self.served.peek().map(|Reverse(next)| next.at_ns);
        let held = self.held.values().chain(self.misheld.values()).map(|held| held.since_ns + HOLD_NS).min();
        let stall = self.stall_end_ns(now_ns).filter(|_| self.refused);
        [served, held, stall].into_iter().flatten().filter(|at_ns| *at_ns > now_ns).min()
    }

    /// The end of the stall that `now_ns` is in.
    fn stall_end_ns(&self, now_ns: u64) -> Option<u64> {
        let (begins_ns, ends_ns) = self.spec.stall?.at_or_after(now_ns);
        (now_ns >= begins_ns).then_some(ends_ns)
    }

    /// The part of a stream within which order is promised: a key, one of a few shards, or the whole stream.
    const fn part(&self, message: &Message) -> u32 {
        match self.spec.order {
            Order::PerKey => message.key,
            Order::PerShard => shard(message) as u32,
            Order::PerProducer | Order::None => 0,
        }
    }

    /// One message arrives: lost, held back, or served, with whatever was held back for it.
    fn arrive(&mut self, message: &Message, now_ns: u64) {
        let applies = |rule: Option<super::spec::Share>| rule.is_some_and(|rule| rule.applies(message.seq));
        let (stream, part) = ((message.destination, message.producer()), self.part(message));
        let lost = applies(self.spec.loss);
        if !lost && applies(self.spec.misorder) {
            hold(self.misheld.entry((stream, part)), *message, now_ns);
            return;
        }
        if !lost && applies(self.spec.reorder) {
            hold(self.held.entry(stream), *message, now_ns);
            return;
        }
        let held = self.held.remove(&stream).map_or_else(Vec::new, |held| held.messages);
        if self.has_parts() {
            // The promise is kept: those of the same part go before, in their order, and the others after.
            let goes_before = |held: &Message| !lost && self.part(held) == part;
            let (before, after): (Vec<_>, Vec<_>) = held.into_iter().partition(goes_before);
            before.iter().for_each(|message| self.serve(message, now_ns));
            if !lost {
                self.serve(message, now_ns);
            }
            after.iter().for_each(|message| self.serve(message, now_ns));
        } else {
            if !lost {
                self.serve(message, now_ns);
            }
            // Last held, first out: each passes after its successor.
            held.iter().rev().for_each(|message| self.serve(message, now_ns));
        }
        if let Some(held) = self.misheld.remove(&(stream, part)).filter(|_| !lost) {
            held.messages.iter().for_each(|message| self.serve(message, now_ns));
        }
    }

    /// Whether the promised order holds within parts of a stream.
    const fn has_parts(&self) -> bool {
        matches!(self.spec.order, Order::PerKey | Order::PerShard)
    }

    fn release_overdue(&mut self, now_ns: u64) {
        for held in take_overdue(&mut self.held, now_ns) {
            // In reverse, as behind a successor, but where that would break the promise.
            let in_reverse = !self.has_parts();
            let count = held.messages.len();
            for at in 0..count {
                let message = held.messages[if in_reverse { count - 1 - at } else { at }];
                self.serve(&message, now_ns);
            }
        }
        for held in take_overdue(&mut self.misheld, now_ns) {
            held.messages.iter().for_each(|message| self.serve(message, now_ns));
        }
    }

    /// First come, first served, by the server that is free first.
    fn serve(&mut self, message: &Message, now_ns: u64) {
        if let Some(piled) = &mut self.piled {
            return piled.push_back(*message);
        }
        let free_ns = self.free_ns.pop().map_or(0, |Reverse(free_ns)| free_ns);
        let done_ns = self.done_ns(free_ns.max(now_ns));
        self.free_ns.push(Reverse(done_ns));
        let times = if self.spec.duplicate.is_some_and(|rule| rule.applies(message.seq)) { 2 } else { 1 };
        for _ in 0..times {
            self.served.push(Reverse(Served { at_ns: done_ns, serial: self.serial, message: *message }));
            self.serial += 1;
        }
    }

    /// When service that begins at `from_ns` is over; a stall stops it in the middle.
    fn done_ns(&mut self, from_ns: u64) -> u64 {
        let mut left_ns = self.service_ns();
        let mut at_ns = from_ns;
        let Some(stall) = self.spec.stall else { return at_ns.saturating_add(left_ns) };
        loop {
            let (begins_ns, ends_ns) = stall.at_or_after(at_ns);
            let runs_ns = begins_ns.saturating_sub(at_ns);
            if at_ns < begins_ns && left_ns <= runs_ns {
                return at_ns + left_ns;
            }
            left_ns -= runs_ns.min(left_ns);
            at_ns = ends_ns;
        }
    }

    fn service_ns(&mut self) -> u64 {
        sample_ns(self.spec.service, &mut self.random)
    }
}

/// Draws a time, in ns.
pub(super) fn sample_ns(time: ServiceTime, random: &mut StdRng) -> u64 {
    let ns = match time {
        ServiceTime::Fixed { ns } => ns,
        ServiceTime::Exponential { mean_ns } => {
            let unit: f64 = Exp1.sample(random);
            mean_ns * unit
        }
        ServiceTime::LogNormal { median_ns, sigma } => {
            let unit: f64 = StandardNormal.sample(random);
            median_ns * (sigma * unit).exp()
        }
    };
    ns.round().min(1e17) as u64
}
