//! Runs a transport on tasks of a tokio runtime that is made for each trial.

mod open;

use super::{
    Dispatcher,
    checked::{Kind, on_tasks},
    depth,
    gate::Gate,
    gather::{Gathering, Leaving, News, join, watch_lanes},
    guard::no_thread,
    lead_ns, opened,
    pauses::pause,
    refusal_of, runtime,
    workers::Crew,
};
use crate::{
    act::Act,
    bell::Bell,
    blame::transport_name,
    clock::{Clock, as_ns},
    control::Control,
    drive::{
        ConnectedLane, TimeAway,
        ledger::Terms,
        tasks::{
            self, Pacing, absent,
            life::{Doom, Life, Opening, live},
        },
        wake_latency::WakeLatency,
    },
    monitor::Watch,
    outcome::{Outage, Outcome},
    plan::{CROWD, Placement, TrialPlan, Victim},
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    promise::{Asked, Promise},
    session::{Session, ends, rings},
    transport::{AsyncTransport, Cleaned, Endpoints, OpenError},
    wiring::Wiring,
};
use open::{open, open_all};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    task::Poll,
    time::Duration,
};
use tokio::{runtime::Runtime, task};

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
pub(super) const OPENS: Duration = Duration::from_secs(25);
/// How long a transport may take to close: it may have to connect anew to remove what it made.
const CLOSE: Duration = Duration::from_secs(12);
/// How long lanes may take after their ports have settled: a port that finishes may have to wait for a server's answer.
const FINISH: Duration = Duration::from_secs(4);

impl<T: AsyncTransport> Dispatcher for Tasked<T> {
    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        self.0.promise(listed, asked)
    }

    fn reopens(&self) -> bool {
        T::REOPENS
    }

    fn shares_connections(&self) -> bool {
        T::SHARES_CONNECTIONS
    }

    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        plan.conditions.check(T::REOPENS, T::Recv::REJECTS && T::Recv::TELLS_ATTEMPTS)?;
        if plan.wiring.connections.is_some()
            && (plan.conditions.kill.is_some()
                || plan.conditions.reconnect.is_some()
                || plan.conditions.backlog.is_some())
        {
            return Err(OpenError::Refused(
                "--kill, --backlog and --reconnect need a connection for each instance: a shared one cannot be taken from one instance \
                 and left to the others; leave --connections out"
                    .into(),
            ));
        }
        // Measured here the first time, not when the first lane waits.
        WakeLatency::of_host();
        let runtime = Arc::new(runtime(plan.placement)?);
        let opened = runtime.block_on(open(&*self.0, &plan.wiring_to_open(), watch));
        let ran = opened.and_then(|endpoints| {
            if plan.conditions.checks_ports {
                let kind = Kind { confirms: T::Send::CONFIRMS, acknowledges: T::Recv::ACKNOWLEDGES };
                return run_checked(&runtime, plan, on_tasks::any(endpoints), kind, watch);
            }
            run(&runtime, &self.0, plan, endpoints, watch)
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
        } else if watch.is_urgent() {
            Ok(Err("told to end at once: the transport was not closed; `drumpost clean` removes what it left at a server".into()))
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
    let rings = match are_many {
        true => vec![ends(&plan.wiring, &bells, monitor.credit()); count],
        false => rings(&plan.wiring, &bells, false),
    };
    let (tell, news) = channel();
    let (mut crew, mut members) = (Crew::new(runtime, plan).map_err(OpenError::Failed)?, Vec::new());
    let wiring = Arc::new(plan.wiring_to_open());
    for (((lane, endpoint), rings), bell) in lanes.into_iter().zip(endpoints).zip(rings).zip(bells) {
        let id = lane.id();
        let pacing = crew.pacing(&lane);
        let shared = Shared {
            control: Arc::clone(&control),
            gate: Arc::clone(&gate),
            settle: plan.drain_deadline,
            news: tell.clone(),
        };
        let connected = ConnectedLane::new(lane, endpoint, rings, Terms::of(plan, id));
        let born = Born { connected, bell, pacing: pacing.clone() };
        let fate = Fate {
            transport: Arc::clone(transport),
            wiring: Arc::clone(&wiring),
            kill: kill(plan, id),
            is_absent: plan.is_absent(id),
            pause: pause(plan, id),
            reconnect: plan.conditions.reconnect,
            begins_ns: lead_ns(plan),
        };
        let task = occupy(born, fate, shared, members.len());
        // A task that gets no thread is dropped, so its place among the members tells that it is gone.
        if let Err(error) = crew.start(task, &pacing) {
            control.fail(no_thread(control.blame.instance(id), &error));
        }
        members.push(vec![id]);
    }
    if let Err(error) = crew.start_shared(&gate) {
        control.fail(no_thread("lanes that wait for due times", &error));
    }
    drop(tell);
    let (threads, mut aborts) = crew.under_way();
    let asks = depth::ask(Arc::clone(transport), wiring, Arc::clone(&control), plan.sample_every);
    aborts.push(runtime.spawn(asks).abort_handle());
    let clock = gate.open(members.len(), || control.failure().is_some() || watch.is_interrupted());
    watch_lanes(&mut monitor, &clock, &control, watch);
    let failed = control.failure().is_some();
    let settle = if failed { Duration::ZERO } else { plan.drain_deadline.saturating_add(FINISH) };
    let gathered = Gathering { control: &control, news, members }.gather(settle, watch, || {});
    // A task that only waits ends here; one that blocks or spins does not.
    aborts.iter().for_each(task::AbortHandle::abort);
    let works = join(threads, watch) || plan.placement.workers() > 1;
    Ok((gathered.finish(monitor), works))
}

/// As [`run`], over ports that check what the transport's ports return.
fn run_checked(
    runtime: &Arc<Runtime>,
    plan: &TrialPlan,
    endpoints: on_tasks::AnyEndpoints,
    kind: Kind,
    watch: &mut dyn Watch,
) -> Result<(Outcome, bool), OpenError> {
    fn with<const C: bool, const A: bool>(
        runtime: &Arc<Runtime>,
        plan: &TrialPlan,
        endpoints: on_tasks::AnyEndpoints,
        watch: &mut dyn Watch,
    ) -> Result<(Outcome, bool), OpenError> {
        let opened = Arc::new(on_tasks::Opened::<C, A>);
        run(runtime, &opened, plan, on_tasks::checked(endpoints), watch)
    }
    match (kind.confirms, kind.acknowledges) {
        (false, false) => with::<false, false>(runtime, plan, endpoints, watch),
        (false, true) => with::<false, true>(runtime, plan, endpoints, watch),
        (true, false) => with::<true, false>(runtime, plan, endpoints, watch),
        (true, true) => with::<true, true>(runtime, plan, endpoints, watch),
    }
}

/// When a lane is to be killed, what of it, and for how long it is away then.
pub(super) fn kill(plan: &TrialPlan, lane: u16) -> Option<(Doom, Victim, Duration)> {
    let kill = plan.conditions.kill.as_ref()?;
    let service = plan.wiring.services.iter().find(|service| service.name == kill.service)?;
    let is_meant = service.instances.start.checked_add(kill.instance) == Some(lane);
    is_meant.then(|| (Doom::at(lead_ns(plan) + as_ns(kill.after)), kill.what, kill.down))
}

/// A lane with its ports, about to be driven.
struct Born<S, R> {
    connected: ConnectedLane<S, R>,
    bell: Arc<Bell>,
    pacing: Pacing,
}

/// What is to happen to a lane, and what its ports are opened with if it comes back.
struct Fate<T> {
    transport: Arc<T>,
    wiring: Arc<Wiring>,
    kill: Option<(Doom, Victim, Duration)>,
    is_absent: bool,
    pause: Option<(Doom, Duration)>,
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
        let Born { mut connected, bell, pacing } = born;
        if fate.is_absent {
            absent::leave(&mut connected);
        }
        let clock = gate.pass_as_task().await;
        let id = connected.lane.id();
        let instance = control.blame.instance(id);
        let Fate { transport, wiring, kill, pause, is_absent, reconnect, begins_ns } = fate;
        let open = || -> Opening<'_, T::Send, T::Recv> {
            Box::pin(async { opened::checked(&wiring, id, transport.open(&wiring, id).await?) })
        };
        let note = |TimeAway { cause, since_ns, away_ns, until_end }: TimeAway| {
            let (instance, at_ns) = (instance.to_owned(), since_ns.saturating_sub(begins_ns));
            control.note_outage(Outage { instance, cause, at_ns, away_ns, until_end });
        };
        let absent = is_absent.then_some(&control.backlog);
        let lost = &*control.lost;
        let life = Life { absent, kill, pause, reconnect, open: &open, note: &note, lost };
        match told(&control, id, live(&mut connected, &clock, &bell, &pacing, life)).await {
            // A lane that is done drops its ports, so after the stop the others see theirs closed.
            Some(Err(PortError::Closed)) if control.stop.is_stopped() => {}
            Some(Err(error)) => control.fail(control.blame.port_failed(id, &error)),
            Some(Ok(())) | None => {}
        }
        told(&control, id, finish(&mut connected, &control, &clock, settle)).await;
        let (lane, endpoint, rings) = connected.into_parts();
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
    connected: &mut ConnectedLane<S, R>,
    control: &Control,
    clock: &Clock,
    settle: Duration,
) {
    let settle = if control.failure().is_some() { Duration::ZERO } else { settle };
    // What is not confirmed by then counts as unconfirmed.
    let settled = tokio::time::timeout(settle, tasks::settle(connected, clock)).await.unwrap_or(Ok(()));
    if control.failure().is_some() {
        return;
    }
    connected.lane.does(Act::Finish);
    let finished = match settled {
        Ok(()) => {
            let ConnectedLane { endpoint, .. } = connected;
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
        control.fail(format!("{}: {error}", control.blame.instance(connected.lane.id())));
    }
    connected.lane.does(Act::Harness);
}
