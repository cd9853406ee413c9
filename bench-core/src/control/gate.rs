//! The gate at which the instances wait that are absent at first, while a backlog piles up for them. While they catch up it says how fast they may.

use super::slots::{Claim, Slots};
use crate::{
    plan::Limit,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Where absent instances wait until the monitor lets them join, and then until all have joined. So none of them has received anything
/// when the backlog is counted.
#[derive(Debug, Default)]
pub struct Gate {
    is_open: AtomicBool,
    has_begun: AtomicBool,
    joined: AtomicU64,
    /// The schedule by which a limit lets the instances of the service receive messages.
    slots: Slots,
    has_ended: AtomicBool,
    ended_ns: AtomicU64,
}

impl Gate {
    /// Lets the absent instances join.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// Whether they may join.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Lets those that have joined begin to receive: all of them have, and the backlog was counted. If there is a limit, it holds from `now_ns` on.
    pub fn begin(&self, now_ns: u64) {
        self.slots.begin(now_ns);
        self.has_begun.store(true, Ordering::Release);
    }

    /// Whether they may begin.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Notes that `count` instances have joined.
    pub fn join(&self, count: u64) {
        self.joined.fetch_add(count, Ordering::AcqRel);
    }

    /// How many have joined.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Acquire)
    }

    /// Ends the limit at `now_ns`: the backlog is gone, or the load is over.
    pub(crate) fn end(&self, now_ns: u64) {
        self.ended_ns.store(now_ns, Ordering::Relaxed);
        self.has_ended.store(true, Ordering::Release);
    }

    /// When the limit ended, in ns on the run's clock; `None`: it has not.
    pub(crate) fn ended_ns(&self) -> Option<u64> {
        self.has_ended.load(Ordering::Acquire).then(|| self.ended_ns.load(Ordering::Relaxed))
    }

    /// Claims messages for a lane that would receive at most `max` at `now_ns`.
    pub(crate) fn claim(&self, limit: Limit, now_ns: u64, max: u64) -> Claim {
        self.slots.claim(limit, now_ns, max)
    }

    /// Gives back what a lane did not receive of what it claimed.
    pub(crate) fn give_back(&self, limit: Limit, count: u64) {
        self.slots.give_back(limit, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_counts_who_came_through() {
        let gate = Gate::default();
        assert!(!gate.is_open() && gate.joined() == 0);
        gate.open();
        gate.join(1);
        gate.join(2);
        assert!(gate.is_open() && gate.joined() == 3 && !gate.has_begun());
        gate.begin(7);
        assert!(gate.has_begun() && gate.ended_ns().is_none());
        gate.end(9);
        assert_eq!(gate.ended_ns(), Some(9));
    }
}
