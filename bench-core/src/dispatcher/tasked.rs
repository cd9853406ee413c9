//! Runs a transport on tasks of a tokio runtime that is made for each trial.

use super::{
    Dispatcher,
    gate::Gate,
    gather::{Gathering, Leaving, News, join, watch_lanes},
    guard::no_thread,
    lead_ns, refusal_of,
};
use crate::{
    bell::Bell,
    blame::{Act, panic_text, transport_name},
    clock::{Clock, as_ns},
    drive::{
        Placement, Seat,
        crowd::CROWD,
        ledger::Terms,
        slack::{Slack, ask_for_precise_sleeps},
        tasks::{
            self, Pace, Pacing,
            life::{Doom, Life, Opening, live},
            pacer::{self, Paced},
        },
    },
    lane::Lane,
    monitor::Watch,
    outcome::{Outage, Outcome},
    plan::{TrialPlan, Victim},
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    promise::{Asked, Promise},
    session::{Control, Session, ends, rings},
    transport::{AsyncTransport, Cleaned, Endpoints, OpenError},
    wiring::Wiring,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
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
pub struct Tasked<T>(Arc<T>);

impl<T> Tasked<T> {
    /// Runs `transport`.
    pub fn new(transport: T) -> Self {
        Self(Arc::new(transport))
    }
}

/// How long a transport may take to get ready: to reach its server, to make what it needs there, and to open all ports.
const OPENS: Duration = Duration::from_secs(25);
/// How long a transport may take to close: it may have to connect anew to remove what it made.
const CLOSE: Duration = Duration::from_secs(12);
/// How long lanes may take after their ports have settled: a port that finishes may have to wait for a server's answer.
const FINISH: Duration = Duration::from_secs(4);

impl<T: AsyncTransport> Dispatcher for Tasked<T> {
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        self.0.promise(listed, asked)
    }

    fn shares_connections(&self) -> bool {
        T::SHARES_CONNECTIONS
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        if !T::REOPENS {
            refuse_to_reopen(plan)?;
        }
        if plan.wiring.connections.is_some() && (plan.kill.is_some() || plan.reconnect.is_some()) {
            return Err(OpenError::Refused(
                "--kill and --reconnect need a connection for each instance: a shared one cannot be taken from one instance \
                 and left to the others; leave --connections out"
                    .into(),
            ));
        }
        // Measured here the first time, not when the first lane waits.
        Slack::of_host();
        let runtime = Arc::new(runtime(plan.placement)?);
        let opened = runtime.block_on(open(&*self.0, &plan.wiring, watch));
        let ran = opened.and_then(|endpoints| run(&runtime, &self.0, plan, endpoints, watch));
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
        Ok(outcome)
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        let runtime = runtime(Placement::Threads(1)).ok()?;
        runtime.block_on(async {
            let opened = tokio::time::timeout(CLOSE, open_all(&*self.0, wiring)).await;
            let _ = tokio::time::timeout(CLOSE, self.0.close()).await;
            refusal_of(opened.ok()?)
        })
    }

    fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        runtime(Placement::Threads(1))?.block_on(self.0.clean())
    }
}

/// Instances whose ports are opened at the same time.
const OPENED_AT_ONCE: usize = 32;

pub(super) fn refuse_to_reopen(plan: &TrialPlan) -> Result<(), OpenError> {
    let flag = match (&plan.kill, plan.reconnect) {
        (Some(_), _) => "--kill",
        (None, Some(_)) => "--reconnect",
        (None, None) => return Ok(()),
    };
    Err(OpenError::Refused(format!(
        "{flag} needs a transport whose instances can leave and return, as those of a broker can: here a queue ends with \
         its receiver"
    )))
}

/// Reaches the server, which the watcher is told of, and opens the ports of all instances, within a limit.
async fn open<T: AsyncTransport>(
    transport: &T,
    wiring: &Wiring,
    watch: &mut dyn Watch,
) -> Result<Endpoints<T::Send, T::Recv>, OpenError> {
    let opening = async {
        let server = transport.probe().await?;
        Ok((server, open_all(transport, wiring).await?))
    };
    let late = |_| {
        OpenError::Failed(format!("{} was not ready within {OPENS:?}", transport_name(&wiring.transport)))
    };
    let (server, endpoints) = tokio::time::timeout(OPENS, opening).await.map_err(late)??;
    watch.opened(server.as_ref());
    Ok(endpoints)
}

async fn open_all<T: AsyncTransport>(
    transport: &T,
    wiring: &Wiring,
) -> Result<Endpoints<T::Send, T::Recv>, OpenError> {
    transport.prepare(wiring).await?;
    // A broker answers many connections in the time of one.
    let opening = (0..wiring.instance_count()).map(|instance| transport.open(wiring, instance));
    let endpoints = stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await?;
    transport.joined(wiring).await?;
    Ok(endpoints)
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
fn run<T: AsyncTransport>(
    runtime: &Arc<Runtime>,
    transport: &Arc<T>,
    plan: &TrialPlan,
    endpoints: Endpoints<T::Send, T::Recv>,
    watch: &mut dyn Watch,
) -> Result<(Outcome, bool), OpenError> {
    let count = usize::from(plan.wiring.instance_count());
    let are_many = count > CROWD;
    let session = if are_many { Session::of_tasks } else { Session::new };
    let Session { lanes, monitor, control } = session(plan, lead_ns(plan));
    let monitor = monitor.with_cost();
    let mut monitor = monitor.with_told(T::Send::CONFIRMS, T::Recv::TELLS_ATTEMPTS);
    let gate = Arc::new(Gate::default());
    let bells: Vec<Arc<Bell>> = lanes.iter().map(|_| Arc::new(Bell::default())).collect();
    bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
    let stepped = plan.placement == Placement::Threads(1);
    let paced = plan.load.is_timed();
    let rings = match are_many {
        true => vec![ends(&plan.wiring, &bells, monitor.credit()); count],
        false => rings(&plan.wiring, &bells, false),
    };
    let workers = plan.placement.workers();
    let driven = if paced { plan.wiring.driven().count() } else { 0 };
    // More lanes that wait for due times than workers share as many threads as there are workers.
    let share_threads = driven > workers && (!stepped || are_many);
    let mut shared_threads: Vec<Vec<Paced>> = Vec::new();
    shared_threads.resize_with(if share_threads { workers } else { 0 }, Vec::new);
    let (tell, news) = channel();
    let (runner, give) = runner(runtime).map_err(OpenError::Failed)?;
    let (mut tasks, mut threads, mut members) = (Vec::new(), vec![runner], Vec::new());
    let wiring = Arc::new(plan.wiring.clone());
    for (((lane, endpoint), rings), bell) in lanes.into_iter().zip(endpoints).zip(rings).zip(bells) {
        let id = lane.id();
        let is_paced = lane.is_driven() && paced;
        let pace = Arc::new(Pace::default());
        let pacing = match is_paced {
            true if share_threads => Pacing::Wheel(Arc::clone(&pace)),
            true if stepped => Pacing::Yield,
            true => Pacing::Thread(Arc::clone(&pace)),
            false => Pacing::Rung,
        };
        let shared = Shared {
            control: Arc::clone(&control),
            gate: Arc::clone(&gate),
            settle: plan.drain_deadline,
            news: tell.clone(),
        };
        let terms = Terms::of(plan);
        let born = Born { seat: Seat::new(lane, endpoint, rings, terms), bell, pacing };
        let fate = Fate {
            transport: Arc::clone(transport),
            wiring: Arc::clone(&wiring),
            kill: kill(plan, id),
            reconnect: plan.reconnect,
            begins_ns: lead_ns(plan),
        };
        let task = occupy(born, fate, shared, members.len());
        if is_paced && share_threads {
            shared_threads[members.len() % workers].push(Paced { task: Box::pin(task), pace });
        } else if is_paced && !stepped {
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
    for tasks in shared_threads {
        let (handle, gate) = (runtime.handle().clone(), Arc::clone(&gate));
        match thread::Builder::new().spawn(move || shared_thread_main(&handle, tasks, &gate)) {
            Ok(thread) => threads.push(thread),
            Err(error) => control.fail(no_thread("lanes that wait for due times", &error)),
        }
    }
    drop(tell);
    let aborts: Vec<_> = tasks.iter().map(task::JoinHandle::abort_handle).collect();
    let _ = give.send(tasks);
    let clock = gate.open(members.len(), || control.failure().is_some() || watch.is_interrupted());
    watch_lanes(&mut monitor, &clock, &control, watch);
    let failed = control.failure().is_some();
    let settle = if failed { Duration::ZERO } else { plan.drain_deadline.saturating_add(FINISH) };
    let lanes: Vec<Lane> = Gathering { control: &control, news, members }.gather(settle, watch, || {});
    // A task that only waits ends here; one that blocks or spins does not.
    aborts.iter().for_each(task::AbortHandle::abort);
    let works = join(threads) || plan.placement.workers() > 1;
    Ok((monitor.finish(lanes), works))
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

fn shared_thread_main(handle: &Handle, tasks: Vec<Paced>, gate: &Gate) {
    ask_for_precise_sleeps();
    let _entered = handle.enter();
    pacer::run(tasks, || gate.clock());
}

/// When a lane is to be killed, what of it, and for how long it is away then.
pub(super) fn kill(plan: &TrialPlan, lane: u16) -> Option<(Doom, Victim, Duration)> {
    let kill = plan.kill.as_ref()?;
    let service = plan.wiring.services.iter().find(|service| service.name == kill.service)?;
    let is_meant = service.instances.start.checked_add(kill.instance) == Some(lane);
    is_meant.then(|| (Doom::at(lead_ns(plan) + as_ns(kill.after)), kill.what, kill.down))
}

/// A lane with its ports, about to be driven.
struct Born<S, R> {
    seat: Seat<S, R>,
    bell: Arc<Bell>,
    pacing: Pacing,
}

/// What is to happen to a lane, and what its ports are opened with if it comes back.
struct Fate<T> {
    transport: Arc<T>,
    wiring: Arc<Wiring>,
    kill: Option<(Doom, Victim, Duration)>,
    reconnect: Option<Duration>,
    begins_ns: u64,
}

/// A lane's task: drives it to the end, settles its ports, hands the lane back, and drops the ports.
fn occupy<T: AsyncTransport>(
    born: Born<T::Send, T::Recv>,
    fate: Fate<T>,
    shared: Shared,
    at: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let Shared { control, gate, settle, news } = shared;
    let leaving = Leaving { at, news };
    async move {
        let Born { mut seat, bell, pacing } = born;
        let clock = gate.pass_as_task().await;
        let id = seat.lane.id();
        let instance = control.blame.instance(id);
        let Fate { transport, wiring, kill, reconnect, begins_ns } = fate;
        let open = || -> Opening<'_, T::Send, T::Recv> { Box::pin(transport.open(&wiring, id)) };
        let note = |cause, since_ns: u64, away_ns| {
            let at_ns = since_ns.saturating_sub(begins_ns);
            control.note_outage(Outage { instance: instance.to_owned(), cause, at_ns, away_ns });
        };
        let life = Life { kill, reconnect, open: &open, note: &note };
        match told(&control, id, live(&mut seat, &clock, &bell, &pacing, life)).await {
            // A lane that is done drops its ports, so after the stop the others see theirs closed.
            Some(Err(PortError::Closed)) if control.stop.is_stopped() => {}
            Some(Err(error)) => control.fail(format!("{instance}: {error}")),
            Some(Ok(())) | None => {}
        }
        told(&control, id, finish(&mut seat, &control, &clock, settle)).await;
        let Seat { lane, endpoint, rings, .. } = seat;
        let _ = leaving.news.send(News::Back(leaving.at, vec![lane]));
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

/// Waits until the transport has confirmed what it took, no longer than `settle`, and until it has what was sent and
/// acknowledged. After a failure it waits for nothing.
async fn finish<S: AsyncSendPort, R: AsyncRecvPort>(
    seat: &mut Seat<S, R>,
    control: &Control,
    clock: &Clock,
    settle: Duration,
) {
    let settle = if control.failure().is_some() { Duration::ZERO } else { settle };
    // What is not confirmed by then counts as unconfirmed.
    let settled = tokio::time::timeout(settle, tasks::settle(seat, clock)).await.unwrap_or(Ok(()));
    if control.failure().is_some() {
        return;
    }
    seat.lane.does(Act::Finish);
    let finished = match settled {
        Ok(()) => {
            let Seat { endpoint, .. } = seat;
            let mut sends = endpoint.sends.iter_mut();
            let sent = async {
                for port in &mut sends {
                    poll_fn(|context| port.poll_finish(context)).await?;
                }
                match &mut endpoint.inbox {
                    Some(inbox) => poll_fn(|context| inbox.poll_finish(context)).await,
                    None => Ok(()),
                }
            };
            sent.await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = finished {
        control.fail(format!("{}: {error}", control.blame.instance(seat.lane.id())));
    }
    seat.lane.does(Act::Harness);
}
