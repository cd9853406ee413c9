//! Confirms by destination: the times that lanes recorded, and the counts that they publish.

use super::{Collector, Watched};
use crate::{
    counters::PortConfirms,
    hist::{Distribution, Hist},
    outcome::Confirms,
};

impl Collector {
    /// Adds the confirm times of a lane, each of a destination.
    pub(super) fn merge_confirms(&mut self, confirms: &[(u16, Hist)]) {
        if confirms.iter().any(|(_, hist)| hist.count() > 0) {
            let times = self.confirms_now.get_or_insert_default();
            for (_, hist) in confirms {
                times.now.add(hist);
                times.run.add(hist);
            }
        }
        let totals = &mut self.totals;
        for (destination, hist) in confirms {
            let known = totals.confirms.iter().position(|(at, _)| at == destination);
            let slot = known.unwrap_or_else(|| {
                totals.confirms.push((*destination, Distribution::default()));
                totals.confirms.len() - 1
            });
            totals.confirms[slot].1.add(hist);
        }
    }

    /// Confirm times by destination; empty if nothing was confirmed. Only destinations that something was sent to are named.
    pub(crate) fn confirms(&mut self) -> Vec<Confirms> {
        let mut all: Vec<Confirms> = Vec::new();
        for destination in &self.wiring.destinations {
            let of_it = |lane: &Watched| {
                let ports = lane.ports.iter().enumerate().filter(|(_, to)| **to == destination.id);
                ports.map(|(port, _)| lane.counters.confirms(port)).collect::<Vec<_>>()
            };
            let ports = self.lanes.iter().flat_map(of_it);
            let mut sum = PortConfirms::default();
            ports.for_each(|one| sum.add(one));
            let at = self.totals.confirms.iter().position(|(at, _)| *at == destination.id);
            let times = at.map_or_else(Distribution::default, |at| self.totals.confirms.swap_remove(at).1);
            if sum.taken > 0 {
                all.push(Confirms {
                    destination: destination.name.clone(),
                    confirmed: sum.confirmed,
                    refused: sum.refused,
                    unconfirmed: sum.taken.saturating_sub(sum.confirmed + sum.withdrawn()),
                    times,
                });
            }
        }
        all
    }
}
