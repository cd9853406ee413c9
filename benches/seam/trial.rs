//! The input and the outcome of a run of either side.

use crate::stopwatch::Stopwatch;
use drumpost_core::{load::Feed, payload::Pool, plan::MakeFeed};
use drumpost_workloads::{KeySpec, PayloadSpec, WorkloadSpec};
use std::sync::Arc;

const SEED: u64 = 1;
const KEYS: u64 = 10_000;
/// Room in every queue: more than any window needs.
pub(crate) const CAPACITY: usize = 4096;

/// One run of one side.
pub(crate) struct Trial {
    pub(crate) batch: usize,
    pub(crate) flows: u64,
    pub(crate) in_flight: u64,
    pub(crate) pool: Arc<Pool>,
    workload: WorkloadSpec,
    stopwatch: Option<Arc<Stopwatch>>,
}

impl Trial {
    pub(crate) fn new(batch: usize, payload_len: u32, flows: u64) -> Self {
        let payload = PayloadSpec::fixed(u64::from(payload_len)).expect("a size");
        let keys = KeySpec::uniform(KEYS).expect("keys");
        Self {
            batch,
            flows,
            in_flight: in_flight(batch),
            pool: Arc::new(Pool::new(SEED, payload_len)),
            workload: WorkloadSpec { seed: SEED, arrivals: None, think: None, senders: 1, payload, keys },
            stopwatch: None,
        }
    }

    /// Has `stopwatch` take the time of the thread that starts the flows.
    pub(crate) fn timed(self, stopwatch: &Arc<Stopwatch>) -> Self {
        Self { stopwatch: Some(Arc::clone(stopwatch)), ..self }
    }

    /// The same flows for both sides.
    pub(crate) fn feed(&self) -> Box<dyn Feed> {
        (self.feeds())(0, 1)
    }

    pub(crate) fn feeds(&self) -> Arc<MakeFeed> {
        let feeds = self.workload.feeds();
        match self.stopwatch.clone() {
            Some(stopwatch) => Arc::new(move |member, of| stopwatch.watch(feeds(member, of))),
            None => feeds,
        }
    }
}

/// Enough that nobody waits for a flow's end when several batches are under way.
pub(crate) const fn in_flight(batch: usize) -> u64 {
    if batch == 1 { 16 } else { 4 * batch as u64 }
}

/// What a run came to. Two sides that did the same agree in all but the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// From the load's begin to the last flow's end; set-up is not in it.
    pub(crate) elapsed_ns: u64,
    pub(crate) flows: u64,
    pub(crate) hops: u64,
    /// Lost, duplicated, reordered or corrupted.
    pub(crate) faults: u64,
    /// Times of messages that were negative, by the clocks of two processors.
    pub(crate) negative: u64,
}
