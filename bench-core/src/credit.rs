//! Ends of flows, counted by the lane that started them. A closed load waits for them, in both styles. They do not go
//! through the transport.

use crate::{
    counters::release,
    sync::atomic::{AtomicU64, Ordering},
};

/// One row per lane that may end flows, one column per lane that starts them. Each row has one writer. Where many lanes
/// share a thread, they have a row together.
#[derive(Debug)]
pub(crate) struct Credit {
    rows: Vec<Box<[AtomicU64]>>,
    /// Of each thread whose lanes share a row; none where each lane has a row of its own.
    sums: Box<[Sums]>,
}

/// The sums of one thread over all its lanes, so that a look at what is under way costs no look at each of them.
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
        Self { rows: (0..lanes).map(|_| row()).collect(), sums: Box::default() }
    }

    /// A row for each of `threads`.
    pub(crate) fn of_threads(threads: usize, origins: usize) -> Self {
        Self { sums: (0..threads).map(|_| Sums::default()).collect(), ..Self::new(threads, origins) }
    }

    /// Publishes how many flows of each origin `lane` has ended so far. Without effect if its thread does that.
    #[inline]
    pub(crate) fn publish(&self, lane: u16, ended: &[u64]) {
        if let Some(row) = self.rows.get(usize::from(lane)) {
            release(row, ended);
        }
    }

    /// As [`Credit::publish`], for a thread: its lanes have ended `times` more flows of the `origin`-th origin.
    pub(crate) fn add(&self, thread: usize, origin: u16, times: u32) {
        let add = |cell: &AtomicU64| {
            // It has no other writer.
            cell.store(cell.load(Ordering::Relaxed) + u64::from(times), Ordering::Release);
        };
        if let Some(cell) = self.rows[thread].get(usize::from(origin)) {
            add(cell);
            add(&self.sums[thread].ended);
        }
    }

    /// Publishes what the lanes of a thread have done so far, but for the ends of flows.
    pub(crate) fn publish_done(&self, thread: usize, done: &Done) {
        let Sums { started, emitted, awake_ns, .. } = &self.sums[thread];
        let Done { started: now_started, emitted: now_emitted, awake_ns: now_awake_ns, .. } = *done;
        started.store(now_started, Ordering::Relaxed);
        emitted.store(now_emitted, Ordering::Relaxed);
        awake_ns.store(now_awake_ns, Ordering::Relaxed);
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
        (!self.sums.is_empty()).then(|| self.sums.iter().fold(Done::default(), add))
    }
}
