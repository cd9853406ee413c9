//! A workload as a feed: when flows are due, their payload sizes and their keys, all from one seed.
//!
//! Each of the three is a column. A dynamic call fills a column in for several hundred flows at a time, so any
//! combination of columns is fast without a type for each combination. The columns are in `arrivals`, `payload` and
//! `keys`.

use crate::{
    arrivals::{ArrivalSpec, trace::Trace},
    column::Column,
    keys::KeySpec,
    payload::PayloadSpec,
    seed::Member,
    think::ThinkSpec,
};
use drumpost_core::{
    load::{Extent, Feed, Start},
    plan::MakeFeed,
};
use std::sync::Arc;

/// The specification of a load's flows. It gives the same flows over every transport.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSpec {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// When flows are due; `None` for a closed load, which starts one as another ends.
    pub arrivals: Option<ArrivalSpec>,
    /// How long users think before a flow of a closed load; `None`: not at all.
    pub think: Option<ThinkSpec>,
    /// How many logical senders the arrivals are of, over all driven instances; a trace is of one.
    pub senders: u32,
    /// How long payloads are, unless a trace says.
    pub payload: PayloadSpec,
    /// Which keys flows have, unless a trace says.
    pub keys: KeySpec,
}

impl WorkloadSpec {
    /// Makes the feed of each instance that starts flows.
    #[must_use]
    pub fn feeds(&self) -> Arc<MakeFeed> {
        let spec = self.clone();
        Arc::new(move |member, of| spec.feed(member, of))
    }

    /// The feed of the `member`-th, from 0, of `of` driven instances. With arrivals each has its share of the rate.
    #[must_use]
    pub fn feed(&self, member: usize, of: usize) -> Box<dyn Feed> {
        let member = Member { seed: self.seed, number: member, of: of.max(1) };
        let trace = self.trace();
        let arrivals = self.arrivals.as_ref().map(|arrivals| arrivals.column(member, self.senders));
        let think = self.think.map(|think| think.column(member));
        let sizes = trace.and_then(Trace::max_payload_len).is_none().then(|| self.payload.column(member));
        let keys = trace.is_none_or(|trace| !trace.has_keys()).then(|| self.keys.column(member));
        Box::new(Columns([arrivals, think, sizes, keys].into_iter().flatten().collect()))
    }

    /// The longest payload it gives, in bytes: what a pool has to serve.
    #[must_use]
    pub fn max_payload_len(&self) -> u32 {
        self.trace().and_then(Trace::max_payload_len).unwrap_or_else(|| self.payload.max_len())
    }

    /// The rate an open load asks for: its mean from the end of the warm-up to the end of the load, in flows per second.
    #[must_use]
    pub fn asked_per_s(&self, warmup_ns: u64, extent: Extent) -> Option<f64> {
        self.arrivals.as_ref().map(|arrivals| arrivals.mean_per_s(warmup_ns, extent))
    }

    /// The trace that is replayed, if one is.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.arrivals.as_ref().and_then(ArrivalSpec::trace)
    }
}

struct Columns(Vec<Box<dyn Column>>);

impl Feed for Columns {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        let from = starts.len();
        let room = starts.capacity() - from;
        let count = self.0.iter().fold(room, |count, column| column.left(count));
        starts.resize(from + count, Start::default());
        for column in &mut self.0 {
            column.fill(&mut starts[from..]);
        }
    }
}
