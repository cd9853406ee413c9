//! Little's law: what is in flight, how fast it goes through and how long it takes must agree.
//!
//! Lives here: the one check. Does not live here: how flows in flight are counted (the engine's monitor).

use super::{Thresholds, Validity, Verdict};
use crate::model::Run;
use crate::stats::Derived;
use crate::units;

/// Little's law: mean in flight = rate × mean time. In flight may be counted from due or from first sent, so the
/// time lies between mean service and mean response. Flows cut off at the ends of the window may shift it by about
/// twice their number, which the margin allows.
pub(super) fn check(run: &Run, derived: &Derived, thresholds: &Thresholds, verdict: &mut Verdict) {
    let (Some(in_flight), Some(rate)) = (derived.mean_in_flight, derived.throughput_per_s) else { return };
    let (Some(response), Some(service)) = (run.response().mean_ns(), run.service().mean_ns()) else { return };
    // Flows that were lost stay in flight for ever; the audit says so.
    let lost = run.audit().lost > 0;
    if (derived.flows.ended as f64) < thresholds.little_flows || in_flight <= 0.0 || lost {
        return;
    }
    let cut_off = 2.0 * in_flight * derived.trials as f64 / derived.flows.ended as f64;
    let is_virtual = run.trials.iter().all(|trial| trial.cpu_ns.is_none());
    let margin = if is_virtual { thresholds.little } else { thresholds.little_sampled } + cut_off;
    let (low, high) = (rate * service.min(response) / 1e9, rate * service.max(response) / 1e9);
    // While the thread that looks has a core, who had it starts or ends no flows, and the others go on.
    let looked_at = rate * thresholds.little_look_ns / 1e9;
    let flows = if is_virtual { 0.0 } else { looked_at.max(thresholds.little_sampled_flows) };
    if in_flight < low * (1.0 - margin) - flows || in_flight > high * (1.0 + margin) + flows {
        let of_response = units::ratio(in_flight / (rate * response / 1e9));
        let reason = format!(
            "Little's law does not hold: {in_flight:.3} flows in flight are {of_response} rate times mean response, \
             margin {}",
            units::percent(margin)
        );
        verdict.add(Validity::Suspect, reason);
    }
}
