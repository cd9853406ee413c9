//! Consumers that stand still for a while, and lines that are slow.

use super::{
    Stop, Suite, fails,
    runs::nothing_is_left,
    trial::{LOSSY, Trial, each, keeps},
};
use drumpost_core::{
    clock::as_ns,
    outcome::{Audit, Cause, Ending, Outage, Outcome},
    plan::{Conditions, Disturbance, Pause},
    registry::Promise,
};
use std::time::Duration;

/// When a consumer is paused, and for how long. Messages that a broker hands out again after a second or more are not repeated meanwhile.
const PAUSED_AT: Duration = Duration::from_millis(500);
const PAUSED: Duration = Duration::from_millis(700);

/// Between two flows. So little waits for a paused consumer that no limit of a broker or of a client is met.
const EVERY_NS: u64 = 4_000_000;

/// How long bytes take over a slow line.
const DELAY: Duration = Duration::from_millis(20);

/// How many bytes pass over one with a limited rate, and the payloads that go over it: they take a second.
const BYTES_PER_S: u32 = 1_000_000;
const PAYLOAD_LEN: u32 = 1_000;

pub(super) fn paused(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let promise = suite.promise(&options)?;
    let pause = Pause { service: "receiver".into(), instance: 0, after: PAUSED_AT, lasts: PAUSED };
    let disturbances = vec![Disturbance { at: PAUSED_AT, lasts: PAUSED }];
    let conditions = Conditions { pause: Some(pause), disturbances, ..Conditions::default() };
    let usual = Trial::open(2);
    let drain = if promise.is_lossless() { usual.drain } else { LOSSY };
    let trial = Trial { conditions, every_ns: EVERY_NS, drain, ..usual };
    let outcome = suite.begin(&options, &trial)?.unless_refused(trial.drain)?;
    // The marked times, in which no flow may have ended.
    let gaps: Vec<u64> = outcome.recoveries.iter().map(|recovery| recovery.gap_ns).collect();
    went_on(&outcome.ending, &outcome.audit, (&outcome.outages, &gaps), promise)?;
    nothing_is_left(&*server, &outcome)
}

/// A run with a paused consumer completes and loses nothing that may not be lost. Its pause is told as an outage and as a gap between flows.
fn went_on(
    ending: &Ending,
    audit: &Audit,
    (outages, gaps): (&[Outage], &[u64]),
    promise: Promise,
) -> Result<(), Stop> {
    let paused_ns = as_ns(PAUSED);
    let is_told =
        |outage: &Outage| outage.cause == Cause::Paused && outage.away_ns >= paused_ns && !outage.until_end;
    let is_outage = matches!(outages, [outage] if is_told(outage));
    // The gap begins with the last flow before the pause, and is looked for some hundred times a second.
    let is_gap = matches!(gaps, [gap_ns] if *gap_ns >= paused_ns / 2);
    let broken = [
        (*ending != Ending::Completed, "it did not complete"),
        (!is_outage, "the pause is not told as the only outage"),
        (!is_gap, "flows ended while their receiver was paused, or the gap is not told"),
        (audit.unique + audit.lost + audit.unknown != audit.expected, "the audit does not add up"),
        (audit.corrupted > 0, "messages were damaged"),
        (promise.is_lossless() && audit.lost + audit.unknown > 0, "messages were lost"),
        (!promise.may_duplicate() && audit.duplicated > 0, "messages came twice"),
    ];
    match broken.into_iter().find(|(is_broken, _)| *is_broken) {
        None => Ok(()),
        Some((_, what)) => fails(format!("{what}: ended {ending}, {audit}, {outages:?}, gaps {gaps:?}")),
    }
}

pub(super) fn slow_line(suite: &Suite<'_>) -> Result<(), Stop> {
    each(&[delayed as fn(&Suite<'_>) -> _, limited], |check| check(suite))
}

/// Each message goes over the line to the server and back.
fn delayed(suite: &Suite<'_>) -> Result<(), Stop> {
    let trial = Trial { every_ns: EVERY_NS, ..Trial::open(1) };
    let outcome = over_a_slow_line(suite, &trial, DELAY, None)?;
    let shortest = Duration::from_nanos(outcome.response.min_ns);
    if shortest < 2 * DELAY {
        return fails(format!("a message took {shortest:?} over a line that delays it twice by {DELAY:?}"));
    }
    Ok(())
}

fn limited(suite: &Suite<'_>) -> Result<(), Stop> {
    let trial = Trial { payload_len: PAYLOAD_LEN, ..Trial::new() };
    let outcome = over_a_slow_line(suite, &trial, Duration::ZERO, Some(BYTES_PER_S))?;
    // The first bytes pass before the time begins.
    let least = Duration::from_secs_f64(
        0.8 * outcome.started as f64 * f64::from(PAYLOAD_LEN) / f64::from(BYTES_PER_S),
    );
    let took = Duration::from_nanos(outcome.elapsed_ns);
    if took < least {
        return fails(format!("{} messages went over a slow line in {took:?}", outcome.started));
    }
    Ok(())
}

/// A run over a line that is slow from the beginning. It keeps its promise, and leaves nothing behind.
fn over_a_slow_line(
    suite: &Suite<'_>,
    trial: &Trial,
    delay: Duration,
    bytes_per_s: Option<u32>,
) -> Result<Outcome, Stop> {
    let server = suite.server()?;
    let line = suite.line_to(&*server)?;
    let options = suite.options_at(line.port())?;
    let promise = suite.promise(&options)?;
    line.slow(delay, bytes_per_s);
    let outcome = suite.run(&options, trial);
    line.mend();
    let outcome = outcome?;
    keeps(&outcome, promise)?;
    nothing_is_left(&*server, &outcome)?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::promise::Delivery;

    #[test]
    fn what_a_pause_breaks_is_told() {
        let once = Promise::IN_MEMORY;
        let lossy = Promise { delivery: Delivery::AtMostOnce, ..once };
        let again = Promise { delivery: Delivery::AtLeastOnce, ..once };
        let sound = Audit { sent: 10, expected: 10, unique: 10, delivered: 10, ..Audit::default() };
        let outage = |cause, away_ns| {
            let (instance, at_ns, until_end) = ("receiver".into(), 1, false);
            Outage { instance, cause, at_ns, away_ns, until_end }
        };
        let paused = outage(Cause::Paused, as_ns(PAUSED));
        let all = |ending: Ending, audit: Audit, outage: &Outage, gap_ns: u64, promise: Promise| {
            went_on(&ending, &audit, (std::slice::from_ref(outage), &[gap_ns]), promise).is_ok()
        };
        let with = |audit, promise| all(Ending::Completed, audit, &paused, as_ns(PAUSED), promise);
        assert!(with(sound, once));
        let lost = Audit { unique: 9, lost: 1, ..sound };
        assert!(with(lost, lossy) && !with(lost, once) && !with(lost, again));
        let twice = Audit { duplicated: 1, ..sound };
        assert!(with(twice, again) && !with(twice, once) && !with(twice, lossy));
        assert!(!with(Audit { unique: 9, ..sound }, lossy), "one is missing");
        assert!(!with(Audit { corrupted: 1, ..sound }, lossy));
        let told = |outage, gap_ns| all(Ending::Completed, sound, &outage, gap_ns, once);
        assert!(!told(outage(Cause::Paused, 1), as_ns(PAUSED)), "it was not away for long enough");
        assert!(!told(outage(Cause::Absent, as_ns(PAUSED)), as_ns(PAUSED)));
        assert!(!told(Outage { until_end: true, ..paused.clone() }, as_ns(PAUSED)), "it did not go on");
        assert!(!told(paused.clone(), 1), "flows ended meanwhile");
        assert!(went_on(&Ending::Completed, &sound, (&[], &[as_ns(PAUSED)]), once).is_err());
        assert!(went_on(&Ending::Completed, &sound, (std::slice::from_ref(&paused), &[]), once).is_err());
        assert!(!all(Ending::Interrupted, sound, &paused, as_ns(PAUSED), once));
    }
}
