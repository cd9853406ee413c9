//! Open loads: flows are due on a schedule, whatever happens to earlier flows.

use super::{
    Debt, Starts,
    starter::{Due, Load},
};
use crate::counters::Local;
use drumpost_defects::{Defect, is_in};

impl Load {
    /// When the next flow is due, in ns on the run's clock; `None` if none is in the load's time. A feed that has no more ends
    /// the load.
    pub(super) fn next_due_ns(&mut self) -> Option<u64> {
        let Some(start) = self.peek() else {
            self.left = 0;
            return None;
        };
        let due_ns = self.begins_ns.saturating_add(start.after_ns);
        (self.left > 0 && due_ns < self.ends_ns).then_some(due_ns)
    }

    /// Starts up to `room` flows that are due at `now_ns`.
    #[inline]
    pub(super) fn start_due(
        &mut self,
        room: u64,
        now_ns: u64,
        local: &mut Local,
        starts: &mut Starts,
    ) -> Due {
        let mut count = 0;
        let mut due = Due::Started;
        while count < room {
            let Some(start) = self.peek() else {
                self.left = 0;
                due = Due::Over;
                break;
            };
            let due_ns = self.begins_ns.saturating_add(start.after_ns);
            if self.left == 0 {
                due = Due::Over;
                break;
            }
            if due_ns > now_ns {
                // The load lasts as long as was asked, whenever its last flow was due: rates are per that time.
                due = Due::At(due_ns.min(self.ends_ns));
                break;
            }
            self.advance(1);
            let measured = u64::from(due_ns >= self.measure_from_ns);
            self.left -= measured;
            if let Debt::DropAfter { late_ns } = self.plan.debt
                && now_ns - due_ns > late_ns
            {
                local.dropped += if is_in(Defect::DebtUntold) { 0 } else { measured };
                continue;
            }
            starts.add(start, if is_in(Defect::DueIsSent) { now_ns } else { due_ns });
            self.note_late(due_ns, now_ns, local);
            local.measured_started += measured;
            count += 1;
        }
        self.note_started(count, local);
        if count > 0 { Due::Started } else { due }
    }

    /// Passes over what is due by `now_ns`, for which there is no room.
    pub(super) fn shed(&mut self, now_ns: u64, local: &mut Local) {
        while let Some(due_ns) = self.next_due_ns().filter(|due_ns| *due_ns <= now_ns) {
            self.advance(1);
            let measured = u64::from(due_ns >= self.measure_from_ns);
            self.left -= measured;
            local.shed += measured;
        }
    }

    /// Counts what was due before `until_ns` and not started.
    pub(super) fn count_missed(&mut self, until_ns: u64, local: &mut Local) {
        while self.left > 0
            && let Some(start) = self.peek()
        {
            let due_ns = self.begins_ns.saturating_add(start.after_ns);
            if due_ns >= until_ns {
                return;
            }
            let measured = u64::from(due_ns >= self.measure_from_ns);
            self.left -= measured;
            local.missed += if is_in(Defect::DebtUntold) { 0 } else { measured };
            self.advance(1);
        }
    }
}
