//! The verdict on a run: valid, suspect or invalid, with the reasons as sentences with figures.
//!
//! Lives here: the order in which the checks run. The limits are in `thresholds`. Each group of
//! checks has a file: `host`, `ends`, `load`, `little`, `standstill`, `steady`, `stops`, `machine`,
//! `outages`, `backlog`, `window`, `counts`. Trials that are invalid by themselves are in `alone`. What limited a run is in `bound`. Does not live
//! here: the type of a verdict (`model`), the verdict of a comparison (`compare`) and exit codes (the command line).

mod alone;
mod backlog;
mod bound;
mod counts;
#[cfg(test)]
mod counts_tests;
mod disturbed;
mod ends;
mod host;
mod little;
mod load;
mod machine;
mod outages;
mod standstill;
mod steady;
mod stops;
mod thresholds;
mod window;

pub(crate) use alone::Alone;
pub(crate) use bound::bound;
pub(crate) use disturbed::happened;
pub(crate) use host::STEPS_NS;
pub use host::{HostReason, host_reasons};
pub use little::InFlight;
pub use machine::Machine;
pub use thresholds::{Kind, Threshold, ThresholdError, Thresholds};

use crate::model::{LoadKind, Record, Run, Validity, Verdict};
use crate::stats::Derived;

/// Judges a run from its trials and the facts about the machine.
#[must_use]
pub fn judge(run: &Run, machine: &Machine, thresholds: &Thresholds) -> Verdict {
    let mut verdict = Verdict::default();
    let derived = Derived::of(run);
    if derived.flows.ended > 0 {
        host::check(run, machine, thresholds, &mut verdict);
    }
    let free = verdict.host.is_empty();
    let stood_still = standstill::check(run, &mut verdict);
    ends::check_trials(run, &derived, stood_still, &mut verdict);
    ends::check_balance(run, &mut verdict);
    ends::check_count(run, &mut verdict);
    ends::check_duration(run, &mut verdict);
    if derived.flows.ended > 0 && run.load == LoadKind::Open {
        load::check(run, &derived, thresholds, free, &mut verdict);
    }
    ends::check_unfinished(&derived, thresholds, &mut verdict);
    ends::note_refused(&derived, &mut verdict);
    ends::note_dead(run, &derived, &mut verdict);
    if derived.flows.ended > 0 {
        little::check(run, &derived, thresholds, &mut verdict);
        if !backlog::is_in(run) {
            steady::check(run, thresholds, free, &mut verdict);
        }
        stops::check(run, &mut verdict);
        machine::check(run, &derived, machine, thresholds, &mut verdict);
    }
    // A load that stood still is not limited by the size of its window.
    if free && derived.flows.ended > 0 && !stood_still {
        window::note(run, &derived, thresholds, &mut verdict);
        window::note_batch(run, &mut verdict);
    }
    counts::check(run, thresholds, &mut verdict);
    counts::check_losses(run, thresholds, &mut verdict);
    counts::check_confirms(run, thresholds, &mut verdict);
    counts::list_faults(run, &mut verdict);
    outages::note(run, &mut verdict);
    backlog::check(run, &mut verdict);
    alone::check(run, &derived, thresholds, &mut verdict);
    disturbed::note(run, &mut verdict);
    counts::add_notes(run, &mut verdict);
    verdict
}

impl Run {
    /// The verdict as judged when it was measured, or judged now by the default thresholds.
    #[must_use]
    pub fn judged(&self) -> Verdict {
        self.verdict.clone().unwrap_or_else(|| judge(self, &Machine::default(), &Thresholds::default()))
    }
}

impl Record {
    /// Judges every run and keeps the verdicts in them, and the thresholds that are not the defaults.
    pub fn judge(&mut self, thresholds: &Thresholds) {
        let machine = Machine::of(&self.environment);
        for run in &mut self.runs {
            run.verdict = Some(judge(run, &machine, thresholds));
        }
        self.thresholds = thresholds.to_settings();
    }
}

/// Signs that an open load was more than the dispatch can handle: flows that were due and not started, or that did not
/// end, beyond the limits that make a run invalid, and a response time that grew from quarter to quarter. Empty if the
/// dispatch kept up.
#[must_use]
pub fn overload(run: &Run, thresholds: &Thresholds) -> Vec<String> {
    let derived = Derived::of(run);
    if derived.flows.ended == 0 {
        return vec!["no flow ended".into()];
    }
    let free = host::was_free(run, &Machine::default(), thresholds);
    let mut verdict = Verdict::default();
    load::rate(run, &derived, thresholds, free, &mut verdict);
    let mut unfinished = Verdict::default();
    // Flows of lost and of refused messages count as unfinished here: a transport that drops or refuses messages under this
    // load did not handle the load, even if its promise allows it.
    let mut all = derived;
    all.flows.unfinished += std::mem::take(&mut all.flows.lost) + std::mem::take(&mut all.flows.refused);
    ends::check_unfinished(&all, thresholds, &mut unfinished);
    if unfinished.status == Validity::Invalid {
        verdict.reasons.append(&mut unfinished.reasons);
    }
    steady::check(run, thresholds, free, &mut verdict);
    verdict.reasons
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod tests;
