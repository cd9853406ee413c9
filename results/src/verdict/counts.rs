//! Checks on counts: times that could not be recorded exactly, broken promises of the transport, and notes.
//!
//! Does not live here: which counts are faults (`model::Promises`) and the exit code (the command line).

use std::collections::BTreeMap;

use super::{Thresholds, Validity, Verdict};
use crate::model::{LoadKind, Order, Run, Status, samples_needed};
use crate::units;

/// Times that could not be recorded exactly.
pub(super) fn check(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let over_range = audit.over_range.max(run.response().over_range());
    // These counts and the totals below are both of measured flows, so a share of them makes sense.
    let (response, service, lag) = (run.response(), run.service(), run.lag());
    let times = response.count() + service.count() + lag.count();
    let stamped = response.count() + run.hops().iter().map(|hop| hop.time.count()).sum::<u64>();
    let share = |n: u64, of: u64| (n as f64 / of.max(1) as f64).min(1.0);
    let range = "over the range of the histogram";
    let back = match audit.negative_deltas {
        1 => "ran backwards between cores, whose clocks differ slightly; its time was recorded as zero",
        _ => "ran backwards between cores, whose clocks differ slightly; their times were recorded as zero",
    };
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
        let reason = format!("{n} came so far out of order that they may be duplicates or late messages");
        verdict.add(Validity::Suspect, reason);
    }
}

/// Losses that the transport's promise allows, if `--threshold lost=...` sets a limit for them.
pub(super) fn check_losses(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let share = (audit.lost as f64 / audit.expected.max(1) as f64).min(1.0);
    if !run.promises.is_lossless() && share > thresholds.lost {
        let (lost, of) = (
            units::count(audit.lost),
            units::counted(audit.expected, "expected delivery", "expected deliveries"),
        );
        let (share, limit) = (units::percent(share), units::percent(thresholds.lost));
        verdict.add(Validity::Invalid, format!("{lost} of {of} were lost ({share}), limit {limit}"));
    }
}

/// Messages that the transport refused or did not confirm. However few were refused, the transport did not carry the load that
/// was asked for, and the times are only those of what it accepted. A limit for that is asked for with `--threshold
/// refused=...`.
pub(super) fn check_confirms(run: &Run, thresholds: &Thresholds, verdict: &mut Verdict) {
    let audit = run.audit();
    let refused = audit.refused.unwrap_or(0);
    if refused > 0 {
        let n = units::counted(refused, "message was", "messages were");
        let share = (refused as f64 / audit.sent.max(1) as f64).min(1.0);
        let is_over = share > thresholds.refused;
        let limit =
            if is_over { format!(", limit {}", units::percent(thresholds.refused)) } else { String::new() };
        let status = if is_over { Validity::Invalid } else { Validity::Suspect };
        let share = units::percent(share);
        verdict.add(status, format!("{n} refused by the transport ({share} of those sent){limit}"));
    }
    // After a failed trial nothing waits for confirms, so those that are missing mean nothing.
    let well = run.trials.iter().filter(|trial| trial.status == Status::Ok);
    let unconfirmed: u64 = well.filter_map(|trial| trial.audit.unconfirmed).sum();
    if unconfirmed > 0 {
        let n = units::counted(unconfirmed, "message was", "messages were");
        verdict.add(Validity::Suspect, format!("{n} neither confirmed nor refused by the drain deadline"));
    }
}

/// Lists broken promises. They fail the audit and do not change the verdict.
pub(super) fn list_faults(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let faults: Vec<String> =
        run.promises.faults(&audit).iter().map(|(n, word)| format!("{} {word}", units::count(*n))).collect();
    if !faults.is_empty() {
        let of = units::counted(audit.expected, "expected delivery", "expected deliveries");
        verdict.reasons.push(format!("the audit failed: {} of {of}", faults.join(", ")));
    }
}

/// How to keep receivers from falling behind over a transport that never blocks its senders.
fn leave_time(load: LoadKind) -> &'static str {
    match load {
        // However small the window is: the load does not wait for a receiver that ends no flows.
        LoadKind::Closed => {
            "a closed load waits for the services that end flows, not for other subscribers. Use a --rate that all \
             subscribers can follow; a larger --capacity only delays the loss"
        }
        LoadKind::Open => "use a lower --rate, or a larger --capacity for short peaks",
    }
}

/// Messages that went nowhere, by service and kind where the record has them.
fn unrouted(run: &Run, total: u64) -> String {
    const NAMED: usize = 3;
    let mut kinds: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for unrouted in run.trials.iter().flat_map(|trial| &trial.unrouted) {
        *kinds.entry((&unrouted.service, &unrouted.kind)).or_default() += unrouted.messages;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, messages)| std::cmp::Reverse(*messages));
    let mut named: Vec<String> = kinds
        .iter()
        .take(NAMED)
        .map(|((service, kind), n)| format!("{} of kind {kind} from {service}", units::count(*n)))
        .collect();
    if let Some(others) = kinds.len().checked_sub(NAMED).filter(|others| *others > 0) {
        named.push(units::counted(others as u64, "other kind", "other kinds"));
    }
    let which = if named.is_empty() {
        "handlers emitted a kind that this style's table of routes does not have for their service".into()
    } else {
        named.join(", ")
    };
    let n = units::counted(total, "message went", "messages went");
    format!(
        "{n} nowhere, because no route carries them: {which}. That is as it should be if an optional service that would          receive them takes no part; otherwise a route is missing"
    )
}

/// Flows that end more than once, such as at each of several subscribers: so there are more response times than flows. Of flows
/// that did not end everywhere some response times are left over.
fn several_ends(run: &Run, samples: u64, ended: u64) -> Option<String> {
    let times = samples.checked_div(ended).filter(|times| *times > 1)?;
    // The engine divides the ends of each trial by the ends of a flow, and leaves a part of a flow out.
    if samples % ended >= times * run.trials.len() as u64 {
        return None;
    }
    let is_event = run.dispatch.split('/').next() == Some("event");
    let at = if is_event {
        "at each of the subscribers that end it"
    } else {
        "with each of the messages that end it"
    };
    Some(format!("each flow ends {times} times, {at}, and has {times} response times"))
}

/// Repeated messages that ended their flows again, in a closed load.
fn beyond_window(run: &Run) -> Option<String> {
    let again: u64 = run.counted_trials().map(super::ends::may_end_again).sum();
    (run.load == LoadKind::Closed && again > 0).then(|| {
        let n = units::counted(again, "message that came again", "messages that came again");
        format!(
            "{n} may have ended flows a second time. Each such end lets the closed load start one more flow, so more flows              than the window holds may have been under way, and the times are not comparable with those of a run without              repeated messages"
        )
    })
}

/// Notes that do not speak against the run.
pub(super) fn add_notes(run: &Run, verdict: &mut Verdict) {
    let audit = run.audit();
    let message = |n: u64| units::counted(n, "message", "messages");
    let permits = "which the transport's promise allows";
    if audit.duplicated > 0 && run.promises.tolerates_duplicates() {
        let n = units::counted(audit.duplicated, "message was", "messages were");
        verdict.notes.push(format!("{n} delivered again, {permits}"));
    }
    if let Some(marked) = audit.redelivered.filter(|marked| *marked > audit.duplicated) {
        let n = units::counted(marked, "delivery", "deliveries");
        let first = units::counted(marked - audit.duplicated, "was", "were");
        verdict.notes.push(format!(
            "{n} marked by the transport as repeated; {first} of messages that had not been handled before"
        ));
    }
    if audit.reordered > 0 && run.promises.order != Order::PerProducer {
        let other = match run.promises.order {
            Order::PerKey => " across keys",
            Order::PerShard => " across shards",
            _ => "",
        };
        verdict.notes.push(format!("{} out of order{other}, {permits}", message(audit.reordered)));
    }
    if audit.unjudged > 0 {
        let n = message(audit.unjudged);
        verdict.notes.push(match run.promises.order {
            Order::PerShard => {
                format!("the order of {n} was not judged: the transport did not tell their shard")
            }
            _ => format!("the order of {n} was not judged: a receiver keeps 65,536 keys of producers apart"),
        });
    }
    if audit.lost > 0 && !run.promises.is_lossless() {
        let of = units::counted(audit.expected, "expected delivery", "expected deliveries");
        verdict.notes.push(format!("{} of {of} were lost, {permits}", units::count(audit.lost)));
    }
    if audit.unknown > 0 {
        let n = units::counted(audit.unknown, "delivery", "deliveries");
        verdict.notes.push(format!(
            "the fate of {n} is unknown: the run ended before they arrived, or they arrived too late to be told from duplicates"
        ));
    }
    if audit.unrouted > 0 {
        verdict.notes.push(unrouted(run, audit.unrouted));
    }
    if audit.lagged > 0 {
        let dropped = message(audit.lagged);
        let instead = leave_time(run.load);
        verdict.notes.push(format!("{dropped} dropped by the transport for slow receivers: {instead}"));
    }
    let (samples, needed) = (run.response().count(), samples_needed(0.99));
    let ended: u64 = run.counted_trials().map(|trial| trial.flows.ended).sum();
    verdict.notes.extend(several_ends(run, samples, ended));
    verdict.notes.extend(beyond_window(run));
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
