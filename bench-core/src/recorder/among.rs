//! Recording among very many lanes: what a lane then leaves to its thread.

use super::Recorder;
use crate::latencies::Latencies;

/// How many lanes a trial has, and what moves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// Each lane has histograms of its own, and publishes which flows it ended.
    Few,
    /// As [`Among::Few`], with small histograms.
    Many,
    /// The lane's thread lends it histograms, and publishes which flows it ended.
    ManyOnThreads,
    /// The lane has small histograms of its own. Its driver publishes which flows it ended.
    ManyOnTasks,
}

impl Recorder {
    /// Swaps its histograms with those that its thread lends it, or gives those back.
    #[inline]
    pub(crate) const fn swap_latencies(&mut self, lent: &mut Box<Latencies>) {
        std::mem::swap(&mut self.latencies, lent);
    }

    /// Whether its histograms are elsewhere.
    pub(crate) const fn is_without_latencies(&self) -> bool {
        self.latencies.are_small
    }

    /// The origins of flows that were ended since last asked, and how many, where the lane's thread publishes them.
    #[inline]
    pub(crate) const fn ended_now(&mut self) -> &mut Vec<(u16, u32)> {
        &mut self.ended_now
    }

    /// Whether its audit has not yet been asked about everything that it received.
    pub(crate) fn has_notes(&self) -> bool {
        self.audit.has_notes()
    }
}
