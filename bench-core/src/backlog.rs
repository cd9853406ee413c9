//! A backlog: instances of a service are absent from the start of the load, messages pile up for them, and then they join
//! (`--backlog`).
//!
//! Lives here: what is asked for, the gate at which the absent instances wait, and what is told afterwards. Does not live here:
//! when they join and how the backlog is counted (`monitor::backlog`), and how a driver keeps a lane away (`drive::absent`).

use crate::{
    hist::Distribution,
    server::Depth,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    transport::OpenError,
    wiring::Wiring,
};
use std::time::Duration;

/// How much is to pile up before the absent instances join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many messages that were sent to the service and that none of its instances has received.
    Messages(u64),
    /// The messages that are sent in so much time, from the start of the load.
    Time(Duration),
}

/// Instances that are absent while messages pile up for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The service.
    pub service: String,
    /// How many of its instances are absent: the first ones.
    pub absent: u16,
    /// The amount that piles up before the absent instances join.
    pub amount: Amount,
    /// The backlog is gone when no more messages wait than are sent in this time.
    pub level: Duration,
    /// The transport keeps what is sent while nobody consumes it.
    pub is_stored: bool,
}

impl Backlog {
    /// Whether a lane is one of the absent ones.
    #[must_use]
    pub fn is_absent(&self, wiring: &Wiring, lane: u16) -> bool {
        let service = &wiring.services[wiring.service_of(lane)];
        service.name == self.service && lane - service.instances.start < self.absent
    }

    /// Refuses a transport that cannot have a backlog. `reopens`: its instances can leave and return.
    ///
    /// # Errors
    /// `Refused`, with what it would need.
    pub fn check(&self, reopens: bool) -> Result<(), OpenError> {
        let needs = match (reopens, self.is_stored) {
            (true, true) => return Ok(()),
            (false, _) => {
                "a transport that stores messages and whose instances can leave and return; the queues of this one go with \
                 their receivers"
            }
            (true, false) => {
                "a transport that stores messages; this one may lose what is sent while nobody receives it"
            }
        };
        Err(OpenError::Refused(format!("--backlog needs {needs}")))
    }
}

/// Where absent instances wait until the monitor lets them join, and then until all have joined. So none of them has received anything
/// when the backlog is counted.
#[derive(Debug, Default)]
pub struct Gate {
    is_open: AtomicBool,
    has_begun: AtomicBool,
    joined: AtomicU64,
}

impl Gate {
    /// Lets the absent instances join.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// Whether they may join.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Lets those that have joined begin to receive: all of them have, and the backlog was counted.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    /// Whether they may begin.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Notes that `count` instances have joined.
    pub fn join(&self, count: u64) {
        self.joined.fetch_add(count, Ordering::AcqRel);
    }

    /// How many have joined.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Acquire)
    }
}

/// A part of the load in which the service was absent, caught up, or was level.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Since when, in ns after the load began.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// Messages sent to the service.
    pub sent: u64,
    /// Messages that its instances received for the first time.
    pub received: u64,
    /// Messages that waited at its end.
    pub waiting: u64,
    /// Flows that were started.
    pub started: u64,
    /// By how much they were started after they were due, summed over flows, in ns.
    pub late_ns: u64,
    /// How long a full transport blocked senders, summed over lanes, in ns.
    pub blocked_ns: u64,
    /// first sent − due, of measured flows that ended in it.
    pub lag: Distribution,
    /// confirmed − sent, of messages of measured flows.
    pub confirm: Distribution,
}

/// The server's last count of waiting messages before the absent instances had joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// All destinations together.
    pub depth: Depth,
    /// Messages that waited by the harness's own count when it heard of that.
    pub counted: u64,
}

/// The course of a backlog. Times are in ns after the load began.
#[derive(Clone, Debug, Default)]
pub struct Piled {
    /// The service.
    pub service: String,
    /// How many of its instances were absent.
    pub absent: u16,
    /// Whether as much had piled up as was asked for when the load ended.
    pub is_reached: bool,
    /// When all absent instances had joined; `None`: the trial ended before.
    pub joined_ns: Option<u64>,
    /// Messages that waited then.
    pub waiting: u64,
    /// The server's own count of the waiting messages; `None` if it does not tell.
    pub server: Option<Told>,
    /// It is level with no more messages than these.
    pub level: u64,
    /// When it was level first, after they had joined; `None`: not before the load ended.
    pub level_ns: Option<u64>,
    /// Messages that waited when the load ended.
    pub left: u64,
    /// Piling up, catching up, and afterwards, as far as it came to that before the load ended.
    pub phases: Vec<Phase>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_refused_by_what_it_lacks() {
        let backlog = |is_stored| Backlog {
            service: "worker".into(),
            absent: 1,
            amount: Amount::Messages(10),
            level: Duration::from_millis(10),
            is_stored,
        };
        assert_eq!(backlog(true).check(true), Ok(()));
        let said = |stored, reopens| backlog(stored).check(reopens).unwrap_err().to_string();
        assert!(said(false, true).contains("may lose what is sent"), "{}", said(false, true));
        assert!(said(true, false).contains("go with their receivers"), "{}", said(true, false));
    }

    #[test]
    fn a_gate_counts_who_came_through() {
        let gate = Gate::default();
        assert!(!gate.is_open() && gate.joined() == 0);
        gate.open();
        gate.join(1);
        gate.join(2);
        assert!(gate.is_open() && gate.joined() == 3 && !gate.has_begun());
        gate.begin();
        assert!(gate.has_begun());
    }
}
