//! Servers and lines that break while messages flow.

use super::{
    Proxy, Stop, Suite, fails,
    runs::nothing_is_left,
    trial::{IN_TIME, LATE, LOSSY, Trial, keeps},
};
use drumpost_core::{
    outcome::{Audit, Cause, Ending, Outage, Outcome},
    plan::Conditions,
    scenario::{Intent, Style},
};
use std::{thread, time::Duration};

/// For how long lanes try to connect again. On a busy machine some servers take half a minute to start.
const RECONNECT: Duration = Duration::from_secs(120);

/// After a line was cut or reset, messages that had come before are handled within this time.
const HANDLED: Duration = Duration::from_secs(1);

/// Between two flows of a run over a line that goes silent, and of one with requests and replies. They are so few that the transport is not full
/// before it is silent for long.
const SELDOM_NS: u64 = 4_000_000;

/// A run that failed, with the address of the server on this port in its sentence.
fn failed(outcome: &Outcome, port: u16) -> Result<&str, Stop> {
    let address = format!("127.0.0.1:{port}");
    match &outcome.ending {
        Ending::Failed(what) if what.contains(&address) => Ok(what),
        Ending::Failed(what) => fails(format!("the sentence does not name {address}: {what}")),
        other => fails(format!("it ended {other}: {}", outcome.audit)),
    }
}

pub(super) fn server_killed(suite: &Suite<'_>) -> Result<(), Stop> {
    let mut server = suite.private_server()?;
    let options = suite.options_at(server.port())?;
    let promise = suite.promise(&options)?;
    let run = suite.begin(&options, &Trial::open(3_600))?;
    run.flows()?;
    let objects = server.objects().unwrap_or_default();
    server.kill();
    let outcome = run.outcome(Duration::ZERO)?;
    failed(&outcome, server.port())?;
    let notes = outcome.notes.join("\n");
    if let Some(object) = objects.iter().find(|object| !notes.contains(object.as_str())) {
        return fails(format!("{object} may remain, and the run says only {:?}", outcome.notes));
    }
    server.come_back();
    let next = suite.run(&options, &Trial::new())?;
    keeps(&next, promise)?;
    nothing_is_left(&*server, &next)
}

pub(super) fn line_silent(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let proxy = suite.line_to(&*server)?;
    // The drain deadline comes before the transport may notice by itself. That it does notice is shown by `silent_and_back`.
    let trial = Trial { drain: Duration::from_secs(1), every_ns: SELDOM_NS, ..Trial::open(3_600) };
    let run = suite.begin(&suite.options_at(proxy.port())?, &trial)?;
    run.flows()?;
    proxy.go_silent();
    // Messages are sent into the silence, too.
    thread::sleep(Duration::from_secs(1));
    run.end_load();
    let outcome = run.outcome(trial.drain)?;
    failed(&outcome, proxy.port())?;
    // What could not be removed while the line was silent is removed by the next run over it.
    proxy.mend();
    proxy.cut();
    let next = suite.run(&suite.options_at(proxy.port())?, &Trial::new())?;
    nothing_is_left(&*server, &next)
}

/// All connections go silent, and new ones are let through. So messages flow again when every instance has noticed the silence by itself
/// and has come back: one that goes on with a silent connection neither sends nor hears. Then the silent connections are mended, and what
/// had been sent over them arrives late.
pub(super) fn silent_and_back(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let proxy = suite.line_to(&*server)?;
    let options = suite.options_at(proxy.port())?;
    let lossless = suite.promise(&options)?.is_lossless();
    let run = suite.begin(&options, &Trial { every_ns: SELDOM_NS, ..reconnecting(lossless) })?;
    run.flows()?;
    proxy.silence_open();
    thread::sleep(HANDLED);
    let flows = run.flows_again();
    proxy.mend();
    flows?;
    let outcome = run.unless_refused(IN_TIME)?;
    // A client that connects again by itself tells of no outage. Then all has to come.
    let is_whole = outcome.ending == Ending::Completed && outcome.audit.lost == 0;
    if !(is_whole && outcome.outages.is_empty()) {
        came_back(&outcome, lossless)?;
    }
    nothing_is_left(&*server, &outcome)
}

pub(super) fn line_cut(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let proxy = suite.line_to(&*server)?;
    let run = suite.begin(&suite.options_at(proxy.port())?, &Trial::open(3_600))?;
    run.flows()?;
    proxy.cut();
    let outcome = run.outcome(Duration::ZERO)?;
    failed(&outcome, proxy.port())?;
    nothing_is_left(&*server, &outcome)
}

pub(super) fn line_cut_and_back(suite: &Suite<'_>) -> Result<(), Stop> {
    back_after(suite, Proxy::cut, has_replies(suite))
}

pub(super) fn line_reset(suite: &Suite<'_>) -> Result<(), Stop> {
    back_after(suite, Proxy::reset, false)
}

/// Whether trials may be requests and replies: their places and connections have to come back on both sides. Where a reply may be lost, whoever
/// waits for it waits until the end, so such transports have commands.
fn has_replies(suite: &Suite<'_>) -> bool {
    let carries = |intents: &[Intent]| [Intent::Request, Intent::Reply].iter().all(|of| intents.contains(of));
    suite.trial_style() == Style::Message && suite.entry.intents(Style::Message).is_some_and(carries)
}

/// Breaks all connections of a line that takes new ones at once.
fn back_after(suite: &Suite<'_>, breaks: fn(&Proxy), asks: bool) -> Result<(), Stop> {
    let server = suite.server()?;
    let proxy = suite.line_to(&*server)?;
    let options = suite.options_at(proxy.port())?;
    let lossless = suite.promise(&options)?.is_lossless();
    let run = suite.begin(&options, &asking(asks && lossless, reconnecting(lossless)))?;
    run.flows()?;
    breaks(&proxy);
    thread::sleep(HANDLED);
    run.flows_again()?;
    let outcome = run.unless_refused(IN_TIME)?;
    came_back(&outcome, lossless)?;
    nothing_is_left(&*server, &outcome)
}

pub(super) fn server_restarted(suite: &Suite<'_>) -> Result<(), Stop> {
    let mut server = suite.private_server()?;
    let options = suite.options_at(server.port())?;
    let lossless = suite.keeps && suite.promise(&options)?.is_lossless();
    let run = suite.begin(&options, &asking(has_replies(suite) && lossless, reconnecting(lossless)))?;
    run.flows()?;
    server.kill();
    server.come_back();
    run.flows_again()?;
    let outcome = run.unless_refused(IN_TIME)?;
    came_back(&outcome, lossless)?;
    nothing_is_left(&*server, &outcome)
}

/// An open load that goes on until it is told to end, whose lanes are to reconnect.
fn reconnecting(lossless: bool) -> Trial {
    let conditions = Conditions { reconnect: Some(RECONNECT), ..Conditions::default() };
    Trial { conditions, drain: if lossless { LATE } else { LOSSY }, ..Trial::open(3_600) }
}

/// The same with requests and replies, if `asks`. A flow has two messages then, and servers that write to a file take fewer.
fn asking(asks: bool, trial: Trial) -> Trial {
    if asks { Trial { asks, every_ns: SELDOM_NS, ..trial } } else { trial }
}

/// A run that lost its connections and got them back: it completes, each outage says why, and where `lossless` no message was lost
/// that the transport had confirmed. That messages flowed afterwards was seen before.
fn came_back(outcome: &Outcome, lossless: bool) -> Result<(), Stop> {
    is_back(&outcome.ending, &outcome.audit, &outcome.outages, lossless)
}

fn is_back(ending: &Ending, audit: &Audit, outages: &[Outage], lossless: bool) -> Result<(), Stop> {
    if *ending != Ending::Completed {
        return fails(format!("it ended {ending}: {outages:?}"));
    }
    let lost = outages.iter().filter(|outage| matches!(outage.cause, Cause::ConnectionLost { .. }));
    if lost.clone().count() == 0 {
        return fails(format!("no outage is told: {audit}"));
    }
    if lost.clone().any(|outage| outage.away_ns == 0) {
        return fails(format!("an outage took no time: {outages:?}"));
    }
    if let Some(outage) = lost.clone().find(|outage| outage.until_end) {
        return fails(format!("an instance did not come back: {outage}"));
    }
    // What had not been confirmed may have gone with the connection. Without confirms nothing may.
    match audit.confirmed_lost.unwrap_or(audit.lost) {
        lost @ 1.. if lossless => fails(format!("{lost} messages were lost that may not be: {audit}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_back_is_told() {
        let cause = Cause::ConnectionLost { why: "cut".into() };
        let (instance, at_ns, away_ns) = ("a".into(), 100_000_000, 20_000_000);
        let outage = Outage { instance, cause, at_ns, away_ns, until_end: false };
        let killed = Outage { cause: Cause::ConsumerKilled { in_hand: 1 }, ..outage.clone() };
        let lost = Audit { unique: 1_000, lost: 3, unconfirmed: Some(3), ..Audit::default() };
        let audit = Audit { confirmed_lost: Some(0), ..lost };
        let back = |ending: Ending, audit: Audit, outage: &Outage, lossless| {
            is_back(&ending, &audit, std::slice::from_ref(outage), lossless).is_ok()
        };
        assert!(back(Ending::Completed, audit, &outage, true));
        assert!(!back(Ending::Failed("lost".into()), audit, &outage, true));
        assert!(!back(Ending::Completed, audit, &killed, true), "no connection was lost");
        assert!(!back(Ending::Completed, audit, &Outage { away_ns: 0, ..outage.clone() }, true));
        assert!(!back(Ending::Completed, audit, &Outage { until_end: true, ..outage.clone() }, true));
        // As many arrived that were not confirmed, so that no more are lost than were not.
        for broken in [Audit { confirmed_lost: Some(1), ..audit }, lost] {
            assert!(!back(Ending::Completed, broken, &outage, true), "{broken}");
            assert!(back(Ending::Completed, broken, &outage, false), "{broken}");
        }
    }
}
