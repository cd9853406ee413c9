//! Messages that a broker gives up on, because their receiver gives them back too often.

use super::{PrivateServer, Stop, Suite, fails, runs::nothing_is_left, trial::Trial};
use drumpost_core::{
    outcome::{Audit, Ending, Outcome},
    plan::{Conditions, Kill, Poison, Victim},
    promise::Acks,
};
use std::time::Duration;

/// Of so many flows one has its message given back, more often than the limit allows.
const ONE_IN: u32 = 10;
const TIMES: u16 = 40;
const LIMIT: u64 = 2;

pub(super) fn dead_letters(suite: &Suite<'_>) -> Result<(), Stop> {
    let Some(option) = suite.entry.options.iter().find(|option| option.gives_up) else {
        return Err(Stop::NotApplicable("no option limits how often a message is handed out".into()));
    };
    if suite.acks() == Acks::Before {
        return Err(Stop::NotApplicable(
            "a message that is acknowledged before it is handled is not given back".into(),
        ));
    }
    let server = suite.server()?;
    let mut options = suite.options_at(server.port())?;
    options.set(option.name, LIMIT.to_string());
    for &batch in suite.batches() {
        let poison = Some(Poison { service: "receiver".into(), one_in: ONE_IN, times: TIMES });
        let conditions = Conditions { poison, ..Conditions::default() };
        let outcome = suite.run(&options, &Trial { conditions, batch, ..Trial::new() })?;
        died(&outcome)
            .map_err(|why| Stop::Fails(format!("with {}={LIMIT}: {why}: {}", option.name, outcome.audit)))?;
        nothing_is_left(&*server, &outcome)?;
    }
    died_with_a_consumer(suite, option.name, &*server)
}

/// Nobody waited for those that died: the load is a closed one, of which they would have held the whole window in the end.
fn died(outcome: &Outcome) -> Result<(), String> {
    if outcome.ending != Ending::Completed {
        return Err(format!("it ended {}", outcome.ending));
    }
    if outcome.drain_timed_out || outcome.unfinished > 0 {
        return Err(format!("dead letters were waited for; {} flows did not end", outcome.unfinished));
    }
    as_it_should(outcome.started / u64::from(ONE_IN), outcome.dead, &outcome.audit)
}

/// Exactly the `bad` messages died, which are always given back, and so did their flows.
fn as_it_should(bad: u64, dead_flows: u64, audit: &Audit) -> Result<(), String> {
    let often = audit.rejected.unwrap_or(0);
    let broken = [
        (audit.dead != bad, format!("{bad} messages should have died")),
        (dead_flows != bad, format!("{dead_flows} flows died, and not {bad}")),
        (audit.dead_again > 0, "messages died twice".into()),
        (audit.unique + audit.dead != audit.expected, "the others were not all handled".into()),
        (audit.delivered != audit.unique, "messages came twice".into()),
        (audit.lost + audit.unknown > 0, "messages were lost".into()),
        // Some brokers count the first delivery, and some do not.
        (
            often != bad * LIMIT && often != bad * (LIMIT + 1),
            format!("each should have been given back {LIMIT} or {} times", LIMIT + 1),
        ),
    ];
    broken.into_iter().find(|(is_broken, _)| *is_broken).map_or(Ok(()), |(_, why)| Err(why))
}

/// A consumer that is killed with messages in its hands makes no dead letters of the ones that it had handled; those that it gave back
/// go on dying.
fn died_with_a_consumer(suite: &Suite<'_>, option: &str, server: &dyn PrivateServer) -> Result<(), Stop> {
    let mut options = suite.options_at(server.port())?;
    // The kill costs deliveries, too.
    options.set(option, (4 * LIMIT).to_string());
    let kill = Kill {
        service: "receiver".into(),
        instance: 0,
        after: Duration::from_millis(500),
        down: Duration::from_millis(200),
        what: Victim::Consumer,
    };
    let poison = Some(Poison { service: "receiver".into(), one_in: ONE_IN, times: TIMES });
    let conditions = Conditions { poison, kill: Some(kill), ..Conditions::default() };
    let outcome = suite.run(&options, &Trial { conditions, ..Trial::open(1) })?;
    let (audit, bad) = (&outcome.audit, outcome.started / u64::from(ONE_IN));
    if outcome.ending != Ending::Completed || audit.dead != bad || audit.unique + audit.dead != audit.expected
    {
        return fails(format!(
            "with a killed consumer {bad} messages should have died: {audit}, {}",
            outcome.ending
        ));
    }
    nothing_is_left(server, &outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_did_not_die_as_it_should_is_told() {
        let sound = Audit {
            sent: 100,
            expected: 100,
            unique: 90,
            delivered: 90,
            dead: 10,
            rejected: Some(30),
            ..Audit::default()
        };
        as_it_should(10, 10, &sound).unwrap();
        as_it_should(10, 10, &Audit { rejected: Some(20), ..sound }).unwrap();
        for (audit, dead) in [
            (sound, 9),
            (Audit { dead: 9, ..sound }, 10),
            (Audit { dead_again: 1, ..sound }, 10),
            (Audit { unique: 89, delivered: 89, lost: 1, ..sound }, 10),
            (Audit { delivered: 91, ..sound }, 10),
            (Audit { rejected: Some(10), ..sound }, 10),
        ] {
            assert!(as_it_should(10, dead, &audit).is_err(), "{audit}");
        }
    }
}
