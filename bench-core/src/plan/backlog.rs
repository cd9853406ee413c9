//! A backlog that is asked for (`--backlog`): instances of a service are absent from the start of the load, messages pile up for
//! them, and then they join.
//!
//! Does not live here: the gate at which the absent instances wait (`control::gate`), when they join and how the backlog is counted
//! (`monitor::backlog`), how a driver keeps a lane away (`drive::tasks::absent`), and the course of it (`outcome::backlog`).

use super::Limit;
use crate::{
    load::{Extent, LoadPlan},
    transport::OpenError,
    wiring::Wiring,
};
use std::time::Duration;

/// A trial lasts no longer, because its time stamps could not hold it.
const LONGEST: Duration = Duration::from_hours(72);

/// How much is to pile up before the absent instances join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many messages that were sent to the service and that none of its instances has received.
    Messages(u64),
    /// The messages that are sent in so much time, from the start of the load.
    Time(Duration),
}

/// Instances that are absent while messages pile up for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// The service.
    pub service: String,
    /// How many of its instances are absent: the first ones.
    pub absent: u16,
    /// The amount that piles up before the absent instances join.
    pub amount: Amount,
    /// The backlog is gone when no more messages wait than are sent in this time.
    pub level: Duration,
    /// The limit of the service from when the absent instances have joined until the backlog is gone; `None`: it receives as fast as it can.
    pub limit: Option<Limit>,
    /// Whether the transport stores messages for a service whose instances are away ([`crate::promise::Promise::stores`]).
    pub is_stored: bool,
}

impl Backlog {
    /// Whether a lane is one of the absent ones.
    #[must_use]
    pub fn is_absent(&self, wiring: &Wiring, lane: u16) -> bool {
        let service = &wiring.services[wiring.service_of(lane)];
        service.name == self.service && lane - service.instances.start < self.absent
    }

    /// For how long its instances may be absent under this load, at most. How long messages take to pile up is not known before; the load ends
    /// with the trial at the latest.
    #[must_use]
    pub fn longest(&self, load: &LoadPlan) -> Duration {
        match (self.amount, load.extent) {
            (Amount::Time(time), _) => time,
            (Amount::Messages(_), Extent::Duration(ns)) => {
                Duration::from_nanos(load.warmup_ns.saturating_add(ns))
            }
            (Amount::Messages(_), Extent::Count(_)) => LONGEST,
        }
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
                "a transport that stores messages; this one, with its options, keeps nothing for a service whose instances are away"
            }
        };
        Err(OpenError::Refused(format!("--backlog needs {needs}")))
    }
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
            limit: None,
            is_stored,
        };
        assert_eq!(backlog(true).check(true), Ok(()));
        let said = |stored, reopens| backlog(stored).check(reopens).unwrap_err().to_string();
        assert!(said(false, true).contains("keeps nothing for a service"), "{}", said(false, true));
        assert!(said(true, false).contains("go with their receivers"), "{}", said(true, false));
    }
}
