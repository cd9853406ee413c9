//! Receivers that acknowledge messages before they handle them.

use super::{Stop, Suite, fails, runs::nothing_is_left, trial::Trial};
use drumpost_core::{
    outcome::{Audit, Ending, Outcome},
    plan::{Conditions, Kill, Victim},
    promise::{Acks, Asked, Delivery},
    transport::OpenError,
};
use std::time::Duration;

pub(super) fn acked_before(suite: &Suite<'_>) -> Result<(), Stop> {
    let asked = Asked { guarantee: None, acks: Some(Acks::Before) };
    if !suite.entry.promise.acknowledges.contains(&Acks::Before) {
        return Err(Stop::NotApplicable("the transport cannot acknowledge before handling".into()));
    }
    if suite.asked != Asked::default() && suite.acks() != Acks::Before {
        return Err(Stop::NotApplicable(format!("the checks run with --acks {}", suite.acks())));
    }
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let promise = suite.entry.made(&options).map_err(Stop::Fails)?.promise(suite.entry.promise, &asked);
    let promise = promise.map_err(Stop::Fails)?;
    // A broker may forget at a kill of its server what it has delivered. This check kills consumers alone.
    if !matches!(promise.delivery, Delivery::AtMostOnce | Delivery::Any) {
        return fails(format!("{} is promised with --acks before", promise.delivery));
    }
    let (after, down) = (Duration::from_millis(500), Duration::from_millis(200));
    let kill = |what| Kill { service: "receiver".into(), instance: 0, after, down, what };
    for (kill, batch) in [(None, 1), (Some(kill(Victim::Consumer)), 16), (Some(kill(Victim::Connection)), 16)]
    {
        let is_killed = kill.is_some();
        let conditions = Conditions { kill, acks: Acks::Before, ..Conditions::default() };
        // What is lost does not come, however long it is waited for.
        let drain = Duration::from_secs(if is_killed { 2 } else { 20 });
        let trial =
            Trial { conditions, batch, drain, ..if is_killed { Trial::open(2) } else { Trial::new() } };
        let outcome = match suite.begin(&options, &trial)?.result(trial.drain)? {
            Ok(outcome) => outcome,
            Err(OpenError::Refused(_)) if is_killed => continue,
            Err(error) => return fails(format!("not opened: {error}")),
        };
        comes_once(&outcome, is_killed)?;
        nothing_is_left(&*server, &outcome)?;
    }
    Ok(())
}

/// Nothing comes again, and nothing is lost unless a consumer was killed.
fn comes_once(outcome: &Outcome, is_killed: bool) -> Result<(), Stop> {
    once(&outcome.ending, &outcome.audit, is_killed)
}

fn once(ending: &Ending, audit: &Audit, is_killed: bool) -> Result<(), Stop> {
    let broken = [
        (*ending != Ending::Completed, "it did not complete"),
        (audit.unique == 0, "nothing arrived"),
        (audit.duplicated > 0, "messages came twice"),
        // What had not left the server when a consumer died may be marked.
        (
            audit.redelivered.is_some_and(|again| again > 0) && !is_killed,
            "the broker handed messages out again",
        ),
        (audit.lost > 0 && !is_killed, "messages were lost while nobody died"),
        (audit.unique + audit.lost + audit.unknown != audit.expected, "the audit does not add up"),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        None => Ok(()),
        Some((_, what)) => fails(format!("{what}: ended {ending}, {audit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::{
        dispatcher::Dispatcher,
        monitor::Watch,
        options::Options,
        plan::TrialPlan,
        registry::{Promise, TransportEntry},
    };

    /// A transport that says when messages were to be acknowledged.
    struct Tells;

    impl Dispatcher for Tells {
        fn run(&mut self, plan: &TrialPlan, _: &mut dyn Watch) -> Result<Outcome, OpenError> {
            Err(OpenError::Refused(plan.conditions.acks.to_string()))
        }
    }

    #[test]
    fn a_trial_asks_for_what_the_suite_is_told_to_ask() {
        let promise = Promise {
            delivery: Delivery::AtLeastOnce,
            acknowledges: &Acks::WITH_TRANSACTIONS,
            ..Promise::IN_MEMORY
        };
        let entry = TransportEntry { promise, make: |_| Ok(Box::new(Tells)), ..TransportEntry::IN_MEMORY };
        let usual = Suite::new(&entry, || unreachable!("no server is needed"));
        let exactly = Asked { guarantee: Some(Delivery::ExactlyOnce), acks: None };
        let exactly = usual.clone().asking(exactly);
        for (suite, acks, told) in [
            (&usual, Acks::After, "after"),
            (&usual, Acks::Before, "before"),
            (&exactly, Acks::After, "transaction"),
            (&exactly, Acks::Before, "before"),
        ] {
            let conditions = Conditions { acks, ..Conditions::default() };
            let run = suite.begin(&Options::default(), &Trial { conditions, ..Trial::new() }).unwrap();
            let refused = run.result(Duration::ZERO).unwrap().unwrap_err();
            assert_eq!(refused, OpenError::Refused(told.into()));
        }
        assert!(matches!(acked_before(&exactly), Err(Stop::NotApplicable(_))));
    }

    #[test]
    fn what_comes_again_is_told() {
        let sound = Audit { sent: 9, expected: 9, unique: 9, delivered: 9, ..Audit::default() };
        once(&Ending::Completed, &sound, false).unwrap();
        let lost = Audit { unique: 8, lost: 1, ..sound };
        once(&Ending::Completed, &lost, true).unwrap();
        for (audit, is_killed) in [
            (lost, false),
            (Audit { duplicated: 1, ..sound }, true),
            (Audit { redelivered: Some(1), ..sound }, false),
            (Audit { unique: 8, ..sound }, true),
            (Audit::default(), true),
        ] {
            assert!(once(&Ending::Completed, &audit, is_killed).is_err(), "{audit:?}");
        }
        assert!(once(&Ending::Interrupted, &sound, false).is_err());
    }
}
