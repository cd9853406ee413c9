//! Judges an order that holds within parts of a stream: within a key or within a shard.
//!
//! A *part* is what one producer sends to one destination with one key, or into one shard. A message that arrives after a
//! later one of its part breaks the promise; a message that arrives after a later one of another part does not. The judge is
//! exact. It keeps a number for each part, for at most [`PARTS_MAX`] parts at each receiver, which takes 2 MiB. A message of a
//! part beyond that, or of a shard that the transport does not tell, is counted as not judged.
//!
//! Order per producer needs no judge: the audit's own count of reordered messages is the answer.

use crate::promise::Order;

/// Parts, and streams, that one receiver keeps apart.
pub const PARTS_MAX: usize = 1 << 16;
/// Places of the first table. It doubles when it is half full, so memory grows with the parts that are heard.
const FIRST: usize = 1 << 6;
/// No part has this name.
const FREE: u64 = u64::MAX;
/// Marks a whole stream in place of a part of it.
const WHOLE: u64 = 1 << 32;
/// 2^64 divided by the golden ratio: spreads keys that follow each other.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whether a message kept the order that the transport promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// No later message of its part has come.
    InOrder,
    /// A later one has.
    Late,
    /// Its part is not known.
    Unjudged,
}

/// The kind of part within which order holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Key,
    Shard,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    within: Within,
    table: Table,
}

impl Judge {
    /// `None` if the order needs no judge.
    pub(super) fn new(order: Order) -> Option<Self> {
        let within = match order {
            Order::None | Order::PerProducer => return None,
            Order::PerKey => Within::Key,
            Order::PerShard => Within::Shard,
        };
        Some(Self { within, table: Table::default() })
    }

    /// Judges a message of `stream`, whose number has the low half `seq`. `shard` is what the transport tells, if anything.
    pub(super) fn note(&mut self, stream: u32, key: u32, shard: Option<u16>, seq: u32) -> Judgement {
        let part = match (self.within, shard) {
            (Within::Key, _) => key,
            (Within::Shard, Some(shard)) => u32::from(shard),
            (Within::Shard, None) => return Judgement::Unjudged,
        };
        let named = |part: u64| u64::from(stream) << 33 | part;
        // The highest number of the whole stream says which number the low half stands for.
        let Some(highest) = self.table.place(named(WHOLE)) else { return Judgement::Unjudged };
        let number = super::extend(seq, *highest).0;
        *highest = number.max(*highest);
        let Some(last) = self.table.place(named(u64::from(part))) else { return Judgement::Unjudged };
        // One above the last number of its part, so that a new part is below every number.
        let is_late = number + 1 < *last;
        *last = (number + 1).max(*last);
        if is_late { Judgement::Late } else { Judgement::InOrder }
    }
}

/// Numbers by name, in open addressing.
#[derive(Clone, Debug)]
struct Table {
    places: Vec<(u64, u64)>,
    used: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { places: vec![(FREE, 0); FIRST], used: 0 }
    }
}

impl Table {
    /// The number of that name, 0 if it is new. `None`: it is new and there is no room.
    #[inline]
    fn place(&mut self, name: u64) -> Option<&mut u64> {
        let mut at = self.find(name);
        if self.places[at].0 == FREE {
            if self.used >= PARTS_MAX {
                return None;
            }
            if self.used * 2 >= self.places.len() {
                self.grow();
                at = self.find(name);
            }
            self.places[at].0 = name;
            self.used += 1;
        }
        Some(&mut self.places[at].1)
    }

    /// The place of that name, or the free one where it belongs. The table is never full.
    #[inline]
    fn find(&self, name: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = (name.wrapping_mul(SPREAD) >> 32) as usize & mask;
        while self.places[at].0 != name && self.places[at].0 != FREE {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![(FREE, 0); self.places.len() * 2];
        for (name, number) in std::mem::replace(&mut self.places, larger) {
            if name != FREE {
                let at = self.find(name);
                self.places[at] = (name, number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Judgement::*, *};
    use std::collections::HashMap;

    #[test]
    fn order_is_judged_within_a_key_and_not_across_keys() {
        let mut judge = Judge::new(Order::PerKey).unwrap();
        let said: Vec<_> = [(0, 7), (2, 8), (1, 7), (4, 7), (3, 7), (5, 8), (4, 7)]
            .map(|(seq, key)| judge.note(0, key, None, seq))
            .into();
        // A message that comes again is not late: the audit's window tells that it was seen before.
        assert_eq!(said, [InOrder, InOrder, InOrder, InOrder, Late, InOrder, InOrder]);
        assert_eq!(judge.note(1, 7, None, 0), InOrder, "another producer has numbers of its own");
    }

    #[test]
    fn order_is_judged_within_a_shard_if_the_transport_tells_it() {
        let mut judge = Judge::new(Order::PerShard).unwrap();
        assert_eq!(judge.note(0, 1, Some(3), 5), InOrder);
        assert_eq!(judge.note(0, 2, Some(3), 4), Late, "whatever the key");
        assert_eq!(judge.note(0, 1, Some(4), 3), InOrder);
        assert_eq!(judge.note(0, 1, None, 9), Unjudged);
        assert!(Judge::new(Order::PerProducer).is_none() && Judge::new(Order::None).is_none());
    }

    #[test]
    fn beyond_the_limit_messages_are_not_judged_and_the_others_still_are() {
        let mut judge = Judge::new(Order::PerKey).unwrap();
        // One place is the stream's own.
        for key in 0..PARTS_MAX as u32 - 1 {
            assert_eq!(judge.note(0, key, None, key), InOrder, "{key}");
        }
        let next = PARTS_MAX as u32;
        assert_eq!(judge.note(0, next, None, next), Unjudged);
        assert_eq!(judge.note(0, 5, None, 4), Late);
        assert!(judge.table.places.len() <= 2 * PARTS_MAX);
    }

    #[test]
    fn numbers_are_told_apart_beyond_half_of_what_a_message_holds() {
        let mut judge = Judge::new(Order::PerKey).unwrap();
        let step = 1_u32 << 30;
        assert_eq!(judge.note(0, 1, None, 0), InOrder);
        // Another key carries the stream on by 5 × 2^30, more than the low half of a number tells from its past.
        for at in 1..=5_u32 {
            assert_eq!(judge.note(0, 2, None, step.wrapping_mul(at)), InOrder);
        }
        assert_eq!(judge.note(0, 1, None, step.wrapping_mul(5).wrapping_add(1)), InOrder);
        assert_eq!(judge.note(0, 1, None, step.wrapping_mul(5)), Late);
    }

    proptest::proptest! {
        /// Against the plainest judge there is.
        #[test]
        fn it_says_what_a_map_of_the_last_numbers_says(
            messages in proptest::collection::vec((0_u32..3, 0_u32..300, 0_u32..5_000), 0..2_000)
        ) {
            let mut judge = Judge::new(Order::PerKey).unwrap();
            let mut last: HashMap<(u32, u32), u32> = HashMap::new();
            for (stream, key, seq) in messages {
                let last = last.entry((stream, key)).or_insert(seq);
                let expected = if seq < *last { Late } else { InOrder };
                *last = seq.max(*last);
                proptest::prop_assert_eq!(judge.note(stream, key, None, seq), expected);
            }
        }
    }
}
