//! The sequence numbers of one stream that were seen. The memory of a window grows with what has to be remembered: a
//! stream that arrives in order takes none, and a stream with gaps takes a bit for each number from its first gap to its
//! highest number, at most [`WINDOW_LEN`] of them.
//!
//! Every answer is that of a window that holds [`WINDOW_LEN`] bits from the start.

/// How far back a number is remembered, in messages per stream: 128 KiB of bits at most.
pub const WINDOW_LEN: u64 = 1 << 20;
pub(super) const WORD_BITS: u64 = 64;
const WORDS: usize = (WINDOW_LEN / WORD_BITS) as usize;
const _: () = assert!(WORDS.is_power_of_two());
/// Words of bits that a window takes when its stream has its first gap.
const FIRST_WORDS: usize = 2;

/// Whether a sequence number was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// First time.
    New,
    /// Seen before.
    Again,
    /// Seen before, in a transaction that was rolled back.
    Redone,
    /// So far behind that it cannot be told.
    BeyondWindow,
}

impl Seen {
    /// Whether it is the delivery of its message that counts.
    pub(super) const fn is_first(self) -> bool {
        matches!(self, Self::New | Self::Redone)
    }
}

/// The last [`WINDOW_LEN`] sequence numbers of one stream.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// One above the highest number seen.
    pub(super) head: u64,
    /// Numbers below the head are missing. Where it is false, all of them were seen, and no bit is kept up to date.
    gapped: bool,
    /// The first number that is missing, or that is no longer remembered. Meant only while `gapped`.
    floor: u64,
    /// The bits of the numbers from the word of `floor` to the word of `head - 1`, in a ring. The other bits are not zero
    /// but left over, so that nothing has to be cleared when the window closes up.
    words: Vec<u64>,
}

impl Window {
    /// Notes `seq`.
    #[inline]
    pub fn note(&mut self, seq: u64) -> Seen {
        if seq == self.head {
            self.note_one();
            return Seen::New;
        }
        self.note_apart(seq)
    }

    /// Notes the number after the highest seen, as most are.
    #[inline(always)]
    pub(super) fn note_one(&mut self) {
        if self.gapped {
            self.go_on_to(self.head);
        } else {
            self.head += 1;
        }
    }

    /// As [`Window::note_one`] `count` times.
    #[inline]
    pub(super) fn note_next(&mut self, count: u32) {
        if self.gapped {
            self.note_next_in_words(count);
        } else {
            self.head += u64::from(count);
        }
    }

    /// How many of the numbers `from..to` were not seen, or are too far back to be known.
    pub(super) fn unseen(&self, from: u64, to: u64) -> u64 {
        let is_seen = |seq: u64| {
            let is_known = self.head.saturating_sub(seq) <= WINDOW_LEN - WORD_BITS;
            let mask = self.words.len().wrapping_sub(1);
            let has_bit = || self.words[(seq / WORD_BITS) as usize & mask] & bit(seq) != 0;
            seq < self.head && is_known && (!self.gapped || seq < self.floor || has_bit())
        };
        // Numbers above the head were not seen, so no bit is read for them.
        let above = to.saturating_sub(from.max(self.head));
        above + (from..to.min(self.head)).filter(|seq| !is_seen(*seq)).count() as u64
    }

    /// One above the highest number seen.
    #[inline(always)]
    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    /// How many bytes its bits take.
    #[cfg(test)]
    pub(super) const fn held_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// Notes a number that is not the next, or of which a stream with gaps has to keep a bit.
    #[inline(never)]
    fn note_apart(&mut self, seq: u64) -> Seen {
        if seq >= self.head {
            self.go_on_to(seq);
            return Seen::New;
        }
        if self.head - seq > WINDOW_LEN - WORD_BITS {
            return Seen::BeyondWindow;
        }
        if !self.gapped || seq < self.floor {
            return Seen::Again;
        }
        let word = self.word(seq);
        if *word & bit(seq) != 0 {
            return Seen::Again;
        }
        *word |= bit(seq);
        if seq == self.floor {
            self.raise_floor();
        }
        Seen::New
    }

    /// Notes the next `count` numbers of a stream with gaps, a word of bits at once.
    #[inline(never)]
    fn note_next_in_words(&mut self, count: u32) {
        let mut left = u64::from(count);
        while left > 0 {
            // The first of each word makes room for the word, and may find that the window has no gap any more.
            self.note_one();
            left -= 1;
            if !self.gapped {
                self.head += left;
                return;
            }
            let at = self.head % WORD_BITS;
            if at != 0 {
                let some = left.min(WORD_BITS - at);
                *self.word(self.head) |= (bit(some) - 1) << at;
                self.head += some;
                left -= some;
            }
        }
    }

    /// Notes `seq`, which is not below the head. The numbers between the two are missing.
    #[inline(never)]
    fn go_on_to(&mut self, seq: u64) {
        if self.gapped {
            self.forget_before(oldest_word(seq));
        }
        if !self.gapped && seq == self.head {
            self.head += 1;
            return;
        }
        let mut entered = self.head.div_ceil(WORD_BITS);
        if !self.gapped {
            self.gapped = true;
            self.floor = self.head.max(oldest_word(seq) * WORD_BITS);
            entered = self.floor / WORD_BITS;
        }
        self.make_room(seq / WORD_BITS);
        for number in entered..=seq / WORD_BITS {
            *self.word(number * WORD_BITS) = 0;
        }
        if entered == self.floor / WORD_BITS {
            // Numbers below the floor count as seen, as the floor is where the missing ones begin.
            let floor = self.floor;
            *self.word(floor) = bit(floor) - 1;
        }
        *self.word(seq) |= bit(seq);
        self.head = seq + 1;
    }

    /// Forgets the numbers before a word, for which the largest window has no room.
    fn forget_before(&mut self, word: u64) {
        if self.floor / WORD_BITS >= word {
            return;
        }
        self.floor = word * WORD_BITS;
        if self.floor < self.head {
            self.raise_floor();
        } else {
            self.gapped = false;
        }
    }

    /// Moves the floor up to the first number that is missing. If there is none, the window has no gap any more.
    fn raise_floor(&mut self) {
        while self.floor < self.head {
            let at = self.floor % WORD_BITS;
            let seen = u64::from((*self.word(self.floor) >> at).trailing_ones());
            self.floor += seen;
            if seen < WORD_BITS - at {
                break;
            }
        }
        self.gapped = self.floor < self.head;
    }

    /// Doubles the ring until it holds the words from the floor's to `last`.
    fn make_room(&mut self, last: u64) {
        let first = self.floor / WORD_BITS;
        let needed = (last - first + 1) as usize;
        if needed <= self.words.len() {
            return;
        }
        let mut words = vec![0; needed.next_power_of_two().max(FIRST_WORDS)];
        let mask = words.len() - 1;
        if !self.words.is_empty() && self.head > self.floor {
            for number in first..=(self.head - 1) / WORD_BITS {
                words[number as usize & mask] = *self.word(number * WORD_BITS);
            }
        }
        self.words = words;
    }

    #[inline]
    fn word(&mut self, seq: u64) -> &mut u64 {
        let mask = self.words.len() - 1;
        &mut self.words[(seq / WORD_BITS) as usize & mask]
    }
}

/// The bit of a number in its word.
const fn bit(seq: u64) -> u64 {
    1 << (seq % WORD_BITS)
}

/// The first word of the largest window that ends with the word of `seq`.
const fn oldest_word(seq: u64) -> u64 {
    (seq / WORD_BITS + 1).saturating_sub(WORDS as u64)
}
