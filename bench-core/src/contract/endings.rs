//! Checks how a run ends: when everything is done, when a receiver fails, and when the run is interrupted.

use super::{
    Stop,
    deliveries::deliveries_per_flow,
    ensure,
    handlers::{LAST_NUMBER, LAST_WORDS, Never, Panics, Plain, Slow},
    scenarios::one_hop,
    subject::{Ran, Subject},
    trial::{PATIENT, Trial},
};
use crate::{
    load::Extent,
    outcome::Ending,
    scenario::{Intent, Scenario, Style},
};
use std::time::Duration;

type Flow = fn(Style, Intent) -> Scenario;

/// How long a run may take to notice that it is over.
const SOON: Duration = Duration::from_secs(5);

/// See [`super::CHECKS`].
pub(super) fn shutdown(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let counts = [1, 3, 70];
            let trial = |count| (one_hop::<Plain>(style, intent), Trial::new(*way, count));
            let trials = counts.map(trial).into();
            for (tried, count) in subject.try_in_turn(style, trials)?.into_iter().zip(counts) {
                let ran = tried.ran()?;
                ran.delivered(&subject.promise(), count, count * deliveries_per_flow(intent))?;
                no_threads_left(&ran)?;
            }
        }
        drain_is_bounded(subject, style, intent)?;
    }
    Ok(())
}

/// 64 flows are under way at the load's end and take 10 ms each, the drain deadline is 0.1 s. Message by message, as a
/// batch that was handed over is handled to its end.
fn drain_is_bounded(subject: &Subject<'_>, style: Style, intent: Intent) -> Result<(), Stop> {
    let drain = Duration::from_millis(100);
    let trial = Trial { drain, ..Trial::new(subject.ways()[0], 64) };
    let ran = subject.run(style, one_hop::<Slow<10_000>>(style, intent), &trial)?;
    let Ran { outcome, wall, circumstances, .. } = &ran;
    ensure(outcome.ending == Ending::Completed, || {
        format!("{circumstances}: the run ended {}", outcome.ending)
    })?;
    let audit = &outcome.audit;
    ensure(audit.unique + audit.lost == audit.expected, || {
        format!("{circumstances}: what is delivered and what is lost is not what was expected: {audit}")
    })?;
    // A load that is blocked in its own calls ends late, so only what comes after it is bounded.
    let load = Duration::from_millis(64 * 15);
    let limit = if outcome.drain_timed_out { drain + SOON } else { load + drain + SOON };
    ensure(*wall <= limit, || {
        format!("{circumstances}: with a drain deadline of {drain:?} the run took {wall:?}")
    })?;
    no_threads_left(&ran)
}

fn no_threads_left(ran: &Ran) -> Result<(), Stop> {
    let left = ran.threads_left;
    ensure(left == 0, || {
        format!("{}: {left} threads are still there a second after the run", ran.circumstances)
    })
}

/// See [`super::CHECKS`].
pub(super) fn panic(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    // The last messages before the panic may stay behind, so there are more than a queue holds.
    const COUNT: u64 = LAST_NUMBER as u64 * 20;
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial::new(*way, COUNT);
            failed(&subject.run(style, one_hop::<Panics<0>>(style, intent), &trial)?)?;
            // The same while the sender is blocked; a circle must not hold more than its queues do.
            let in_flight = if intent == Intent::Request { 4 } else { 64 };
            let trial = Trial { capacity: 4, in_flight, flow_timeout: PATIENT, ..trial };
            failed(&subject.run(style, one_hop::<Panics<200>>(style, intent), &trial)?)?;
        }
    }
    Ok(())
}

fn failed(ran: &Ran) -> Result<(), Stop> {
    let Ran { outcome, wall, circumstances, .. } = ran;
    let Ending::Failed(why) = &outcome.ending else {
        return Err(Stop::Fails(format!(
            "{circumstances}: a handler panicked and the run ended {}",
            outcome.ending
        )));
    };
    ensure(why.contains(LAST_WORDS), || {
        format!("{circumstances}: a handler panicked with `{LAST_WORDS}`, the outcome says `{why}`")
    })?;
    ensure(*wall <= SOON + SOON, || format!("{circumstances}: a handler panicked and the run took {wall:?}"))
}

/// See [`super::CHECKS`].
pub(super) fn interruption(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    let flows: [(&str, Flow, usize); 3] = [
        ("while messages flow", one_hop::<Plain>, 1024),
        ("while the sender is blocked", one_hop::<Slow<5_000>>, 4),
        ("while all lanes sleep", one_hop::<Never>, 1024),
    ];
    for intent in subject.carriers(style) {
        for (when, scenario, capacity) in flows {
            for way in subject.ways() {
                let extent = Extent::Duration(60_000_000_000);
                let in_flight = if intent == Intent::Request { 4 } else { 64 };
                let trial = Trial {
                    extent,
                    in_flight,
                    capacity,
                    flow_timeout: PATIENT,
                    sample_every: subject.sample_every(),
                    interrupts: true,
                    ..Trial::new(*way, 0)
                };
                interrupted(&subject.run(style, scenario(style, intent), &trial)?, when)?;
            }
        }
    }
    Ok(())
}

fn interrupted(ran: &Ran, when: &str) -> Result<(), Stop> {
    let Ran { outcome, after_interruption, circumstances, .. } = ran;
    ensure(outcome.ending == Ending::Interrupted, || {
        format!("{circumstances}: interrupted {when}, the run ended {}", outcome.ending)
    })?;
    ensure(after_interruption.is_some_and(|took| took <= SOON), || {
        format!("{circumstances}: interrupted {when}, the run took another {after_interruption:?}")
    })?;
    no_threads_left(ran)
}
