//! Instances that are killed while messages flow, and come back.

use super::{
    Stop, Suite, fails,
    runs::nothing_is_left,
    trial::{LATE, LOSSY, Trial, each},
};
use drumpost_core::{
    outcome::{Audit, Cause, Ending, Outage, Outcome},
    plan::{Conditions, Kill, Victim},
    registry::Promise,
};
use std::time::Duration;

/// How often a kill is tried: on a busy machine, nothing may come by in the moment of the kill.
const TRIES: u32 = 4;

/// As [`killed_once`], until the receiver died with something in its hands.
fn killed(suite: &Suite<'_>, service: &str, what: Victim, batch: usize) -> Result<(Outcome, Promise), Stop> {
    let mut tried = killed_once(suite, service, what, batch)?;
    for _ in 1..TRIES {
        let (Cause::ConsumerKilled { in_hand: 0 } | Cause::ConnectionKilled { in_hand: 0, .. }) =
            tried.0.outages[0].cause
        else {
            break;
        };
        if service != "receiver" || !tried.1.is_lossless() {
            break;
        }
        tried = killed_once(suite, service, what, batch)?;
    }
    Ok(tried)
}

/// Runs a trial in which `service` is killed. Not applicable if the transport refuses kills.
fn killed_once(
    suite: &Suite<'_>,
    service: &str,
    what: Victim,
    batch: usize,
) -> Result<(Outcome, Promise), Stop> {
    let server = suite.server()?;
    let kill = Kill {
        service: service.into(),
        instance: 0,
        after: Duration::from_millis(500),
        down: Duration::from_millis(200),
        what,
    };
    let conditions = Conditions { kill: Some(kill), ..Conditions::default() };
    let options = suite.options_at(server.port())?;
    let promise = suite.promise(&options)?;
    let usual = Trial::open(2);
    let drain = match promise.is_lossless() {
        true if service == "receiver" => usual.drain,
        true => LATE,
        false => LOSSY,
    };
    let trial = Trial { conditions, batch, drain, ..usual };
    let outcome = suite.begin(&options, &trial)?.unless_refused(trial.drain)?;
    let audit = &outcome.audit;
    if outcome.ending != Ending::Completed {
        return fails(format!("it ended {}: {audit}", outcome.ending));
    }
    came_back(&outcome.outages)?;
    if audit.unique + audit.lost + audit.unknown != audit.expected || audit.corrupted > 0 {
        return fails(format!("the audit does not add up: {audit}"));
    }
    if promise.is_lossless() && audit.refused.unwrap_or(0) > 0 {
        return fails(format!("messages were refused because an instance was away: {audit}"));
    }
    nothing_is_left(&*server, &outcome)?;
    Ok((outcome, promise))
}

/// One outage is told, and it ended before the run did.
fn came_back(outages: &[Outage]) -> Result<(), Stop> {
    match outages {
        [outage] if outage.until_end => fails(format!("the instance did not come back: {outage}")),
        [_] => Ok(()),
        _ => fails(format!("one outage should be told: {outages:?}")),
    }
}

/// What a receiver died with comes again, where nothing may be lost, and the broker says so if it counts. Where nothing may be repeated
/// either, the first time does not count.
fn comes_again(audit: &Audit, in_hand: usize, promise: Promise) -> Result<(), Stop> {
    let in_hand = in_hand as u64;
    if !promise.is_lossless() {
        return Ok(());
    }
    if audit.lost > 0 || audit.unknown > 0 {
        return fails(format!("messages were lost with a killed consumer: {audit}"));
    }
    if in_hand == 0 {
        return fails(format!("it died with nothing in its hands, so nothing is shown: {audit}"));
    }
    if !promise.may_duplicate() && audit.duplicated > 0 {
        return fails(format!("messages came twice: {audit}"));
    }
    if promise.may_duplicate() && audit.duplicated < in_hand {
        return fails(format!(
            "it died with {in_hand} handled messages, and {} came again",
            audit.duplicated
        ));
    }
    if audit.redelivered.is_some_and(|count| count < audit.duplicated) {
        return fails(format!("the broker marks fewer deliveries as repeated than came twice: {audit}"));
    }
    Ok(())
}

pub(super) fn consumer(suite: &Suite<'_>) -> Result<(), Stop> {
    each(suite.batches(), |batch| {
        let (outcome, promise) = killed(suite, "receiver", Victim::Consumer, *batch)?;
        let cause = &outcome.outages[0].cause;
        let Cause::ConsumerKilled { in_hand } = *cause else {
            return fails(format!("told is {cause:?}"));
        };
        comes_again(&outcome.audit, in_hand, promise)
    })
}

pub(super) fn connection(suite: &Suite<'_>) -> Result<(), Stop> {
    each(&[receivers as fn(&Suite<'_>) -> _, senders], |check| check(suite))
}

fn receivers(suite: &Suite<'_>) -> Result<(), Stop> {
    let (outcome, promise) = killed(suite, "receiver", Victim::Connection, 16)?;
    let cause = &outcome.outages[0].cause;
    let Cause::ConnectionKilled { in_hand, .. } = *cause else {
        return fails(format!("told is {cause:?}"));
    };
    comes_again(&outcome.audit, in_hand, promise)
}

fn senders(suite: &Suite<'_>) -> Result<(), Stop> {
    let (outcome, promise) = killed(suite, "sender", Victim::Connection, 16)?;
    let (audit, cause) = (&outcome.audit, &outcome.outages[0].cause);
    if !matches!(cause, Cause::ConnectionKilled { .. }) {
        return fails(format!("told is {cause:?}"));
    }
    if promise.is_lossless() { goes_with_a_sender(audit) } else { Ok(()) }
}

/// What had not been confirmed may have gone with the connection, and nothing else. Without confirms nobody can tell.
fn goes_with_a_sender(audit: &Audit) -> Result<(), Stop> {
    match audit.confirmed_lost {
        Some(lost @ 1..) => fails(format!("{lost} messages were lost that had been confirmed: {audit}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::promise::Delivery;

    #[test]
    fn an_instance_that_is_still_away_when_the_run_ends_is_told() {
        let (instance, cause) = ("receiver".into(), Cause::ConsumerKilled { in_hand: 1 });
        let outage = Outage { instance, cause, at_ns: 1, away_ns: 1, until_end: false };
        came_back(std::slice::from_ref(&outage)).unwrap();
        assert!(came_back(&[]).is_err());
        assert!(came_back(&[outage.clone(), outage.clone()]).is_err());
        assert!(came_back(&[Outage { until_end: true, ..outage }]).is_err());
    }

    #[test]
    fn a_sender_takes_nothing_with_it_that_was_confirmed() {
        let audit = Audit { lost: 3, unconfirmed: Some(3), confirmed_lost: Some(0), ..Audit::default() };
        goes_with_a_sender(&audit).unwrap();
        goes_with_a_sender(&Audit { confirmed_lost: None, unconfirmed: None, ..audit }).unwrap();
        // Ten that were confirmed are lost, while ten arrived that were not.
        let hidden = Audit { lost: 10, unconfirmed: Some(10), confirmed_lost: Some(10), ..audit };
        assert!(goes_with_a_sender(&hidden).is_err());
    }

    #[test]
    fn what_does_not_come_again_is_told() {
        let audit = Audit { duplicated: 8, redelivered: Some(9), ..Audit::default() };
        let again = Promise { delivery: Delivery::AtLeastOnce, ..Promise::IN_MEMORY };
        comes_again(&audit, 8, again).unwrap();
        comes_again(&Audit { redelivered: None, ..audit }, 8, again).unwrap();
        for (audit, in_hand) in [
            (audit, 0),
            (audit, 9),
            (Audit { lost: 1, ..audit }, 8),
            (Audit { unknown: 1, ..audit }, 8),
            (Audit { redelivered: Some(7), ..audit }, 8),
        ] {
            assert!(comes_again(&audit, in_hand, again).is_err(), "{audit:?}");
        }
        let once = Promise::IN_MEMORY;
        comes_again(&Audit { duplicated: 0, ..audit }, 8, once).unwrap();
        assert!(comes_again(&audit, 8, once).is_err());
        let lossy = Promise { delivery: Delivery::AtMostOnce, ..once };
        comes_again(&Audit { lost: 8, ..audit }, 0, lossy).unwrap();
    }
}
