//! Makes snapshots of a run, some ten a second, off the measured path.

use super::{Collector, Monitor, STILL_PER_LANE_NS, Watch};
use crate::outcome::Snapshot;

impl Monitor {
    /// Collects what the lanes have, and hands the watcher a snapshot.
    pub(super) fn sample(&mut self, now_ns: u64, watch: &mut dyn Watch) {
        self.collector.collect();
        // In virtual time nobody waits for the calling thread.
        self.collector.rest(self.meter.is_some());
        let local = self.collector.read();
        let (ended, dead) = self.flows(local.ended, local.dead_ends);
        let interval_ns = (now_ns - self.last_sample_ns).max(1);
        // A process that was suspended did not wait.
        self.unlooked_ns += interval_ns.min(2 * self.sample_every_ns);
        if self.unlooked_ns >= STILL_PER_LANE_NS * self.collector.lanes() as u64 {
            let blame = &self.control.blame;
            self.collector.note_still(std::mem::take(&mut self.unlooked_ns), |lane| blame.is_held_up(lane));
        }
        let held_up_ns = local.blocked_ns.saturating_sub(self.last_blocked_ns) as f64;
        let senders = self.collector.senders();
        watch.sample(&Snapshot {
            at_ns: now_ns.saturating_sub(self.begins_ns),
            interval_ns,
            warmup: now_ns < self.measure_from_ns,
            started: local.started,
            measured_started: local.measured_started,
            ended,
            measured_ended: local.measured_ended / self.ends_per_flow,
            dead,
            ended_now: ended.saturating_sub(self.last_ended),
            response_now: self.collector.response_now.clone(),
            response: self.collector.totals.response.clone(),
            service_now: self.collector.service_now.clone(),
            lag_now: self.collector.lag_now.clone(),
            confirms: self.collector.confirms_now.clone(),
            outages: self.control.outages(),
            depth: self.control.depth(),
            blocked_share: (held_up_ns / interval_ns as f64 / senders as f64).min(1.0),
            audit: Collector::counted(&local, 0, self.tells),
        });
        self.collector.rest(false);
        self.record_backlog();
        self.collector.close_interval();
        (self.last_sample_ns, self.last_ended, self.last_blocked_ns) = (now_ns, ended, local.blocked_ns);
        self.next_sample_ns = now_ns + self.sample_every_ns;
        self.has_asked = false;
    }
}
