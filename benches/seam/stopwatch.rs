//! Takes the processor time of the thread that starts the flows, between two refills of the load's buffer.
//!
//! If a whole flow runs on that thread, this is the cost of the flow. Other work on the machine does not lengthen it,
//! as it lengthens elapsed time. The load asks for several hundred flows at a time, so reading the time costs next to
//! nothing.

use drumpost_core::load::{Feed, Start};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// See the module.
#[derive(Default)]
pub(crate) struct Stopwatch {
    first_ns: AtomicU64,
    last_ns: AtomicU64,
    /// Flows handed out before the last refill.
    flows: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn watch(self: &Arc<Self>, feed: Box<dyn Feed>) -> Box<dyn Feed> {
        Box::new(Watched { feed, stopwatch: Arc::clone(self), given: 0 })
    }

    /// Processor time of a flow; NaN if there were too few.
    pub(crate) fn flow_ns(&self) -> f64 {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        (load(&self.last_ns) - load(&self.first_ns)) as f64 / load(&self.flows) as f64
    }
}

struct Watched {
    feed: Box<dyn Feed>,
    stopwatch: Arc<Stopwatch>,
    given: u64,
}

impl Feed for Watched {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        let Stopwatch { first_ns, last_ns, flows } = &*self.stopwatch;
        let now_ns = thread_cpu_ns();
        if self.given == 0 {
            first_ns.store(now_ns, Ordering::Relaxed);
        }
        last_ns.store(now_ns, Ordering::Relaxed);
        flows.store(self.given, Ordering::Relaxed);
        self.feed.fill(starts);
        self.given += starts.len() as u64;
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
