//! Reads what a trial costs while its load goes on.

use super::Monitor;
use crate::{clock::process_cpu_ns, cost::Reading, overhead::harness_cpu_ns};

impl Monitor {
    /// Reads what the trial costs, as long as its load goes on.
    pub(super) fn look_at_cost(&mut self, now_ns: u64) {
        if self.draining_since_ns.is_none()
            && let Some(mut meter) = self.meter
        {
            meter.look(now_ns, || self.reading(now_ns));
            self.meter = Some(meter);
        }
    }

    pub(super) fn reading(&self, now_ns: u64) -> Reading {
        let done = self.collector.done();
        Reading {
            at_ns: now_ns,
            cpu_ns: process_cpu_ns(),
            awake_ns: done.awake_ns,
            harness_ns: harness_cpu_ns(),
            messages: done.emitted,
            flows: done.ended / self.ends_per_flow,
        }
    }
}
