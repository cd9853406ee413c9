//! Closed loads that stood still: flows that never ended used up the window, so no further flow could start. The throughput
//! of such a run says how long the window lasted, and nothing about the dispatch.
//!
//! Does not live here: other flows that did not end (`ends`).

use super::{Validity, Verdict};
use crate::model::{LoadKind, Run, Standstill, Status, Trial};
use crate::units;

/// From this share of the window on, it is said that flows that never ended held places of it.
const HELD: f64 = 0.1;

/// Flows of a trial that were started and never ended, whatever the reason and whenever they were started.
fn never_ended(trial: &Trial) -> u64 {
    let flows = &trial.flows;
    flows.unfinished + flows.lost + flows.refused + flows.warmup_unfinished.unwrap_or(0)
}

fn window(run: &Run) -> Option<u64> {
    run.asked().window.filter(|window| run.load == LoadKind::Closed && *window > 0)
}

/// The standstill of a trial. Older records do not have it, and the counts tell it.
fn of(run: &Run, trial: &Trial) -> Option<Standstill> {
    if trial.status != Status::Ok {
        return None;
    }
    trial.standstill.or_else(|| {
        let (window, unfinished) = (window(run)?, never_ended(trial));
        let is_full = unfinished >= window;
        is_full.then(|| Standstill { window, unfinished, ..Standstill::default() })
    })
}

/// Whether a trial stood still.
pub(super) fn is_in(run: &Run, trial: &Trial) -> bool {
    of(run, trial).is_some()
}

/// Says that a closed load stood still. Returns whether it did.
pub(super) fn check(run: &Run, verdict: &mut Verdict) -> bool {
    let all: Vec<(&Trial, Standstill)> =
        run.trials.iter().filter_map(|trial| Some((trial, of(run, trial)?))).collect();
    let Some((trial, still)) = all.first() else {
        note_held(run, verdict);
        return false;
    };
    let (of_all, total) = (all.len(), run.trials.len());
    let which = match (total, of_all) {
        (1, _) => String::new(),
        (_, 1) => format!("trial {}: ", trial.number + 1),
        _ => format!("{of_all} of {total} trials, such as trial {}: ", trial.number + 1),
    };
    verdict.add(Validity::Invalid, format!("{which}{} ({})", sentence(still), cause(trial, still)));
    true
}

/// `64 flows were started and never ended; they fill the window of 64, so the load stood still from 50.0 ms on`
fn sentence(still: &Standstill) -> String {
    let Standstill { window, unfinished, written_off, from_ns, longest_ns } = *still;
    let flows = units::counted(unfinished, "flow was", "flows were");
    let window = units::count(window);
    if written_off > 0 {
        return format!(
            "{flows} started and never ended; they filled the window of {window}, and the load stood still for up to {} until it \
             gave them up and went on",
            units::duration(longest_ns)
        );
    }
    let from = if longest_ns > 0 { format!(" from {} on", units::duration(from_ns)) } else { String::new() };
    format!(
        "{flows} started and never ended; they fill the window of {window}, so the load stood still{from}"
    )
}

/// Why the flows did not end, as far as the audit tells.
fn cause(trial: &Trial, still: &Standstill) -> String {
    let message = |n: u64| units::counted(n, "message was", "messages were");
    let (lost, refused) = (trial.audit.lost, trial.audit.refused.unwrap_or(0));
    match (lost, refused) {
        (0, 0) if trial.audit.unknown > 0 => {
            let n = units::counted(trial.audit.unknown, "delivery", "deliveries");
            format!("the fate of {n} is unknown")
        }
        (0, 0) if trial.audit.dead > 0 => {
            units::counted(trial.audit.dead, "message became a dead letter", "messages became dead letters")
        }
        (0, 0) => no_loss().into(),
        (0, refused) => format!("{} refused by the transport", message(refused)),
        // A flow may need several messages, and each of its messages may be lost.
        (lost, _) if lost + refused < still.unfinished => {
            format!("only {} lost; {}", message(lost), no_end())
        }
        (lost, _) => format!("{} lost", message(lost)),
    }
}

/// The likely causes where flows did not end and the transport delivered every message.
pub(super) const fn no_loss() -> &'static str {
    "no message was lost, so a handler may not end its flows, or the scenario's `ends_per_flow` is larger than what its \
     handlers do; flows that take longer than --drain look the same"
}

const fn no_end() -> &'static str {
    "of the others a handler may not end its flows"
}

/// Places of the window that were held by flows that never ended. With fewer places the throughput is lower.
fn note_held(run: &Run, verdict: &mut Verdict) {
    let Some(window) = window(run) else { return };
    let held = run.counted_trials().filter(|trial| trial.status == Status::Ok).map(never_ended).max();
    if let Some(held) = held.filter(|held| *held as f64 > window as f64 * HELD) {
        let (held, window) = (units::count(held), units::count(window));
        verdict.notes.push(format!(
            "at the end flows that never ended held {held} of the {window} places of the window, so the throughput is \
             lower than with all of them"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_reason, clean};
    use super::super::{Machine, Thresholds, judge};
    use super::*;
    use crate::model::{Audit, Distribution, Flows};

    fn judged(trials: Vec<Trial>) -> Verdict {
        let mut run = Run { trials, ..Run::default() };
        run.settings.insert("window".into(), 64u64.into());
        judge(&run, &Machine::default(), &Thresholds::default())
    }

    const STILL: Standstill = Standstill {
        window: 64,
        unfinished: 64,
        written_off: 0,
        from_ns: 50_000_000,
        longest_ns: 250_000_000,
    };

    /// All flows ended in the warm-up, but for 64 that used up the window.
    fn before_the_window(lost: u64) -> Trial {
        Trial {
            flows: Flows { warmup_unfinished: Some(64), ..Flows::default() },
            response: Distribution::default(),
            service: Distribution::default(),
            lag: Distribution::default(),
            mean_in_flight: None,
            audit: Audit { lost, ..clean().audit },
            standstill: Some(STILL),
            ..clean()
        }
    }

    #[test]
    fn a_window_that_was_used_up_in_the_warmup_is_said_with_its_counts() {
        let verdict = judged(vec![before_the_window(64)]);
        let said = "64 flows were started and never ended; they fill the window of 64, so the load stood still from 50.0 ms on \
                    (64 messages were lost)";
        assert_reason(&verdict, Validity::Invalid, said);
        let all = verdict.reasons.join("\n");
        assert!(!all.contains("so there are no response times"), "{all}");
        assert!(all.contains("64 flows of the warm-up did not end"), "{all}");
    }

    #[test]
    fn flows_that_do_not_end_although_nothing_was_lost_are_the_handlers_doing() {
        let verdict = judged(vec![before_the_window(0)]);
        assert_reason(&verdict, Validity::Invalid, "no message was lost, so a handler may not end its flows");
        let some = judged(vec![before_the_window(3)]);
        assert_reason(&some, Validity::Invalid, "only 3 messages were lost");
    }

    #[test]
    fn a_standstill_in_the_window_makes_its_throughput_invalid() {
        let still = |trial: &mut Trial| {
            (trial.flows.ended, trial.flows.unfinished) = (99_936, 64);
            (trial.mean_in_flight, trial.audit.lost) = (None, 64);
        };
        let mut older = clean();
        still(&mut older);
        let verdict = judged(vec![older.clone()]);
        assert_reason(&verdict, Validity::Invalid, "so the load stood still (64 messages were lost)");
        let newer = Trial { standstill: Some(STILL), number: 1, ..older };
        let verdict = judged(vec![clean(), newer.clone()]);
        assert_reason(&verdict, Validity::Invalid, "trial 2: 64 flows were started and never ended");
        let again = Standstill { unfinished: 64, written_off: 64, longest_ns: 5_000_000_000, ..STILL };
        let verdict = judged(vec![Trial { standstill: Some(again), ..newer.clone() }, newer]);
        assert_reason(&verdict, Validity::Invalid, "2 of 2 trials, such as trial 2: 64 flows");
        assert_reason(
            &verdict,
            Validity::Invalid,
            "stood still for up to 5.00 s until it gave them up and went on (64 messages were lost)",
        );
    }

    #[test]
    fn places_that_were_held_are_noted_and_a_trial_that_was_cut_is_not_judged() {
        let left = |unfinished, status| {
            let flows = Flows { ended: 100_000 - unfinished, unfinished, ..clean().flows };
            judged(vec![Trial { flows, mean_in_flight: None, status, ..clean() }])
        };
        let notes = left(32, Status::Ok).notes.join("\n");
        assert!(notes.contains("held 32 of the 64 places of the window"), "{notes}");
        assert!(left(6, Status::Ok).notes.is_empty());
        let cut = left(64, Status::Interrupted);
        assert!(!cut.reasons.join("\n").contains("stood still"), "{cut:?}");
    }
}
