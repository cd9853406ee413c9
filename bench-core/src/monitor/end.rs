//! The end of a trial whose load is over: it is complete, or it has come to its drain deadline.

use super::{Monitor, Watch};

impl Monitor {
    /// Ends the trial. What is missing then counts as lost, unless an instance has no connection. In that case nobody can say what
    /// is lost: the server may be gone with all that it had, or still have it. So the trial fails, as it does at once where
    /// a lost connection is not opened again.
    pub(super) fn end(&mut self, is_complete: bool, now_ns: u64, watch: &mut dyn Watch) {
        self.drain_timed_out = !is_complete;
        if !is_complete && let Some(why) = self.control.still_lost(self.begins_ns, now_ns) {
            // Before the stop: after a failure no lane waits for confirms.
            self.control.fail(why);
        }
        self.stop(now_ns, watch);
    }
}
