//! Runs a transport on threads.

use super::{Dispatcher, LEAD_NS, POLL, failure, panic_text};
use crate::{
    bell::Bell,
    clock::{Clock, Now, process_cpu_ns},
    drive::{Placement, Seat, Wait, threads},
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    session::{Session, rings},
    transport::{OpenError, Transport},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

/// Runs a [`Transport`], opening it anew for each trial.
#[derive(Debug)]
pub struct Threaded<T>(pub T);

impl<T: Transport> Dispatcher for Threaded<T> {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        check(plan)?;
        let endpoints = self.0.open(&plan.wiring)?;
        let clock = Clock::start();
        let Session { lanes, mut monitor, control } = Session::new(plan, LEAD_NS);
        let threads = match plan.placement {
            Placement::Each => lanes.len(),
            Placement::Threads(count) => count.min(lanes.len()),
        };
        let bells: Vec<Arc<Bell>> = (0..threads).map(|_| Arc::new(Bell::default())).collect();
        let by_lane: Vec<Arc<Bell>> =
            (0..lanes.len()).map(|lane| Arc::clone(&bells[lane % threads])).collect();
        let with_bells = plan.wait == Wait::Park;
        let mut groups: Vec<Vec<Seat<T::Send, T::Recv>>> = (0..threads).map(|_| Vec::new()).collect();
        let rings = rings(&plan.wiring, &by_lane, with_bells);
        for (at, ((lane, endpoint), rings)) in lanes.into_iter().zip(endpoints).zip(rings).enumerate() {
            let rings = if with_bells { rings } else { rings.silent() };
            groups[at % threads].push(Seat { lane, endpoint, rings });
        }
        bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
        let cpu_ns = process_cpu_ns();
        let groups = thread::scope(|scope| {
            let running: Vec<_> = groups
                .into_iter()
                .zip(&bells)
                .map(|(mut seats, bell)| {
                    let (clock, control) = (clock.clone(), &control);
                    scope.spawn(move || {
                        precise_sleeps();
                        let driven = || threads::drive(&mut seats, &clock, plan.wait, bell);
                        match catch_unwind(AssertUnwindSafe(driven)) {
                            Ok(Ok(())) => {}
                            Ok(Err((lane, error))) => control.fail(failure(plan, lane, &error)),
                            Err(panic) => control.fail(panic_text(&*panic)),
                        }
                        seats
                    })
                })
                .collect();
            while !monitor.is_stopped() {
                monitor.poll(clock.now_ns(), watch);
                thread::sleep(POLL);
            }
            control.ring();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        let cpu_ns = process_cpu_ns() - cpu_ns;
        let lanes = groups.into_iter().flatten().map(|seat| seat.lane).collect();
        Ok(monitor.finish(lanes, None, Some(cpu_ns), Vec::new()))
    }
}

fn check(plan: &TrialPlan) -> Result<(), OpenError> {
    if plan.kill.is_some() {
        return Err(OpenError::Refused(
            "--kill needs a transport that keeps messages for a consumer that is away, such as jetstream"
                .into(),
        ));
    }
    if plan.wait == Wait::Native && plan.placement != Placement::Each {
        return Err(OpenError::Refused(
            "wait strategy `native` sleeps in one lane's port, so each lane needs a thread of its own: --placement each"
                .into(),
        ));
    }
    Ok(())
}

/// Asks the system for sleeps as short as asked for: by default it may lengthen each by 50 µs.
pub(super) fn precise_sleeps() {
    // Where it is refused the schedule lag shows it.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}
