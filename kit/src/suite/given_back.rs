//! Messages that a receiver gives back instead of handling them.

use super::{Stop, Suite, fails, runs::nothing_is_left, trial::Trial};
use drumpost_core::{
    outcome::Ending,
    plan::{Conditions, Poison},
};

/// Of so many flows one has its message given back, so often.
const ONE_IN: u32 = 10;
const TIMES: u16 = 2;

pub(super) fn given_back(suite: &Suite<'_>) -> Result<(), Stop> {
    for &batch in suite.batches() {
        let server = suite.server()?;
        let poison = Some(Poison { service: "receiver".into(), one_in: ONE_IN, times: TIMES });
        let trial =
            Trial { conditions: Conditions { poison, ..Conditions::default() }, batch, ..Trial::new() };
        let options = suite.options_at(server.port())?;
        let outcome = suite.begin(&options, &trial)?.unless_refused(trial.drain)?;
        let (audit, bad) = (&outcome.audit, outcome.started / u64::from(ONE_IN) * u64::from(TIMES));
        if outcome.ending != Ending::Completed {
            return fails(format!("it ended {}: {audit}", outcome.ending));
        }
        if audit.rejected != Some(bad) {
            return fails(format!("{bad} deliveries should have been given back: {audit}"));
        }
        if audit.redelivered.is_none_or(|again| again < bad) {
            return fails(format!("the broker marks fewer than {bad} deliveries as repeated: {audit}"));
        }
        if (audit.unique, audit.delivered, audit.lost) != (audit.expected, audit.expected, 0) {
            return fails(format!("not everything was handled once: {audit}"));
        }
        nothing_is_left(&*server, &outcome)?;
    }
    Ok(())
}
