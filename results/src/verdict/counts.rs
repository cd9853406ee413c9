//! What was counted: samples not recorded as they were, promises that were broken, and what else should be known.
//!
//! Lives here: sentences about counts. Does not live here: which counts are faults (`model::Promises`) and what the
//! process exits with (the command line).

use super::{Thresholds, Validity, Verdict};
use crate::model::{LoadKind, Run, Status, samples_needed};
use crate::units;

/// Samples that were not recorded as they were.
pub(super) fn check(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let over_range = audit.over_range.max(run.response().over_range());
    // All of these are of measured flows, and so is what they are a share of.
    let (response, service, lag) = (run.response(), run.service(), run.lag());
    let times = response.count() + service.count() + lag.count();
    let stamped = response.count() + run.hops().iter().map(|hop| hop.time.count()).sum::<u64>();
    let share = |n: u64, of: u64| (n as f64 / of.max(1) as f64).min(1.0);
    let (range, back) = ("over the range of the histogram", "ran backwards between cores");
    let checks = [
        (over_range, times, format!("{} {range}", units::counted(over_range, "time was", "times were"))),
        (
            audit.negative_deltas,
            stamped,
            format!("{} {back}", units::counted(audit.negative_deltas, "stamp", "stamps")),
        ),
    ];
    for (n, of, what) in checks {
        let share = share(n, of);
        let sentence = format!("{what} ({} of those recorded)", units::percent(share));
        if share > thresholds.miscounted {
            verdict.add(Validity::Suspect, sentence);
        } else if n > 0 {
            verdict.notes.push(sentence);
        }
    }
    if audit.beyond_window > 0 {
        let n = units::counted(audit.beyond_window, "message", "messages");
        let reason = format!("{n} came too far out of order to be audited for duplicates");
        verdict.add(Validity::Suspect, reason);
    }
}

/// Losses that the transport's promise allows, where a limit was asked for.
pub(super) fn check_losses(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let share = (audit.lost as f64 / audit.expected.max(1) as f64).min(1.0);
    if !run.promises.lossless && share > thresholds.lost {
        let (lost, of) = (
            units::count(audit.lost),
            units::counted(audit.expected, "expected delivery", "expected deliveries"),
        );
        let (share, limit) = (units::percent(share), units::percent(thresholds.lost));
        verdict.add(Validity::Invalid, format!("{lost} of {of} were lost ({share}), limit {limit}"));
    }
}

/// Messages that the transport did not confirm to their senders.
pub(super) fn check_confirms(run: &Run, verdict: &mut Verdict) {
    let refused = run.audit().refused.unwrap_or(0);
    if refused > 0 {
        let n = units::counted(refused, "message was", "messages were");
        verdict.add(Validity::Suspect, format!("{n} refused by the transport, as its confirms said"));
    }
    // Nobody waited for those of a trial that broke.
    let well = run.trials.iter().filter(|trial| trial.status == Status::Ok);
    let unconfirmed: u64 = well.filter_map(|trial| trial.audit.unconfirmed).sum();
    if unconfirmed > 0 {
        let n = units::counted(unconfirmed, "message was", "messages were");
        verdict.add(Validity::Suspect, format!("{n} neither confirmed nor refused by the drain deadline"));
    }
}

/// Broken promises are listed, but judged by the audit, not here.
pub(super) fn list_faults(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let faults: Vec<String> =
        run.promises.faults(&audit).iter().map(|(n, word)| format!("{} {word}", units::count(*n))).collect();
    if !faults.is_empty() {
        let of = units::counted(audit.expected, "expected delivery", "expected deliveries");
        verdict.reasons.push(format!("the audit failed: {} of {of}", faults.join(", ")));
    }
}

/// How receivers are not left behind by a transport that holds no sender up.
fn leave_time(load: LoadKind) -> &'static str {
    match load {
        // However few flows are under way: a receiver that ends none of them is waited for by nobody.
        LoadKind::Closed => {
            "a closed load waits for who ends its flows, not for other subscribers; a --rate that all can follow \
             leaves them time, a larger --capacity puts it off"
        }
        LoadKind::Open => "a lower --rate leaves them time, a larger --capacity takes longer peaks",
    }
}

/// What does not speak against the run.
pub(super) fn add_notes(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let message = |n: u64| units::counted(n, "message", "messages");
    let permits = "as the transport's contract permits";
    if audit.duplicated > 0 && run.promises.tolerates_duplicates {
        let n = units::counted(audit.duplicated, "message was", "messages were");
        verdict.notes.push(format!("{n} delivered again, {permits}"));
    }
    if let Some(marked) = audit.redelivered.filter(|marked| *marked > audit.duplicated) {
        let n = units::counted(marked, "delivery", "deliveries");
        let first = units::counted(marked - audit.duplicated, "was", "were");
        verdict.notes.push(format!(
            "{n} marked by the transport as repeated; {first} of messages that nobody had handled before"
        ));
    }
    if audit.reordered > 0 && !run.promises.ordered {
        verdict.notes.push(format!("{} out of order, {permits}", message(audit.reordered)));
    }
    if audit.lost > 0 && !run.promises.lossless {
        let of = units::counted(audit.expected, "expected delivery", "expected deliveries");
        verdict.notes.push(format!("{} of {of} were lost, {permits}", units::count(audit.lost)));
    }
    if audit.unknown > 0 {
        let n = units::counted(audit.unknown, "delivery", "deliveries");
        verdict.notes.push(format!(
            "it is unknown what became of {n}: the run ended before they came, or they came too late to be told from duplicates"
        ));
    }
    if audit.unrouted > 0 {
        verdict.notes.push(format!("{} of a kind that no route carries", message(audit.unrouted)));
    }
    if audit.lagged > 0 {
        let dropped = message(audit.lagged);
        let instead = leave_time(run.load);
        verdict.notes.push(format!("{dropped} dropped by the transport for slow receivers: {instead}"));
    }
    let (samples, needed) = (run.response().count(), samples_needed(0.99));
    let ended: u64 = run.counted_trials().map(|trial| trial.flows.ended).sum();
    if ended > 0 && samples > ended && samples.is_multiple_of(ended) {
        let times = samples / ended;
        verdict.notes.push(format!("each flow ends at {times} subscribers and has {times} response times"));
    }
    if samples > 0 && samples < needed {
        let n = units::counted(samples, "response time is", "response times are");
        verdict.notes.push(format!("{n} too few for a p99, which needs {needed}"));
    }
    for trial in &run.trials {
        for said in trial.faults.iter().chain(&trial.notes) {
            if !verdict.notes.contains(said) {
                verdict.notes.push(said.clone());
            }
        }
    }
}
