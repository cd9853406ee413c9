//! The lanes of a trial and its monitor share these: the stop, the first failure, the bells, and notes for the monitor.

mod gate;
mod lost;
mod slots;

use crate::{
    bell::Bell,
    blame::Blame,
    outcome::Outage,
    server::Depth,
    sync::{Mutex, atomic::AtomicBool},
};
pub use gate::Gate;
pub use lost::Lost;
pub(crate) use slots::Claim;
use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Stops the lanes of a run.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Stops them at their next step.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether they are to stop.
    #[inline]
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Shared by the lanes of a trial and its monitor.
#[derive(Debug, Default)]
pub struct Control {
    /// Stops the lanes.
    pub stop: Stop,
    /// Finds out whose fault a panic or a hang is.
    pub blame: Blame,
    /// Where instances wait that are absent at first.
    pub backlog: Gate,
    /// Which instances have no connection and try to connect.
    pub lost: Arc<Lost>,
    failure: Mutex<Option<String>>,
    outages: Mutex<Vec<Outage>>,
    depth: Mutex<Option<Depth>>,
    bells: Mutex<Vec<Arc<Bell>>>,
    next_bell: AtomicUsize,
}

/// Bells that are rung at once only for lanes to look around, and the share of all bells that is rung at least.
const BELLS: usize = 256;
const BELLS_SHARE: usize = 16;

impl Control {
    /// That of a trial whose lanes `blame` knows.
    pub(crate) fn new(blame: Blame) -> Self {
        Self { blame, ..Self::default() }
    }

    /// Ends the trial because of `what`; the first failure is kept.
    pub fn fail(&self, what: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        self.stop.stop();
        self.ring();
    }

    /// The reason of a failure, if there was one.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a trial fails that lacks messages at its drain deadline, `now_ns`, while an instance has no connection; `None`: all have one.
    /// The load began at `begins_ns`.
    pub(crate) fn still_lost(&self, begins_ns: u64, now_ns: u64) -> Option<String> {
        self.lost.sentence(|lane| self.blame.instance(lane), begins_ns, now_ns)
    }

    /// Notes that an instance was away, when it is back, failed to come back, or the trial is over.
    pub fn note_outage(&self, outage: Outage) {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).push(outage);
    }

    /// The outages so far.
    pub(crate) fn outages(&self) -> Vec<Outage> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take_outages(&self) -> Vec<Outage> {
        std::mem::take(&mut self.outages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes how many messages wait at the server; `None`: it did not answer.
    pub(crate) fn note_depth(&self, depths: Option<&[Depth]>) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depths.map(Depth::total);
    }

    /// How many messages waited at the server when it was last asked; `None` if it does not tell.
    pub(crate) fn depth(&self) -> Option<Depth> {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `bell` rung with the others, some ten times a second and at the stop.
    pub fn add_bell(&self, bell: Arc<Bell>) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    /// Has lanes look around: all of them, or of very many the next some, as each that is rung takes a step for it. What the
    /// others have recorded is collected later then, and no less.
    pub(crate) fn ring_some(&self) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let some = BELLS.max(bells.len() / BELLS_SHARE);
        if bells.len() <= some {
            return bells.iter().for_each(|bell| bell.ring());
        }
        let from = self.next_bell.fetch_add(some, Ordering::Relaxed) % bells.len();
        let (before, after) = bells.split_at(from);
        after.iter().chain(before).take(some).for_each(|bell| bell.ring());
    }

    /// Rings every bell.
    pub fn ring(&self) {
        for bell in &*self.bells.lock().unwrap_or_else(PoisonError::into_inner) {
            bell.ring();
        }
    }
}
