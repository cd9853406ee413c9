//! Checks on how trials and flows ended: trials that failed or measured nothing, and flows that never ended.
//!
//! Does not live here: flows that were never started (`load`).

use super::{Thresholds, Validity, Verdict, alone, standstill};
use crate::model::{DeadLetters, Flows, LoadKind, Run, Status, Trial};
use crate::stats::Derived;
use crate::units;

/// Trials that did not end with status `ok`, or that measured nothing. Trials with the same error share one sentence.
/// `stood_still`: why no flow ended was said.
pub(super) fn check_trials(run: &Run, derived: &Derived, stood_still: bool, verdict: &mut Verdict) {
    let total = run.trials.len();
    let mut ends: Vec<(Status, &str, Vec<u32>)> = Vec::new();
    for trial in run.trials.iter().filter(|trial| trial.status != Status::Ok) {
        let error = trial.error.as_deref().unwrap_or("no reason was given");
        match ends.iter_mut().find(|(status, known, _)| *status == trial.status && *known == error) {
            Some((_, _, numbers)) => numbers.push(trial.number),
            None => ends.push((trial.status, error, vec![trial.number])),
        }
    }
    for (status, error, numbers) in ends {
        let which = match &numbers[..] {
            [_] if total == 1 => String::new(),
            [number] => format!("trial {}{} ", number + 1, alone::of_total(*number, total)),
            _ => format!("{} of {total} trials ", numbers.len()),
        };
        // An interrupted trial measured the right thing, only for a shorter time.
        let validity = if status == Status::Interrupted { Validity::Suspect } else { Validity::Invalid };
        verdict.add(validity, format!("{which}{}: {error}", status.word()));
    }
    if total == 0 {
        verdict.add(Validity::Invalid, run.without_trials().into());
    } else if derived.trials == 0 {
        verdict.status = Validity::Invalid;
    } else if derived.flows.ended == 0 && !stood_still {
        verdict.add(
            Validity::Invalid,
            format!("no flow ended, so there are no response times{}", why(run, derived)),
        );
    }
}

/// Why no flow ended, as far as the counts tell.
fn why(run: &Run, derived: &Derived) -> String {
    let (started, audit) = (derived.flows.started, run.audit());
    let lost = audit.lost + audit.refused.unwrap_or(0) + audit.unknown;
    let ended_well = run.counted_trials().all(|trial| trial.status == Status::Ok);
    let hint = match (audit.dead, lost) {
        (0, 0) if ended_well => format!("; {}", standstill::no_loss()),
        (0, _) => String::new(),
        (dead, _) => {
            let dead = units::counted(dead, "message became a dead letter", "messages became dead letters");
            format!("; {dead}")
        }
    };
    match started {
        0 if run.load == LoadKind::Open => not_started(derived, audit.sent, &hint),
        0 => String::new(),
        _ => format!(": {} started{hint}", units::counted(started, "flow was", "flows were")),
    }
}

/// Why an open load started no flow of the measured window. `sent` are the messages of the whole trial, its warm-up included, and `hint`
/// is why flows of the warm-up may never have ended.
fn not_started(derived: &Derived, sent: u64, hint: &str) -> String {
    let Flows { due, shed, dropped, warmup_unfinished, .. } = derived.flows;
    if due == 0 {
        return ": no flow was due in the measured window; raise --duration or --rate".into();
    }
    let (flows, rate) = (units::counted(due, "flow", "flows"), units::rate(derived.due_per_s.unwrap_or(0.0)));
    let none = format!(": none of the {flows} that were due ({rate}) was started");
    // These were in the way, whatever became of the flows that were due: a lower rate is no remedy.
    if let Some(stuck) = warmup_unfinished.filter(|n| *n > 0) {
        let stuck = units::counted(stuck, "flow", "flows");
        return format!(
            "{none}: {stuck} of the warm-up never ended, so the window or the queues were full{hint}"
        );
    }
    let blocked = match derived.blocked_share {
        Some(share) if share > 0.5 => {
            format!(", and a full transport blocked the senders for {} of the time", units::percent(share))
        }
        _ => String::new(),
    };
    match (shed + dropped >= due, sent) {
        (true, _) if dropped == 0 => {
            format!("{none}, because the window was full and --at-cap shed drops them then")
        }
        (true, _) => format!(
            "{none}, because all were dropped: they were later than --debt allows, or the window was full; lower --rate"
        ),
        (false, 0) => format!("{none}, and nothing was sent at all"),
        (false, _) => format!(
            "{none}, because the load was behind: until its end it was still sending flows that had been due before, in the \
             warm-up{blocked}. Lower --rate"
        ),
    }
}

/// Flows that were started and had not ended at the drain deadline.
pub(super) fn check_unfinished(derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let flows = derived.flows;
    let n = |n: u64| units::counted(n, "flow", "flows");
    let of_started = |n: u64| share(n, flows.started);
    if flows.unfinished > 0 {
        let share = of_started(flows.unfinished);
        let status = if share > thresholds.unfinished { Validity::Invalid } else { Validity::Suspect };
        let (n, share) = (n(flows.unfinished), units::percent(share));
        verdict.add(status, format!("{n} did not end before the drain deadline ({share} of those started)"));
    }
    if let Some(unfinished) = flows.warmup_unfinished.filter(|n| *n > 0) {
        let reason = format!("{} of the warm-up did not end before the drain deadline", n(unfinished));
        verdict.add(Validity::Suspect, reason);
    }
    if flows.lost > 0 {
        let share = of_started(flows.lost);
        let sentence = format!(
            "{} did not end ({} of those started) because the transport lost messages, which its promise allows; the times are those of the other flows",
            n(flows.lost),
            units::percent(share)
        );
        // A few lost flows are normal for such a transport. If many are lost, the times describe only the lucky ones.
        if share > thresholds.unfinished {
            verdict.add(Validity::Suspect, sentence);
        } else {
            verdict.notes.push(sentence);
        }
    }
}

/// Flows that did not end because the transport refused a message of theirs. That it refused any is a reason of its own.
pub(super) fn note_refused(derived: &Derived, verdict: &mut Verdict) {
    let Flows { refused, started, .. } = derived.flows;
    if refused > 0 {
        let (n, share) = (units::counted(refused, "flow", "flows"), units::percent(share(refused, started)));
        verdict.notes.push(format!(
            "{n} did not end ({share} of those started) because the transport refused a message of theirs; the times are those of the other flows"
        ));
    }
}

/// Flows that did not end because a message of theirs became a dead letter, and where these messages were on their way.
pub(super) fn note_dead(run: &Run, derived: &Derived, verdict: &mut Verdict) {
    let letters = DeadLetters::merged(run.counted_trials().flat_map(|trial| &trial.dead_letters));
    if letters.is_empty() {
        return;
    }
    let Flows { dead, started, .. } = derived.flows;
    let one = |letters: &DeadLetters| {
        format!("{} of {} for {}", units::count(letters.messages), letters.destination, letters.receiver)
    };
    let all: u64 = letters.iter().map(|letters| letters.messages).sum();
    let of = letters.iter().map(one).collect::<Vec<_>>().join(", ");
    let (n, share) = (units::counted(dead, "flow", "flows"), units::percent(share(dead, started)));
    verdict.notes.push(format!(
        "{} ({of}); {n} of the measured window did not end for that ({share} of those started), and the times are those of the other flows",
        units::counted(all, "message became a dead letter", "messages became dead letters")
    ));
}

/// A part of a whole: never more than one, whatever the counts of a record say.
fn share(n: u64, of: u64) -> f64 {
    (n as f64 / of.max(1) as f64).min(1.0)
}

/// How many messages that were delivered again may have ended their flows again. Where the receiver knew that it had seen
/// the message before, the end was not counted.
pub(super) fn may_end_again(trial: &Trial) -> u64 {
    trial.audit.duplicated.saturating_sub(trial.flows.ended_again.unwrap_or(0))
}

/// Checks that flows started = ended + dead + unfinished + lost + refused. A message that was delivered twice may end its flow twice. If the
/// sum is wrong, no figure of the trial can be trusted.
pub(super) fn check_balance(run: &Run, verdict: &mut Verdict) {
    let hidden: u64 = run.counted_trials().map(|trial| may_end_again(trial).min(trial.audit.lost)).sum();
    if hidden > 0 {
        let flows = units::counted(hidden, "flow", "flows");
        let reason = format!(
            "up to {flows} may have been counted as ended twice, in place of flows that never ended: messages were lost and others were delivered again"
        );
        verdict.notes.push(reason);
    }
    for trial in run.trials.iter().filter(|trial| matches!(trial.status, Status::Ok | Status::Interrupted)) {
        let flows = trial.flows;
        let (started, again) = (u128::from(flows.started), u128::from(may_end_again(trial)));
        let at_most = started + again;
        let ended = u128::from(flows.ended);
        let others = [flows.unfinished, flows.lost, flows.refused, flows.dead];
        let found = ended + others.map(u128::from).iter().sum::<u128>();
        // In older records unfinished flows of the warm-up are among the others.
        let too_many = if flows.warmup_unfinished.is_some() { found > at_most } else { ended > at_most };
        if found < started || too_many {
            let [started, ended, unfinished, lost, refused] =
                [flows.started, flows.ended, flows.unfinished, flows.lost, flows.refused].map(units::count);
            let hint = if ended_too_often(trial) { often(trial) } else { String::new() };
            let mut refused = if flows.refused > 0 { format!(", {refused} refused") } else { String::new() };
            if flows.dead > 0 {
                refused += &format!(", {} dead", units::count(flows.dead));
            }
            verdict.add(
                Validity::Invalid,
                format!(
                    "the counts of trial {} do not add up: {started} flows started, but {ended} ended, {unfinished} \
                     unfinished{refused} and {lost} lost{hint}",
                    trial.number + 1
                ),
            );
        }
    }
}

/// More flows ended than were started, and messages that came again do not explain it.
fn ended_too_often(trial: &Trial) -> bool {
    u128::from(trial.flows.ended) > u128::from(trial.flows.started) + u128::from(may_end_again(trial))
}

/// The likely cause, with the factor if the counts are an exact multiple.
fn often(trial: &Trial) -> String {
    let (started, ended) = (trial.flows.started, trial.flows.ended);
    let often = match started {
        1.. if ended.is_multiple_of(started) => format!("{} times as often as", ended / started),
        _ => "more often than".into(),
    };
    format!(". The likely cause: handlers end a flow {often} the scenario's `ends_per_flow` says")
}

/// A load by duration that a shorter trace ended.
pub(super) fn check_duration(run: &Run, verdict: &mut Verdict) {
    let asked = run.asked();
    if let (Some(ran_ns), Some(asked_ns)) = (asked.duration_ns, asked.duration_asked_ns) {
        let (ran, asked) = (units::duration(ran_ns), units::duration(asked_ns));
        let reason = format!("the load lasted {ran} of the {asked} asked for: the trace has no more");
        verdict.add(Validity::Suspect, reason);
    }
}

/// A load by count that ended before it had started that many flows, for example because the trace was shorter.
pub(super) fn check_count(run: &Run, verdict: &mut Verdict) {
    let Some(asked) = run.asked().count else { return };
    let ended_well = run.trials.iter().filter(|trial| trial.status == Status::Ok);
    if let Some(trial) =
        ended_well.min_by_key(|trial| trial.flows.due).filter(|trial| trial.flows.due < asked)
    {
        let of = units::counted(asked, "flow", "flows");
        let due = units::count(trial.flows.due);
        let why =
            if run.asked().follows_trace { "the trace has no more" } else { "the load had no more to start" };
        verdict.add(Validity::Suspect, format!("only {due} of {of} were due: {why}"));
    }
}
