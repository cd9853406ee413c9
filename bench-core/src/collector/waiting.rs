//! Messages that were sent to one service and that it has not received: the size of a backlog.

use super::Collector;

/// Counts of one service over all of its destinations, at about one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Sent to it, and neither refused nor rolled back.
    pub sent: u64,
    /// Received for the first time, dead, or known not to come.
    pub received: u64,
}

impl Waiting {
    /// How many wait.
    pub(crate) const fn count(self) -> u64 {
        self.sent.saturating_sub(self.received)
    }
}

impl Collector {
    /// Counts what was sent to `service` and what it has received. What was received is read first, so nothing counts as received that
    /// does not count as sent.
    ///
    /// Instances that compete find out only now and then which messages were new among them. Until then a message that was
    /// delivered twice counts twice.
    pub(crate) fn waiting(&self, service: usize) -> Waiting {
        let competes = self.wiring.services[service].instances.len() > 1;
        let mut received = 0;
        for lane in self.lanes.iter().filter(|lane| lane.service == service) {
            let counters = &lane.counters;
            received += match competes {
                true => counters.handed().saturating_sub(counters.again(lane.heard.len())),
                false => (0..lane.heard.len()).map(|slot| counters.first(slot)).sum(),
            };
            received += counters.excused();
            received += (0..lane.heard.len()).map(|slot| counters.dead(slot)).sum::<u64>();
        }
        let mut sent = 0;
        for lane in &self.lanes {
            let ports = lane.ports.iter().enumerate();
            for (port, destination) in ports {
                if self.wiring.destinations[usize::from(*destination)].receivers.contains(&service) {
                    let withdrawn = lane.counters.confirms(port).withdrawn();
                    sent += lane.counters.emitted(port).saturating_sub(withdrawn);
                }
            }
        }
        Waiting { sent, received }
    }
}
