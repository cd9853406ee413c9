//! Counts messages sent and messages received for each destination and each service that subscribes to it.
//!
//! Sums over several destinations are not enough to tell that a run is complete: a message delivered twice at one
//! destination would hide a message that is still under way to another.

use super::Collector;

/// One destination at one service that hears it, in deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    service: usize,
    destination: u16,
    expected: u64,
    /// Seen for the first time.
    first: u64,
}

/// All of them, and what is known about deliveries that no destination can be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    legs: Vec<Leg>,
    /// By service: deliveries that will not come as the first of their number: dropped by the transport, damaged, or too
    /// late to be told from duplicates.
    excused: Vec<u64>,
}

impl Leg {
    fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.first)
    }
}

impl Tally {
    /// Whether nothing is under way any more: at no service more is missing than it knows will not come.
    pub(super) fn is_complete(&self) -> bool {
        self.excused.iter().enumerate().all(|(service, excused)| {
            let legs = self.legs.iter().filter(|leg| leg.service == service);
            legs.map(Leg::missing).sum::<u64>() <= *excused
        })
    }

    /// Deliveries that should follow from what was sent. A message that arrived was sent, whatever its sender was told.
    pub(super) fn expected(&self) -> u64 {
        self.legs.iter().map(|leg| leg.expected.max(leg.first)).sum()
    }

    /// Deliveries that were the first of their number.
    pub(super) fn unique(&self) -> u64 {
        self.legs.iter().map(|leg| leg.first).sum()
    }

    /// Deliveries that should have followed and were not seen: `unique + missing = expected`.
    pub(super) fn missing(&self) -> u64 {
        self.legs.iter().map(Leg::missing).sum()
    }
}

impl Collector {
    /// Counts. `unsent` is, by destination, what was emitted and no transport took. All that was received is read before
    /// anything that was emitted; see [`crate::counters::Published::publish`].
    pub(super) fn tally(&self, unsent: &[(u16, u64)]) -> Tally {
        let mut tally = Tally { legs: Vec::new(), excused: vec![0; self.wiring.services.len()] };
        for destination in &self.wiring.destinations {
            for service in &destination.receivers {
                let (service, destination) = (*service, destination.id);
                tally.legs.push(Leg { service, destination, expected: 0, first: 0 });
            }
        }
        for lane in &self.lanes {
            for (slot, destination) in lane.heard.iter().enumerate() {
                let is_it = |leg: &&mut Leg| (leg.service, leg.destination) == (lane.service, *destination);
                if let Some(leg) = tally.legs.iter_mut().find(is_it) {
                    leg.first += lane.counters.first(slot);
                }
            }
            tally.excused[lane.service] += lane.counters.excused();
        }
        for leg in &mut tally.legs {
            let senders =
                self.lanes.iter().flat_map(|lane| lane.ports.iter().enumerate().map(move |at| (lane, at)));
            let to_it = senders.filter(|(_, (_, destination))| **destination == leg.destination);
            leg.expected = to_it.map(|(lane, (port, _))| lane.counters.emitted(port)).sum();
            let left = unsent.iter().filter(|(destination, _)| *destination == leg.destination);
            leg.expected = leg.expected.saturating_sub(left.map(|(_, count)| count).sum());
        }
        tally
    }
}

#[cfg(test)]
mod tests;
