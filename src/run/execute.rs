//! Executes a job: trials of all dispatches in random order, each with its own dispatcher. A failure is a row, and the
//! next trial runs.

use super::{
    floor,
    job::{Job, Target},
    trial::{self, Beside, Place},
    watch::Follower,
};
use crate::activity::Activity;
use drumpost_core::{plan::TrialPlan, registry::Registry, transport::OpenError};
use drumpost_results::{
    model::{Hygiene, Pairing, Record, Status, Trial},
    verdict::{self, Machine, Validity},
};
use drumpost_tui::{Event, Status as Light};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc::Sender,
};

/// Runs all trials. What was measured is in the record however it ends.
pub(crate) fn execute(
    registry: &Registry,
    job: &Job,
    events: &Sender<Event>,
    interrupted: &AtomicBool,
) -> Record {
    let mut record = job.record.clone();
    let floor_ns = if job.is_virtual { None } else { floor::measure_ns(registry) };
    let order = order(job);
    record.pairing = (job.targets.len() > 1 && job.trials > 1).then(|| Pairing {
        id: record.id.clone(),
        order: order.iter().map(|(target, number)| (job.targets[*target].label.clone(), *number)).collect(),
    });
    let mut not_started = 0;
    for (position, (target, number)) in order.iter().enumerate() {
        if interrupted.load(Ordering::Relaxed) {
            not_started += 1;
            continue;
        }
        let place = Place { number: *number, position: position as u32, seed: trial_seed(job.seed, *number) };
        let _ = events.send(Event::TrialStarted { dispatch: *target, trial: *number });
        let done = run_trial(job, (*target, &job.targets[*target]), place, floor_ns, events, interrupted);
        let (status, note) = light(job, *target, &done);
        let _ = events.send(Event::TrialEnded { dispatch: *target, trial: *number, status, note });
        record.runs[*target].trials.push(done);
    }
    for run in &mut record.runs {
        run.trials.sort_by_key(|trial| trial.number);
    }
    if interrupted.load(Ordering::Relaxed) {
        let text = format!("interrupted: {not_started} of {} trials were not started", order.len());
        record.partial = Some(text);
    }
    record
}

/// Trial after trial, the dispatches of each in random order: never all of one and then all of the other.
fn order(job: &Job) -> Vec<(usize, u32)> {
    let mut random = StdRng::seed_from_u64(job.seed ^ 0x6f72_6465_7221);
    let mut order = Vec::new();
    for number in 0..job.trials {
        let mut round: Vec<_> = (0..job.targets.len()).map(|target| (target, number)).collect();
        round.shuffle(&mut random);
        order.extend(round);
    }
    order
}

/// The seed of the trials with that number, the same for every dispatch; the first has the seed as given.
pub(crate) fn trial_seed(seed: u64, number: u32) -> u64 {
    seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One trial of one dispatch, with a dispatcher of its own.
pub(crate) fn run_trial(
    job: &Job,
    (index, target): (usize, &Target),
    place: Place,
    floor_ns: Option<u64>,
    events: &Sender<Event>,
    interrupted: &AtomicBool,
) -> Trial {
    let mut options = job.options.clone();
    options.set("seed", place.seed.to_string());
    let mut workload = job.workload.clone();
    workload.seed = place.seed;
    let mut plan = TrialPlan { feeds: workload.feeds(), ..target.plan.clone() };
    plan.wiring.run_name =
        format!("drumpost-{}-{:04x}-{}", std::process::id(), crate::environment::nonce(), place.position);
    let mut dispatcher = match (target.make)(&options) {
        Ok(dispatcher) => dispatcher,
        Err(error) => return trial::not_opened(place, &OpenError::Refused(error)),
    };
    let mut follower = Follower::new(job, (index, target), place.number, events, interrupted);
    let before = Activity::now();
    match dispatcher.run(&plan, &mut follower) {
        Ok(outcome) => {
            let hygiene = if job.is_virtual { Hygiene::default() } else { Activity::now().since(before) };
            let beside = Beside { series: follower.series, hygiene, floor_ns };
            trial::ran(job, target, place, outcome, beside)
        }
        Err(error) => trial::not_opened(place, &error),
    }
}

/// A trial's verdict for the dashboard, judged alone.
fn light(job: &Job, target: usize, trial: &Trial) -> (Light, String) {
    if let (Status::Failed | Status::Refused, Some(error)) = (trial.status, &trial.error) {
        return (Light::Failed, error.clone());
    }
    let mut alone = job.record.runs[target].clone();
    alone.trials = vec![trial.clone()];
    let verdict = verdict::judge(&alone, &Machine::of(&job.record.environment), &job.thresholds);
    let light = match verdict.status {
        Validity::Valid => Light::Valid,
        Validity::Suspect => Light::Suspect,
        Validity::Invalid => Light::Invalid,
    };
    (light, verdict.reasons.into_iter().next().unwrap_or_default())
}
