//! Trials that are invalid by themselves, in a run of several: each trial is judged as if the run had no other.
//!
//! A trial in which no flow ended makes its run invalid, as one that failed or stood still does. Another trial that is invalid by
//! itself makes the run suspect, if all trials together are within the limits. In a run of many trials, as a comparison has, one of twenty may
//! be so without that: its figures are medians, which such a trial does not move. Lives here: judging one trial without a copy of its times. Does
//! not live here: the checks themselves, and what a comparison makes of such trials (`compare::blame`).

use super::{Machine, Thresholds, Validity, Verdict, backlog, counts, ends, host, load, standstill};
use crate::model::{InvalidTrial, LoadKind, Run, Status, Trial};
use crate::stats::Derived;

/// A run of so many trials may have one that is invalid by itself, one of twice as many two, and so on.
const ONE_IN: usize = 20;

/// Judges trials of a run one by one.
#[derive(Debug)]
pub(crate) struct Alone<'a> {
    /// The run with no trial, or with the one that was judged last.
    run: Run,
    limits: &'a Thresholds,
}

impl<'a> Alone<'a> {
    /// For the trials of this run.
    pub(crate) fn of(run: &Run, limits: &'a Thresholds) -> Self {
        let run = Run {
            dispatch: run.dispatch.clone(),
            load: run.load,
            promises: run.promises,
            settings: run.settings.clone(),
            ..Run::default()
        };
        Self { run, limits }
    }

    /// Why a trial that ended well did not measure what was asked; `None` if it did. No fact about the machine makes a run invalid,
    /// so none is needed. A trial without a flow that was due measured what was asked: nothing.
    pub(crate) fn reason(&mut self, trial: &Trial) -> Option<String> {
        if trial.flows.ended == 0 && !had_flows(&self.run, trial) {
            return None;
        }
        self.run.trials = vec![without_times(trial)];
        let mut found = reasons(&self.run, self.limits);
        (!found.is_empty()).then(|| found.swap_remove(0))
    }
}

/// Whether a flow could have ended in the measured window of a trial. The schedule of a slow open load may have none there.
fn had_flows(run: &Run, trial: &Trial) -> bool {
    run.load == LoadKind::Closed || trial.flows.due > 0 || trial.flows.started > 0
}

/// What decides whether a trial is invalid: its counts, and not its times and its course, which are large. A test compares the two.
fn without_times(trial: &Trial) -> Trial {
    Trial {
        number: trial.number,
        status: trial.status,
        error: trial.error.clone(),
        elapsed_ns: trial.elapsed_ns,
        flows: trial.flows,
        asked_per_s: trial.asked_per_s,
        schedule_ns: trial.schedule_ns,
        messages: trial.messages,
        blocked_ns: trial.blocked_ns,
        senders: trial.senders,
        mean_in_flight: trial.mean_in_flight,
        counted_in_flight: trial.counted_in_flight,
        standstill: trial.standstill,
        audit: trial.audit,
        cpu_ns: trial.cpu_ns,
        cost: trial.cost,
        hygiene: trial.hygiene,
        outages: trial.outages.clone(),
        backlog: trial.backlog.clone(),
        ..Trial::default()
    }
}

/// What makes a run invalid, by those checks of `judge` that can.
fn reasons(run: &Run, limits: &Thresholds) -> Vec<String> {
    let derived = Derived::of(run);
    let mut found = Vec::new();
    let mut stood_still = false;
    ask(&mut found, |verdict| stood_still = standstill::check(run, verdict));
    ask(&mut found, |verdict| ends::check_trials(run, &derived, stood_still, verdict));
    ask(&mut found, |verdict| ends::check_balance(run, verdict));
    if derived.flows.ended > 0 && run.load == LoadKind::Open {
        let free = host::was_free(run, &Machine::default(), limits);
        ask(&mut found, |verdict| load::rate(run, &derived, limits, free, verdict));
    }
    ask(&mut found, |verdict| ends::check_unfinished(&derived, limits, verdict));
    ask(&mut found, |verdict| counts::check_losses(run, limits, verdict));
    ask(&mut found, |verdict| counts::check_confirms(run, limits, verdict));
    ask(&mut found, |verdict| backlog::check(run, verdict));
    found
}

/// Keeps the reasons of a check that says invalid.
fn ask(found: &mut Vec<String>, check: impl FnOnce(&mut Verdict)) {
    let mut verdict = Verdict::default();
    check(&mut verdict);
    if verdict.status == Validity::Invalid {
        found.append(&mut verdict.reasons);
    }
}

/// Lists the trials of a run of several that are invalid by themselves, and adds a reason for those of which the checks on the whole
/// run say nothing.
pub(super) fn check(run: &Run, derived: &Derived, limits: &Thresholds, verdict: &mut Verdict) {
    if run.trials.len() < 2 {
        return;
    }
    let is_rare = |found: usize| found * ONE_IN <= run.trials.len();
    let mut alone = Alone::of(run, limits);
    let ended_well = run.trials.iter().filter(|trial| trial.status == Status::Ok);
    let found: Vec<(&Trial, String)> =
        ended_well.filter_map(|trial| Some((trial, alone.reason(trial)?))).collect();
    // Of a run in which no flow ended at all, the reason was given. A standstill has a reason of its own.
    let is_dead =
        |trial: &Trial| derived.flows.ended > 0 && trial.flows.ended == 0 && !standstill::is_in(run, trial);
    let dead: Vec<&(&Trial, String)> = found.iter().filter(|(trial, _)| is_dead(trial)).collect();
    if let [(first, why), ..] = &dead[..] {
        let which = named(dead.len(), run, first);
        let (whose, of) = if dead.len() == 1 { ("That trial's", "it") } else { ("Their", "them") };
        let reason = format!(
            "{which}: {why}. {whose} time lowers the throughput, but the percentiles have no sample of {of}, so the two do not belong \
             together"
        );
        verdict.add(if is_rare(dead.len()) { Validity::Suspect } else { Validity::Invalid }, reason);
    }
    if verdict.status != Validity::Invalid
        && !is_rare(found.len())
        && let [(first, why), ..] = &found[..]
    {
        let which = named(found.len(), run, first);
        let exceeds = if found.len() == 1 { " exceeds" } else { ", exceed" };
        let reason = format!(
            "{which}{exceeds} a limit when judged alone; over all trials together the limit is kept: {why}"
        );
        verdict.add(Validity::Suspect, reason);
    }
    let listed = found.into_iter().map(|(trial, reason)| InvalidTrial { number: trial.number, reason });
    verdict.invalid_trials = listed.collect();
}

/// `trial 6 of 10`, or `2 of 10 trials, such as trial 6`
fn named(found: usize, run: &Run, first: &Trial) -> String {
    let of = of_total(first.number, run.trials.len());
    if found == 1 {
        format!("trial {}{of}", first.number + 1)
    } else {
        format!("{found}{of} trials, such as trial {}", first.number + 1)
    }
}

/// ` of 10`; empty where the number of the trial is beyond that, as numbers of a comparison's side may be: it would be the eleventh of ten.
pub(super) fn of_total(number: u32, total: usize) -> String {
    if number as usize >= total { String::new() } else { format!(" of {total}") }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::tests::{assert_reason, clean};
    use super::*;
    use crate::model::{Backlog, Delivery, Distribution, Flows, Promises, Standstill};

    /// Ten trials, of which those with these numbers are changed.
    fn ten(load: LoadKind, changed: &[u32], change: impl Fn(&mut Trial)) -> Run {
        let trial = |number| {
            let mut trial = Trial { number, ..clean() };
            if changed.contains(&number) {
                change(&mut trial);
            }
            trial
        };
        Run { load, trials: (0..10).map(trial).collect(), ..Run::default() }
    }

    fn judged(run: &Run) -> Verdict {
        judge(run, &Machine::default(), &Thresholds::default())
    }

    fn numbers(verdict: &Verdict) -> Vec<u32> {
        verdict.invalid_trials.iter().map(|trial| trial.number).collect()
    }

    /// Nothing was started or ended in the measured window.
    fn die(trial: &mut Trial) {
        trial.flows = Flows::default();
        trial.response = Distribution::default();
        (trial.service, trial.lag) = (trial.response.clone(), trial.response.clone());
        (trial.mean_in_flight, trial.counted_in_flight) = (Some(0.0), Some(0.0));
    }

    #[test]
    fn a_trial_of_ten_in_which_no_flow_ended_makes_the_run_invalid() {
        let one = judged(&ten(LoadKind::Closed, &[5], die));
        let said = "trial 6 of 10: no flow ended, so there are no response times. That trial's time lowers the throughput, but the \
                    percentiles have no sample of it, so the two do not belong together";
        assert_reason(&one, Validity::Invalid, said);
        assert_eq!((one.reasons.len(), numbers(&one)), (1, vec![5]), "{one:?}");
        let two = judged(&ten(LoadKind::Closed, &[5, 8], die));
        assert_reason(&two, Validity::Invalid, "2 of 10 trials, such as trial 6: no flow ended");
        assert_reason(
            &two,
            Validity::Invalid,
            "Their time lowers the throughput, but the percentiles have no sample of them",
        );
        assert_eq!(numbers(&two), [5, 8]);
        // Of ten such trials it is said once.
        let all: Vec<u32> = (0..10).collect();
        let none = judged(&ten(LoadKind::Closed, &all, die));
        assert_eq!(none.reasons, ["no flow ended, so there are no response times"]);
    }

    /// A side of a comparison lacks the trials of pairs that were not kept, so its numbers may be beyond its trials.
    #[test]
    fn no_trial_is_the_eleventh_of_ten() {
        let mut run = ten(LoadKind::Closed, &[9], die);
        run.trials[9].number = 10;
        assert_reason(&judged(&run), Validity::Invalid, "trial 11: no flow ended");
        run.trials[9] =
            Trial { number: 10, status: Status::Failed, error: Some("why".into()), ..Trial::default() };
        assert_reason(&judged(&run), Validity::Invalid, "trial 11 failed: why");
        let mut run = ten(LoadKind::Closed, &[8, 9], die);
        run.trials[8].number = 10;
        assert_reason(&judged(&run), Validity::Invalid, "2 trials, such as trial 11: no flow ended");
    }

    #[test]
    fn one_trial_of_twenty_decides_nothing() {
        let of = |load: LoadKind, trials: u32, changed: &[u32], change: fn(&mut Trial)| {
            let mut run = ten(load, &[], |_| {});
            run.trials = (0..trials).map(|number| Trial { number, ..clean() }).collect();
            changed.iter().for_each(|at| change(&mut run.trials[*at as usize]));
            judged(&run)
        };
        let late: fn(&mut Trial) = |trial| (trial.flows.started, trial.flows.ended) = (95_000, 95_000);
        let one = of(LoadKind::Open, 20, &[5], late);
        assert_eq!((one.status, numbers(&one)), (Validity::Valid, vec![5]), "{one:?}");
        assert_eq!(of(LoadKind::Open, 39, &[5, 6], late).status, Validity::Suspect);
        // One in which nothing ended is said, because the throughput of the run contains its time.
        assert_reason(
            &of(LoadKind::Closed, 20, &[5], die),
            Validity::Suspect,
            "trial 6 of 20: no flow ended",
        );
        assert_eq!(of(LoadKind::Closed, 19, &[5], die).status, Validity::Invalid);
    }

    /// At 2 flows a second a trial of a second has none now and then.
    #[test]
    fn a_trial_in_which_no_flow_was_due_measured_what_was_asked() {
        let mut run = ten(LoadKind::Open, &[5], die);
        run.trials.iter_mut().for_each(|trial| trial.asked_per_s = None);
        let verdict = judged(&run);
        assert_eq!((verdict.status, numbers(&verdict)), (Validity::Valid, Vec::new()), "{verdict:?}");
    }

    /// A standstill is said once, and listed like all others.
    #[test]
    fn a_trial_that_stood_still_has_its_own_reason() {
        let still = |trial: &mut Trial| {
            die(trial);
            trial.flows.warmup_unfinished = Some(64);
            trial.standstill = Some(Standstill { window: 64, unfinished: 64, ..Standstill::default() });
        };
        let verdict = judged(&ten(LoadKind::Closed, &[5], still));
        assert_reason(&verdict, Validity::Invalid, "trial 6: 64 flows were started and never ended");
        assert_eq!(numbers(&verdict), [5]);
        assert!(!verdict.reasons.join("; ").contains("no flow ended"), "{verdict:?}");
    }

    /// 5 % of one trial is half a percent of ten.
    #[test]
    fn what_is_beyond_a_limit_in_one_trial_alone_is_suspect() {
        let late = |trial: &mut Trial| (trial.flows.started, trial.flows.ended) = (95_000, 95_000);
        let verdict = judged(&ten(LoadKind::Open, &[2], late));
        let said = "trial 3 of 10 exceeds a limit when judged alone; over all trials together the limit is kept: the load started \
                    9.50 k/s, but 10.0 k/s were due (5.00 % off)";
        assert_reason(&verdict, Validity::Suspect, said);
        assert_eq!(numbers(&verdict), [2]);
        // Of more trials the run itself is beyond the limit.
        let verdict = judged(&ten(LoadKind::Open, &[2, 3, 4], late));
        assert_eq!((verdict.status, numbers(&verdict)), (Validity::Invalid, vec![2, 3, 4]));
        assert!(!verdict.reasons.join("; ").contains("judged alone"), "{verdict:?}");
    }

    /// A trial is judged without its times. Whatever makes a run of one trial invalid has to be found all the same.
    #[test]
    fn a_trial_is_invalid_by_itself_where_a_run_of_it_is_invalid() {
        let limits = {
            let mut limits = Thresholds::default();
            limits.set("lost", "1%").unwrap();
            limits.set("refused", "1%").unwrap();
            limits
        };
        type Change = fn(&mut Trial);
        let changes: [(bool, Change); 12] = [
            (false, |_| {}),
            (false, |trial| trial.lag = Distribution::of([900_000; 1_000])),
            (false, |trial| trial.flows.shed = 7),
            (false, |trial| trial.flows.unfinished = 5),
            (false, |trial| trial.audit.beyond_window = 1),
            (true, |trial| trial.flows.unfinished = 5_000),
            (true, |trial| (trial.flows.started, trial.flows.ended) = (98_000, 98_000)),
            (true, die_although_due),
            (true, |trial| trial.flows.ended = 90_000),
            (true, |trial| trial.audit.lost = 9_000),
            (true, |trial| trial.audit.refused = Some(9_000)),
            (true, |trial| trial.backlog = Some(Backlog::default())),
        ];
        for (i, (is_invalid, change)) in changes.into_iter().enumerate() {
            let mut trial = clean();
            change(&mut trial);
            let promises = Promises { delivery: Delivery::AtMostOnce, ..Promises::default() };
            let run = Run { load: LoadKind::Open, promises, trials: vec![trial], ..Run::default() };
            let whole = judge(&run, &Machine::default(), &limits);
            let alone = Alone::of(&run, &limits).reason(&run.trials[0]);
            assert_eq!(whole.status == Validity::Invalid, is_invalid, "{i}: {whole:?}");
            assert_eq!(alone.is_some(), is_invalid, "{i}: {alone:?}");
            assert!(alone.is_none_or(|reason| whole.reasons.contains(&reason)), "{i}: {whole:?}");
        }
    }

    fn die_although_due(trial: &mut Trial) {
        let due = trial.flows.due;
        die(trial);
        trial.flows.due = due;
    }
}
