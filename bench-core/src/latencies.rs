//! The histograms of a lane, and where a lane swaps full ones for empty ones with the collector. Many lanes of one thread
//! record into the same histograms, which the thread lends to each of them for a step.

use crate::{
    hist::Hist,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use std::sync::{Arc, PoisonError};

/// Histograms of one lane over one interval.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    pub response: Hist,
    pub service: Hist,
    pub lag: Hist,
    /// Between the starts of flows, where a schedule starts them.
    pub inter_send: Hist,
    /// By heard destination.
    pub hops: Vec<Hist>,
    /// From sent to confirmed, of each destination of which something was confirmed.
    pub confirms: Vec<(u16, Hist)>,
    /// Those of one lane among very many.
    pub are_small: bool,
}

impl Latencies {
    pub(crate) fn new(heard: usize) -> Self {
        Self { hops: vec![Hist::default(); heard], ..Self::default() }
    }

    /// Of one lane among very many: they take little until the lane is hot.
    pub(crate) fn small(heard: usize) -> Self {
        Self {
            response: Hist::small(),
            service: Hist::small(),
            lag: Hist::small(),
            inter_send: Hist::small(),
            hops: vec![Hist::small(); heard],
            confirms: Vec::new(),
            are_small: true,
        }
    }

    /// Stands in at a lane that is lent the histograms of its thread.
    pub(crate) fn none() -> Self {
        Self::small(0)
    }

    pub(crate) fn clear(&mut self) {
        let Self { response, service, lag, inter_send, hops, confirms, are_small: _ } = self;
        let confirms = confirms.iter_mut().map(|(_, hist)| hist);
        for hist in [response, service, lag, inter_send].into_iter().chain(hops).chain(confirms) {
            hist.clear();
        }
    }
}

type Slot = Mutex<Option<Box<Latencies>>>;

/// Where a lane and the collector swap full histograms for empty ones, some ten times a second: the locks are off the
/// measured path.
#[derive(Debug, Default)]
pub(crate) struct HistogramSwap {
    wanted: AtomicBool,
    empty: Slot,
    full: Slot,
}

fn put(slot: &Slot, latencies: Option<Box<Latencies>>) -> Option<Box<Latencies>> {
    std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), latencies)
}

impl HistogramSwap {
    /// Collector: asks the lane for what it has, leaving `empty` to go on with.
    pub(crate) fn ask(&self, empty: Box<Latencies>) {
        put(&self.empty, Some(empty));
        self.wanted.store(true, Ordering::Release);
    }

    /// Collector: what the lane left, once it has.
    pub(crate) fn take(&self) -> Option<Box<Latencies>> {
        put(&self.full, None)
    }

    /// Lane: swaps if asked to. One relaxed load when not.
    #[inline]
    pub(crate) fn serve(&self, latencies: &mut Box<Latencies>) {
        if self.wanted.load(Ordering::Relaxed) {
            self.swap(latencies);
        }
    }

    /// Lane: whether it is asked to.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    #[cold]
    fn swap(&self, latencies: &mut Box<Latencies>) {
        if self.wanted.swap(false, Ordering::AcqRel)
            && let Some(empty) = put(&self.empty, None)
        {
            put(&self.full, Some(std::mem::replace(latencies, empty)));
        }
    }
}

/// The histograms of those lanes of a thread that hear the same. A lane has them for the time of a step.
#[derive(Debug)]
pub(crate) struct SharedHistograms {
    /// A stand-in while a lane has them.
    pub latencies: Box<Latencies>,
    pub swap: Arc<HistogramSwap>,
}

impl SharedHistograms {
    /// Of lanes that each hear so many destinations.
    pub(crate) fn new(heard: usize) -> Self {
        Self { latencies: Box::new(Latencies::new(heard)), swap: Arc::default() }
    }

    /// Swaps with the collector if it asked to. Between steps only.
    pub(crate) fn serve(&mut self) {
        self.swap.serve(&mut self.latencies);
    }
}

/// The histograms of one thread, which it lends its lanes.
#[derive(Debug, Default)]
pub(crate) struct ThreadHistograms {
    pub all: Vec<SharedHistograms>,
    /// By lane of the thread, in order: which of them it is lent.
    pub of_place: Vec<u32>,
}
