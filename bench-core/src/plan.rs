//! The plan of one trial: a wired scenario, a load, the placement of lanes and their wait strategy.

mod backlog;
mod limit;
mod placement;

use crate::{
    load::{Feed, LoadPlan},
    promise::{Acks, Order},
    scenario::Scenario,
    transport::OpenError,
    wiring::Wiring,
};
pub use backlog::{Amount, Backlog};
pub use limit::Limit;
pub(crate) use placement::CROWD;
pub use placement::{Placement, Wait, is_crowded};
use std::{sync::Arc, time::Duration};

/// The usual confirm window: unconfirmed messages of one send port, unless a batch is more.
pub const WINDOW: usize = 1024;

/// Makes the feed of the `member`-th of `of` driven instances.
pub type MakeFeed = dyn Fn(usize, usize) -> Box<dyn Feed> + Send + Sync;

/// CPU time that the handlers of all services spend on the messages that they receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// For each message that is worked on, in picoseconds: a share of what a message over a ring costs may be less than a nanosecond.
    pub ps: u64,
    /// Each handler works on one in so many of its messages; at least 1.
    pub one_in: u32,
}

/// A service instance to be killed in the middle of the run and brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// The service.
    pub service: String,
    /// Which of its instances, from 0.
    pub instance: u16,
    /// When, after the load begins.
    pub after: Duration,
    /// For how long it is away.
    pub down: Duration,
    /// What is killed.
    pub what: Victim,
}

/// What a kill ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The instance's receiving side. It sends on after its return as if nothing had happened.
    Consumer,
    /// All that the instance has open. What it sent and had not been confirmed stays unconfirmed.
    Connection,
}

/// A service instance that does nothing for a while in the middle of the run, as a stopped process: it keeps its connections, and
/// takes, handles, acknowledges and sends nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The service.
    pub service: String,
    /// Which of its instances, from 0.
    pub instance: u16,
    /// When, after the load begins.
    pub after: Duration,
    /// For how long.
    pub lasts: Duration,
}

/// Something that is done to the trial from inside or outside, after which its recovery is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// When, after the load begins.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
}

/// Messages that a service refuses to handle: it gives them back, and the transport hands them out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// The service.
    pub service: String,
    /// Of how many flows, counted by each instance that starts flows, one has such messages.
    pub one_in: u32,
    /// How often a message is given back before it is handled.
    pub times: u16,
}

/// On what terms messages are delivered, and what disturbs that. Most trials have the defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// An instance to kill and bring back.
    pub kill: Option<Kill>,
    /// Instances that are absent while messages pile up for them.
    pub backlog: Option<Backlog>,
    /// An instance to pause.
    pub pause: Option<Pause>,
    /// For how long the transport may be unable to move anything in the middle of the run, because its line is broken on purpose.
    pub broken_for: Duration,
    /// What is done to the trial. [`crate::outcome::Outcome::recoveries`] has what came of each.
    pub disturbances: Vec<Disturbance>,
    /// Messages that are given back.
    pub poison: Option<Poison>,
    /// CPU time that handlers spend on messages, if they are to spend any.
    pub work: Option<Work>,
    /// For how long an instance tries to open its ports again that lost its connection, or that returns from a kill or an absence and finds no
    /// server. `None`: a lost connection ends the trial, and an instance tries once to return.
    pub reconnect: Option<Duration>,
    /// Largest number of unconfirmed messages of one send port, for transports that confirm; a batch if that is more.
    pub unconfirmed: usize,
    /// When receivers acknowledge messages.
    pub acks: Acks,
    /// The order that is promised, by which the audit judges.
    pub order: Order,
    /// Whether what the transport's ports return is checked, which slows the trial down. Ports that are checked are not opened
    /// again. For the contract kit.
    pub checks_ports: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            kill: None,
            backlog: None,
            pause: None,
            broken_for: Duration::ZERO,
            disturbances: Vec::new(),
            poison: None,
            work: None,
            reconnect: None,
            unconfirmed: WINDOW,
            acks: Acks::default(),
            order: Order::default(),
            checks_ports: false,
        }
    }
}

impl Conditions {
    /// Refuses what a transport cannot do. `reopens`: its instances can leave and return. `rejects`: its receivers can give messages
    /// back, and it says how often it has handed a message out.
    ///
    /// # Errors
    /// `Refused`, with the flag that asks for it.
    pub fn check(&self, reopens: bool, rejects: bool) -> Result<(), OpenError> {
        let refused = match (&self.kill, self.reconnect, &self.poison) {
            (Some(_), ..) if !reopens => Some(("--kill", LEAVES)),
            (_, Some(_), _) if !reopens => Some(("--reconnect", LEAVES)),
            (.., Some(_)) if !rejects => Some(("--poison", GIVES_BACK)),
            (.., Some(_)) if self.acks == Acks::Before => Some(("--poison", HANDLES_FIRST)),
            (.., Some(_)) if matches!(self.order, Order::PerKey | Order::PerShard) => {
                Some(("--poison", COMES_LATE))
            }
            _ => None,
        };
        refused.map_or(Ok(()), |(flag, needs)| Err(OpenError::Refused(format!("{flag} needs {needs}"))))?;
        self.backlog.as_ref().map_or(Ok(()), |backlog| backlog.check(reopens))
    }

    /// For how long an instance may be away under this load, at most: as long as it is kept away, and as it then tries to come back.
    fn longest_absence(&self, load: &LoadPlan) -> Duration {
        let killed = self.kill.as_ref().map_or(Duration::ZERO, |kill| kill.down);
        let absent = self.backlog.as_ref().map_or(Duration::ZERO, |backlog| backlog.longest(load));
        killed.max(absent).saturating_add(self.reconnect.unwrap_or_default())
    }
}

const LEAVES: &str =
    "a transport whose instances can leave and return; this one does not open the ports of an instance again";
const GIVES_BACK: &str = "a transport that takes a message back from its receiver and says how often it has handed it out; this \
                          one does not";
const HANDLES_FIRST: &str =
    "messages that are not acknowledged before they are handled: leave --acks before out";
const COMES_LATE: &str = "a transport that promises no order within a key: what is given back comes again behind younger messages of its key";

/// One trial.
#[derive(Clone)]
pub struct TrialPlan {
    /// Kinds, services and handlers.
    pub scenario: Arc<Scenario>,
    /// One style of it, wired.
    pub wiring: Wiring,
    /// How it is loaded.
    pub load: LoadPlan,
    /// The load.
    pub feeds: Arc<MakeFeed>,
    /// Whether a service that asks waits for the reply before it does anything else.
    pub await_replies: bool,
    /// Which lanes share a thread.
    pub placement: Placement,
    /// How an idle thread waits.
    pub wait: Wait,
    /// How long after the load's end the run waits for what is expected.
    pub drain_deadline: Duration,
    /// How often a snapshot is made.
    pub sample_every: Duration,
    /// On what terms messages are delivered, and what disturbs that.
    pub conditions: Conditions,
}

impl TrialPlan {
    /// Whether a lane is absent at first, so that a backlog piles up for it.
    #[must_use]
    pub fn is_absent(&self, lane: u16) -> bool {
        self.conditions.backlog.as_ref().is_some_and(|backlog| backlog.is_absent(&self.wiring, lane))
    }

    /// The limit of a service while it catches up with a backlog, if it has one.
    #[must_use]
    pub fn limit_of(&self, service: &str) -> Option<Limit> {
        self.conditions.backlog.as_ref().filter(|backlog| backlog.service == service)?.limit
    }

    /// The wiring as a transport is to open it: it says when receivers acknowledge, and for how long instances may be away.
    #[must_use]
    pub fn wiring_to_open(&self) -> Wiring {
        Wiring {
            acks: self.conditions.acks,
            away: self.conditions.longest_absence(&self.load),
            ..self.wiring.clone()
        }
    }
}

impl std::fmt::Debug for TrialPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrialPlan")
            .field("wiring", &self.wiring)
            .field("load", &self.load)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Extent;

    #[test]
    fn an_instance_is_away_as_long_as_it_is_kept_away_and_tries_to_come_back() {
        let load = LoadPlan::closed(1, Extent::Duration(60_000_000_000));
        let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
        let away = |conditions: &Conditions| conditions.longest_absence(&load);
        assert_eq!(away(&Conditions::default()), Duration::ZERO);
        let (service, what) = ("worker".to_owned(), Victim::Consumer);
        let kill = Kill { service: service.clone(), instance: 0, after: second, down: 2 * hour, what };
        let killed = Conditions { kill: Some(kill), ..Conditions::default() };
        assert_eq!(away(&killed), 2 * hour);
        assert_eq!(away(&Conditions { reconnect: Some(second), ..killed }), 2 * hour + second);
        let backlog = |amount| {
            let (service, absent) = (service.clone(), 1);
            let backlog = Backlog { service, absent, amount, level: second, limit: None, is_stored: true };
            Conditions { backlog: Some(backlog), ..Conditions::default() }
        };
        assert_eq!(away(&backlog(Amount::Time(3 * hour))), 3 * hour);
        let (messages, warmup) = (backlog(Amount::Messages(10)), Duration::from_nanos(load.warmup_ns));
        assert_eq!(away(&messages), Duration::from_mins(1) + warmup);
        let counted = LoadPlan::closed(1, Extent::Count(1));
        assert_eq!(messages.longest_absence(&counted), Duration::from_hours(72));
    }
}
