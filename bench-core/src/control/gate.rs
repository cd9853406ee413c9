//! The gate at which the instances wait that are absent at first, while a backlog piles up for them.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where absent instances wait until the monitor lets them join, and then until all have joined. So none of them has received anything
/// when the backlog is counted.
#[derive(Debug, Default)]
pub struct Gate {
    is_open: AtomicBool,
    has_begun: AtomicBool,
    joined: AtomicU64,
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

    /// Lets those that have joined begin to receive: all of them have, and the backlog was counted.
    pub fn begin(&self) {
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
        gate.begin();
        assert!(gate.has_begun());
    }
}
