//! The time of `--within`: whether another round fits into it, and whether a pair may be repeated.
//!
//! The answers depend on the clock and on numbers of pairs, never on what either side measured. The plan needs that (`Plan::after` of
//! `drumpost_results::compare`). Does not live here: how long a single trial may take (`patience`).

use std::time::Duration;

/// What was spent of the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    /// The time that there is in all. `None`: `--within` was not given.
    pub within_ns: Option<u64>,
    /// Since the first pair began.
    pub elapsed_ns: u64,
    /// Pairs of single rows that were measured in it, with those that were repeated.
    pub pairs: usize,
}

impl Spent {
    /// What is left. `None`: any time.
    pub(super) fn left(self) -> Option<Duration> {
        let left_ns = self.within_ns?.saturating_sub(self.elapsed_ns);
        Some(Duration::from_nanos(left_ns))
    }

    /// Whether so many more pairs fit into what is left. They are expected to take as long as the mean of those so far: both sides are in it
    /// alike, and so are pairs that were repeated.
    pub(super) fn has_time_for(self, pairs: usize) -> bool {
        let each_ns = self.elapsed_ns / self.pairs.max(1) as u64;
        let needed_ns = each_ns.saturating_mul(pairs as u64);
        self.left().is_none_or(|left| Duration::from_nanos(needed_ns) <= left)
    }

    /// Whether the pair that was measured last may be repeated: there is time for it and for the pairs that the first look still lacks, of
    /// which it is one. A look that has too few pairs judges nothing, and then a disturbed pair is better than none.
    pub(super) fn may_repeat(self, lacking: usize) -> bool {
        self.has_time_for(lacking.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn spent(within_s: u64, elapsed_s: u64, pairs: usize) -> Spent {
        Spent { within_ns: Some(within_s * S), elapsed_ns: elapsed_s * S, pairs }
    }

    #[test]
    fn pairs_that_were_repeated_took_their_time() {
        // One pair is kept and ten were repeated, a second each: another one fits nine times.
        assert!(spent(20, 11, 11).has_time_for(9));
        assert!(!spent(20, 11, 11).has_time_for(10));
        assert!(!spent(20, 20, 20).has_time_for(1));
        let any = Spent { within_ns: None, ..spent(0, 11, 11) };
        assert!(any.has_time_for(usize::MAX) && any.may_repeat(usize::MAX) && any.left().is_none());
    }

    #[test]
    fn a_pair_is_not_repeated_in_time_that_the_first_look_needs() {
        // Eleven pairs are wanted, of a second each, and the first was disturbed.
        assert!(spent(12, 1, 1).may_repeat(11));
        assert!(!spent(12, 2, 2).may_repeat(11));
        // The first look has been, and a repeat has to fit as any other pair.
        assert!(spent(20, 19, 19).may_repeat(0));
        assert!(!spent(20, 20, 20).may_repeat(0));
        // There is no time for the first look, whatever is done.
        assert!(!spent(5, 1, 1).may_repeat(11));
    }

    #[test]
    fn what_is_left_is_never_less_than_nothing() {
        assert_eq!(spent(5, 2, 1).left(), Some(Duration::from_secs(3)));
        assert_eq!(spent(5, 9, 1).left(), Some(Duration::ZERO));
    }
}
