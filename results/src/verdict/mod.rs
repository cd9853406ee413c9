//! The verdict on a run: valid, suspect or invalid, with the reasons as sentences with figures.
//!
//! Lives here: the type of a verdict, and the order in which the checks run. The limits are in `thresholds`. Each group of
//! checks has a file: `host`, `ends`, `load`, `little`, `standstill`, `steady`, `stops`, `machine`,
//! `outages`, `backlog`, `window`, `counts`. Does not live
//! here: the verdict of a comparison (`compare`) and exit codes (the command line).

mod backlog;
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

pub use host::{HostReason, host_reasons};
pub use little::InFlight;
pub use machine::Machine;
pub use thresholds::{Kind, Threshold, ThresholdError, Thresholds};

use crate::model::{LoadKind, Run};
use crate::stats::Derived;

/// The status of a run, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// The figures may be wrong: read the reasons before you use them.
    Suspect,
    /// The run did not measure what was asked.
    Invalid,
}

impl Validity {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// The status of a run and the reasons for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub status: Validity,
    /// The reasons that the machine caused and not the run: other processes, the hypervisor, a CPU quota.
    pub host: Vec<String>,
    /// What speaks against the run, beginning with the reasons in `host`. Promises that the transport broke are listed, too, but
    /// do not change `status`.
    pub reasons: Vec<String>,
    /// What a reader should know although it does not speak against the run.
    pub notes: Vec<String>,
}

impl Verdict {
    /// The reasons that the machine did not cause.
    #[must_use]
    pub fn own_reasons(&self) -> &[String] {
        self.reasons.get(self.host.len()..).unwrap_or_default()
    }

    fn add(&mut self, status: Validity, reason: String) {
        self.status = self.status.max(status);
        self.reasons.push(reason);
    }
}

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
    }
    counts::check(run, thresholds, &mut verdict);
    counts::check_losses(run, thresholds, &mut verdict);
    counts::check_confirms(run, thresholds, &mut verdict);
    counts::list_faults(run, &mut verdict);
    outages::note(run, &mut verdict);
    backlog::check(run, &mut verdict);
    disturbed::note(run, &mut verdict);
    counts::add_notes(run, &mut verdict);
    verdict
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
