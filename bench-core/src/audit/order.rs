//! The number that one of several competing instances expects next of each stream, by which it tells late messages.
//!
//! A service with few instances and few producers keeps a number for each pair. With ten thousand of both that would be a
//! hundred million numbers, nearly all of pairs that have never talked, so each instance then remembers the streams that
//! it heard last.

/// Pairs of an instance and a stream up to which each pair has a number of its own: 4 MiB.
const PAIRS: usize = 1 << 20;
/// Streams that an instance remembers where there are more pairs, at most: 2 KiB.
pub(super) const REMEMBERED: usize = 256;
const REMEMBERED_FIRST: usize = 4;
/// Spreads numbers of streams that follow each other (2^32 divided by the golden ratio).
const SPREAD: u32 = 0x9e37_79b9;

/// The sequence number that one receiver expects next of each stream, cut to its low 32 bits.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// By stream.
    Each(Vec<u32>),
    /// Streams that were heard lately, each at the place that its number says, and what is expected next. The length is a
    /// power of two.
    Lately(Vec<(u32, u32)>),
}

/// No stream has this number.
const NONE: u32 = u32::MAX;

impl Order {
    /// Of one of `members` instances that each hear `streams`.
    pub(super) fn new(streams: usize, members: usize) -> Self {
        if streams.saturating_mul(members) <= PAIRS {
            Self::Each(vec![0; streams])
        } else {
            Self::Lately(vec![(NONE, 0); REMEMBERED_FIRST])
        }
    }

    /// Notes that `seq` came. Says how far it is below what was expected next, 0 if it is not. Of a stream that is not
    /// remembered nothing was expected.
    #[inline]
    pub(super) fn note(&mut self, stream: u32, seq: u32) -> u32 {
        let next = match self {
            Self::Each(all) => &mut all[stream as usize],
            Self::Lately(some) => remembered(some, stream, seq),
        };
        let ahead = seq.wrapping_sub(*next).cast_signed();
        if ahead < 0 {
            return ahead.unsigned_abs();
        }
        *next = seq.wrapping_add(1);
        0
    }
}

fn place(stream: u32, len: usize) -> usize {
    (stream.wrapping_mul(SPREAD) >> 16) as usize & (len - 1)
}

/// The place of a stream, which is made if there is none: in a larger table if the place is taken, or of the stream that
/// has it, which is then forgotten.
#[inline(never)]
fn remembered(some: &mut Vec<(u32, u32)>, stream: u32, seq: u32) -> &mut u32 {
    while let (taken, _) = some[place(stream, some.len())]
        && taken != stream
        && taken != NONE
        && some.len() < REMEMBERED
    {
        let mut larger = vec![(NONE, 0); 2 * some.len()];
        for known in some.iter().filter(|(stream, _)| *stream != NONE) {
            let at = place(known.0, larger.len());
            larger[at] = *known;
        }
        *some = larger;
    }
    let at = place(stream, some.len());
    let known = &mut some[at];
    if known.0 != stream {
        *known = (stream, seq);
    }
    &mut known.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_message_is_told_however_the_numbers_are_kept() {
        for mut order in [Order::new(4, 4), Order::new(10_000, 10_000)] {
            let below: Vec<u32> = [0, 2, 1, 5, 5, 3].map(|seq| order.note(3, seq)).into();
            assert_eq!(below, [0, 0, 2, 0, 1, 3], "{order:?}");
            let below = [u32::MAX, 0, u32::MAX].map(|seq| order.note(2, seq));
            assert!(below[1..] == [0, 2], "numbers wrap: {below:?}");
        }
    }

    #[test]
    fn of_many_pairs_the_streams_heard_last_are_remembered() {
        let mut order = Order::new(10_000, 10_000);
        for stream in 0..10_000 {
            assert_eq!(order.note(stream, 7), 0, "the first of a stream");
        }
        assert_eq!(order.note(9_999, 6), 2, "the one before comes late");
        let Order::Lately(some) = &order else { panic!("a number for each of so many pairs") };
        assert_eq!(some.len(), REMEMBERED);
        let late = (0..10_000).filter(|stream| order.clone().note(*stream, 6) > 0).count();
        assert!((REMEMBERED / 2..=REMEMBERED).contains(&late), "{late} of 10,000 are remembered");
    }

    #[test]
    fn few_pairs_have_a_number_each() {
        let mut order = Order::new(1_000, 1_000);
        (0..1_000).for_each(|stream| assert_eq!(order.note(stream, 9), 0));
        assert!((0..1_000).all(|stream| order.note(stream, 8) == 2));
    }
}
