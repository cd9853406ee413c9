//! What older documents of version 1 mean where newer ones have more fields.
//!
//! Lives here: trials from the time before messages, flows and CPU time were counted over the same period. Does not
//! live here: the fields themselves (`v1`).

use crate::model::{Asked, Cost, Settings, Trial};

/// Trials as they were written up to release 0.1: CPU time and messages are of the whole trial, warm-up included, and
/// flows in flight are from counters. A figure that cannot be known from that is not known.
pub(super) fn complete(trial: &mut Trial, settings: &Settings) {
    if trial.messages.is_some() || trial.audit.sent == 0 {
        return;
    }
    trial.counted_in_flight = trial.mean_in_flight;
    // Only in virtual time were they counted at every change.
    if trial.cpu_ns.is_some() {
        trial.mean_in_flight = None;
    }
    let has_warmup = Asked::of(settings).has_warmup;
    if has_warmup && trial.cost.is_none() {
        let (window_ns, messages) = (trial.elapsed_ns, trial.audit.sent);
        trial.cost = Some(Cost { window_ns, awake_ns: 0, harness_ns: 0, messages, flows: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Audit, Flows, Run};
    use crate::stats::Derived;

    fn derived(warmup_ns: u64, cpu_ns: Option<u64>) -> Derived {
        let audit = Audit { sent: 3_600, ..Audit::default() };
        let flows = Flows { started: 1_000, ended: 1_000, ..Flows::default() };
        let mut trial =
            Trial { elapsed_ns: 9, audit, flows, cpu_ns, mean_in_flight: Some(7.0), ..Trial::default() };
        let settings: Settings = [("warmup_ns".to_owned(), crate::model::Setting::Integer(warmup_ns))].into();
        complete(&mut trial, &settings);
        Derived::of(&Run { settings, trials: vec![trial], ..Run::default() })
    }

    #[test]
    fn what_counted_the_warmup_on_one_side_is_not_known() {
        let with = derived(200, Some(7_200_000));
        assert_eq!(with.cpu_ns_per_message, Some(2_000.0), "both sides are of the whole trial");
        assert_eq!((with.cpu_ns_per_flow, with.messages_per_flow), (None, None));
        let without = derived(0, Some(7_200_000));
        assert_eq!((without.cpu_ns_per_flow, without.messages_per_flow), (Some(7_200.0), Some(3.6)));
    }

    #[test]
    fn flows_in_flight_were_counted_not_added_up() {
        let real = derived(0, Some(1));
        assert_eq!((real.mean_in_flight, real.counted_in_flight), (None, Some(7.0)));
        let simulated = derived(0, None);
        assert_eq!((simulated.mean_in_flight, simulated.counted_in_flight), (Some(7.0), Some(7.0)));
    }
}
