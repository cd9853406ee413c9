//! Logical senders: the arrivals of many senders that know nothing of each other, in due order, from one column.
//!
//! Each of n senders has an n-th of the rate and a stream of its own, drawn from the seed and its number alone. Points are
//! superposed on the axis of flows, where every sender's rate is the same at all times, and carried to that of time
//! together. Memory is 8 bytes for each evenly paced sender, 56 for each Poisson one, and does not grow.

use super::points::{Even, Independent, Points};
use crate::seed::{Member, Purpose};
use rand::RngExt;
use std::{cmp::Reverse, collections::BinaryHeap};

/// The most senders.
pub const MAX_SENDERS: u32 = 100_000;

/// Which senders a member drives: every `of`-th of them, as members themselves.
fn of_member(member: Member, senders: u32) -> impl Iterator<Item = Member> {
    let all = (member.number..senders as usize).step_by(member.of);
    all.map(move |number| Member { seed: member.seed, number, of: senders as usize })
}

/// Evenly paced senders, each with a phase of its own. All have the same gap, so their order is the same in every round, and
/// each point is computed from the number of its round: no sender drifts from another.
pub(crate) struct EvenSenders {
    /// Sorted, from 0 to one round.
    phases: Vec<f64>,
    /// Length of a round, in flows of all senders.
    round: f64,
    rounds: f64,
    next: usize,
}

impl EvenSenders {
    pub(crate) fn new(member: Member, senders: u32) -> Self {
        let round = f64::from(senders);
        let phase = |sender: Member| sender.generator(Purpose::Arrivals).random::<f64>() * round;
        let mut phases: Vec<f64> = of_member(member, senders).map(phase).collect();
        phases.sort_by(f64::total_cmp);
        Self { phases, round, rounds: 0.0, next: 0 }
    }
}

impl Points for EvenSenders {
    const ROUNDING: f64 = Even::ROUNDING;

    #[inline]
    fn next(&mut self) -> f64 {
        // A member without a sender has nothing due, ever.
        let Some(phase) = self.phases.get(self.next) else { return f64::INFINITY };
        let point = self.rounds * self.round + phase;
        self.next += 1;
        if self.next == self.phases.len() {
            self.next = 0;
            self.rounds += 1.0;
        }
        point
    }
}

/// Poisson senders, each with draws of its own.
pub(crate) struct IndependentSenders {
    senders: Vec<Independent>,
    /// The next point of each, as bits, which are in the order of the points as these are above zero; and whose it is.
    due: BinaryHeap<Reverse<(u64, u32)>>,
}

impl IndependentSenders {
    pub(crate) fn new(member: Member, senders: u32) -> Self {
        let gap = f64::from(senders);
        let mut senders: Vec<_> =
            of_member(member, senders).map(|sender| Independent::new(sender, gap)).collect();
        let firsts =
            senders.iter_mut().zip(0..).map(|(sender, number)| Reverse((sender.next().to_bits(), number)));
        let due = firsts.collect();
        Self { senders, due }
    }
}

impl Points for IndependentSenders {
    const ROUNDING: f64 = Independent::ROUNDING;

    #[inline]
    fn next(&mut self) -> f64 {
        let Some(mut first) = self.due.peek_mut() else { return f64::INFINITY };
        let Reverse((bits, number)) = *first;
        if let Some(sender) = self.senders.get_mut(number as usize) {
            first.0.0 = sender.next().to_bits();
        }
        f64::from_bits(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Member = Member { seed: 9, number: 0, of: 1 };

    fn take(points: &mut impl Points, count: usize) -> Vec<f64> {
        (0..count).map(|_| points.next()).collect()
    }

    #[test]
    fn no_even_sender_drifts_from_another() {
        let mut senders = EvenSenders::new(WHOLE, 7);
        let first = take(&mut senders, 7);
        take(&mut senders, 7 * 1_000_000);
        let later = take(&mut senders, 7);
        for (first, later) in first.iter().zip(later) {
            assert!((later - first - 7.0 * 1_000_001.0).abs() < 1e-6, "{first} and then {later}");
        }
        assert!(first.is_sorted() && first[6] < 7.0 && first[0] < first[6]);
    }

    #[test]
    fn what_senders_send_is_what_each_would_send_alone() {
        let mut alone: Vec<f64> = (0..5)
            .flat_map(|number| take(&mut Independent::new(Member { seed: 9, number, of: 5 }, 5.0), 400))
            .collect();
        alone.sort_by(f64::total_cmp);
        assert_eq!(take(&mut IndependentSenders::new(WHOLE, 5), 1_000), alone[..1_000]);
    }

    #[test]
    fn members_share_the_senders_out() {
        let member = |number| Member { seed: 9, number, of: 2 };
        let mut both = take(&mut IndependentSenders::new(member(0), 5), 500);
        both.extend(take(&mut IndependentSenders::new(member(1), 5), 500));
        both.sort_by(f64::total_cmp);
        assert_eq!(both[..500], take(&mut IndependentSenders::new(WHOLE, 5), 500));
        let mut both = take(&mut EvenSenders::new(member(0), 5), 30);
        both.extend(take(&mut EvenSenders::new(member(1), 5), 30));
        both.sort_by(f64::total_cmp);
        assert_eq!(both[..40], take(&mut EvenSenders::new(WHOLE, 5), 40));
        assert_eq!(EvenSenders::new(member(1), 1).next(), f64::INFINITY);
        assert_eq!(IndependentSenders::new(member(1), 1).next(), f64::INFINITY);
    }
}
