//! Executes a job: the trials of all dispatches in random order, each with a dispatcher of its own. If a trial fails,
//! its row says so, and the next trial runs.

use super::{
    child, floor,
    job::{Job, Target},
    link::{self, Up},
    reconnect,
    trial::{self, Beside, Place},
    watch::Follower,
};
use crate::{environment, host::HostWatch, interrupt::Interrupt, live::Events};
use drumpost_core::{
    dispatcher::{Limits, left_behind, run_guarded},
    plan::TrialPlan,
    registry::{Registry, transport_in},
    transport::OpenError,
};
use drumpost_results::{
    model::{Pairing, Record, Run, Status, Trial, Validity},
    verdict::{self, Machine, Thresholds},
};
use drumpost_tui::{Confirms, Event, Status as Light};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::BTreeMap;

/// Runs all trials. What was measured is in the record however it ends. After each trial but the last, `keep` has the
/// record as it is so far, which says that it is partial.
pub(crate) fn execute(
    registry: &Registry,
    job: &Job,
    events: &Events,
    interrupted: &Interrupt,
    keep: &mut dyn FnMut(&mut Record),
) -> Record {
    let mut record = job.record.clone();
    let floor_ns = if job.is_virtual { None } else { floor::measure_ns(registry) };
    let order = order(order_seed(job.seed, job.is_virtual), &vec![job.trials; job.targets.len()]);
    record.pairing = (job.targets.len() > 1 && job.trials > 1).then(|| Pairing {
        id: record.id.clone(),
        order: order.iter().map(|(target, number)| (job.targets[*target].label.clone(), *number)).collect(),
    });
    let (mut not_started, mut given_up) = (0, GivenUp::default());
    for (position, (target, number)) in order.iter().enumerate() {
        if interrupted.is_set() {
            not_started += 1;
            continue;
        }
        let place = Place { number: *number, position: position as u32, seed: trial_seed(job.seed, *number) };
        events.tell(Event::TrialStarted { dispatch: *target, trial: *number });
        let done = given_up.trial(*target, place).unwrap_or_else(|| {
            let tried =
                run_trial(job, (*target, &job.targets[*target]), place, floor_ns, events, interrupted);
            given_up.note(*target, tried)
        });
        events.tell_totals(*target, &done);
        let (status, note) = light(&job.record, *target, &done);
        // The order goes round by round, so trials of a run come by number.
        record.runs[*target].trials.push(done);
        if position + 1 < order.len() {
            record.partial = Some(partial(position + 1, order.len()));
            keep(&mut record);
        }
        // Told once it is saved: whoever reads that a trial is done will find it in the record.
        events.tell(Event::TrialEnded { dispatch: *target, trial: *number, status, note });
    }
    record.partial = None;
    if interrupted.is_set() {
        record.partial = Some(match not_started {
            0 => "interrupted in the last trial".to_owned(),
            _ => format!("interrupted before {not_started} of {} trials were started", order.len()),
        });
    }
    record
}

/// Why a record that is saved between two trials is not complete.
fn partial(done: usize, all: usize) -> String {
    format!("{done} of {all} trials are in this record, which was saved before the others were run")
}

/// The seed of the order of trials. It is drawn anew each time: with one order for all runs, a disturbance that comes back at the same place
/// would favour the same dispatch each time. In virtual time nothing disturbs, and the same seed gives the same record.
pub(crate) fn order_seed(seed: u64, is_virtual: bool) -> u64 {
    if is_virtual { seed } else { environment::random_seed() }
}

/// Trial after trial, what has one of that number in random order: never all of one and then all of the other.
/// `trials` says how many each is to have.
pub(crate) fn order(seed: u64, trials: &[u32]) -> Vec<(usize, u32)> {
    let mut random = StdRng::seed_from_u64(seed ^ 0x6f72_6465_7221);
    let mut order = Vec::new();
    for number in 0..trials.iter().copied().max().unwrap_or(0) {
        let mut round: Vec<_> = (0..trials.len())
            .filter(|target| number < trials[*target])
            .map(|target| (target, number))
            .collect();
        round.shuffle(&mut random);
        order.extend(round);
    }
    order
}

/// The seed of the trials with that number, the same for every dispatch; the first has the seed as given.
pub(crate) fn trial_seed(seed: u64, number: u32) -> u64 {
    seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A trial that was run, and why its dispatch is not to be tried again, if it is not.
pub(crate) struct Tried {
    pub trial: Trial,
    pub give_up: Option<String>,
}

/// Dispatches that are not tried any more: each further trial would cost as long a wait as the one that failed, or leave
/// one more thread behind.
#[derive(Debug, Default)]
pub(crate) struct GivenUp(BTreeMap<usize, String>);

impl GivenUp {
    /// Takes note of a trial of a dispatch.
    pub(crate) fn note(&mut self, dispatch: usize, tried: Tried) -> Trial {
        if let Some(why) = tried.give_up {
            self.0.insert(dispatch, why);
        }
        tried.trial
    }

    /// A placeholder for a trial of a dispatch that was given up.
    pub(crate) fn trial(&self, dispatch: usize, place: Place) -> Option<Trial> {
        let why = self.0.get(&dispatch)?;
        Some(trial::not_opened(place, &OpenError::Failed(format!("not tried, because {why}"))))
    }
}

/// One trial of one dispatch, with a dispatcher of its own, in this process or in one of its own.
pub(crate) fn run_trial(
    job: &Job,
    (index, target): (usize, &Target),
    place: Place,
    floor_ns: Option<u64>,
    events: &Events,
    interrupted: &Interrupt,
) -> Tried {
    if job.spec.measure.isolate.0 {
        return child::run(job, (index, target), place, floor_ns, events, interrupted);
    }
    let mut options = job.options.clone();
    options.set_seed(place.seed);
    let up = match target.faults.link.put_between(&mut options) {
        Ok(up) => up,
        Err(why) => return Tried { trial: trial::not_opened(place, &OpenError::Failed(why)), give_up: None },
    };
    let passed_before = up.map(Up::passed).unwrap_or_default();
    let mut workload = job.workload.clone();
    workload.seed = place.seed;
    let mut plan = TrialPlan { feeds: workload.feeds(), ..target.plan.clone() };
    plan.wiring.run_name =
        format!("drumpost-{}-{:04x}-{}", std::process::id(), environment::nonce(), place.position);
    plan.wiring.transport = transport_in(&target.label).to_owned();
    let limits = Limits { open: Limits::default().open.max(plan.drain_deadline), ..Limits::default() };
    let entry = target.entry.clone();
    let others_hang = left_behind();
    let mut follower = Follower::new(job, (index, target), place.number, events, interrupted);
    follower.up = up;
    let ran = run_guarded(move || entry.made(&options), plan, limits, &mut follower);
    let mut notes = Vec::new();
    let number = place.number + 1;
    // What the user does not wait for does not hang.
    let hangs = left_behind() > others_hang && !interrupted.is_urgent();
    let mut give_up = hangs.then(|| format!("trial {number} hung"));
    let mut trial = match ran {
        Ok(outcome) => {
            notes = follower.end();
            let host = follower.host.map(HostWatch::finish).unwrap_or_default();
            let beside = Beside { series: follower.series, host, floor_ns };
            let done = trial::ran(job, target, place, outcome, beside);
            if let Some(confirms) = confirms(&done) {
                events.tell(Event::Confirmed { dispatch: index, confirms });
            }
            done
        }
        Err(OpenError::Failed(error)) if interrupted.is_set() => Trial {
            status: Status::Interrupted,
            ..trial::not_opened(place, &OpenError::Failed(format!("it had not been measured yet; {error}")))
        },
        Err(error) => {
            if target.needs_server && matches!(error, OpenError::Failed(_)) {
                give_up.get_or_insert_with(|| format!("trial {number} could not connect"));
            }
            trial::not_opened(place, &reconnect::told(error, target))
        }
    };
    trial.notes.extend(notes);
    if let Some(up) = up {
        link::note(up, passed_before, place, &mut trial);
    }
    if others_hang > 0 {
        trial
            .notes
            .push(format!("{others_hang} threads of earlier trials hang and still run beside this trial"));
    }
    Tried { trial, give_up }
}

/// What the transport confirmed, for the dashboard; `None` if it confirms nothing.
fn confirms(trial: &Trial) -> Option<Confirms> {
    let audit = &trial.audit;
    let unconfirmed = audit.unconfirmed.unwrap_or(0);
    Some(Confirms { confirmed: audit.confirmed?, refused: audit.refused.unwrap_or(0), unconfirmed })
}

/// A trial's verdict for the dashboard, judged alone.
pub(crate) fn light(record: &Record, run: usize, trial: &Trial) -> (Light, String) {
    match (trial.status, &trial.error) {
        (Status::Failed, Some(error)) => return (Light::Failed, error.clone()),
        (Status::Refused, Some(error)) => return (Light::Refused, error.clone()),
        _ => {}
    }
    let alone = Run { trials: vec![trial.clone()], ..record.runs[run].clone() };
    let limits = Thresholds::from_settings(&record.thresholds);
    let verdict = verdict::judge(&alone, &Machine::of(&record.environment), &limits);
    let light = match verdict.status {
        Validity::Valid => Light::Valid,
        Validity::Suspect => Light::Suspect,
        Validity::Invalid => Light::Invalid,
    };
    (light, verdict.reasons.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_dispatch_is_done_before_another_begins() {
        for seed in 0..50 {
            let order = order(seed, &[3, 5, 3, 5]);
            assert_eq!(order.len(), 16);
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 16, "each trial once");
            let numbers: Vec<u32> = order.iter().map(|(_, number)| *number).collect();
            assert!(numbers.is_sorted(), "round after round: {order:?}");
            let last = |of| order.iter().rposition(|(target, _)| *target == of);
            let first = |of| order.iter().position(|(target, _)| *target == of);
            for (a, b) in [(0, 1), (1, 0), (0, 2), (2, 3)] {
                assert!(last(a) > first(b), "{a} before {b}: {order:?}");
            }
        }
    }

    #[test]
    fn the_order_comes_from_its_seed_and_is_not_that_of_the_list() {
        let trials = [4; 6];
        // One of 720^4 orders: two of them are never the same.
        let drawn = || order(order_seed(7, false), &trials);
        assert_ne!(drawn(), drawn(), "each run has an order of its own");
        assert_eq!(order_seed(7, true), 7, "in virtual time the record is that of the seed");
        assert_eq!(order(7, &trials), order(7, &trials));
        assert_ne!(order(7, &trials), order(8, &trials));
        let rounds: Vec<Vec<usize>> =
            order(7, &trials).chunks(6).map(|round| round.iter().map(|slot| slot.0).collect()).collect();
        assert!(rounds.windows(2).any(|pair| pair[0] != pair[1]), "{rounds:?}");
    }
}
