//! Runs a transport on threads.

use super::{Dispatcher, LEAD_NS, POLL, failure, panic_text, refusal_of};
use crate::{
    bell::Bell,
    clock::{Clock, Now, process_cpu_ns},
    drive::{
        Placement, Rings, Seat, Wait,
        slack::{Slack, ask_for_precise_sleeps},
        threads,
    },
    lane::Lane,
    monitor::{Monitor, Watch},
    outcome::Outcome,
    plan::TrialPlan,
    port::{PortError, RecvPort, SendPort},
    session::{Control, Session, rings},
    transport::{OpenError, Transport},
    wiring::Wiring,
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
        watch.opened(self.0.server().as_ref());
        // Measured here the first time, not when the first lane waits.
        Slack::of_host();
        let clock = Clock::start();
        let Session { lanes, monitor, control } = Session::new(plan, LEAD_NS);
        let threads = match plan.placement {
            Placement::Each => lanes.len(),
            Placement::Threads(count) => count.min(lanes.len()),
        };
        let bells: Vec<Arc<Bell>> = (0..threads).map(|_| Arc::new(Bell::default())).collect();
        bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
        let by_lane: Vec<Arc<Bell>> =
            (0..lanes.len()).map(|lane| Arc::clone(&bells[lane % threads])).collect();
        let rings = rings(&plan.wiring, &by_lane, plan.wait == Wait::Park);
        let group = |bell| Group { seats: Vec::new(), clock: clock.clone(), wait: plan.wait, bell };
        let mut groups: Vec<Group<T::Send, T::Recv>> = bells.into_iter().map(group).collect();
        for (at, ((lane, endpoint), rings)) in lanes.into_iter().zip(endpoints).zip(rings).enumerate() {
            let never_sleeps = matches!(plan.wait, Wait::Spin | Wait::Yield);
            let rings = if never_sleeps { Rings::default() } else { rings };
            groups[at % threads].seats.push(Seat { lane, endpoint, rings });
        }
        Ok(run_on_threads(plan, groups, &clock, &control, monitor, watch))
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        refusal_of(self.0.open(wiring))
    }
}

/// Lanes that share a thread.
pub trait OnThread: Send {
    /// Runs them on the calling thread until they are done.
    ///
    /// # Errors
    /// The first failure of a port, with the lane it belongs to.
    fn drive(&mut self) -> Result<(), (u16, PortError)>;

    /// The lanes back.
    fn into_lanes(self) -> Vec<Lane>;
}

struct Group<S, R> {
    seats: Vec<Seat<S, R>>,
    clock: Clock,
    wait: Wait,
    bell: Arc<Bell>,
}

impl<S: SendPort, R: RecvPort> OnThread for Group<S, R> {
    fn drive(&mut self) -> Result<(), (u16, PortError)> {
        threads::drive(&mut self.seats, &self.clock, self.wait, &self.bell)
    }

    fn into_lanes(self) -> Vec<Lane> {
        self.seats.into_iter().map(|seat| seat.lane).collect()
    }
}

/// Runs each of `groups` on a thread, looks after them from the calling one, and merges the outcome. A port that fails
/// and a handler that panics end the run and are told in the outcome.
pub fn run_on_threads<G: OnThread>(
    plan: &TrialPlan,
    groups: Vec<G>,
    clock: &Clock,
    control: &Control,
    mut monitor: Monitor,
    watch: &mut dyn Watch,
) -> Outcome {
    let cpu_ns = process_cpu_ns();
    let groups = thread::scope(|scope| {
        let running: Vec<_> = groups
            .into_iter()
            .map(|mut group| {
                scope.spawn(move || {
                    ask_for_precise_sleeps();
                    match catch_unwind(AssertUnwindSafe(|| group.drive())) {
                        Ok(Ok(())) => {}
                        Ok(Err((lane, error))) => control.fail(failure(plan, lane, &error)),
                        Err(panic) => control.fail(panic_text(&*panic)),
                    }
                    group
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
    let lanes = groups.into_iter().flat_map(OnThread::into_lanes).collect();
    monitor.finish(lanes, None, Some(cpu_ns), Vec::new())
}

/// What threads cannot do.
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
