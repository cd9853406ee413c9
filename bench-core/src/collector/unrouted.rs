//! Messages of kinds that no route carries, with the names of the kinds and of the services that emitted them.

use super::Collector;
use crate::{message::Kind, outcome::Unrouted};

impl Collector {
    /// The messages of all instances of a service together, in the order of services and kinds. `kinds` has the names of the
    /// scenario's kinds; a handler may emit a number that has none.
    pub(crate) fn unrouted(&self, mut all: Vec<(usize, Kind, u64)>, kinds: &[&'static str]) -> Vec<Unrouted> {
        all.sort_unstable();
        all.dedup_by(|(service, kind, messages), (before, kind_before, sum)| {
            let is_same = (*service, *kind) == (*before, *kind_before);
            *sum += if is_same { *messages } else { 0 };
            is_same
        });
        let named = |(service, kind, messages): (usize, Kind, u64)| {
            let name = usize::from(kind.0).checked_sub(1).and_then(|at| kinds.get(at));
            Unrouted {
                service: self.wiring.services[service].name.clone(),
                kind: name.map_or_else(|| format!("number {}", kind.0), |name| (*name).to_owned()),
                messages,
            }
        };
        all.into_iter().map(named).collect()
    }
}
