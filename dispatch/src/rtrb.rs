//! `rtrb`: wait-free rings with one writer and one reader each.
//!
//! Command and Request: each sending instance has one ring to the only instance of the receiving service. Several
//! receiving instances would compete, which a ring with one reader cannot do. Reply: each replier has one ring to each
//! requesting instance, and the message's `reply_to` selects it. Event: refused, because a ring has no subscribers. A
//! receiver drains its rings in turn. Slices are copied in and handed over in place, and a slot is free again when its
//! message is handled. A ring cannot sleep, so the wait strategy `native` yields.

use crate::shared::{Addressees, refuse_competing, refuse_other_intents};
use drumpost_core::{
    dispatcher::Threaded,
    message::Message,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    transport::{Endpoint, OpenError, Queues, Transport},
    wiring::Wiring,
};
use rtrb::{Consumer, Producer, RingBuffer, chunks::ReadChunk};

const NAME: &str = "rtrb";
const INTENTS: &[Intent] = &[Intent::Command, Intent::Request, Intent::Reply];

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: NAME,
        summary: "wait-free rings in memory, one per sending and receiving instance (crate rtrb)",
        intents: &[(Style::Message, INTENTS)],
        runs_on: RunsOn::Threads,
        promise: Promise::IN_MEMORY,
        needs_server: false,
        options: &[],
        make: |_| Ok(Box::new(Threaded(Rtrb))),
    }
}

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

#[derive(Debug)]
#[repr(align(128))]
struct Reader(Consumer<Message>);

/// Merges the rings one instance reads.
#[derive(Debug)]
pub struct RingReceiver {
    rings: Rings,
    /// The rings of replies, if they are apart.
    replies: Option<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    rings: Vec<Reader>,
    /// The ring to begin with, so that a busy one does not silence those after it.
    next: usize,
}

impl Transport for Rtrb {
    type Send = RingSender;
    type Recv = RingReceiver;
    const QUEUES: Queues = Queues::Each;

    fn open(&mut self, wiring: &Wiring) -> Result<Vec<Endpoint<RingSender, RingReceiver>>, OpenError> {
        refuse_other_intents(
            NAME,
            wiring,
            INTENTS,
            "a ring has one reader; use crossbeam, tokio-broadcast or listeners",
        )?;
        refuse_competing(NAME, wiring, "a ring has one reader")?;
        let count = usize::from(wiring.instance_count());
        let mut sends: Vec<Vec<RingSender>> = (0..count).map(|_| Vec::new()).collect();
        let mut heard: Vec<[Rings; 2]> = (0..count).map(|_| Default::default()).collect();
        for destination in &wiring.destinations {
            let Some(&service) = destination.receivers.first() else { continue };
            let receivers = wiring.services[service].instances.clone();
            let apart = destination.intent == Intent::Reply && wiring.has_replies_apart(service);
            for sender in wiring.services[destination.sender].instances.clone() {
                let rings = receivers.clone().map(|receiver| {
                    let (writer, reader) = RingBuffer::new(wiring.capacity.max(1));
                    heard[usize::from(receiver)][usize::from(apart)].rings.push(Reader(reader));
                    Writer(writer)
                });
                let rings = rings.collect();
                let addressees = Addressees::new(destination, receivers.clone());
                sends[usize::from(sender)].push(RingSender { addressees, rings });
            }
        }
        Ok(sends.into_iter().zip(heard).map(|(sends, heard)| endpoint(sends, heard)).collect())
    }
}

fn endpoint(sends: Vec<RingSender>, [rings, replies]: [Rings; 2]) -> Endpoint<RingSender, RingReceiver> {
    if rings.rings.is_empty() {
        return Endpoint { inbox: None, sends };
    }
    let replies = (!replies.rings.is_empty()).then_some(replies);
    Endpoint { inbox: Some(RingReceiver { rings, replies }), sends }
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

impl RecvPort for RingReceiver {
    #[inline]
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let taken = match (&mut self.rings.rings[..], &self.replies) {
            ([Reader(ring)], None) => read(ring, max, &mut on_batch),
            _ => self.drain_several(from, max, &mut on_batch),
        };
        if taken == 0 && self.is_closed() { Err(PortError::Closed) } else { Ok(taken) }
    }
}

impl RingReceiver {
    /// Out of line and with a dynamic call, so that a single ring is read in one place, with the reaction made part of it.
    #[inline(never)]
    fn drain_several(
        &mut self,
        from: Inbox,
        max: usize,
        on_batch: &mut dyn FnMut(&[Message], &[Told]),
    ) -> usize {
        // Replies first: they end what was asked, and there are never more of them than was asked.
        let taken = self.replies.as_mut().map_or(0, |replies| replies.drain(max, on_batch));
        if from == Inbox::Replies { taken } else { taken + self.rings.drain(max - taken, on_batch) }
    }

    fn is_closed(&self) -> bool {
        self.rings.is_closed() && self.replies.as_ref().is_none_or(Rings::is_closed)
    }
}

impl Rings {
    fn drain(&mut self, max: usize, mut on_batch: &mut dyn FnMut(&[Message], &[Told])) -> usize {
        let mut taken = 0;
        for _ in 0..self.rings.len() {
            if taken == max {
                break;
            }
            let at = self.next;
            self.next = if at + 1 == self.rings.len() { 0 } else { at + 1 };
            let Reader(ring) = &mut self.rings[at];
            taken += read(ring, max - taken, &mut on_batch);
        }
        taken
    }

    /// Whether nothing is left and nothing more will come. The writers are looked at first: one that is gone has
    /// written all it ever will.
    fn is_closed(&self) -> bool {
        self.rings.iter().all(|Reader(ring)| ring.is_abandoned() && ring.is_empty())
    }
}

/// Hands over up to `max` messages of one ring where they lie. In one place: a lane's reaction is then made part of it.
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
    use drumpost_core::drive::{Placement, Wait};

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
