//! What a lane records seldom: messages that did not come as expected, damaged or dropped ones, and being held up.

use super::Recorder;
use crate::{audit::Seen, message::Kind};

/// The messages of one batch that are to be handled apart from the others, besides those of the warm-up.
#[derive(Debug, Default)]
pub(crate) struct Unusual {
    /// The places of messages that were delivered before, in order.
    again: Vec<u32>,
    /// A message was damaged, or did not belong here.
    is_damaged: bool,
}

impl Unusual {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.again.is_empty() && !self.is_damaged
    }

    /// Whether the message at that place of its batch was delivered before.
    pub(crate) fn is_again(&self, at: usize) -> bool {
        self.again.binary_search(&(at as u32)).is_ok()
    }
}

impl Recorder {
    /// Notes that the message at that place of its batch did not come as expected. Says whether it was delivered before.
    #[cold]
    #[inline(never)]
    pub(super) fn note_rare(&mut self, seen: Seen, at: usize) -> bool {
        self.rarely = true;
        let is_again = matches!(seen, Seen::Again | Seen::Redone);
        if is_again {
            self.unusual.again.push(at as u32);
        }
        is_again
    }

    #[cold]
    #[inline(never)]
    pub(super) fn note_corrupted(&mut self) {
        self.local.corrupted += 1;
        self.rarely = true;
        self.unusual.is_damaged = true;
    }

    /// Takes what was unusual about the last batch. It is to be given back, with its memory.
    pub(crate) fn take_unusual(&mut self) -> Unusual {
        std::mem::take(&mut self.unusual)
    }

    /// Takes the memory for the next batch back.
    pub(crate) fn give_unusual(&mut self, mut unusual: Unusual) {
        unusual.again.clear();
        unusual.is_damaged = false;
        self.unusual = unusual;
    }

    /// Forgets the ends since the last were recorded, and counts them: the message that caused them was delivered before,
    /// and its flow ended then.
    pub(crate) fn discard_ends(&mut self) {
        self.local.ended_again += u64::from(std::mem::take(&mut self.ends.times));
    }

    /// Notes that a kind was emitted that nobody is wired to.
    #[cold]
    pub(crate) fn unrouted(&mut self, kind: Kind) {
        self.local.unrouted += 1;
        match self.unrouted.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, messages)) => *messages += 1,
            None => self.unrouted.push((kind, 1)),
        }
        self.rarely = true;
    }

    /// Notes that a full transport blocked the lane, from when to when.
    #[cold]
    pub(crate) fn blocked(&mut self, since_ns: u64, until_ns: u64) {
        self.local.blocked_ns += until_ns.saturating_sub(since_ns);
        self.local.measured_blocked_ns += until_ns.saturating_sub(since_ns.max(self.measure_from_ns));
        self.rarely = true;
    }

    /// Notes messages that the transport dropped.
    #[cold]
    pub(crate) fn lagged(&mut self, count: u64) {
        self.local.lagged += count;
        self.rarely = true;
    }
}
