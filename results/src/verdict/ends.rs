//! How trials and their flows ended: trials that broke or measured nothing, flows that never ended.
//!
//! Lives here: what was begun and not finished. Does not live here: flows that were never started (`load`).

use super::{Thresholds, Validity, Verdict};
use crate::model::{Run, Status};
use crate::stats::Derived;
use crate::units;

/// Trials that did not end well, those with the same sentence together, or that measured nothing.
pub(super) fn check_trials(run: &Run, derived: &Derived, verdict: &mut Verdict) {
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
            [number] => format!("trial {} of {total} ", number + 1),
            _ => format!("{} of {total} trials ", numbers.len()),
        };
        // What was interrupted measured less than was asked, not something else.
        let validity = if status == Status::Interrupted { Validity::Suspect } else { Validity::Invalid };
        verdict.add(validity, format!("{which}{}: {error}", status.word()));
    }
    if total == 0 {
        verdict.add(Validity::Invalid, "no trial was started".into());
    } else if derived.trials == 0 {
        verdict.status = Validity::Invalid;
    } else if derived.flows.ended == 0 {
        verdict.add(Validity::Invalid, "no flow ended, so there are no response times".into());
    }
}

/// Flows that were started and had not ended at the drain deadline.
pub(super) fn check_unfinished(derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let flows = derived.flows;
    if flows.unfinished == 0 {
        return;
    }
    let share = flows.unfinished as f64 / flows.started.max(1) as f64;
    let status = if share > thresholds.unfinished { Validity::Invalid } else { Validity::Suspect };
    let (n, share) = (units::counted(flows.unfinished, "flow", "flows"), units::percent(share));
    verdict.add(status, format!("{n} did not end before the drain deadline ({share} of those started)"));
}
