//! Expected against delivered: duplicates and reordering by sequence number, in memory that does not grow.
//!
//! A *stream* is what one producer sends to one destination, numbered from 0. Each receiver follows the order of
//! each of its streams; who has seen which number is kept in a window of bits, shared by the instances of a service
//! that compete for the same messages. Losses are not seen here: they are what was sent less what is unique.

use std::sync::Mutex;

/// How far back a number is remembered, in messages per stream: 128 KiB of bits, touched only as the stream advances.
pub const WINDOW_LEN: u64 = 1 << 20;
const WORD_BITS: u64 = 64;
const WORDS: usize = (WINDOW_LEN / WORD_BITS) as usize;
const _: () = assert!(WORDS.is_power_of_two());

/// Whether a sequence number was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// First time.
    New,
    /// Seen before.
    Again,
    /// So far behind that it cannot be told.
    BeyondWindow,
}

/// The last [`WINDOW_LEN`] sequence numbers of one stream.
#[derive(Clone, Debug)]
pub struct Window {
    words: Box<[u64; WORDS]>,
    /// One above the highest number seen.
    head: u64,
}

/// On the heap from the start: as an array first, it would have to fit the stack.
fn zeros() -> Box<[u64; WORDS]> {
    let words = vec![0; WORDS].into_boxed_slice();
    #[expect(clippy::expect_used, reason = "it was made that long")]
    words.try_into().expect("as long as that")
}

impl Default for Window {
    fn default() -> Self {
        Self { words: zeros(), head: 0 }
    }
}

impl Window {
    /// Notes `seq`.
    #[inline]
    pub fn note(&mut self, seq: u64) -> Seen {
        if seq == self.head {
            self.note_one();
            return Seen::New;
        }
        let bit = 1 << (seq % WORD_BITS);
        if seq > self.head {
            self.clear_between(self.head, seq);
            self.head = seq + 1;
            let word = self.word(seq);
            *word = if seq.is_multiple_of(WORD_BITS) { bit } else { *word | bit };
            return Seen::New;
        }
        if self.head - seq > WINDOW_LEN - WORD_BITS {
            return Seen::BeyondWindow;
        }
        let word = self.word(seq);
        let seen = if *word & bit == 0 { Seen::New } else { Seen::Again };
        *word |= bit;
        seen
    }

    /// Notes the number after the highest seen, as most are: nothing lies between to forget.
    #[inline]
    fn note_one(&mut self) {
        let seq = self.head;
        self.head += 1;
        let word = self.word(seq);
        let others = if seq.is_multiple_of(WORD_BITS) { 0 } else { *word };
        *word = others | 1 << (seq % WORD_BITS);
    }

    /// As [`Window::note_one`] `count` times, a word of bits at once.
    #[inline]
    fn note_next(&mut self, count: u32) {
        let mut left = u64::from(count);
        while left > 0 {
            let at = self.head % WORD_BITS;
            let some = left.min(WORD_BITS - at);
            let bits = (u64::MAX >> (WORD_BITS - some)) << at;
            let word = self.word(self.head);
            *word = if at == 0 { bits } else { *word | bits };
            self.head += some;
            left -= some;
        }
    }

    #[inline]
    fn word(&mut self, seq: u64) -> &mut u64 {
        // By a constant: a division by the length costs more than all the rest.
        &mut self.words[(seq / WORD_BITS) as usize % WORDS]
    }

    /// Forgets what the words from the one after `head`'s last to `seq`'s held a window ago.
    #[inline]
    fn clear_between(&mut self, head: u64, seq: u64) {
        let first = head.div_ceil(WORD_BITS);
        let last = seq / WORD_BITS;
        if first < last {
            for at in first.max(last.saturating_sub(WINDOW_LEN / WORD_BITS))..last {
                *self.word(at * WORD_BITS) = 0;
            }
        }
        if !seq.is_multiple_of(WORD_BITS) && first <= last && first * WORD_BITS <= seq {
            *self.word(seq) = 0;
        }
    }
}

/// What an audit found in what one receiver was handed.
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
}

impl Found {
    /// `below_next` is how far the message is below the next expected, 0 if it is not.
    #[inline]
    fn note(&mut self, seen: Seen, below_next: u32) {
        match seen {
            Seen::New => {
                // The highest seen is one below the next expected.
                let displacement = u64::from(below_next.saturating_sub(1));
                self.reordered += u64::from(below_next > 0);
                self.displacement_max = self.displacement_max.max(displacement);
                self.displacement_sum += displacement;
            }
            Seen::Again => self.duplicated += 1,
            Seen::BeyondWindow => self.beyond_window += 1,
        }
    }
}

/// One message as a member of a group noted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    stream: u32,
    below_next: u32,
    seq: u64,
}

/// How many notes a member keeps before it enters the group: entering costs a lock.
const NOTES: usize = 1024;

/// Windows shared by the instances of one service that compete for the same messages.
#[derive(Debug)]
pub struct Group(Mutex<Vec<Window>>);

impl Group {
    /// A group with that many streams.
    #[must_use]
    pub fn new(streams: usize) -> Self {
        Self(Mutex::new(vec![Window::default(); streams]))
    }
}

/// Where a receiver's sequence numbers are remembered.
#[derive(Debug)]
pub(crate) enum Memory {
    Own(Vec<Window>),
    Shared { group: std::sync::Arc<Group>, notes: Vec<Noted> },
}

impl Memory {
    pub(crate) fn own(streams: usize) -> Self {
        Self::Own(vec![Window::default(); streams])
    }

    pub(crate) fn shared(group: std::sync::Arc<Group>) -> Self {
        Self::Shared { group, notes: Vec::with_capacity(NOTES) }
    }
}

/// A number whose low half is `seq`, as near to `next` as can be, and how far it is below it, 0 if it is not.
#[inline]
fn extend(seq: u32, next: u64) -> (u64, u32) {
    let distance = i64::from(seq.wrapping_sub(next as u32).cast_signed());
    let seq = next.saturating_add_signed(distance);
    (seq, next.saturating_sub(seq) as u32)
}

/// The audit of one receiver.
#[derive(Debug)]
pub(crate) struct Audit {
    /// By stream, what a member of a group expects next; who has windows of its own sees it from them.
    next: Vec<u64>,
    memory: Memory,
    pub found: Found,
}

impl Audit {
    pub(crate) fn new(streams: usize, memory: Memory) -> Self {
        let next = if matches!(memory, Memory::Own(_)) { Vec::new() } else { vec![0; streams] };
        Self { next, memory, found: Found::default() }
    }

    /// Notes a message; `seq` is the low half of its number, extended from what was seen last. Says whether what was
    /// found is surely what it was.
    #[inline]
    pub(crate) fn note(&mut self, stream: usize, seq: u32) -> bool {
        match &mut self.memory {
            Memory::Own(windows) => {
                let window = &mut windows[stream];
                if seq == window.head as u32 {
                    window.note_one();
                    return true;
                }
                let (seq, below_next) = extend(seq, window.head);
                self.found.note(window.note(seq), below_next);
                false
            }
            Memory::Shared { notes, .. } => {
                let next = &mut self.next[stream];
                let (seq, below_next) = extend(seq, *next);
                if below_next == 0 {
                    *next = seq + 1;
                }
                notes.push(Noted { stream: stream as u32, below_next, seq });
                let is_full = notes.len() >= NOTES;
                if is_full {
                    self.settle();
                }
                !is_full
            }
        }
    }

    /// Whether `seq` is what comes next in a stream that this receiver follows alone.
    #[inline]
    pub(crate) fn expects(&self, stream: usize, seq: u32) -> bool {
        match &self.memory {
            Memory::Own(windows) => windows[stream].head as u32 == seq,
            Memory::Shared { .. } => false,
        }
    }

    /// Notes `seq` if it is what comes next in a stream that this receiver follows alone. Says whether it was.
    #[inline(always)]
    pub(crate) fn note_if_expected(&mut self, stream: usize, seq: u32) -> bool {
        if let Memory::Own(windows) = &mut self.memory
            && let Some(window) = windows.get_mut(stream)
            && window.head as u32 == seq
        {
            window.note_one();
            return true;
        }
        false
    }

    /// Notes the next `count` messages of a stream of which the first was expected, in order.
    #[inline]
    pub(crate) fn note_expected(&mut self, stream: usize, count: u32) {
        if let Memory::Own(windows) = &mut self.memory {
            windows[stream].note_next(count);
        }
    }

    /// Enters what a member of a group noted into the group. Says whether there was anything. Called when a lane is idle,
    /// and at its end.
    pub(crate) fn settle(&mut self) -> bool {
        if let Memory::Shared { group, notes } = &mut self.memory
            && !notes.is_empty()
        {
            let mut windows = group.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for Noted { stream, below_next, seq } in notes.drain(..) {
                self.found.note(windows[stream as usize].note(seq), below_next);
            }
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::HashSet, sync::Arc};

    fn audit(seqs: impl IntoIterator<Item = u32>) -> Found {
        let mut audit = Audit::new(1, Memory::own(1));
        for seq in seqs {
            audit.note(0, seq);
        }
        audit.found
    }

    #[test]
    fn order_duplicates_and_swaps_are_told_apart() {
        assert_eq!(audit([0, 1, 2, 3]), Found::default());
        let swapped = Found { reordered: 1, displacement_max: 1, displacement_sum: 1, ..Found::default() };
        assert_eq!(audit([0, 2, 1, 3]), swapped);
        assert_eq!(audit([0, 1, 1, 2]), Found { duplicated: 1, ..Found::default() });
        assert_eq!(audit([0, 2, 1, 1, 3]), Found { duplicated: 1, ..swapped });
        assert_eq!(audit([5, 9]), Found::default(), "a gap is a loss, seen by counting");
    }

    #[test]
    fn how_far_a_message_came_behind_is_its_distance_from_the_highest_seen() {
        let found = |displacement_max, displacement_sum, reordered| Found {
            reordered,
            displacement_max,
            displacement_sum,
            ..Found::default()
        };
        assert_eq!(audit([0, 2, 3, 4, 5, 6, 1, 7]), found(5, 5, 1), "one comes five late");
        assert_eq!(audit([5, 4, 3, 2, 1, 0]), found(5, 15, 5), "the highest stays the highest");
        assert_eq!(audit([0, 9, 3]), found(6, 6, 1), "what never comes lies between, too");
        assert_eq!(audit([0, 1, 2, 3, 4, 0]), Found { duplicated: 1, ..Found::default() });
        let wrapped = Window { head: u64::from(u32::MAX), ..Window::default() };
        let mut audit = Audit::new(1, Memory::Own(vec![wrapped]));
        for seq in [0, 1, 2, u32::MAX] {
            audit.note(0, seq);
        }
        assert_eq!(audit.found, found(3, 3, 1), "numbers wrap");
    }

    #[test]
    fn a_member_of_a_group_has_displacements_of_its_own() {
        let group = Arc::new(Group::new(1));
        let mut members: Vec<Audit> =
            (0..2).map(|_| Audit::new(1, Memory::shared(Arc::clone(&group)))).collect();
        for (member, seq) in [(0, 0), (1, 1), (0, 8), (1, 3), (0, 4), (1, 2), (0, 2)] {
            members[member].note(0, seq);
        }
        for member in members.iter_mut().rev() {
            member.settle();
        }
        let second = Found { reordered: 1, displacement_max: 1, displacement_sum: 1, ..Found::default() };
        assert_eq!(members[1].found, second, "2 after 3; that another was handed 8 is no matter");
        let first = Found { reordered: 1, displacement_max: 4, displacement_sum: 4, duplicated: 1, ..second };
        assert_eq!(members[0].found, first, "4 after 8; the other 2 is a duplicate, not late");
    }

    #[test]
    fn numbers_wrap() {
        let window = Window { head: u64::from(u32::MAX) - 1, ..Window::default() };
        let mut audit = Audit::new(1, Memory::Own(vec![window]));
        for seq in [u32::MAX - 1, u32::MAX, 0, 1, 0] {
            audit.note(0, seq);
        }
        assert_eq!(audit.found, Found { duplicated: 1, ..Found::default() });
        let Memory::Own(windows) = &audit.memory else { panic!("it has windows of its own") };
        assert_eq!(windows[0].head, u64::from(u32::MAX) + 3);
    }

    #[test]
    fn a_jump_over_the_whole_window_forgets_it() {
        let mut window = Window::default();
        for seq in 0..1_000 {
            window.note(seq);
        }
        assert_eq!(window.note(WINDOW_LEN + 70), Seen::New);
        assert_eq!(window.note(WINDOW_LEN + 3), Seen::New, "its bit was used by an older number");
        assert_eq!(window.note(WINDOW_LEN + 3), Seen::Again);
        assert_eq!(window.note(5), Seen::BeyondWindow);
        assert_eq!(window.note(WINDOW_LEN * 9), Seen::New);
        assert_eq!(window.note(WINDOW_LEN * 9 - 64), Seen::New);
    }

    #[test]
    fn competing_members_share_one_memory() {
        let group = Arc::new(Group::new(1));
        let mut members: Vec<Audit> =
            (0..2).map(|_| Audit::new(1, Memory::shared(Arc::clone(&group)))).collect();
        for seq in 0..10_000 {
            members[seq as usize % 2].note(0, seq);
        }
        members[1].note(0, 4_000); // was handed to the other member
        for member in &mut members {
            member.settle();
        }
        let duplicated: u64 = members.iter().map(|member| member.found.duplicated).sum();
        assert_eq!(duplicated, 1);
        assert!(members.iter().all(|member| member.found.reordered == 0));
    }

    #[test]
    fn what_is_noted_at_once_is_as_noted_one_by_one() {
        let (mut at_once, mut one_by_one) = (Window::default(), Window::default());
        for count in [1, 63, 64, 65, 1, 200, 0, 7, WINDOW_LEN as u32, 129] {
            at_once.note_next(count);
            (0..count).for_each(|_| one_by_one.note_one());
            assert_eq!(at_once.head, one_by_one.head);
            assert!(at_once.words == one_by_one.words, "after {count} up to {}", at_once.head);
        }
    }

    /// As it is defined, with everything that was ever handed over at hand.
    fn displacements_by_hand(seqs: &[u32]) -> Vec<u64> {
        let highest_before = |at: usize| seqs[..at].iter().max().copied().unwrap_or(0);
        let behind = |(at, seq): (usize, &u32)| u64::from(highest_before(at).saturating_sub(*seq));
        seqs.iter().enumerate().map(behind).filter(|behind| *behind > 0).collect()
    }

    proptest! {
        #[test]
        fn displacements_are_as_counted_by_hand(
            seqs in (1_u32..300).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
        ) {
            let by_hand = displacements_by_hand(&seqs);
            let alone = audit(seqs.iter().copied());
            let mut member = Audit::new(1, Memory::shared(Arc::new(Group::new(1))));
            for seq in &seqs {
                member.note(0, *seq);
            }
            member.settle();
            for found in [alone, member.found] {
                prop_assert_eq!(found.reordered, by_hand.len() as u64);
                prop_assert_eq!(found.displacement_max, by_hand.iter().max().copied().unwrap_or(0));
                prop_assert_eq!(found.displacement_sum, by_hand.iter().sum::<u64>());
                prop_assert_eq!(found.duplicated, 0);
            }
        }

        #[test]
        fn agrees_with_an_exact_set(jumps in prop::collection::vec((0_u64..300, 0_u64..900), 1..400)) {
            let (mut window, mut set, mut head) = (Window::default(), HashSet::new(), 0_u64);
            for (ahead, back) in jumps {
                head += ahead;
                let seq = head.saturating_sub(back);
                let expected = if set.insert(seq) { Seen::New } else { Seen::Again };
                prop_assert_eq!(window.note(seq), expected);
            }
        }
    }
}
