//! Counters that a lane publishes while it runs: one writer, any number of readers, and no locked instruction but for `unanswered`.
//!
//! The lane counts in plain integers and stores them once per step. From them the monitor concludes when no message
//! is under way. [`Published::publish`] explains the memory ordering that makes this exact.

mod local;

use crate::{
    act::Doing,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use local::{CELLS, cell};
pub(crate) use local::{Local, PortConfirms};

/// Aligned to 128 bytes: processors fetch cache lines in pairs, so with 64 two lanes would still share one.
#[derive(Debug)]
#[repr(align(128))]
struct Block([AtomicU64; Self::CELLS]);

impl Block {
    const CELLS: usize = 48;
}

impl Default for Block {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// The cell after those of the counters: all deliveries of a lane that competes with others, whether or not they are known to be new.
const HANDED: usize = CELLS;
const _: () = assert!(HANDED < Block::CELLS, "every counter has a cell");
/// Counters that show progress besides messages sent and received.
const PROGRESS: [usize; 5] = [cell::started, cell::ended, cell::shed, cell::dropped, cell::written_off];
/// Cells of a send port: taken, confirmed, refused, rolled back.
const CONFIRM_CELLS: usize = 4;

/// The published copy of a lane's counters.
#[derive(Debug)]
pub(crate) struct Published {
    fixed: Block,
    emitted: Box<[AtomicU64]>,
    /// [`CONFIRM_CELLS`] for each send port.
    confirms: Box<[AtomicU64]>,
    received: Box<[AtomicU64]>,
    again: Box<[AtomicU64]>,
    dead: Box<[AtomicU64]>,
    /// Requests of this lane that nobody will answer, as a message became a dead letter. Other lanes add to it.
    unanswered: AtomicU64,
    /// The load has started its last flow.
    load_done: AtomicBool,
    /// The code that the lane runs. It lies here because a lane has this memory at hand when it makes a note.
    pub doing: Doing,
}

fn cells(len: usize) -> Box<[AtomicU64]> {
    // At least 128 bytes, so that the first cells of two lanes, which most lanes have no more of, are not in one cache line.
    (0..len.next_multiple_of(16).max(16)).map(|_| AtomicU64::new(0)).collect()
}

/// Stores `values` for readers on other threads.
#[inline]
pub(crate) fn release(cells: &[AtomicU64], values: &[u64]) {
    // Most lanes have one such cell, for which setting up a loop costs several times the store.
    if let ([cell, ..], [value]) = (cells, values) {
        cell.store(*value, Ordering::Release);
        return;
    }
    for (cell, value) in cells.iter().zip(values) {
        cell.store(*value, Ordering::Release);
    }
}

impl Published {
    pub(crate) fn new(ports: usize, heard: usize) -> Self {
        Self {
            fixed: Block::default(),
            emitted: cells(ports),
            confirms: cells(CONFIRM_CELLS * ports),
            received: cells(heard),
            again: cells(heard),
            dead: cells(heard),
            unanswered: AtomicU64::new(0),
            load_done: AtomicBool::new(false),
            doing: Doing::default(),
        }
    }

    /// Publishes all of `local`. A sender publishes what it emitted before it offers it. A receiver publishes what it received after the transport took all
    /// that this caused. So a reader that reads all `received` first and all `emitted` afterwards never sees a delivery without its
    /// consequences, and what waits in an outbox counts as under way: if the two agree, nothing is. A step publishes only what it changed, in
    /// the same order.
    pub(crate) fn publish(&self, local: &Local) {
        self.publish_with(local, &local.received);
    }

    /// As [`Published::publish`], with `received` instead of all that was received, where some of it waits to be acknowledged or
    /// has not caused all that it will.
    pub(crate) fn publish_with(&self, local: &Local, received: &[u64]) {
        release(&self.emitted, &local.emitted);
        self.publish_confirms(local);
        self.publish_fixed(0, local.cells());
        // Before what was received: a reader of both then never counts a repeated delivery as a new one.
        release(&self.again, &local.again);
        release(&self.dead, &local.dead);
        release(&self.received, received);
    }

    /// Publishes how many messages were emitted for one port.
    #[inline]
    pub(crate) fn publish_emitted(&self, port: usize, emitted: u64) {
        if let Some(cell) = self.emitted.get(port) {
            cell.store(emitted, Ordering::Release);
        }
    }

    /// Publishes what the transport took at each send port and said of it. Stored after what was emitted, so no reader sees more refused than emitted.
    pub(crate) fn publish_confirms(&self, local: &Local) {
        for (cells, counts) in self.confirms.chunks_exact(CONFIRM_CELLS).zip(&local.confirms) {
            let PortConfirms { taken, confirmed, refused, rolled_back } = *counts;
            release(cells, &[taken, confirmed, refused, rolled_back]);
        }
    }

    /// Publishes what was received, once what it caused was published.
    #[inline]
    pub(crate) fn publish_received(&self, received: &[u64]) {
        release(&self.received, received);
    }

    /// Publishes how much a lane received that competes with others. How much of it was new is published later.
    #[inline]
    pub(crate) fn publish_handed(&self, received: &[u64]) {
        self.publish_fixed(HANDED, [received.iter().sum()]);
    }

    /// Publishes how many flows were started, and how late. Cells that are published together are neighbours in `local.rs`.
    #[inline]
    pub(crate) fn publish_started(&self, local: &Local) {
        self.publish_fixed(cell::started, [local.started, local.measured_started]);
        self.publish_fixed(cell::late_ns, [local.late_ns]);
    }

    /// Publishes how many flows have ended.
    #[inline]
    pub(crate) fn publish_ended(&self, local: &Local) {
        self.publish_fixed(cell::ended, [local.ended, local.measured_ended, local.last_end_ns]);
    }

    /// Publishes how long the load has waited awake.
    pub(crate) fn publish_awake(&self, local: &Local) {
        self.publish_fixed(cell::awake_ns, [local.awake_ns]);
    }

    #[inline]
    fn publish_fixed<const N: usize>(&self, first: usize, values: [u64; N]) {
        for (cell, value) in self.fixed.0[first..].iter().zip(values) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_load_done(&self) {
        self.load_done.store(true, Ordering::Release);
    }

    pub(crate) fn load_is_done(&self) -> bool {
        self.load_done.load(Ordering::Acquire)
    }

    pub(crate) fn emitted(&self, port: usize) -> u64 {
        self.emitted[port].load(Ordering::Acquire)
    }

    /// Of one send port. Read before what was emitted, so that what was refused is not more than that.
    pub(crate) fn confirms(&self, port: usize) -> PortConfirms {
        let cell = |at: usize| self.confirms[CONFIRM_CELLS * port + at].load(Ordering::Acquire);
        // In the reverse order of the stores, so no reader sees more confirmed and refused than taken.
        let [rolled_back, refused, confirmed, taken] = [cell(3), cell(2), cell(1), cell(0)];
        PortConfirms { taken, confirmed, refused, rolled_back }
    }

    pub(crate) fn received(&self, slot: usize) -> u64 {
        self.received[slot].load(Ordering::Acquire)
    }

    /// Deliveries of a heard destination without duplicates: the first of their sequence number.
    pub(crate) fn first(&self, slot: usize) -> u64 {
        // In this order; see `publish`.
        let received = self.received(slot);
        received.saturating_sub(self.again[slot].load(Ordering::Acquire))
    }

    /// Deliveries of a lane that competes with others.
    pub(crate) fn handed(&self) -> u64 {
        self.fixed.0[HANDED].load(Ordering::Relaxed)
    }

    /// Deliveries that were not the first of their number, as far as that is known.
    pub(crate) fn again(&self, heard: usize) -> u64 {
        (0..heard).map(|slot| self.again[slot].load(Ordering::Acquire)).sum()
    }

    /// Messages of a heard destination that became dead letters before any instance handled them.
    pub(crate) fn dead(&self, slot: usize) -> u64 {
        self.dead[slot].load(Ordering::Acquire)
    }

    /// Notes that a request of this lane will not be answered.
    pub(crate) fn note_unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Release);
    }

    /// How many of its requests will not be answered.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Acquire)
    }

    /// Flows started so far.
    pub(crate) fn started(&self) -> u64 {
        self.fixed.0[cell::started].load(Ordering::Relaxed)
    }

    /// Deliveries that will not come as the first of their number: damaged, dropped by the transport, or too late to be
    /// told from duplicates.
    pub(crate) fn excused(&self) -> u64 {
        [cell::corrupted, cell::lagged, cell::beyond_window]
            .map(|cell| self.fixed.0[cell].load(Ordering::Relaxed))
            .iter()
            .sum()
    }

    /// Adds everything to a sum over several lanes, in which the destinations are not told apart.
    pub(crate) fn add_to(&self, all: &mut Local, ports: usize, heard: usize) {
        let sum = |to: &mut Vec<u64>, values: &mut dyn Iterator<Item = u64>| {
            to.resize(1, 0);
            to[0] += values.sum::<u64>();
        };
        sum(&mut all.received, &mut (0..heard).map(|slot| self.received(slot)));
        sum(&mut all.again, &mut (0..heard).map(|slot| self.again[slot].load(Ordering::Acquire)));
        sum(&mut all.dead, &mut (0..heard).map(|slot| self.dead(slot)));
        sum(&mut all.emitted, &mut (0..ports).map(|port| self.emitted(port)));
        all.confirms.resize(1, PortConfirms::default());
        for one in (0..ports).map(|port| self.confirms(port)) {
            all.confirms[0].add(one);
        }
        all.add_cells(self.cells());
    }

    fn cells(&self) -> [u64; CELLS] {
        std::array::from_fn(|at| self.fixed.0[at].load(Ordering::Relaxed))
    }

    /// A number that grows when the lane emits or receives, or starts, ends or gives up a flow.
    pub(crate) fn progress(&self, ports: usize, heard: usize) -> u64 {
        let moved =
            (0..ports).map(|port| self.emitted(port)).chain((0..heard).map(|slot| self.received(slot)));
        let counted = PROGRESS.map(|cell| self.fixed.0[cell].load(Ordering::Relaxed));
        moved.chain(counted).sum()
    }

    /// All counters. They are read one after the other while the lane runs, so they need not belong to one instant.
    pub(crate) fn read(&self, ports: usize, heard: usize) -> Local {
        let received = (0..heard).map(|slot| self.received(slot)).collect();
        let again = (0..heard).map(|slot| self.again[slot].load(Ordering::Acquire)).collect();
        let confirms = (0..ports).map(|port| self.confirms(port)).collect();
        let emitted = (0..ports).map(|port| self.emitted(port)).collect();
        let dead = (0..heard).map(|slot| self.dead(slot)).collect();
        let mut local = Local { emitted, confirms, received, again, dead, ..Local::default() };
        local.add_cells(self.cells());
        local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_read_back() {
        let confirms = [(5, 3, 1, 1), (6, 2, 0, 0)].map(|(taken, confirmed, refused, rolled_back)| {
            PortConfirms { taken, confirmed, refused, rolled_back }
        });
        let confirms = confirms.to_vec();
        let (received, again) = (vec![7], vec![2]);
        let dead = vec![3];
        let mut local = Local { emitted: vec![5, 6], confirms, received, again, dead, ..Local::default() };
        local.add_cells(std::array::from_fn(|at| at as u64 + 10));
        let published = Published::new(2, 1);
        published.publish(&local);
        assert_eq!(published.read(2, 1), local);
        assert_eq!(published.first(0), 5);
        local.awake_ns += 1;
        published.publish_awake(&local);
        local.late_ns += 1;
        published.publish_started(&local);
        assert_eq!(published.read(2, 1), local);
        let counted = local.started + local.ended + local.shed + local.dropped + local.written_off;
        assert_eq!(published.progress(2, 1), counted + 5 + 6 + 7, "the cells are where they are said to be");
        let mut sum = Local::default();
        (0..2).for_each(|_| published.add_to(&mut sum, 2, 1));
        assert_eq!(sum.confirms, [PortConfirms { taken: 22, confirmed: 10, refused: 2, rolled_back: 2 }]);
        assert_eq!((&sum.emitted[..], &sum.received[..], &sum.again[..]), (&[22][..], &[14][..], &[4][..]));
        assert_eq!(sum.dead, [6]);
        let of_both = [cell::last_end_ns, cell::displacement_max];
        for (at, (sum, one)) in sum.cells().into_iter().zip(local.cells()).enumerate() {
            assert_eq!(sum, if of_both.contains(&at) { one } else { 2 * one }, "{at}");
        }
        let excused = local.corrupted + local.lagged + local.beyond_window;
        assert_eq!(published.excused(), excused, "the cells are where they are said to be");
    }
}
