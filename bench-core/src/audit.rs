//! Audit of deliveries: finds duplicates and reordering by sequence number, in memory that does not grow with the run.
//!
//! A *stream* is everything that one producer sends to one destination, numbered from 0. Each receiver follows the
//! order of each stream. The numbers that have been seen are bits in a window, which the competing instances of a
//! service share. Losses are not found here: they are messages sent minus distinct messages received.

mod judge;
mod order;
mod rolled_back;
mod window;

pub use judge::PARTS_MAX;
use judge::{Judge, Judgement};
use order::Order;
use rolled_back::RolledBack;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use window::{Seen, WINDOW_LEN, Window};

/// The findings of the audit at one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Handed over again.
    pub duplicated: u64,
    /// Below the next expected number of its stream (RFC 4737, §3), and not a duplicate.
    pub reordered: u64,
    /// How far the reordered lay behind the highest number their receiver had seen of their stream: the furthest.
    pub displacement_max: u64,
    /// As `displacement_max`, of all of them together.
    pub displacement_sum: u64,
    /// Too far behind to tell a late message from a duplicate.
    pub beyond_window: u64,
    /// Of an order per key or per shard: handed over after a later message of its key or shard, and not a duplicate.
    pub out_of_order: u64,
    /// Of an order per key or per shard: the key or shard is one too many to remember, or the shard was not told.
    pub unjudged: u64,
    /// Of all duplicates, here or at another member of the group: the other delivery of the message was rolled back.
    pub again_of_none: u64,
}

impl Found {
    /// `below_next` is how far the message is below the next expected, 0 if it is not. `late`: it breaks the order of its key
    /// or shard.
    #[inline]
    fn note(&mut self, seen: Seen, below_next: u32, late: bool) {
        match seen {
            Seen::New => {
                self.out_of_order += u64::from(late);
                // The highest seen is one below the next expected.
                let displacement = u64::from(below_next.saturating_sub(1));
                self.reordered += u64::from(below_next > 0);
                self.displacement_max = self.displacement_max.max(displacement);
                self.displacement_sum += displacement;
            }
            Seen::Again => self.duplicated += 1,
            Seen::Redone => {}
            Seen::BeyondWindow => self.beyond_window += 1,
        }
    }
}

/// One message as a member of a group noted it.
#[derive(Clone, Copy, Debug)]
struct Noted {
    /// With [`LATE`] if the message breaks the order of its key or shard.
    stream: u32,
    below_next: u32,
    /// The low half of its number.
    seq: u32,
}

/// Marks the stream of a note. No trial has as many streams.
const LATE: u32 = 1 << 31;

/// How many notes a member keeps before it enters the group: entering costs a lock.
const NOTES: usize = 1024;
/// And how many at least, where so many instances compete that the notes of all of them would take much memory.
const NOTES_LEAST: usize = 16;
/// Instances that may each keep as many as [`NOTES`].
const NOTING: usize = 64;

/// Windows shared by the instances of one service that compete for the same messages.
#[derive(Debug)]
pub struct Group {
    memory: Mutex<Memory>,
    streams: usize,
    members: usize,
}

impl Group {
    /// A group of `members` instances that hears so many streams.
    #[must_use]
    pub fn new(streams: usize, members: usize) -> Self {
        Self { memory: Mutex::new(Memory::new(streams)), streams, members }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many notes each member keeps.
    fn notes(&self) -> usize {
        (NOTES * NOTING / self.members.max(1)).clamp(NOTES_LEAST, NOTES)
    }
}

/// The messages that were seen.
#[derive(Debug)]
struct Memory {
    /// By stream.
    windows: Vec<Window>,
    /// For deliveries in transactions.
    rolled_back: Option<Box<RolledBack>>,
}

impl Memory {
    fn new(streams: usize) -> Self {
        Self { windows: vec![Window::default(); streams], rolled_back: None }
    }

    /// Notes a message, and says whether it was seen before.
    fn note(&mut self, stream: usize, seq: u64) -> Seen {
        let seen = self.windows[stream].note(seq);
        match &mut self.rolled_back {
            Some(rolled_back) if seen == Seen::Again => rolled_back.note_again(stream, seq),
            _ => seen,
        }
    }
}

/// How many destinations the streams of `slots` belong to.
fn heard(slots: &[u8]) -> usize {
    slots.iter().max().map_or(0, |slot| usize::from(*slot) + 1)
}

/// A number whose low half is `seq`, as near to `next` as can be, and how far it is below it, 0 if it is not.
#[inline]
fn extend(seq: u32, next: u64) -> (u64, u32) {
    let distance = i64::from(seq.wrapping_sub(next as u32).cast_signed());
    let seq = next.saturating_add_signed(distance);
    (seq, next.saturating_sub(seq) as u32)
}

/// The audit of one receiver: with windows of its own, or with those of the group it is in.
#[derive(Debug)]
pub(crate) struct Auditor {
    /// Without streams in a group.
    memory: Memory,
    /// By stream: which of the destinations that the lane hears it belongs to. Shared by the instances of a service.
    slots: Arc<[u8]>,
    /// By heard destination: deliveries that were not the first of their number, or of which that cannot be told.
    again: Vec<u64>,
    membership: Option<Membership>,
    /// Of an order that holds within keys or shards.
    judge: Option<Box<Judge>>,
    pub found: Found,
}

/// A receiver in a group.
#[derive(Debug)]
struct Membership {
    group: Arc<Group>,
    /// The sequence number that this receiver expects next of each stream.
    order: Order,
    notes: Vec<Noted>,
    /// The receiver enters its notes into the memory of the group when it has so many of them.
    notes_max: usize,
    /// By heard destination: deliveries that were entered into the group. Before that nobody knows whether another member
    /// has seen the same message.
    entered: Vec<u64>,
}

impl Auditor {
    /// Of a receiver that is handed whole streams. `slots` says of each stream which of the heard destinations it belongs
    /// to.
    pub(crate) fn alone(slots: impl Into<Arc<[u8]>>) -> Self {
        let slots = slots.into();
        let memory = Memory::new(slots.len());
        let again = vec![0; heard(&slots)];
        Self { memory, slots, again, membership: None, judge: None, found: Found::default() }
    }

    /// Of a receiver that competes with the others of `group`. `slots` as for [`Auditor::alone`].
    pub(crate) fn member(group: Arc<Group>, slots: impl Into<Arc<[u8]>>) -> Self {
        let slots = slots.into();
        let again = vec![0; heard(&slots)];
        let notes_max = group.notes();
        // Of few members each has room for all its notes from the start. Of many, most never have many at a time.
        let notes = Vec::with_capacity(if notes_max == NOTES { NOTES } else { 0 });
        let order = Order::new(group.streams, group.members);
        let membership = Membership { group, order, notes, notes_max, entered: again.clone() };
        let (memory, found) = (Memory::new(0), Found::default());
        Self { memory, slots, again, membership: Some(membership), judge: None, found }
    }

    /// The same, judging that order.
    pub(crate) fn judging(self, order: crate::promise::Order) -> Self {
        Self { judge: Judge::new(order).map(Box::new), ..self }
    }

    /// The same, for deliveries in transactions, which may be rolled back.
    pub(crate) fn transacting(mut self, transacts: bool) -> Self {
        if transacts {
            match &mut self.membership {
                None => drop(self.memory.rolled_back.get_or_insert_default()),
                Some(Membership { group, .. }) => drop(group.memory().rolled_back.get_or_insert_default()),
            }
        }
        self
    }

    /// Whether an order within keys or shards is judged, message by message.
    #[inline]
    pub(crate) const fn has_judge(&self) -> bool {
        self.judge.is_some()
    }

    /// Notes a message as [`Auditor::note`] does, and judges the order of its key or shard. Says whether counters changed that
    /// otherwise do not, too.
    pub(crate) fn note_judged(
        &mut self,
        stream: usize,
        key: u32,
        shard: Option<u16>,
        seq: u32,
    ) -> (Option<Seen>, bool) {
        let judge = self.judge.as_mut().map(|judge| judge.note(stream as u32, key, shard, seq));
        let is_unjudged = judge == Some(Judgement::Unjudged);
        self.found.unjudged += u64::from(is_unjudged);
        (self.note_marked(stream, seq, judge == Some(Judgement::Late)), is_unjudged)
    }

    /// By heard destination: deliveries that were not the first of their number, or of which that cannot be told.
    pub(crate) fn again(&self) -> &[u64] {
        &self.again
    }

    /// By heard destination: deliveries of which [`Auditor::again`] has been told; `None` if that is all of them at any time.
    #[inline]
    pub(crate) fn entered(&self) -> Option<&[u64]> {
        self.membership.as_ref().map(|membership| &*membership.entered)
    }

    /// Notes a message; `seq` is the low half of its number, extended from what was seen last. `None`: the message came as
    /// expected, or the group was not asked about it. A member of a group never learns here that a message was seen before,
    /// because the group is asked about many messages at once.
    #[inline]
    pub(crate) fn note(&mut self, stream: usize, seq: u32) -> Option<Seen> {
        self.note_marked(stream, seq, false)
    }

    #[inline]
    fn note_marked(&mut self, stream: usize, seq: u32, late: bool) -> Option<Seen> {
        let Some(Membership { order, notes, notes_max, .. }) = &mut self.membership else {
            let window = &mut self.memory.windows[stream];
            if seq == window.head() as u32 {
                window.note_one();
                return None;
            }
            let (seq, below_next) = extend(seq, window.head());
            let seen = self.memory.note(stream, seq);
            self.found.note(seen, below_next, late);
            self.again[usize::from(self.slots[stream])] += u64::from(!seen.is_first());
            return Some(seen);
        };
        let below_next = order.note(stream as u32, seq);
        let mark = if late { LATE } else { 0 };
        notes.push(Noted { stream: stream as u32 | mark, below_next, seq });
        let is_full = notes.len() >= *notes_max;
        if is_full {
            self.settle();
        }
        is_full.then_some(Seen::New)
    }

    /// Notes a dead letter: it comes late by nature, so it breaks no order. A member of a group asks the others at once whether one of
    /// them has handled the message.
    pub(crate) fn note_dead(&mut self, stream: usize, seq: u32) -> Seen {
        self.settle();
        let note = |window: &mut Window| window.note(extend(seq, window.head()).0);
        let seen = match &self.membership {
            None => note(&mut self.memory.windows[stream]),
            Some(Membership { group, .. }) => note(&mut group.memory().windows[stream]),
        };
        self.found.beyond_window += u64::from(seen == Seen::BeyondWindow);
        seen
    }

    /// Notes that the delivery of a message to this receiver was rolled back. Its number is `seq` or, if only the low half is known,
    /// the nearest to what was seen last.
    pub(crate) fn roll_back(&mut self, stream: usize, seq: u32) {
        self.settle();
        let roll_back = |memory: &mut Memory| {
            let (seq, _) = extend(seq, memory.windows[stream].head());
            memory.rolled_back.as_mut().is_none_or(|rolled_back| rolled_back.roll_back(stream, seq))
        };
        let was_first = match &self.membership {
            None => roll_back(&mut self.memory),
            Some(Membership { group, .. }) => roll_back(&mut group.memory()),
        };
        // Of the two deliveries one remains, so none of them is a duplicate.
        self.found.again_of_none += u64::from(!was_first);
        self.again[usize::from(self.slots[stream])] += u64::from(was_first);
    }

    /// How many of the numbers `from..to` of a stream were not seen by this receiver or by its group, or are too far back to be
    /// known. All notes have to be entered.
    pub(crate) fn unseen(&self, stream: usize, from: u64, to: u64) -> u64 {
        match &self.membership {
            None => self.memory.windows[stream].unseen(from, to),
            Some(Membership { group, .. }) => group.memory().windows[stream].unseen(from, to),
        }
    }

    /// Whether `seq` is what comes next in a stream that this receiver follows alone.
    #[inline]
    pub(crate) fn expects(&self, stream: usize, seq: u32) -> bool {
        self.memory.windows.get(stream).is_some_and(|window| window.head() as u32 == seq)
    }

    /// Notes `seq` if it is what comes next in a stream that this receiver follows alone. Says whether it was.
    #[inline(always)]
    pub(crate) fn note_if_expected(&mut self, stream: usize, seq: u32) -> bool {
        let expected = self.memory.windows.get_mut(stream).filter(|window| window.head() as u32 == seq);
        expected.map(Window::note_one).is_some()
    }

    /// Notes the next `count` messages of a stream of which the first was expected, in order.
    #[inline]
    pub(crate) fn note_expected(&mut self, stream: usize, count: u32) {
        self.memory.windows[stream].note_next(count);
    }

    /// Whether a member of a group has notes that it has not entered into the group.
    #[inline]
    pub(crate) fn has_notes(&self) -> bool {
        self.membership.as_ref().is_some_and(|membership| !membership.notes.is_empty())
    }

    /// Enters what a member of a group noted into the group. Says whether there was anything. Called when a lane is idle,
    /// and at its end.
    pub(crate) fn settle(&mut self) -> bool {
        let Some(Membership { group, notes, entered, .. }) = &mut self.membership else { return false };
        if notes.is_empty() {
            return false;
        }
        let mut memory = group.memory();
        for Noted { stream: marked, below_next, seq } in notes.drain(..) {
            let (stream, late) = (marked & !LATE, marked & LATE != 0);
            let (seq, _) = extend(seq, memory.windows[stream as usize].head());
            let seen = memory.note(stream as usize, seq);
            self.found.note(seen, below_next, late);
            let slot = usize::from(self.slots[stream as usize]);
            entered[slot] += 1;
            self.again[slot] += u64::from(!seen.is_first());
        }
        true
    }
}

#[cfg(test)]
mod tests;
