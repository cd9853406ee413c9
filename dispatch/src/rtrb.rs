//! `rtrb`: wait-free rings with one writer and one reader each.
//!
//! Command and Request: each sending instance has one ring to the only instance of the receiving service. Several
//! receiving instances would compete, which a ring with one reader cannot do. Reply: each replier has one ring to each
//! requesting instance, and the message's `reply_to` selects it. Event: refused, because a ring has no subscribers. A
//! receiver drains its rings in turn. Slices are copied in and handed over in place, and a slot is free again when its
//! message is handled. A ring cannot sleep, so the wait strategy `native` yields.

use crate::shared::{
    Addressees, Refusals, exactly_one,
    merged::{Merged, Source},
};
use drumpost_core::{
    dispatcher::Threaded,
    message::Message,
    port::{PortError, SendPort, Told},
    registry::TransportEntry,
    scenario::{Intent, Style},
    transport::{Endpoint, Endpoints, OpenError, Queues, Transport},
    wiring::Wiring,
};
use rtrb::{Consumer, Producer, RingBuffer, chunks::ReadChunk};

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "rtrb",
        summary: "wait-free rings in memory, one per sending and receiving instance (crate rtrb)",
        intents: &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply])],
        make: |_| Ok(Box::new(Threaded(Rtrb))),
        ..TransportEntry::IN_MEMORY
    }
}

const REFUSALS: Refusals = Refusals {
    intents: "a ring has one reader; use crossbeam, tokio-broadcast or listeners",
    competing: |instances, service| exactly_one(instances, service, "a ring has one reader"),
};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rtrb;

/// Sends to one destination. On cache lines of its own: it is written at every offer, and a thread holds several.
#[derive(Debug)]
#[repr(align(128))]
pub struct RingSender {
    addressees: Addressees,
    /// One by receiving instance.
    rings: Vec<Writer>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Writer(Producer<Message>);

/// The reading end of one ring.
#[derive(Debug)]
#[repr(align(128))]
pub struct Reader(Consumer<Message>);

impl Transport for Rtrb {
    type Send = RingSender;
    type Recv = Merged<Reader>;
    const QUEUES: Queues = Queues::Each;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<RingSender, Merged<Reader>>, OpenError> {
        REFUSALS.check(&entry(), wiring)?;
        let count = usize::from(wiring.instance_count());
        let mut sends: Vec<Vec<RingSender>> = (0..count).map(|_| Vec::new()).collect();
        let mut heard: Vec<[Vec<Reader>; 2]> = (0..count).map(|_| Default::default()).collect();
        for destination in &wiring.destinations {
            let Some(&service) = destination.receivers.first() else { continue };
            let receivers = wiring.services[service].instances.clone();
            let apart = destination.intent == Intent::Reply && wiring.has_replies_apart(service);
            for sender in wiring.services[destination.sender].instances.clone() {
                let rings = receivers.clone().map(|receiver| {
                    let (writer, reader) = RingBuffer::new(wiring.capacity.max(1));
                    heard[usize::from(receiver)][usize::from(apart)].push(Reader(reader));
                    Writer(writer)
                });
                let rings = rings.collect();
                let addressees = Addressees::new(destination, receivers.clone());
                sends[usize::from(sender)].push(RingSender { addressees, rings });
            }
        }
        let endpoints = sends.into_iter().zip(heard).map(|(sends, [others, replies])| Endpoint {
            inbox: Merged::new(wiring, replies, others),
            sends,
        });
        Ok(endpoints.collect())
    }
}

impl SendPort for RingSender {
    #[inline]
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if let ([Writer(ring)], [message]) = (&mut self.rings[..], batch) {
            return match ring.push(*message) {
                _ if ring.is_abandoned() => Err(PortError::Closed),
                taken => Ok(usize::from(taken.is_ok())),
            };
        }
        self.offer_runs(batch)
    }
}

impl RingSender {
    /// Out of line, so that a single message is pushed without the loop that several need.
    #[inline(never)]
    fn offer_runs(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let Self { addressees, rings } = self;
        addressees.offer(batch, |to, run| {
            let Writer(ring) = &mut rings[to];
            if ring.is_abandoned() {
                return Err(PortError::Closed);
            }
            Ok(ring.push_partial_slice(run).0.len())
        })
    }
}

impl Source for Reader {
    /// Hands messages over where they lie.
    #[inline]
    fn read(
        &mut self,
        max: usize,
        _buffer: &mut Vec<Message>,
        on_batch: &mut impl FnMut(&[Message], &[Told]),
    ) -> Option<usize> {
        let Self(ring) = self;
        let len = read(ring, max, on_batch);
        // The writer is looked at first: one that is gone has written all it ever will.
        if len == 0 && ring.is_abandoned() && ring.is_empty() { None } else { Some(len) }
    }
}

/// Hands over up to `max` messages of a ring. Calls `on_batch` at a single site, so that the compiler inlines the handler here.
#[inline]
fn read(ring: &mut Consumer<Message>, max: usize, on_batch: &mut impl FnMut(&[Message], &[Told])) -> usize {
    let mut several = None;
    let (mut part, mut rest): (_, &[Message]) = if max == 1 {
        // A chunk of one costs more.
        let Ok(message) = ring.peek() else { return 0 };
        (std::slice::from_ref(message), &[])
    } else {
        let Some(chunk) = chunk(ring, max) else { return 0 };
        several.insert(chunk).as_slices()
    };
    let len = part.len() + rest.len();
    loop {
        on_batch(part, &[]);
        if rest.is_empty() {
            break;
        }
        part = std::mem::take(&mut rest);
    }
    match several {
        Some(chunk) => chunk.commit_all(),
        None => drop(ring.pop()),
    }
    len
}

/// Up to `max` messages; `None` if there are none.
fn chunk(ring: &mut Consumer<Message>, max: usize) -> Option<ReadChunk<'_, Message>> {
    let len = ring.slots().min(max);
    ring.read_chunk(len).ok().filter(|chunk| !chunk.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{self, Trial, ask, numbered, numbers, pipe, react_and_ask};
    use drumpost_core::{
        plan::{Placement, Wait},
        port::{Inbox, RecvPort},
    };

    #[test]
    fn everything_arrives_once_and_in_order() {
        for (batch, wait) in [(64, Wait::Yield), (1, Wait::Park), (7, Wait::Native), (64, Wait::Park)] {
            Trial { batch, wait, ..Trial::default() }.run(Threaded(Rtrb), pipe(false));
        }
        let placement = Placement::Threads(1);
        Trial { placement, count: 200_000, ..Trial::default() }.run(Threaded(Rtrb), pipe(false));
    }

    #[test]
    fn several_senders_are_merged() {
        let instances = &[("source", 3)];
        Trial { instances, capacity: 16, ..Trial::default() }.run(Threaded(Rtrb), pipe(false));
    }

    #[test]
    fn a_full_ring_holds_the_sender_up() {
        let trial = Trial { capacity: 4, count: 500, ..Trial::default() };
        assert!(trial.run(Threaded(Rtrb), pipe(true)).blocked_ns > 0);
    }

    #[test]
    fn replies_go_to_who_asked() {
        for await_replies in [false, true] {
            let trial =
                Trial { instances: &[("source", 2)], await_replies, count: 5_000, ..Trial::default() };
            trial.run(Threaded(Rtrb), ask());
        }
    }

    #[test]
    fn a_service_that_reacts_and_asks_gets_both() {
        for await_replies in [false, true] {
            let trial = Trial { await_replies, count: 5_000, ..Trial::default() };
            trial.run(Threaded(Rtrb), react_and_ask());
        }
    }

    #[test]
    fn a_panicking_handler_ends_the_run() {
        let failure = Trial::default().failure(Threaded(Rtrb));
        assert!(failure.contains("number 1000 is too much"), "{failure}");
    }

    #[test]
    fn what_is_refused_names_the_intent() {
        let trial = Trial { instances: &[("sink", 2)], ..Trial::default() };
        assert_eq!(
            trial.refusal(Threaded(Rtrb), pipe(false)),
            "rtrb cannot carry Command `sink.work` to the 2 instances of service `sink`, of which exactly one is to \
             handle it: a ring has one reader; use crossbeam, or one instance"
        );
        let trial = Trial { style: Style::Event, ..Trial::default() };
        assert_eq!(
            trial.refusal(Threaded(Rtrb), pipe(false)),
            "rtrb cannot carry Event `source.done`: a ring has one reader; use crossbeam, tokio-broadcast or listeners"
        );
    }

    #[test]
    fn a_side_that_is_gone_closes_the_other() {
        let open = || Rtrb.open(&testing::Trial::default().wiring(&pipe(false))).unwrap();
        let [source, mut sink]: [_; 2] = open().try_into().unwrap();
        let (mut sends, inbox) = (source.sends, sink.inbox.as_mut().unwrap());
        assert_eq!(sends[0].offer(&numbered(0, 3)), Ok(3));
        drop(sends);
        let mut seen = Vec::new();
        assert_eq!(inbox.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))), Ok(2));
        assert_eq!(
            inbox.drain(Inbox::All, 2, |batch, _| seen.extend(numbers(batch))),
            Ok(1),
            "what was left is not lost"
        );
        assert_eq!((inbox.drain(Inbox::All, 2, |_, _| ()), seen), (Err(PortError::Closed), vec![0, 1, 2]));
        let [mut source, sink]: [_; 2] = open().try_into().unwrap();
        drop(sink);
        assert_eq!(source.sends[0].offer(&numbered(0, 3)), Err(PortError::Closed));
    }
}
