//! The gaps between flows, as planned and as started. All gaps go into a histogram. The first few thousand are kept as
//! they are, for a test of their distribution.

use crate::{hist::Hist, message::Message};

/// The first intervals between the measured flows of one sender, in ns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Between the times two flows were due.
    pub planned_ns: Vec<u64>,
    /// Between the times the sender took them up.
    pub started_ns: Vec<u64>,
    /// How many intervals are kept; 0: there is no schedule.
    kept: usize,
    last_due_ns: Option<u64>,
    last_started_ns: Option<u64>,
}

impl Gaps {
    /// Keeps at most `kept` intervals; 0 if there is no schedule. `room` is how many it makes room for at once.
    pub(crate) fn new(kept: usize, room: usize) -> Self {
        Self {
            planned_ns: Vec::with_capacity(room),
            started_ns: Vec::with_capacity(room),
            kept,
            last_due_ns: None,
            last_started_ns: None,
        }
    }

    /// When the last measured flow that was started was due, in ns on the run's clock.
    #[must_use]
    pub const fn last_due_ns(&self) -> Option<u64> {
        self.last_due_ns
    }

    pub(crate) fn are_noted(&self) -> bool {
        self.kept > 0
    }

    /// Notes flows that were started together, in the order they were due.
    pub(crate) fn note(
        &mut self,
        now_ns: u64,
        starts: &[Message],
        measure_from_ns: u64,
        inter_send: &mut Hist,
    ) {
        let measured = &starts[starts.partition_point(|start| start.due_ns() < measure_from_ns)..];
        if measured.is_empty() {
            return;
        }
        let kept = measured.len().min(self.kept + 1 - self.planned_ns.len());
        for start in &measured[..kept] {
            if let Some(last_ns) = self.last_due_ns.replace(start.due_ns())
                && self.planned_ns.len() < self.kept
            {
                self.planned_ns.push(start.due_ns().saturating_sub(last_ns));
            }
        }
        self.last_due_ns = measured.last().map(Message::due_ns);
        if let Some(last_ns) = self.last_started_ns.replace(now_ns) {
            self.note_started(now_ns.saturating_sub(last_ns), 1, inter_send);
        }
        self.note_started(0, measured.len() - 1, inter_send);
    }

    fn note_started(&mut self, gap_ns: u64, times: usize, inter_send: &mut Hist) {
        if times > 0 {
            inter_send.record_n(gap_ns, u32::try_from(times).unwrap_or(u32::MAX));
            let keep = times.min(self.kept - self.started_ns.len());
            self.started_ns.extend(std::iter::repeat_n(gap_ns, keep));
        }
    }
}
