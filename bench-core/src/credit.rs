//! Ends of flows, counted by the lane that started them. A closed load waits for them, in both styles. They do not go
//! through the transport.

use crate::{
    counters::release,
    sync::atomic::{AtomicU64, Ordering},
};

/// One row per lane that may end flows, one column per lane that starts them. Each row has one writer.
#[derive(Debug)]
pub(crate) struct Credit {
    rows: Vec<Box<[AtomicU64]>>,
}

impl Credit {
    pub(crate) fn new(lanes: usize, origins: usize) -> Self {
        let row = || (0..origins.next_multiple_of(16).max(16)).map(|_| AtomicU64::new(0)).collect();
        Self { rows: (0..lanes).map(|_| row()).collect() }
    }

    /// Publishes how many flows of each origin `lane` has ended so far.
    #[inline]
    pub(crate) fn publish(&self, lane: u16, ended: &[u64]) {
        release(&self.rows[usize::from(lane)], ended);
    }

    /// How many times flows of the `origin`-th origin have been ended.
    pub(crate) fn ended(&self, origin: usize) -> u64 {
        self.rows.iter().map(|row| row[origin].load(Ordering::Acquire)).sum()
    }
}
