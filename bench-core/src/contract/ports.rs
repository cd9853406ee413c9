//! Checks that the ports of a transport return what they did.

use super::{Stop, ensure, handlers::Slow, scenarios::one_hop, subject::Subject, trial::Trial};
use crate::{
    outcome::Ending,
    registry::RunsOn,
    scenario::{Intent, Style},
};

const COUNT: u64 = 500;

/// See [`super::CHECKS`].
pub(super) fn ports(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    if matches!(subject.runs_on(), RunsOn::Inline | RunsOn::Simulation) {
        return Err(Stop::NotApplicable("only ports on threads and on tasks can be checked".into()));
    }
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            // Room for several messages, which a slow receiver finds together, and not for all that are sent. A circle must not
            // hold more than its queues do.
            let in_flight = if intent == Intent::Request { 16 } else { 64 };
            let trial = Trial { checks_ports: true, capacity: 16, in_flight, ..Trial::new(*way, COUNT) };
            let ran = subject.run(style, one_hop::<Slow<10>>(style, intent), &trial)?;
            // Other checks look for messages that are lost, come again or come late.
            let failed = matches!(ran.outcome.ending, Ending::Failed(_));
            ensure(!failed, || format!("{}: the run ended {}", ran.circumstances, ran.outcome.ending))?;
        }
    }
    Ok(())
}
