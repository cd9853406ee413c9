//! The trait through which a caller follows a trial. It is told how the trial proceeds and may end it.

use crate::{
    outcome::{Outcome, Snapshot},
    server::ServerFacts,
};
use std::time::Duration;

/// Follows a run from outside.
pub trait Watch: Send {
    /// Called with each snapshot.
    fn sample(&mut self, snapshot: &Snapshot);

    /// Called once, when the transport is open and before the load begins. `server` is what the transport tells of the
    /// server that it talks to.
    fn opened(&mut self, server: Option<&ServerFacts>) {
        let _ = server;
    }

    /// Called once, when the load has begun: it began `ago`.
    fn begun(&mut self, ago: Duration) {
        let _ = ago;
    }

    /// Called when the measured window opens and when it closes, on the thread that watches. What is read here, and
    /// divided by the difference of `counts`, covers the same time on both sides of the division. The window is closed again
    /// where flows ended after it was closed; the last close counts.
    fn edge(&mut self, edge: Edge, counts: Counts) {
        let _ = (edge, counts);
    }

    /// Called once, when everything is measured and before the transport is closed, which may hang.
    fn measured(&mut self, outcome: &Outcome) {
        let _ = outcome;
    }

    /// Whether the run is to be interrupted. A dispatcher asks many times a second: one that does not counts as hanging.
    fn is_interrupted(&self) -> bool;

    /// Whether nothing is to be waited for any more: the user asked twice.
    fn is_urgent(&self) -> bool {
        false
    }
}

/// An end of the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The warm-up is over.
    Opens,
    /// The load is over, and no flow has ended for a while or all have. A run that ends for another reason closes it, too.
    Closes,
}

/// The counts of all lanes together at one moment, warm-up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages sent.
    pub sent: u64,
    /// Flows ended.
    pub ended: u64,
}

/// The user asked twice to end the trial.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hurry;

#[cfg(test)]
impl Watch for Hurry {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        true
    }

    fn is_urgent(&self) -> bool {
        true
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn sample(&mut self, _snapshot: &Snapshot) {}

    fn is_interrupted(&self) -> bool {
        false
    }
}
