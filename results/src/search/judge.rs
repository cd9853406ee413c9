//! Judges a hold: whether it kept the goal and why not, and whether the machine disturbed it.
//!
//! Does not live here: the choice of the next rate (`planner`).

use super::planner::Outcome;
use super::size::flows_with_room;
use crate::goal::{Answer, Goal};
use crate::model::{Run, search::Judgement};
use crate::stats::Derived;
use crate::units;
use crate::verdict::{self, Thresholds};

/// Disturbances during a hold, each as a share of the time of all cores. `None`: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Host {
    /// Taken by the hypervisor for others.
    pub steal_share: Option<f64>,
    /// Spent on other processes.
    pub others_share: Option<f64>,
    /// The process was stopped and continued.
    pub stopped: bool,
}

/// From which shares on a hold says more about the machine than about the dispatch, and is repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostLimits {
    /// 0.05.
    pub steal_share: f64,
    /// 0.25.
    pub others_share: f64,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self { steal_share: 0.05, others_share: 0.25 }
    }
}

impl Host {
    /// The disturbance beyond its limit, in words.
    #[must_use]
    pub fn disturbance(self, limits: HostLimits) -> Option<String> {
        let over = |share: Option<f64>, limit: f64| share.filter(|share| *share > limit).map(units::percent);
        let steal = over(self.steal_share, limits.steal_share);
        let others = over(self.others_share, limits.others_share);
        if self.stopped {
            return Some("the process was stopped and continued".into());
        }
        match (steal, others) {
            (Some(share), _) => Some(format!("the hypervisor took {share} of the cores")),
            (_, Some(share)) => Some(format!("other processes used {share} of the cores")),
            _ => None,
        }
    }
}

/// A hold judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The outcome for the planner.
    pub outcome: Outcome,
    /// Why the goal was not kept, each in words; empty if it was.
    pub reasons: Vec<String>,
    /// What disturbed the hold; `None` if nothing did.
    pub disturbance: Option<String>,
}

/// Judges a hold of a rate. It keeps the goal if every term holds and the load itself was in order: what was due was
/// started, flows ended, and the response did not grow all along. If nothing speaks against it but that there are too few
/// samples for a term, it cannot be told. Whether it is repeated because of the host does not depend on which it is.
#[must_use]
pub fn judge(run: &Run, goal: &Goal, rate_per_s: f64, host: Host) -> Judged {
    let mut reasons = Vec::new();
    let mut too_few = Vec::new();
    let long = |samples| units::duration((flows_with_room(samples) as f64 / rate_per_s * 1e9).ceil() as u64);
    let flows = Derived::of(run).flows;
    for term in &goal.terms {
        match term.answer(run, None) {
            Answer::Kept { .. } => {}
            Answer::Missed { value } => {
                let figure = format!("{} {}", term.figure(), term.text(value));
                reasons.push(format!("{figure}, not {}", term.condition()));
            }
            Answer::Unknown { why } => reasons.push(format!("{term} cannot be told: {why}")),
            // Without ends there is nothing to be said about times, and the load's own reason says so.
            Answer::TooFew { count: 0, .. } if flows.due > 0 => {}
            Answer::TooFew { count, needed } => {
                let n = units::counted(count, "sample is", "samples are");
                let reason = format!(
                    "{n} too few for {term}, which needs {needed}: hold the rate for {} or longer",
                    long(needed)
                );
                too_few.push((needed, reason));
            }
        }
    }
    if flows.due > 0 {
        reasons.extend(verdict::overload(run, &Thresholds::default()));
    } else if too_few.is_empty() {
        too_few.push((1, format!("no flow was due: hold the rate for {} or longer", long(1))));
    }
    let judgement = match (reasons.is_empty(), too_few.is_empty()) {
        (true, true) => Judgement::Kept,
        (true, false) => Judgement::TooFew,
        (false, _) => {
            Judgement::Missed { collapsed: flows.unfinished + flows.refused > 0 || flows.ended == 0 }
        }
    };
    // The term that needs the longest hold comes first, because that length is enough for the others.
    too_few.sort_by_key(|(needed, _)| std::cmp::Reverse(*needed));
    reasons.extend(too_few.into_iter().map(|(_, reason)| reason));
    let disturbance = host.disturbance(HostLimits::default());
    Judged { outcome: Outcome { judgement, disturbed: disturbance.is_some() }, reasons, disturbance }
}
