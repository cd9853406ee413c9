//! A workload as a feed: when flows are due, how long their payloads are and which keys they have, all from one seed.
//!
//! Each of the three is a column, filled in for some hundred flows at a time by one dynamic call, so that any mix of them
//! runs at full speed without a type for each mix. The columns themselves are in `arrivals`, `payload` and `keys`.

use crate::{arrivals::ArrivalSpec, keys::KeySpec, payload::PayloadSpec, seed::Member};
use drumpost_core::{
    load::{Feed, Start},
    plan::MakeFeed,
};
use std::sync::Arc;

/// What a load is fed with. The same specification gives the same flows, whatever carries them.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSpec {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// When flows are due; `None` for a closed load, which starts one as another ends.
    pub arrivals: Option<ArrivalSpec>,
    /// How long payloads are.
    pub payload: PayloadSpec,
    /// Which keys flows have.
    pub keys: KeySpec,
}

impl WorkloadSpec {
    /// What makes the feed of each driven instance.
    #[must_use]
    pub fn feeds(&self) -> Arc<MakeFeed> {
        let spec = self.clone();
        Arc::new(move |member, of| spec.feed(member, of))
    }

    /// The feed of the `member`-th, from 0, of `of` driven instances. With arrivals each has its share of the rate.
    #[must_use]
    pub fn feed(&self, member: usize, of: usize) -> Box<dyn Feed> {
        let member = Member { seed: self.seed, number: member, of: of.max(1) };
        let arrivals = self.arrivals.as_ref().map(|arrivals| arrivals.column(member));
        let columns = arrivals.into_iter().chain([self.payload.column(member), self.keys.column(member)]);
        Box::new(Columns(columns.collect()))
    }

    /// The longest payload it gives, in bytes: what a pool has to serve.
    #[must_use]
    pub const fn max_payload_len(&self) -> u32 {
        self.payload.max_len()
    }
}

/// Fills in one field of flows, in order.
pub(crate) trait Column: Send {
    /// Fills in its field of the next flows.
    fn fill(&mut self, starts: &mut [Start]);
}

struct Columns(Vec<Box<dyn Column>>);

impl Feed for Columns {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        let from = starts.len();
        starts.resize(starts.capacity(), Start::default());
        for column in &mut self.0 {
            column.fill(&mut starts[from..]);
        }
    }
}
