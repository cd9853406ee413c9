//! Messages that pile up for consumers that are absent, and are caught up with.

use super::{
    Stop, Suite, fails,
    runs::nothing_is_left,
    trial::{IN_TIME, Trial},
};
use drumpost_core::{
    outcome::{Audit, Cause, Ending, Outage, backlog::Piled},
    plan::{Amount, Backlog, Conditions},
    registry::Promise,
};
use std::time::Duration;

/// How many messages pile up before the absent consumer joins, and the time between two of them.
const MESSAGES: u64 = 300;
const EVERY_NS: u64 = 3_000_000;

/// One of two consumers is absent for so long. Messages need not pile up then.
const AWAY: Duration = Duration::from_secs(3);

/// The backlog is gone when no more messages wait than are sent in this time, which are a hundred. With so few flows under way that is certain.
const LEVEL: Duration = Duration::from_millis(300);
const FEW: u64 = 50;

/// The consumers that are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    /// The only one.
    All,
    /// One of two that compete. The other one goes on, with all that the server sends ahead, until the first one joins.
    OneOfTwo,
}

pub(super) fn backlog(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let promise = suite.promise(&options)?;
    if !promise.stores {
        let why = "with these options the transport stores nothing for a consumer that is absent";
        return Err(Stop::NotApplicable(why.into()));
    }
    // Where the check has a second run, with events, their only consumer is absent there.
    let absent = if suite.second.is_some() && !suite.is_second { Absent::OneOfTwo } else { Absent::All };
    let (receivers, amount) = match absent {
        Absent::All => (1, Amount::Messages(MESSAGES)),
        Absent::OneOfTwo => (2, Amount::Time(AWAY)),
    };
    let backlog =
        Backlog { service: "receiver".into(), absent: 1, amount, level: LEVEL, limit: None, is_stored: true };
    let conditions = Conditions { backlog: Some(backlog), ..Conditions::default() };
    let trial = Trial { conditions, receivers, every_ns: EVERY_NS, ..Trial::open(3_600) };
    let run = suite.begin(&options, &trial)?;
    match absent {
        Absent::All => run.catches_up(FEW)?,
        Absent::OneOfTwo => run.joins_and_catches_up(FEW)?,
    }
    let outcome = run.outcome(IN_TIME)?;
    let Some(piled) = &outcome.backlog else { return fails("no backlog is told") };
    caught_up(&outcome.ending, &outcome.audit, (piled, &outcome.outages), (promise, absent))?;
    nothing_is_left(&*server, &outcome)
}

/// The backlog piled up while the consumer was away, all of it was delivered afterwards, and both is told.
fn caught_up(
    ending: &Ending,
    audit: &Audit,
    (piled, outages): (&Piled, &[Outage]),
    (promise, absent): (Promise, Absent),
) -> Result<(), Stop> {
    let received = |phase: usize| piled.phases.get(phase).map_or(0, |phase| phase.received);
    let is_outage = matches!(outages, [outage] if outage.cause == Cause::Absent && outage.away_ns > 0);
    let (is_all, phases) = (absent == Absent::All, piled.phases.len());
    let broken = [
        (*ending != Ending::Completed, "it did not complete"),
        (!piled.is_reached || (is_all && piled.waiting < MESSAGES), "less piled up than was asked for"),
        (!is_outage, "the absence is not told as the only outage"),
        (phases < 2, "it is not told how it caught up"),
        (is_all && received(0) > 0, "messages were received while the consumer was absent"),
        (is_all && received(1) == 0, "nothing was received when it had joined"),
        (!is_all && received(0) == 0, "one of two consumers was absent, and the other received nothing"),
        (
            piled.joined_ns.is_none() || piled.level_ns < piled.joined_ns,
            "it is not told when the backlog was gone",
        ),
        (audit.lost + audit.unknown > 0 || audit.unique != audit.expected, "messages were lost"),
        (audit.corrupted > 0, "messages were damaged"),
        (!promise.may_duplicate() && audit.duplicated > 0, "messages came twice"),
        (audit.unconfirmed.unwrap_or(0) > 0, "messages were not confirmed"),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        None => Ok(()),
        Some((_, what)) => {
            let Piled { waiting, joined_ns, level_ns, phases, .. } = piled;
            let received: Vec<u64> = phases.iter().map(|phase| phase.received).collect();
            fails(format!(
                "{what}: ended {ending}, {audit}, {outages:?}, {waiting} waited, joined at {joined_ns:?} ns, gone at {level_ns:?} ns, \
                 received by phase {received:?}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::{outcome::backlog::Phase, promise::Delivery};

    #[test]
    fn what_is_wrong_with_a_backlog_is_told() {
        let phase = |received| Phase { received, ..Phase::default() };
        let piled = Piled {
            is_reached: true,
            joined_ns: Some(900),
            waiting: MESSAGES,
            level_ns: Some(950),
            phases: vec![phase(0), phase(250), phase(150)],
            ..Piled::default()
        };
        let once = Promise::IN_MEMORY;
        let again = Promise { delivery: Delivery::AtLeastOnce, ..once };
        let sound = Audit { sent: 400, expected: 400, unique: 400, delivered: 400, ..Audit::default() };
        let (instance, cause) = ("receiver".into(), Cause::Absent);
        let absent = Outage { instance, cause, at_ns: 0, away_ns: 900, until_end: false };
        let outages = std::slice::from_ref(&absent);
        let told = |piled: &Piled, audit: Audit, promise| {
            caught_up(&Ending::Completed, &audit, (piled, outages), (promise, Absent::All)).is_ok()
        };
        assert!(told(&piled, sound, once));
        let twice = Audit { duplicated: 1, ..sound };
        assert!(told(&piled, twice, again) && !told(&piled, twice, once));
        for audit in [
            Audit { unique: 399, lost: 1, ..sound },
            Audit { unique: 399, unknown: 1, ..sound },
            Audit { corrupted: 1, ..sound },
            Audit { unconfirmed: Some(1), ..sound },
        ] {
            assert!(!told(&piled, audit, again), "{audit}");
        }
        for broken in [
            Piled { is_reached: false, ..piled.clone() },
            Piled { waiting: MESSAGES - 1, ..piled.clone() },
            Piled { joined_ns: None, ..piled.clone() },
            Piled { level_ns: None, ..piled.clone() },
            Piled { phases: vec![phase(1), phase(249)], ..piled.clone() },
            Piled { phases: vec![phase(0), phase(0)], ..piled.clone() },
            Piled { phases: vec![phase(0)], ..piled.clone() },
        ] {
            assert!(!told(&broken, sound, again), "{broken:?}");
        }
        let all = (once, Absent::All);
        assert!(caught_up(&Ending::Interrupted, &sound, (&piled, outages), all).is_err());
        assert!(caught_up(&Ending::Completed, &sound, (&piled, &[]), all).is_err());
        // A consumer that goes on alone receives what the absent one would have had, and nothing has to pile up.
        let shared = |received| {
            let phases = vec![phase(received), phase(0), phase(150)];
            let piled = Piled { waiting: 2, phases, ..piled.clone() };
            caught_up(&Ending::Completed, &sound, (&piled, outages), (once, Absent::OneOfTwo)).is_ok()
        };
        assert!(shared(250) && !shared(0));
    }
}
