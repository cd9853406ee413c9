//! What speaks against a run with a backlog: it did not pile up as was asked, or was not gone when the load ended.

use super::{Validity, Verdict};
use crate::model::{Backlog, Run};
use crate::units;

/// Whether the run had one. Such a run is not steady by design.
pub(super) fn is_in(run: &Run) -> bool {
    run.trials.iter().any(|trial| trial.backlog.is_some())
}

/// Adds a reason for backlogs that did not become as large as was asked, one for those that were not gone when the load ended, and a
/// note about the times of the run.
pub(super) fn check(run: &Run, verdict: &mut Verdict) {
    let all: Vec<&Backlog> = run.counted_trials().filter_map(|trial| trial.backlog.as_ref()).collect();
    if all.is_empty() {
        return;
    }
    let some = |found: &[&&Backlog]| match found.len() {
        n if n == all.len() => String::new(),
        n => format!(" in {n} of {} trials", all.len()),
    };
    let small: Vec<&&Backlog> = all.iter().filter(|backlog| !backlog.is_reached).collect();
    if let [first, ..] = &small[..] {
        let asked = run.asked().backlog.map_or_else(String::new, |asked| format!(" ({asked})"));
        verdict.add(
            Validity::Invalid,
            format!(
                "the backlog that was asked for{asked} had not piled up when the load ended{}: {} waited for {}; raise --duration or \
                 --rate, or ask for less",
                some(&small),
                units::counted(first.left, "message", "messages"),
                first.service
            ),
        );
    }
    let left: Vec<&&Backlog> =
        all.iter().filter(|backlog| backlog.is_reached && backlog.level_ns.is_none()).collect();
    if let [first, ..] = &left[..] {
        let limit = first.limit.filter(|_| first.is_limit_reached() == Some(true));
        let course = match (first.drained_per_s(), limit) {
            (Some(drained), _) if drained > 0.0 => format!(
                "it fell by {}, so it would have been gone in another {}; raise --duration{}",
                units::rate(drained),
                units::duration(((first.left.saturating_sub(first.level)) as f64 * 1e9 / drained) as u64),
                if limit.is_some() { " or --catch-up" } else { "" }
            ),
            (Some(_), Some(limit)) => format!(
                "--catch-up lets {} receive {}, and {} arrived; raise --catch-up above that, or lower --rate",
                first.service,
                units::rate(limit.per_s),
                units::rate(first.arrived_per_s().unwrap_or(0.0))
            ),
            (Some(_), None) => format!(
                "{} received no more than arrived; lower --rate, or add instances or a faster one",
                first.service
            ),
            (None, _) => "the load ended before its instances had joined; raise --duration".into(),
        };
        verdict.add(
            Validity::Suspect,
            format!(
                "{} was never level{}: {} still waited when the load ended; {course}",
                first.service,
                some(&left),
                units::counted(first.left, "message", "messages"),
            ),
        );
    }
    verdict.notes.push(
        "the response times include the time in the backlog; compare this run only with runs that had the same one".into(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flows, Limit, Phase, Trial};

    fn judged(backlogs: &[Backlog]) -> Verdict {
        let trials = backlogs.iter().cloned().map(|backlog| {
            let flows = Flows { ended: 1, ..Flows::default() };
            Trial { backlog: Some(backlog), flows, ..Trial::default() }
        });
        let mut run = Run { trials: trials.collect(), ..Run::default() };
        run.settings.insert("backlog".into(), "worker:10k".into());
        let mut verdict = Verdict::default();
        check(&run, &mut verdict);
        verdict
    }

    fn level() -> Backlog {
        let phase = Phase { until_ns: 1_000_000_000, waiting: 4_000, ..Phase::default() };
        Backlog {
            service: "worker".into(),
            absent: 1,
            is_reached: true,
            joined_ns: Some(0),
            waiting: 10_000,
            level: 100,
            level_ns: Some(1_000_000_000),
            phases: vec![phase.clone(), phase],
            ..Backlog::default()
        }
    }

    #[test]
    fn a_backlog_that_was_caught_up_with_is_a_note() {
        let verdict = judged(&[level(), level()]);
        assert_eq!((verdict.status, verdict.reasons.len(), verdict.notes.len()), (Validity::Valid, 0, 1));
        assert_eq!(judged(&[]), Verdict::default());
    }

    #[test]
    fn one_that_never_was_says_so_and_what_to_do() {
        let never = Backlog { level_ns: None, left: 4_000, ..level() };
        let verdict = judged(&[never.clone(), level()]);
        assert_eq!(verdict.status, Validity::Suspect);
        assert_eq!(
            verdict.reasons,
            [
                "worker was never level in 1 of 2 trials: 4,000 messages still waited when the load ended; it fell by 6.00 k/s, so it \
              would have been gone in another 650 ms; raise --duration"
            ]
        );
        let grows = Backlog { waiting: 3_000, ..never };
        assert!(judged(&[grows]).reasons[0].contains("received no more than arrived; lower --rate"));
        // What was received in a second of catching up: the backlog rose, and the limit is the reason.
        let phase = Phase {
            until_ns: 1_000_000_000,
            sent: 1_000,
            received: 900,
            waiting: 10_100,
            ..Phase::default()
        };
        let limited = |per_s| Backlog {
            limit: Some(Limit { per_s, held_back_ns: 1 }),
            level_ns: None,
            phases: vec![Phase::default(), phase.clone()],
            ..level()
        };
        let said = "--catch-up lets worker receive 900 /s, and 1.00 k/s arrived; raise --catch-up above that, or lower --rate";
        assert!(judged(&[limited(900.0)]).reasons[0].contains(said), "{:?}", judged(&[limited(900.0)]));
        let slower = judged(&[limited(2_000.0)]);
        assert!(slower.reasons[0].contains("received no more than arrived; lower --rate"), "{slower:?}");
        let late = Backlog { phases: Vec::new(), level_ns: None, ..level() };
        assert!(judged(&[late]).reasons[0].contains("before its instances had joined"));
    }

    #[test]
    fn one_that_did_not_pile_up_was_not_measured() {
        let small = Backlog { is_reached: false, level_ns: None, left: 412, ..level() };
        let verdict = judged(&[small]);
        assert_eq!((verdict.status, verdict.reasons.len()), (Validity::Invalid, 1));
        assert!(verdict.reasons[0].contains("(worker:10k) had not piled up"), "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains("412 messages waited for worker"), "{:?}", verdict.reasons);
    }
}
