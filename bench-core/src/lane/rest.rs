//! The end of a lane: what it recorded and has not handed over.

use super::Lane;
use crate::{counters::Local, gaps::Gaps, latencies::Latencies, load::Load, message::Kind};

/// The results of a lane at the end of a trial.
pub(crate) struct LaneRest {
    pub local: Local,
    pub latencies: Box<Latencies>,
    /// By destination, what it emitted and no transport took.
    pub unsent: Vec<(u16, u64)>,
    /// Kinds that it emitted and that no route carries, and how often.
    pub unrouted: Vec<(Kind, u64)>,
    pub gaps: Option<Gaps>,
}

impl Lane {
    /// Enters all that it noted, and publishes it.
    pub(crate) fn settle_all(&mut self) {
        self.spec.out.settle(&self.spec.counters, true);
    }

    /// The lane's records since the last swap, and its counters, at the end of a run that was stopped at `stopped_ns`.
    pub(crate) fn finish(mut self, stopped_ns: u64) -> LaneRest {
        self.end_throttle(stopped_ns);
        self.spec.load.iter_mut().for_each(|load| load.stop(stopped_ns, &mut self.spec.out.recorder.local));
        self.spec.out.settle(&self.spec.counters, true);
        let (unsent, recorder) = (self.spec.out.unsent(), self.spec.out.recorder);
        let (local, gaps) = (recorder.local.clone(), self.spec.load.and_then(Load::into_gaps));
        let (latencies, unrouted) = recorder.into_rest();
        LaneRest { local, latencies, unsent, unrouted, gaps }
    }
}
