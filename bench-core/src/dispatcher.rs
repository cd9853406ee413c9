//! Runs one trial over a transport: one dynamic call per trial. [`Threaded`] runs transports on threads, and [`Tasked`]
//! those on tasks.

use crate::{
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    promise::{Asked, Promise},
    transport::{Cleaned, OpenError},
    wiring::Wiring,
};

mod checked;
mod depth;
mod gate;
mod gather;
pub mod guard;
mod opened;
mod pauses;
pub mod tasked;
pub mod threaded;
mod workers;

pub use crate::blame::panic_text;
pub use guard::{Limits, left_behind, run_guarded};
pub use tasked::Tasked;
pub use threaded::{OnThread, Threaded, run_on_threads};
pub(crate) use workers::{CONTRACT_THREADS, runtime};

/// Runs trials over one transport.
pub trait Dispatcher: Send {
    /// Opens the transport for the plan's wiring, runs the trial, and closes it. Failures in the middle of a run are
    /// part of the outcome.
    ///
    /// # Errors
    /// The transport refuses the wiring, or could not be opened.
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError>;

    /// What it promises when this is asked of it: what its entry lists, but for what its options and the question change. Most
    /// transports change nothing and promise [`Promise::when`] of what they list.
    ///
    /// # Errors
    /// It refuses, in a sentence that begins after its name.
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        listed.when(asked)
    }

    /// Whether an instance whose connection was lost can open a new one.
    fn reopens(&self) -> bool {
        false
    }

    /// Whether instances may share connections, as [`Wiring::connections`] says.
    fn shares_connections(&self) -> bool {
        false
    }

    /// The transport's own sentence about a wiring that it does not carry; `None` if it says nothing. Asked only where its
    /// entry does not list an intent, so what it opens for this is dropped.
    fn refusal(&mut self, _wiring: &Wiring) -> Option<String> {
        None
    }

    /// Removes what processes left outside of themselves that ended before they could (streams, queues). `None` for a
    /// transport that leaves nothing.
    ///
    /// # Errors
    /// As [`crate::transport::AsyncTransport::clean`].
    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        Ok(None)
    }
}

/// Of a transport that was opened only to hear whether it refuses, what it said.
fn refusal_of<T>(opened: Result<T, OpenError>) -> Option<String> {
    match opened {
        Err(OpenError::Refused(sentence)) => Some(sentence),
        _ => None,
    }
}

/// The least time from the moment that all lanes are ready, when the run's time begins, to the first flow that is measured. Threads wake up in it: on a
/// busy host some need milliseconds. A warm-up counts towards it.
pub const LEAD_NS: u64 = 10_000_000;
/// The least part of that before the load begins, so that an open load whose threads wake up at once is not late from its first flow.
const LEAD_LEAST_NS: u64 = 1_000_000;
/// The load begins so much later for each lane, which may have a thread to wake.
const LEAD_PER_LANE_NS: u64 = 20_000;

/// When the load of a plan begins, in ns on the run's clock.
#[must_use]
pub fn lead_ns(plan: &TrialPlan) -> u64 {
    let rest_ns = LEAD_NS.saturating_sub(plan.load.warmup_ns).max(LEAD_LEAST_NS);
    rest_ns + LEAD_PER_LANE_NS * u64::from(plan.wiring.instance_count())
}

/// How often the monitor looks after a run in real time.
const POLL: std::time::Duration = std::time::Duration::from_millis(2);
