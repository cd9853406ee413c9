//! Closes the measured window for whoever reads the machine's and the server's figures, and notes when the load stood still.
//!
//! The window ends with the load or with the last flow, and which flow is the last is known only afterwards. So the window is
//! closed soon after the load's end, and again if flows ended since. The last close counts. A load that loses messages waits
//! for them until the drain deadline, and nothing of that wait is in the figures.

use super::{Edge, Monitor, Watch};
use crate::{load::Pace, outcome::Standstill, plan::TrialPlan};

/// The least time from the load's end to the first close, and between two closes. Most loads drain in less, and their window
/// is closed only once.
const APART_NS: u64 = 5_000_000;
/// A longer window is closed later, by one part in so many of its length. A close takes some milliseconds of a core.
const SHARE: u64 = 32;

/// The state of the window's end, and the longest time for which nothing moved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Close {
    /// Ends of flows when the window was last closed.
    closed_with: Option<u64>,
    next_ns: u64,
    /// Flows that the load had given up when it ended. Those that it gives up later did not hold it up.
    written_off: u64,
    /// Flows under way at most, in a closed load.
    window: Option<u64>,
    /// Flows started and ended when they were last looked at, and since when that is so.
    moved: u64,
    since_ns: u64,
    /// The longest time for which no flow started or ended, while the load went on: since when, and how long.
    longest: (u64, u64),
}

impl Close {
    pub(super) fn of(plan: &TrialPlan, begins_ns: u64) -> Self {
        let window = match plan.load.pace {
            Pace::Closed { in_flight } => Some(in_flight),
            Pace::Open { .. } => None,
        };
        Self { window, since_ns: begins_ns, ..Self::default() }
    }

    /// Notes how many flows have started and ended.
    fn look(&mut self, now_ns: u64, moved: u64) {
        let still_ns = now_ns.saturating_sub(self.since_ns);
        if still_ns > self.longest.1 {
            self.longest = (self.since_ns, still_ns);
        }
        if moved != self.moved {
            (self.moved, self.since_ns) = (moved, now_ns);
        }
    }

    /// When the load stood still, if as many flows as its window holds never ended.
    pub(super) fn standstill(&self, begins_ns: u64, unfinished: u64) -> Option<Standstill> {
        let (since_ns, still_ns) = self.longest;
        let window = self.window.filter(|window| unfinished >= *window && *window > 0)?;
        Some(Standstill {
            window,
            unfinished,
            written_off: self.written_off,
            from_ns: since_ns.saturating_sub(begins_ns),
            longest_ns: still_ns,
        })
    }
}

/// Whether the monitor reads counts that only figures are made of. Not in a model: it tries out the orders of each read, and these
/// decide nothing.
const READS_FOR_FIGURES: bool = !cfg!(loom);

impl Monitor {
    /// Looks whether a closed load moves, as long as it goes on.
    pub(super) fn look_at_moves(&mut self, now_ns: u64) {
        let goes_on = self.draining_since_ns.is_none() && now_ns >= self.begins_ns;
        if READS_FOR_FIGURES && self.close.window.is_some() && goes_on {
            self.close.look(now_ns, self.collector.moved());
        }
    }

    /// Notes that the load is over, the first time. Returns since when it is.
    pub(super) fn load_ended(&mut self, now_ns: u64) -> u64 {
        if READS_FOR_FIGURES && self.draining_since_ns.is_none() {
            self.close.written_off = self.collector.read().written_off;
        }
        *self.draining_since_ns.get_or_insert(now_ns)
    }

    /// Closes the window if the load has been over for long enough, and again if flows ended since.
    pub(super) fn close_after_load(&mut self, load_ended_ns: u64, now_ns: u64, watch: &mut dyn Watch) {
        let apart_ns = APART_NS.max(now_ns.saturating_sub(self.measure_from_ns) / SHARE);
        if now_ns >= self.close.next_ns.max(load_ended_ns.saturating_add(apart_ns)) {
            self.close_window(now_ns, watch);
            self.close.next_ns = now_ns.saturating_add(apart_ns);
        }
    }

    /// Closes the window, unless it was closed and no flow has ended since.
    pub(super) fn close_window(&mut self, now_ns: u64, watch: &mut dyn Watch) {
        let ended = if READS_FOR_FIGURES { self.collector.done().ended } else { 0 };
        if self.close.closed_with.replace(ended) == Some(ended) {
            return;
        }
        if let Some(mut meter) = self.meter {
            meter.end(|| self.reading(now_ns));
            self.meter = Some(meter);
        }
        // After the meter: what the watcher reads of the machine costs processor time that is not the load's.
        if self.has_opened {
            watch.edge(Edge::Closes, self.counts());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn looked(looks: &[(u64, u64)]) -> Close {
        let mut close = Close { window: Some(64), since_ns: 100 * MS, ..Close::default() };
        looks.iter().for_each(|(at_ms, moved)| close.look(at_ms * MS, *moved));
        close
    }

    #[test]
    fn a_load_stood_still_from_when_its_last_flow_moved() {
        let close = looked(&[(101, 0), (102, 30), (110, 40), (150, 50), (152, 50), (400, 50)]);
        let found = close.standstill(100 * MS, 64);
        let expected =
            Standstill { window: 64, unfinished: 64, written_off: 0, from_ns: 50 * MS, longest_ns: 250 * MS };
        assert_eq!(found, Some(expected));
        assert_eq!(close.standstill(100 * MS, 63), None, "one flow could go on");
        assert_eq!(Close { window: None, ..close }.standstill(100 * MS, 64), None, "an open load");
    }
}
