//! Ends of flows, counted by the lane that started them. A closed load waits for them, in both styles. They do not go
//! through the transport.

use crate::{
    counters::release,
    sync::atomic::{AtomicU64, Ordering},
};

/// One row per lane that may end flows, one column per lane that starts them. Each row has one writer. With very many lanes
/// the table would take gigabytes, so lanes share rows.
#[derive(Debug)]
pub(crate) struct Credit {
    rows: Vec<Box<[AtomicU64]>>,
    /// Of each row that lanes share; none where each lane has a row of its own.
    sums: Box<[Sums]>,
    /// Ends that were published and did not happen, as a message died that would have led to them.
    dead_ends: AtomicU64,
}

/// The sums of the lanes of one row, so that a look at what is under way costs no look at each of them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Sums {
    started: AtomicU64,
    ended: AtomicU64,
    emitted: AtomicU64,
    awake_ns: AtomicU64,
}

/// What lanes have done so far, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Flows started.
    pub started: u64,
    /// Ends of flows.
    pub ended: u64,
    /// Messages emitted.
    pub emitted: u64,
    /// How long loads waited awake for due times.
    pub awake_ns: u64,
}

impl Credit {
    /// A row for each of `lanes`.
    pub(crate) fn new(lanes: usize, origins: usize) -> Self {
        let row = || (0..origins.next_multiple_of(16).max(16)).map(|_| AtomicU64::new(0)).collect();
        Self { rows: (0..lanes).map(|_| row()).collect(), sums: Box::default(), dead_ends: AtomicU64::new(0) }
    }

    /// So few rows that lanes share them: one for each thread, or one for all where tasks move between threads.
    pub(crate) fn shared(rows: usize, origins: usize) -> Self {
        Self { sums: (0..rows).map(|_| Sums::default()).collect(), ..Self::new(rows, origins) }
    }

    /// Publishes how many flows of each origin `lane` has ended so far. Without effect if its thread does that.
    #[inline]
    pub(crate) fn publish(&self, lane: u16, ended: &[u64]) {
        if let Some(row) = self.rows.get(usize::from(lane)) {
            release(row, ended);
        }
    }

    /// As [`Credit::publish`], for lanes that share a row: they have ended `times` more flows of the `origin`-th origin.
    pub(crate) fn add(&self, row: usize, origin: u16, times: u32) {
        if let Some(cell) = self.rows[row].get(usize::from(origin)) {
            cell.fetch_add(u64::from(times), Ordering::Release);
            self.sums[row].ended.fetch_add(u64::from(times), Ordering::Release);
        }
    }

    /// Adds to what the lanes of a row have done, but for the ends of flows.
    pub(crate) fn add_done(&self, row: usize, done: &Done) {
        let Sums { started, emitted, awake_ns, .. } = &self.sums[row];
        for (cell, more) in [(started, done.started), (emitted, done.emitted), (awake_ns, done.awake_ns)] {
            if more > 0 {
                cell.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// Notes that ends that are published are those of messages that died: their flows are over and did not end.
    pub(crate) fn note_dead(&self, ends: u32) {
        self.dead_ends.fetch_add(u64::from(ends), Ordering::Relaxed);
    }

    /// How many times flows of the `origin`-th origin have been ended.
    pub(crate) fn ended(&self, origin: usize) -> u64 {
        self.rows.iter().map(|row| row[origin].load(Ordering::Acquire)).sum()
    }

    /// How many times flows of any of so many origins have been ended.
    pub(crate) fn all_ended(&self, origins: usize) -> u64 {
        if self.sums.is_empty() {
            return (0..origins).map(|origin| self.ended(origin)).sum();
        }
        self.sums.iter().map(|sums| sums.ended.load(Ordering::Acquire)).sum()
    }

    /// What was done by lanes whose threads add it up; `None` where the lanes' own counters are all that tells.
    pub(crate) fn done(&self) -> Option<Done> {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let add = |all: Done, Sums { started, ended, emitted, awake_ns }: &Sums| Done {
            started: all.started + read(started),
            ended: all.ended + read(ended),
            emitted: all.emitted + read(emitted),
            awake_ns: all.awake_ns + read(awake_ns),
        };
        (!self.sums.is_empty()).then(|| {
            let done = self.sums.iter().fold(Done::default(), add);
            Done { ended: done.ended.saturating_sub(self.dead_ends.load(Ordering::Relaxed)), ..done }
        })
    }
}
