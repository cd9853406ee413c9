//! Counts messages sent and messages received for each destination and each service that subscribes to it.
//!
//! Sums over several destinations are not enough to tell that a run is complete: a message delivered twice at one
//! destination would hide a message that is still under way to another.

use super::Collector;
use crate::{outcome::DeadLetters, wiring::Wiring};

/// One destination at one service that hears it, in deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HopCount {
    service: usize,
    destination: u16,
    expected: u64,
    /// Seen for the first time.
    first: u64,
    /// Died before that.
    dead: u64,
}

/// All of them, and what is known about deliveries that no destination can be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    hops: Vec<HopCount>,
    /// By service: deliveries that will not come as the first of their number: dropped by the transport, damaged, or too
    /// late to be told from duplicates.
    excused: Vec<u64>,
}

impl HopCount {
    fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.first + self.dead)
    }
}

impl Tally {
    /// Whether nothing is under way any more: at no service more is missing than it knows will not come.
    pub(super) fn is_complete(&self) -> bool {
        let mut missing = vec![0; self.excused.len()];
        for hop in &self.hops {
            missing[hop.service] += hop.missing();
        }
        missing.iter().zip(&self.excused).all(|(missing, excused)| missing <= excused)
    }

    /// Deliveries that should follow from what was sent and neither refused nor rolled back. A message that arrived was sent, whatever its sender
    /// was told.
    pub(super) fn expected(&self) -> u64 {
        self.hops.iter().map(|hop| hop.expected.max(hop.first + hop.dead)).sum()
    }

    /// Deliveries that were the first of their number.
    pub(super) fn unique(&self) -> u64 {
        self.hops.iter().map(|hop| hop.first).sum()
    }

    /// Messages that the broker gave up on before they were handled.
    pub(super) fn dead(&self) -> u64 {
        self.hops.iter().map(|hop| hop.dead).sum()
    }

    /// Deliveries that should have followed and were not seen: `unique + dead + missing = expected`.
    pub(super) fn missing(&self) -> u64 {
        self.hops.iter().map(HopCount::missing).sum()
    }
}

impl Collector {
    /// Dead letters by destination and service; empty if there are none.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetters> {
        let died = self.tally(&[]).hops.into_iter().filter(|hop| hop.dead > 0);
        let named = |hop: HopCount| DeadLetters {
            destination: self.wiring.destinations[usize::from(hop.destination)].name.clone(),
            receiver: self.wiring.services[hop.service].name.clone(),
            messages: hop.dead,
        };
        died.map(named).collect()
    }

    /// Counts. `unsent` is, by destination, what was emitted and no transport took. All that was received is read before
    /// anything that was emitted; see [`crate::counters::Published::publish`].
    pub(super) fn tally(&self, unsent: &[(u16, u64)]) -> Tally {
        let Places { hops, by_service } = &self.places;
        let mut tally = Tally { hops: hops.clone(), excused: vec![0; self.wiring.services.len()] };
        for lane in &self.lanes {
            for (slot, hop) in by_service[lane.service].iter().enumerate() {
                tally.hops[*hop].first += lane.counters.first(slot);
                tally.hops[*hop].dead += lane.counters.dead(slot);
            }
            tally.excused[lane.service] += lane.counters.excused();
        }
        let mut sent = vec![0; self.wiring.destinations.len()];
        for lane in &self.lanes {
            for (port, destination) in lane.ports.iter().enumerate() {
                // The count of withdrawn messages is read before the count of emitted ones. Read after it, it could contain messages
                // that this count of emitted ones lacks.
                let withdrawn = lane.counters.confirms(port).withdrawn();
                sent[usize::from(*destination)] += lane.counters.emitted(port).saturating_sub(withdrawn);
            }
        }
        for (destination, count) in unsent {
            let sent = &mut sent[usize::from(*destination)];
            *sent = sent.saturating_sub(*count);
        }
        for hop in &mut tally.hops {
            hop.expected = sent[usize::from(hop.destination)];
        }
        tally
    }
}

/// All pairs of a destination and a service that hears it, and where those of each service are.
#[derive(Debug)]
pub(super) struct Places {
    hops: Vec<HopCount>,
    /// By service and heard destination.
    by_service: Vec<Vec<usize>>,
}

impl Places {
    pub(super) fn new(wiring: &Wiring) -> Self {
        let mut places = Self { hops: Vec::new(), by_service: vec![Vec::new(); wiring.services.len()] };
        for destination in &wiring.destinations {
            for service in &destination.receivers {
                places.by_service[*service].push(places.hops.len());
                let (service, destination) = (*service, destination.id);
                places.hops.push(HopCount { service, destination, expected: 0, first: 0, dead: 0 });
            }
        }
        places
    }
}

#[cfg(test)]
mod tests;
