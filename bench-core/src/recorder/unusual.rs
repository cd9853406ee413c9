//! What a lane records seldom: messages that did not come as expected, damaged or dropped ones, and being held up.

use super::Recorder;
use crate::audit::Seen;

impl Recorder {
    /// Notes that the message at that place of its batch did not come as expected.
    #[cold]
    pub(super) fn note_rare(&mut self, seen: Seen, at: usize) {
        self.rarely = true;
        if seen == Seen::Again {
            self.again.push(at as u32);
            self.is_unusual = true;
        }
    }

    #[cold]
    pub(super) fn note_corrupted(&mut self) {
        self.local.corrupted += 1;
        self.rarely = true;
    }

    /// Whether a message was received since last asked that is to be handled apart from others.
    #[inline]
    pub(crate) const fn saw_unusual(&mut self) -> bool {
        std::mem::replace(&mut self.is_unusual, false)
    }

    /// Takes the places of those messages of the last batch that were delivered before. They are to be given back.
    pub(crate) fn take_again(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.again)
    }

    /// Takes the memory for such places back.
    pub(crate) fn give_again(&mut self, mut places: Vec<u32>) {
        places.clear();
        self.again = places;
    }

    /// Forgets the ends since the last were recorded, and counts them: the message that caused them was delivered before,
    /// and its flow ended then.
    pub(crate) fn discard_ends(&mut self) {
        self.local.ended_again += u64::from(std::mem::take(&mut self.ends.times));
    }

    /// Notes that a kind was emitted that nobody is wired to.
    #[cold]
    pub(crate) fn unrouted(&mut self) {
        self.local.unrouted += 1;
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
