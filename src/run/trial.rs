//! Turns the engine's outcome of a trial into a trial of the record.

use super::{
    faults,
    job::{Job, Target},
};
use crate::host::Seen;
use crate::secrets;
use drumpost_core::{
    cost,
    gaps::Gaps,
    hist,
    load::Pace,
    options::{OptionEntry, Options},
    outcome::{
        self, Cause, Ending, Outcome,
        backlog::{self, Piled},
    },
    transport::OpenError,
};
use drumpost_results::model::{
    ArrivalCheck, Audit, Backlog, ConfirmTimes, Cost, DeadLetters, Distribution, Flows, Hop, Limit, Outage,
    OutageCause, Phase, Series, ServerSaid, Standstill, Status, Trial, Unrouted,
};
use drumpost_results::{stats, units, verdict::Machine};
use drumpost_workloads::ArrivalSpec;
use std::time::Duration;

/// Which trial it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub number: u32,
    pub position: u32,
    pub seed: u64,
}

/// Figures that the engine does not measure.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub series: Series,
    pub host: Seen,
    pub floor_ns: Option<u64>,
}

/// A trial that could not be opened.
pub(crate) fn not_opened(place: Place, error: &OpenError) -> Trial {
    let status = match error {
        OpenError::Refused(_) => Status::Refused,
        OpenError::Failed(_) => Status::Failed,
    };
    let Place { number, position, seed } = place;
    Trial {
        number,
        position,
        seed,
        status,
        error: Some(secrets::hide(&error.to_string())),
        ..Trial::default()
    }
}

/// A trial that ran, to its end or not.
pub(crate) fn ran(job: &Job, target: &Target, place: Place, outcome: Outcome, mut beside: Beside) -> Trial {
    let (status, error) = match &outcome.ending {
        Ending::Completed => (Status::Ok, None),
        Ending::Interrupted => {
            (Status::Interrupted, Some("the figures are those measured before the interruption".into()))
        }
        Ending::Failed(what) => (Status::Failed, Some(secrets::hide(what))),
    };
    let mut notes: Vec<String> = outcome.notes.iter().map(|note| secrets::hide(note)).collect();
    notes.extend(outcome.drain_timed_out.then(|| not_drained(target)));
    // What an instance held that never came back would not be handed out to it, however long the drain were.
    let held = |outage: &outcome::Outage| {
        !outage.until_end && !matches!(outage.cause, Cause::Absent | Cause::Paused)
    };
    if outcome.drain_timed_out && outcome.audit.lost > 0 && outcome.outages.iter().any(held) {
        let drain = target.plan.drain_deadline;
        notes.extend(redelivered_too_late(target.entry.options, &job.options, drain));
    }
    let over_range =
        [&outcome.response, &outcome.service, &outcome.lag].map(|all| all.over_range).iter().sum();
    let response = distribution(&outcome.response);
    let service = distribution(&outcome.service);
    let followed = matches!(target.plan.load.pace, Pace::Open { .. }).then_some(&service);
    beside.series.complete(outcome.elapsed_ns, outcome.measured_ended, &response, followed);
    Trial {
        number: place.number,
        position: place.position,
        seed: place.seed,
        status,
        error,
        elapsed_ns: outcome.elapsed_ns,
        flows: Flows {
            due: outcome.measured_started + outcome.missed + outcome.shed + outcome.dropped,
            started: outcome.measured_started,
            ended: outcome.measured_ended,
            shed: outcome.shed,
            dropped: outcome.dropped,
            dead: outcome.measured_dead,
            ended_again: (outcome.audit.duplicated > 0).then_some(outcome.ended_again),
            ..not_ended(target, &outcome)
        },
        asked_per_s: job.workload.asked_per_s(target.plan.load.warmup_ns, target.plan.load.extent),
        schedule_ns: outcome.schedule_ns,
        blocked_ns: outcome.blocked_ns,
        senders: Some(outcome.senders),
        mean_in_flight: outcome.mean_in_flight,
        counted_in_flight: outcome.counted_in_flight,
        standstill: outcome.standstill.map(standstill),
        messages: Some(outcome.messages),
        response,
        service,
        lag: distribution(&outcome.lag),
        inter_send: distribution(&outcome.inter_send),
        arrival_check: arrival_check(job, &outcome),
        hops: outcome.hops.iter().map(hop).collect(),
        confirms: outcome.confirms.iter().map(confirms).collect(),
        audit: Audit { over_range, ..outcome.audit },
        unrouted: outcome.unrouted.iter().map(unrouted).collect(),
        dead_letters: outcome.dead_letters.iter().map(dead_letters).collect(),
        cpu_ns: outcome.cost.map(|cost| cost.cpu_ns),
        cost: outcome.cost.map(cost),
        floor_ns: beside.floor_ns,
        hygiene: beside.host.hygiene,
        busiest: beside.host.busiest,
        server: beside.host.server,
        series: beside.series,
        backlog: outcome.backlog.as_deref().map(backlog),
        outages: outcome.outages.iter().map(|away| outage(away, outcome.audit.confirmed.is_some())).collect(),
        disturbances: faults::recorded(&target.faults.disturbances, &outcome.recoveries),
        notes,
        ..Trial::default()
    }
}

fn not_drained(target: &Target) -> String {
    let text = drumpost_results::units::duration(drumpost_core::clock::as_ns(target.plan.drain_deadline));
    format!("some expected messages had not arrived {text} after the end of the load (--drain)")
}

/// Why messages may be missing after an instance was killed or lost its connection: the server hands out again what the instance held
/// only when the run is over.
fn redelivered_too_late(declared: &[OptionEntry], options: &Options, drain: Duration) -> Option<String> {
    let option = declared.iter().find(|option| option.redelivers)?;
    let name = option.name;
    let after_ns = units::parse_duration(options.get(name).or(option.default)?).ok()?;
    let drain_ns = drumpost_core::clock::as_ns(drain);
    (after_ns >= drain_ns).then(|| {
        let [wait, waited] = [after_ns, drain_ns].map(units::duration);
        let enough = units::duration_text(after_ns.saturating_add(drain_ns));
        format!(
            "messages that are missing may not be lost. The server hands out again what a killed instance held, but only after \
             {wait} ({name}), and the run ended {waited} after its load (--drain). Use --drain {enough}, or a shorter {name}"
        )
    })
}

/// Flows that were started and did not end, by the reason. As many flows are refused as messages were, because a message that
/// was refused is not delivered. Over a transport that may lose messages, as many flows are lost as messages were: which of
/// the others would still have ended nobody can know.
fn not_ended(target: &Target, outcome: &Outcome) -> Flows {
    let refused = outcome.audit.refused.unwrap_or(0);
    let lost = if target.promise.is_lossless() { 0 } else { outcome.audit.lost };
    let in_warmup = outcome.warmup_unfinished;
    let measured = outcome.unfinished.saturating_sub(in_warmup);
    let measured_refused = measured.min(refused);
    let measured_lost = (measured - measured_refused).min(lost);
    let left = refused - measured_refused + (lost - measured_lost);
    Flows {
        unfinished: measured - measured_refused - measured_lost,
        lost: measured_lost,
        refused: measured_refused,
        warmup_unfinished: Some(in_warmup.saturating_sub(left)),
        ..Flows::default()
    }
}

fn hop(from: &outcome::Hop) -> Hop {
    let outcome::Hop { destination, receiver, times } = from;
    Hop { destination: destination.clone(), receiver: receiver.clone(), time: distribution(times) }
}

fn confirms(from: &outcome::Confirms) -> ConfirmTimes {
    let outcome::Confirms { destination, confirmed, refused, unconfirmed, times } = from;
    ConfirmTimes {
        destination: destination.clone(),
        confirmed: *confirmed,
        refused: *refused,
        unconfirmed: *unconfirmed,
        time: distribution(times),
    }
}

/// `confirms` says whether the transport confirms messages: where it does not, unconfirmed ones mean nothing.
fn outage(from: &outcome::Outage, confirms: bool) -> Outage {
    let outcome::Outage { instance, cause, at_ns, away_ns, until_end } = from;
    let (instance, at_ns, away_ns, until_end) = (instance.clone(), *at_ns, *away_ns, *until_end);
    let away = Outage { instance, at_ns, away_ns, until_end, ..Outage::default() };
    match cause {
        Cause::Absent => Outage { cause: OutageCause::Absent, ..away },
        Cause::ConsumerKilled { in_hand } => {
            Outage { cause: OutageCause::ConsumerKilled, in_hand: Some(*in_hand as u64), ..away }
        }
        Cause::ConnectionKilled { in_hand, unconfirmed } => Outage {
            cause: OutageCause::ConnectionKilled,
            in_hand: Some(*in_hand as u64),
            unconfirmed: confirms.then_some(*unconfirmed),
            ..away
        },
        Cause::Paused => Outage { cause: OutageCause::Paused, ..away },
        Cause::ConnectionLost { why } => {
            Outage { cause: OutageCause::ConnectionLost, why: Some(secrets::hide(why)), ..away }
        }
    }
}

fn backlog(from: &Piled) -> Backlog {
    let Piled {
        service,
        absent,
        is_reached,
        joined_ns,
        waiting,
        server,
        level,
        level_ns,
        left,
        limit,
        phases,
    } = from;
    let phase = |phase: &backlog::Phase| Phase {
        from_ns: phase.from_ns,
        until_ns: phase.until_ns,
        sent: phase.sent,
        received: phase.received,
        waiting: phase.waiting,
        started: phase.started,
        late_ns: phase.late_ns,
        blocked_ns: phase.blocked_ns,
        lag: distribution(&phase.lag),
        confirm: distribution(&phase.confirm),
    };
    Backlog {
        service: service.clone(),
        absent: u64::from(*absent),
        is_reached: *is_reached,
        joined_ns: *joined_ns,
        waiting: *waiting,
        server: server.map(|told| ServerSaid {
            ready: told.depth.ready,
            unacknowledged: told.depth.unacknowledged,
            counted: told.counted,
        }),
        level: *level,
        level_ns: *level_ns,
        left: *left,
        limit: limit.map(|limit| Limit { per_s: limit.per_s, held_back_ns: limit.held_back_ns }),
        phases: phases.iter().map(phase).collect(),
    }
}

/// Senders up to which each is checked.
const SENDERS_CHECKED: usize = 64;

/// Whether the intervals between flows were those of the process that was asked for, as planned and as started. Of several
/// senders the one that strays most is told of.
fn arrival_check(job: &Job, outcome: &Outcome) -> Option<ArrivalCheck> {
    if !matches!(job.workload.arrivals, Some(ArrivalSpec::Poisson(_))) {
        return None;
    }
    // With many senders one of them strays by chance, and each leaves too few intervals to tell.
    if outcome.gaps.len() > SENDERS_CHECKED {
        return None;
    }
    // Virtual time has no smaller step than its unit.
    let step_ns = Machine::of(&job.record.environment).clock_step_ns.unwrap_or(1.0).max(1.0);
    let statistic = |gaps_ns: &[u64]| stats::anderson_darling_exponential(gaps_ns, step_ns as u64);
    let most = |of: fn(&Gaps) -> &[u64]| {
        outcome.gaps.iter().filter_map(|gaps| statistic(of(gaps))).max_by(f64::total_cmp)
    };
    Some(ArrivalCheck {
        process: "Poisson".into(),
        planned_a2: most(|gaps| &gaps.planned_ns),
        sent_a2: most(|gaps| &gaps.started_ns),
        critical: stats::CRITICAL_1_PERCENT,
        intervals: outcome.gaps.iter().map(|gaps| gaps.planned_ns.len() as u64).sum(),
    })
}

/// As the record keeps it.
pub(super) fn distribution(from: &hist::Distribution) -> Distribution {
    // Both sides keep 3 significant digits from 1 ns on, so the only way to fail is a defect, and then nothing is shown.
    Distribution::from_parts(&from.histogram, from.sum_ns, from.min_ns, from.max_ns, from.over_range)
        .unwrap_or_default()
}

fn standstill(from: outcome::Standstill) -> Standstill {
    let outcome::Standstill { window, unfinished, written_off, from_ns, longest_ns } = from;
    Standstill { window, unfinished, written_off, from_ns, longest_ns }
}

fn unrouted(from: &outcome::Unrouted) -> Unrouted {
    let outcome::Unrouted { service, kind, messages } = from.clone();
    Unrouted { service, kind, messages }
}

fn dead_letters(from: &outcome::DeadLetters) -> DeadLetters {
    let outcome::DeadLetters { destination, receiver, messages } = from.clone();
    DeadLetters { destination, receiver, messages }
}

fn cost(from: cost::Cost) -> Cost {
    let cost::Cost { window_ns, cpu_ns: _, awake_ns, harness_ns, messages, flows } = from;
    Cost { window_ns, awake_ns, harness_ns, messages, flows: Some(flows) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::Grammar;

    #[test]
    fn a_server_that_redelivers_after_the_run_is_said_with_what_to_set() {
        let wait = OptionEntry::new("box.wait", Grammar::SOME_TIME, "30s", "how long");
        let said = |entry: OptionEntry, text: Option<&str>, drain_s| {
            let mut options = Options::default();
            text.iter().for_each(|text| options.set("box.wait", *text));
            redelivered_too_late(&[entry], &options, Duration::from_secs(drain_s))
        };
        let expected = "messages that are missing may not be lost. The server hands out again what a killed instance held, but \
                        only after 30.0 s (box.wait), and the run ended 5.00 s after its load (--drain). Use --drain 35s, or a \
                        shorter box.wait";
        assert_eq!(said(wait.redelivers(), None, 5).as_deref(), Some(expected));
        assert!(said(wait.redelivers(), Some("5s"), 5).is_some());
        assert_eq!(said(wait.redelivers(), Some("4s"), 5), None);
        assert_eq!(said(wait.redelivers(), None, 60), None);
        assert_eq!(said(wait, None, 5), None, "no option says it");
    }
}
