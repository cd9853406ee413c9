//! Whether the process was stopped while it measured (Ctrl-Z, SIGSTOP).
//!
//! The clock runs on while the process is stopped. Flows in flight then take as long as the stop, and flows of an open load
//! become due that nothing starts. The length of the stop is not known, so there is no limit: one stop makes a run suspect.

use super::{Validity, Verdict};
use crate::model::Run;
use crate::units;

/// Stops during the counted trials.
pub(super) fn check(run: &Run, verdict: &mut Verdict) {
    let stops: u64 = run.counted_trials().filter_map(|trial| trial.hygiene.stops).sum();
    if stops > 0 {
        let times = units::counted(stops, "time", "times");
        let reason =
            format!("the process was stopped and continued {times} during the measurement (Ctrl-Z, SIGSTOP)");
        verdict.add(Validity::Suspect, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::tests::{assert_reason, clean};
    use super::*;
    use crate::model::Hygiene;
    use crate::verdict::{Machine, Thresholds};

    #[test]
    fn a_run_that_was_stopped_is_suspect() {
        let judged = |stops| {
            let trial = crate::model::Trial { hygiene: Hygiene { stops, ..Hygiene::default() }, ..clean() };
            let run = Run { trials: vec![trial.clone(), trial], ..Run::default() };
            judge(&run, &Machine::default(), &Thresholds::default())
        };
        assert_eq!((judged(None), judged(Some(0))), (Verdict::default(), Verdict::default()));
        assert_reason(
            &judged(Some(1)),
            Validity::Suspect,
            "was stopped and continued 2 times during the measurement",
        );
    }
}
