//! Runs a transport on tasks of a tokio runtime that is made for each trial.

use super::{Dispatcher, LEAD_NS, POLL, failure, panic_text, refusal_of};
use crate::{
    bell::Bell,
    clock::{Clock, Now, as_ns, process_cpu_ns},
    drive::{
        Placement, Seat,
        slack::{Slack, ask_for_precise_sleeps},
        tasks::{self, Crash, Pacing},
    },
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    port::{AsyncRecvPort, AsyncSendPort, Confirms, PortError},
    registry::Promise,
    session::{Control, Session, rings},
    transport::{AsyncTransport, Cleaned, OpenError},
    wiring::Wiring,
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, atomic::AtomicU64},
    task::Poll,
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Handle, Runtime};

/// Runs an [`AsyncTransport`], opening it anew for each trial.
#[derive(Debug)]
pub struct Tasked<T>(pub T);

/// What a lane's task gives back: itself, and what its ports confirmed. In a box: at every poll of the task, done or not, the
/// runtime moves as many bytes as this has.
type Left = Box<(crate::lane::Lane, Option<Confirms>)>;

impl<T: AsyncTransport> Dispatcher for Tasked<T> {
    fn promise(&self, listed: Promise) -> Promise {
        self.0.promise(listed)
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        // Measured here the first time, not when the first lane waits.
        Slack::of_host();
        let runtime = runtime(plan.placement)?;
        let endpoints = runtime.block_on(self.0.open(&plan.wiring));
        let outcome = endpoints.map(|endpoints| {
            watch.opened(self.0.server().as_ref());
            run(&runtime, plan, endpoints, watch)
        });
        let closed = runtime.block_on(self.0.close());
        runtime.shutdown_timeout(Duration::from_secs(1));
        let mut outcome = outcome?;
        outcome.notes.extend(closed.err());
        outcome.audit.redelivered = self.0.redelivered();
        Ok(outcome)
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        let runtime = runtime(Placement::Threads(1)).ok()?;
        let opened = runtime.block_on(self.0.open(wiring));
        let _ = runtime.block_on(self.0.close());
        refusal_of(opened)
    }

    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        runtime(Placement::Threads(1))?.block_on(self.0.clean())
    }
}

/// Workers as the placement says; one worker is a runtime on a single thread.
fn runtime(placement: Placement) -> Result<Runtime, OpenError> {
    let workers = placement.workers();
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(workers).enable_all().thread_name("tasks");
    builder.build().map_err(|error| OpenError::Failed(format!("failed to start a runtime: {error}")))
}

fn run<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static>(
    runtime: &Runtime,
    plan: &TrialPlan,
    endpoints: Vec<crate::transport::Endpoint<S, R>>,
    watch: &mut dyn Watch,
) -> Outcome {
    let clock = Clock::start();
    let Session { lanes, mut monitor, control } = Session::new(plan, LEAD_NS);
    let bells: Vec<Arc<Bell>> = lanes.iter().map(|_| Arc::new(Bell::default())).collect();
    bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
    let stepped = plan.placement == Placement::Threads(1);
    let paced = plan.load.is_timed();
    let rings = rings(&plan.wiring, &bells, false);
    let (mut tasks, mut own_threads) = (Vec::new(), Vec::new());
    let mut faults = Vec::new();
    for (((lane, endpoint), rings), bell) in lanes.into_iter().zip(endpoints).zip(rings).zip(bells) {
        let crash = crash(plan, lane.id());
        if let Some(crash) = crash {
            let name = plan.wiring.instance_name(lane.id());
            faults.push(format!(
                "{name} killed {:?} into the load and away for {:?}",
                Duration::from_nanos(crash.at_ns - LEAD_NS),
                crash.down
            ));
        }
        let own_thread = lane.is_driven() && paced && !stepped;
        let until_ns = Arc::new(AtomicU64::new(u64::MAX));
        let pacing = match (lane.is_driven() && paced, stepped) {
            (true, false) => Pacing::Thread(Arc::clone(&until_ns)),
            (true, true) => Pacing::Yield,
            (false, _) => Pacing::Rung,
        };
        let clock = clock.clone();
        let task = occupy(
            Seat { lane, endpoint, rings },
            clock.clone(),
            bell,
            pacing,
            crash,
            Arc::clone(&control),
            plan,
        );
        if own_thread {
            let handle = runtime.handle().clone();
            own_threads.push(thread::spawn(move || own_thread_main(&handle, task, &clock, &until_ns)));
        } else {
            tasks.push(runtime.spawn(task));
        }
    }
    let cpu_ns = process_cpu_ns();
    let watched = thread::scope(|scope| {
        // A runtime on a single thread runs only while someone blocks on it.
        let joined = scope.spawn(|| {
            runtime.block_on(async {
                let mut left = Vec::new();
                for task in tasks {
                    left.extend(task.await.ok());
                }
                left
            })
        });
        while !monitor.is_stopped() {
            monitor.poll(clock.now_ns(), watch);
            thread::sleep(POLL);
        }
        control.ring();
        joined.join().unwrap_or_default()
    });
    let cpu_ns = process_cpu_ns() - cpu_ns;
    let own = own_threads.into_iter().filter_map(|thread| thread.join().ok());
    let left: Vec<Left> = watched.into_iter().chain(own).collect();
    let confirms = left.iter().filter_map(|left| left.1).reduce(|all, one| Confirms {
        confirmed: all.confirmed + one.confirmed,
        unconfirmed: all.unconfirmed + one.unconfirmed,
    });
    let lanes = left.into_iter().map(|left| left.0).collect();
    Outcome { faults, ..monitor.finish(lanes, confirms, Some(cpu_ns), Vec::new()) }
}

fn own_thread_main<F: Future>(handle: &Handle, task: F, clock: &Clock, until_ns: &AtomicU64) -> F::Output {
    ask_for_precise_sleeps();
    let _entered = handle.enter();
    tasks::block_on(task, clock, until_ns)
}

fn crash(plan: &TrialPlan, lane: u16) -> Option<Crash> {
    let kill = plan.kill.as_ref()?;
    let service = plan.wiring.services.iter().find(|service| service.name == kill.service)?;
    let is_meant = service.instances.start.checked_add(kill.instance) == Some(lane);
    is_meant.then(|| Crash { at_ns: LEAD_NS + as_ns(kill.after), down: kill.down })
}

/// A lane's task: drives it to the end, then settles its ports.
fn occupy<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static>(
    mut seat: Seat<S, R>,
    clock: Clock,
    bell: Arc<Bell>,
    pacing: Pacing,
    crash: Option<Crash>,
    control: Arc<Control>,
    plan: &TrialPlan,
) -> impl Future<Output = Left> + Send + 'static {
    let (plan, settle) = (plan.clone(), plan.drain_deadline);
    async move {
        {
            let lane = seat.lane.id();
            let mut driven = pin!(tasks::drive(&mut seat, &clock, &bell, &pacing, crash));
            let ended =
                poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| driven.as_mut().poll(context))) {
                    Ok(Poll::Pending) => Poll::Pending,
                    // Who is done drops its ports, so after the stop the others see theirs closed.
                    Ok(Poll::Ready(Err(PortError::Closed))) if control.stop.is_stopped() => {
                        Poll::Ready(Ok(()))
                    }
                    Ok(Poll::Ready(result)) => {
                        Poll::Ready(result.map_err(|error| failure(&plan, lane, &error)))
                    }
                    Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
                });
            if let Err(what) = ended.await {
                control.fail(what);
            }
        }
        let mut failed = control.failure().is_some();
        let settle = if failed { Duration::ZERO } else { settle };
        let mut confirms: Option<Confirms> = None;
        for port in &mut seat.endpoint.sends {
            if let Some(settled) = port.settle(settle).await {
                let all = confirms.get_or_insert_default();
                all.confirmed += settled.confirmed;
                all.unconfirmed += settled.unconfirmed;
            }
            if let Err(error) = port.check()
                && !failed
            {
                control.fail(failure(&plan, seat.lane.id(), &error));
                failed = true;
            }
        }
        for port in
            [&mut seat.endpoint.inbox, &mut seat.endpoint.replies].into_iter().flatten().filter(|_| !failed)
        {
            if let Err(error) = port.finish().await {
                control.fail(failure(&plan, seat.lane.id(), &error));
            }
        }
        Box::new((seat.lane, confirms))
    }
}
