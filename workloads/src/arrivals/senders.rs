//! Logical senders: the arrivals of many independent senders, merged in due order into one column.
//!
//! Each of n senders has an n-th of the rate and a random stream of its own, which depends only on the seed and its
//! number. The points of all senders are merged on the axis of flows, where every sender has the same rate at all
//! times, and then mapped to time. Memory is 8 bytes for each evenly paced sender and about 80 for each Poisson sender,
//! and does not grow.

use super::points::{Even, Independent, Points};
use crate::seed::{Member, Purpose};
use rand::RngExt;

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

/// Poisson senders, each with draws of its own, in a wheel of lists: each slot holds the senders whose next points lie in one
/// stretch of the axis, or a whole turn of the wheel or more beyond it. With about one point to a stretch, finding the next
/// sender costs the same however many there are; in a heap it would not.
pub(crate) struct IndependentSenders {
    senders: Vec<Independent>,
    /// The next point of each.
    points: Vec<f64>,
    /// Which sender comes after each in the list of its slot.
    after: Vec<u32>,
    /// The first sender of each slot.
    slots: Vec<u32>,
    /// Stretches in one flow.
    per_flow: f64,
    /// The stretch that is being emptied, and its senders, the last one first.
    stretch: u64,
    due: Vec<u32>,
}

/// The end of a list.
const NONE: u32 = u32::MAX;

impl IndependentSenders {
    pub(crate) fn new(member: Member, senders: u32) -> Self {
        let gap = f64::from(senders);
        let senders: Vec<_> =
            of_member(member, senders).map(|sender| Independent::new(sender, gap)).collect();
        let count = senders.len();
        let slots = vec![NONE; (2 * count).next_power_of_two()];
        let mut all = Self {
            points: vec![0.0; count],
            after: vec![NONE; count],
            slots,
            per_flow: 1.0 / member.of as f64,
            stretch: 0,
            due: Vec::new(),
            senders,
        };
        for sender in 0..count as u32 {
            all.points[sender as usize] = all.senders[sender as usize].next();
            all.put(sender);
        }
        all.open();
        all
    }

    fn stretch_of(&self, sender: u32) -> u64 {
        (self.points[sender as usize] * self.per_flow) as u64
    }

    /// Puts a sender into the slot of its next point.
    fn put(&mut self, sender: u32) {
        let slot = self.stretch_of(sender) as usize & (self.slots.len() - 1);
        self.after[sender as usize] = std::mem::replace(&mut self.slots[slot], sender);
    }

    /// Takes the senders of the present stretch out of its slot.
    fn open(&mut self) {
        let slot = self.stretch as usize & (self.slots.len() - 1);
        let mut sender = std::mem::replace(&mut self.slots[slot], NONE);
        while sender != NONE {
            let next = self.after[sender as usize];
            if self.stretch_of(sender) == self.stretch {
                self.due.push(sender);
            } else {
                self.put(sender);
            }
            sender = next;
        }
        let points = &self.points;
        self.due.sort_unstable_by(|a, b| points[*b as usize].total_cmp(&points[*a as usize]));
    }
}

impl Points for IndependentSenders {
    const ROUNDING: f64 = Independent::ROUNDING;

    #[inline]
    fn next(&mut self) -> f64 {
        if self.senders.is_empty() {
            return f64::INFINITY;
        }
        let sender = loop {
            match self.due.pop() {
                Some(sender) => break sender,
                None => {
                    self.stretch += 1;
                    self.open();
                }
            }
        };
        let at = sender as usize;
        let next = self.senders[at].next();
        let point = std::mem::replace(&mut self.points[at], next);
        if self.stretch_of(sender) == self.stretch {
            let place = self.due.partition_point(|other| self.points[*other as usize] > next);
            self.due.insert(place, sender);
        } else {
            self.put(sender);
        }
        point
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
