//! Runs a transport on tasks of a tokio runtime that is made for each trial.

use super::{
    Dispatcher,
    gate::Gate,
    gather::{Gathering, Leaving, Left, News, join, watch_lanes},
    guard::no_thread,
    lead_ns, refusal_of,
};
use crate::{
    bell::Bell,
    blame::{Act, panic_text, transport_name},
    clock::{Clock, Now, as_ns},
    drive::{
        Placement, Seat,
        slack::{Slack, ask_for_precise_sleeps},
        tasks::{self, Crash, Pace, Pacing},
    },
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    port::{AsyncRecvPort, AsyncSendPort, Confirms, PortError},
    registry::Promise,
    session::{Control, Session, rings},
    transport::{AsyncTransport, Cleaned, Endpoint, OpenError},
    wiring::Wiring,
};
use std::{
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    task::Poll,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task,
};

/// Runs an [`AsyncTransport`], opening it anew for each trial.
#[derive(Debug)]
pub struct Tasked<T>(pub T);

/// How long a transport may take to close: it may have to connect anew to remove what it made.
const CLOSE: Duration = Duration::from_secs(12);
/// How long lanes may take after their ports have settled: a port that finishes may have to wait for a server's answer.
const FINISH: Duration = Duration::from_secs(4);

impl<T: AsyncTransport> Dispatcher for Tasked<T> {
    fn promise(&self, listed: Promise) -> Promise {
        self.0.promise(listed)
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        if plan.kill.is_some() && !T::Recv::CAN_BE_KILLED {
            return Err(OpenError::Refused(
                "--kill needs a transport whose consumers can leave and return, as over a server: here a queue \
                 ends with its consumer"
                    .into(),
            ));
        }
        // Measured here the first time, not when the first lane waits.
        Slack::of_host();
        let runtime = Arc::new(runtime(plan.placement)?);
        let endpoints = runtime.block_on(self.0.open(&plan.wiring));
        let ran = endpoints.and_then(|endpoints| {
            watch.opened(self.0.server().as_ref());
            run(&runtime, plan, endpoints, watch)
        });
        let (outcome, works) = match ran {
            Ok((outcome, works)) => (Ok(outcome), works),
            Err(error) => (Err(error), true),
        };
        if let Ok(outcome) = &outcome {
            watch.measured(outcome);
        }
        let left = if works {
            let close = self.0.close();
            runtime.block_on(async { tokio::time::timeout(CLOSE, close).await })
        } else {
            Ok(Err("the transport was not closed because its runtime hangs".into()))
        };
        // Whoever else holds the runtime hangs and is left behind with it.
        if let Some(runtime) = Arc::into_inner(runtime) {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
        let mut outcome = outcome?;
        match left {
            Ok(closed) => outcome.notes.extend(closed.err()),
            Err(_) => outcome.fail(format!(
                "{} hangs: `close` has not returned for {CLOSE:?}",
                transport_name(&plan.wiring.transport)
            )),
        }
        outcome.audit.redelivered = self.0.redelivered();
        Ok(outcome)
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        let runtime = runtime(Placement::Threads(1)).ok()?;
        runtime.block_on(async {
            let opened = tokio::time::timeout(CLOSE, self.0.open(wiring)).await;
            let _ = tokio::time::timeout(CLOSE, self.0.close()).await;
            refusal_of(opened.ok()?)
        })
    }

    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        runtime(Placement::Threads(1))?.block_on(self.0.clean())
    }
}

/// Workers as the placement says; one worker is a runtime on a single thread.
pub(crate) fn runtime(placement: Placement) -> Result<Runtime, OpenError> {
    let workers = placement.workers();
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    // A thread that is left behind can be told by its name if the caller's has one of its own, as the contract kit's does.
    let caller = thread::current();
    let name = caller.name().filter(|name| name.starts_with(crate::contract::THREADS)).unwrap_or("tasks");
    builder.worker_threads(workers).enable_all().thread_name(name);
    if workers > 1 {
        can_have(workers + 1).map_err(|error| {
            OpenError::Failed(no_thread(&format!("{workers} workers of a runtime"), &error))
        })?;
    }
    // A runtime that gets no thread for a worker panics, and waits without an end for those that it got.
    let built = catch_unwind(AssertUnwindSafe(|| builder.build().map_err(|error| error.to_string())));
    let built = built.unwrap_or_else(|panic| Err(panic_text(&*panic)));
    built.map_err(|error| {
        OpenError::Failed(format!("failed to start a runtime of {workers} threads: {error}"))
    })
}

/// Whether so many threads can be had at once: starts them and lets them end.
fn can_have(count: usize) -> io::Result<()> {
    let (end, ends) = channel::<()>();
    let ends = Arc::new(Mutex::new(ends));
    let wait = || {
        let ends = Arc::clone(&ends);
        thread::Builder::new().spawn(move || drop(ends.lock().map(|ends| ends.recv())))
    };
    let started: Vec<io::Result<JoinHandle<()>>> = (0..count).map(|_| wait()).collect();
    drop(end);
    let mut all = Ok(());
    for thread in started {
        match thread {
            Ok(thread) => drop(thread.join()),
            Err(error) => all = Err(error),
        }
    }
    all
}

/// The parts of a lane's task, and the parts that all tasks share.
struct Shared {
    control: Arc<Control>,
    gate: Arc<Gate>,
    settle: Duration,
    news: Sender<News>,
}

/// Runs the lanes. Says too whether the runtime still works; it does not if its only thread hangs.
fn run<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static>(
    runtime: &Arc<Runtime>,
    plan: &TrialPlan,
    endpoints: Vec<Endpoint<S, R>>,
    watch: &mut dyn Watch,
) -> Result<(Outcome, bool), OpenError> {
    let Session { lanes, monitor, control } = Session::new(plan, lead_ns(plan));
    let (mut monitor, gate) = (monitor.with_cost(), Arc::new(Gate::default()));
    let bells: Vec<Arc<Bell>> = lanes.iter().map(|_| Arc::new(Bell::default())).collect();
    bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
    let stepped = plan.placement == Placement::Threads(1);
    let paced = plan.load.is_timed();
    let rings = rings(&plan.wiring, &bells, false);
    let (tell, news) = channel();
    let (runner, give) = runner(runtime).map_err(OpenError::Failed)?;
    let (mut tasks, mut threads, mut members) = (Vec::new(), vec![runner], Vec::new());
    let mut faults = Vec::new();
    for (((lane, endpoint), rings), bell) in lanes.into_iter().zip(endpoints).zip(rings).zip(bells) {
        let id = lane.id();
        let crash = crash(plan, id);
        faults.extend(crash.map(|crash| fault(plan, control.blame.instance(id), crash)));
        let is_paced = lane.is_driven() && paced;
        let pace = Arc::new(Pace::default());
        let pacing = match (is_paced, stepped) {
            (true, false) => Pacing::Thread(Arc::clone(&pace)),
            (true, true) => Pacing::Yield,
            (false, _) => Pacing::Rung,
        };
        let shared = Shared {
            control: Arc::clone(&control),
            gate: Arc::clone(&gate),
            settle: plan.drain_deadline,
            news: tell.clone(),
        };
        let seat = Seat { lane, endpoint, rings };
        let task = occupy(seat, bell, pacing, crash, shared, members.len());
        if is_paced && !stepped {
            let handle = runtime.handle().clone();
            let run = move || own_thread_main(&handle, task, &pace);
            match thread::Builder::new().spawn(run) {
                Ok(thread) => threads.push(thread),
                // The task was dropped with the thread's closure, so its place among the members tells that it is gone.
                Err(error) => control.fail(no_thread(control.blame.instance(id), &error)),
            }
        } else {
            tasks.push(runtime.spawn(task));
        }
        members.push(vec![id]);
    }
    drop(tell);
    let aborts: Vec<_> = tasks.iter().map(task::JoinHandle::abort_handle).collect();
    let _ = give.send(tasks);
    let clock = gate.open(members.len(), || control.failure().is_some() || watch.is_interrupted());
    watch_lanes(&mut monitor, &clock, &control, watch);
    let failed = control.failure().is_some();
    let settle = if failed { Duration::ZERO } else { plan.drain_deadline.saturating_add(FINISH) };
    let left: Vec<Left> = Gathering { control: &control, news, members }.gather(settle, watch, || {});
    // A task that only waits ends here; one that blocks or spins does not.
    aborts.iter().for_each(task::AbortHandle::abort);
    let works = join(threads) || plan.placement.workers() > 1;
    let confirms = left.iter().filter_map(|left| left.1).reduce(|mut all, one| {
        all.merge(one);
        all
    });
    let lanes = left.into_iter().map(|left| left.0).collect();
    Ok((Outcome { faults, ..monitor.finish(lanes, confirms, Vec::new()) }, works))
}

type Tasks = Vec<task::JoinHandle<()>>;

/// A thread that blocks on the tasks it is given, as a runtime on a single thread runs only while someone does.
fn runner(runtime: &Arc<Runtime>) -> Result<(JoinHandle<()>, Sender<Tasks>), String> {
    let (give, given) = channel::<Tasks>();
    let runtime = Arc::clone(runtime);
    let run = move || {
        if let Ok(tasks) = given.recv() {
            runtime.block_on(async {
                for task in tasks {
                    // Its panic was told already.
                    let _ = task.await;
                }
            });
        }
    };
    let thread = thread::Builder::new().spawn(run).map_err(|error| no_thread("the runtime", &error))?;
    Ok((thread, give))
}

fn own_thread_main<F: Future>(handle: &Handle, task: F, pace: &Pace) -> F::Output {
    ask_for_precise_sleeps();
    let _entered = handle.enter();
    tasks::block_on(task, pace)
}

fn fault(plan: &TrialPlan, name: &str, crash: Crash) -> String {
    let after = Duration::from_nanos(crash.at_ns - lead_ns(plan));
    format!("{name} was killed {after:?} after the start of the load and came back {:?} later", crash.down)
}

fn crash(plan: &TrialPlan, lane: u16) -> Option<Crash> {
    let kill = plan.kill.as_ref()?;
    let service = plan.wiring.services.iter().find(|service| service.name == kill.service)?;
    let is_meant = service.instances.start.checked_add(kill.instance) == Some(lane);
    is_meant.then(|| Crash { at_ns: lead_ns(plan) + as_ns(kill.after), down: kill.down })
}

/// A lane's task: drives it to the end, settles its ports, hands the lane back, and drops the ports.
fn occupy<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static>(
    mut seat: Seat<S, R>,
    bell: Arc<Bell>,
    pacing: Pacing,
    crash: Option<Crash>,
    shared: Shared,
    at: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let Shared { control, gate, settle, news } = shared;
    let leaving = Leaving { at, news };
    async move {
        let clock = gate.pass_as_task().await;
        let lane = seat.lane.id();
        let driven = told(&control, lane, tasks::drive(&mut seat, &clock, &bell, &pacing, crash)).await;
        match driven {
            // A lane that is done drops its ports, so after the stop the others see theirs closed.
            Some(Err(PortError::Closed)) if control.stop.is_stopped() => {}
            Some(Err(error)) => control.fail(format!("{}: {error}", control.blame.instance(lane))),
            Some(Ok(())) | None => {}
        }
        let confirms = told(&control, lane, settled(&mut seat, &control, &clock, settle)).await.flatten();
        let Seat { lane, endpoint, rings } = seat;
        let id = lane.id();
        let _ = leaving.news.send(News::Back(leaving.at, vec![(lane, confirms)]));
        control.blame.dropping(&[id]);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop((endpoint, rings)))) {
            control.fail(control.blame.panicked(&[id], &*panic));
        }
        drop(leaving);
    }
}

/// Runs what a lane does. A panic ends the trial and is told by the name of whoever caused it; `None` then.
async fn told<F: Future>(control: &Control, lane: u16, does: F) -> Option<F::Output> {
    let mut does = pin!(does);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| does.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Err(panic) => {
            control.fail(control.blame.panicked(&[lane], &*panic));
            Poll::Ready(None)
        }
    })
    .await
}

/// Waits until the transport has what it took, all ports together no longer than `settle`.
async fn settled<S: AsyncSendPort, R: AsyncRecvPort>(
    seat: &mut Seat<S, R>,
    control: &Control,
    clock: &Clock,
    settle: Duration,
) -> Option<Confirms> {
    let Seat { lane, endpoint, .. } = seat;
    let mut failed = control.failure().is_some();
    let until_ns = if failed { 0 } else { clock.now_ns().saturating_add(as_ns(settle)) };
    let mut confirms: Option<Confirms> = None;
    lane.does(Act::Settle);
    for port in &mut endpoint.sends {
        let left = Duration::from_nanos(until_ns.saturating_sub(clock.now_ns()));
        if let Some(settled) = port.settle(left).await {
            confirms.get_or_insert_default().merge(settled);
        }
        if let Err(error) = port.check()
            && !failed
        {
            control.fail(format!("{}: {error}", control.blame.instance(lane.id())));
            failed = true;
        }
    }
    lane.does(Act::Finish);
    for port in [&mut endpoint.inbox, &mut endpoint.replies].into_iter().flatten().filter(|_| !failed) {
        if let Err(error) = port.finish().await {
            control.fail(format!("{}: {error}", control.blame.instance(lane.id())));
        }
    }
    lane.does(Act::Harness);
    confirms
}
