//! When the time of a load begins: not before the transport is open, every lane is made, and the thread or task of every
//! lane is there. What takes long before that is no part of the load.
//!
//! Each test makes one of these steps take longer than the whole load. Nothing depends on how fast the machine is: it is
//! asked whether a message's stamp can be as large as it is if time began after that step.

use crate::support::at_once;
use drumpost_core::{
    bell::Bell,
    clock::{Clock, Now},
    dispatcher::{Dispatcher, OnThread, Tasked, Threaded, lead_ns, run_on_threads},
    drive::{ConnectedLane, Rings, ledger::Terms, threads},
    handler::{Handler, Out, Reactor},
    lane::Lane,
    load::{Extent, LoadPlan, Pace},
    message::{Kind, Message},
    monitor::Unwatched,
    outcome::{Ending, Outcome},
    payload::Pool,
    plan::{Placement, TrialPlan, Wait},
    port::{AsyncSendPort, PortError, SendPort},
    scenario::{Part, Scenario, Service, Style, command, event},
    session::Session,
    transport::{AsyncTransport, Endpoint, Endpoints, OpenError, Transport},
    wiring::{Wiring, WiringSettings},
};
use drumpost_dispatch::{rtrb::Rtrb, tokio_mpsc};
use drumpost_workloads::{ArrivalSpec, KeySpec, PayloadSpec, Rate, WorkloadSpec};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::{self, ThreadId},
    time::Duration,
};

/// How long a step takes.
const STEP: Duration = Duration::from_millis(400);
/// How long the load is. It would be over before the step is.
const LOAD_NS: u64 = 200_000_000;
/// Flows that are due in it.
const DUE: u64 = 200;

/// Notes when the last step was done, and what the stamps of messages say.
#[derive(Clone, Debug)]
struct Watch {
    clock: Clock,
    done_ns: Arc<AtomicU64>,
    /// The most by which a stamp, which is on the run's clock, is ahead of this clock.
    ahead_ns: Arc<AtomicI64>,
}

impl Watch {
    fn start() -> Self {
        Self { clock: Clock::start(), done_ns: Arc::default(), ahead_ns: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// A step that takes its time.
    fn step(&self) {
        thread::sleep(STEP);
        self.done_ns.fetch_max(self.clock.now_ns(), Ordering::Relaxed);
    }

    /// Looks at messages that are handed to the transport.
    fn note(&self, batch: &[Message]) {
        let now_ns = self.clock.now_ns().cast_signed();
        for message in batch {
            self.ahead_ns.fetch_max(message.sent_ns().cast_signed() - now_ns, Ordering::Relaxed);
        }
    }

    /// A message that is sent some time after the step has a stamp of at most that time.
    #[track_caller]
    fn assert_time_began_after_the_step(&self, outcome: &Outcome) {
        assert_eq!(outcome.ending, Ending::Completed);
        assert_eq!(outcome.measured_started + outcome.missed, DUE);
        assert!(outcome.measured_started >= DUE / 2, "{} of {DUE} were started", outcome.measured_started);
        let done_ns = self.done_ns.load(Ordering::Relaxed);
        assert!(done_ns >= STEP.as_nanos() as u64, "the step was not made");
        let early_ns = self.ahead_ns.load(Ordering::Relaxed) + done_ns.cast_signed();
        // Clocks are read on several cores.
        assert!(early_ns < 5_000_000, "time began {early_ns} ns before the step was done");
    }
}

/// Wraps a transport.
#[derive(Debug)]
struct Slow<T> {
    inner: T,
    watch: Watch,
    /// What it does when it is opened.
    opening: fn(&Watch),
}

/// Notes what is sent.
#[derive(Debug)]
struct Noting<P> {
    inner: P,
    watch: Watch,
}

fn noting<S, R>(endpoints: Endpoints<S, R>, watch: &Watch) -> Endpoints<Noting<S>, R> {
    endpoints.into_iter().map(|endpoint| noting_one(endpoint, watch)).collect()
}

fn noting_one<S, R>(endpoint: Endpoint<S, R>, watch: &Watch) -> Endpoint<Noting<S>, R> {
    let note = |inner| Noting { inner, watch: watch.clone() };
    Endpoint { inbox: endpoint.inbox, sends: endpoint.sends.into_iter().map(note).collect() }
}

impl<T: Transport> Transport for Slow<T> {
    type Send = Noting<T::Send>;
    type Recv = T::Recv;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError> {
        (self.opening)(&self.watch);
        Ok(noting(self.inner.open(wiring)?, &self.watch))
    }
}

impl<T: AsyncTransport> AsyncTransport for Slow<T> {
    type Send = Noting<T::Send>;
    type Recv = T::Recv;

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        (self.opening)(&self.watch);
        self.inner.prepare(wiring).await
    }

    async fn open(
        &self,
        wiring: &Wiring,
        instance: u16,
    ) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        Ok(noting_one(self.inner.open(wiring, instance).await?, &self.watch))
    }

    async fn close(&self) -> Result<(), String> {
        self.inner.close().await
    }
}

impl<P: SendPort> SendPort for Noting<P> {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.watch.note(batch);
        self.inner.offer(batch)
    }
}

impl<P: AsyncSendPort> AsyncSendPort for Noting<P> {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.watch.note(batch);
        self.inner.offer(batch)
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        self.inner.poll_room(context)
    }
}

thread_local! {
    /// What the making of a handler on this thread is a step of.
    static MAKING: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

struct Producer;

impl Handler for Producer {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, Kind(1));
    }
}

struct Worker;

impl Handler for Worker {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
    }
}

/// The last handler to be made takes its time where a test says so.
fn worker() -> Box<dyn Reactor> {
    MAKING.with_borrow(|watch| {
        if let Some(watch) = watch {
            watch.step();
        }
    });
    Box::new(Worker)
}

fn scenario() -> Scenario {
    const KINDS: &[&str] = &["WorkProduced"];
    Scenario {
        name: "two",
        summary: "A producer and a worker",
        kinds: KINDS,
        services: vec![
            Service { name: "producer", driven: true, part: Part::Needed, reactor: || Box::new(Producer) },
            Service { name: "worker", driven: false, part: Part::Needed, reactor: worker },
        ],
        ends_per_flow: 1,
        message: vec![command("work.queue", KINDS, "producer", &["worker"])],
        event: vec![event("work.published", KINDS, "producer", &["worker"])],
    }
}

/// A thousand flows a second, without a warm-up that would hide when time began.
fn plan(placement: Placement) -> TrialPlan {
    let scenario = Arc::new(scenario());
    let settings = WiringSettings {
        run_name: "found".into(),
        with: Vec::new(),
        without: Vec::new(),
        instances: BTreeMap::new(),
        capacity: 1024,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    let workload = WorkloadSpec {
        seed: 1,
        arrivals: Some(ArrivalSpec::Constant(Rate::per_s(1_000.0).unwrap())),
        think: None,
        senders: 1,
        payload: PayloadSpec::EMPTY,
        keys: KeySpec::uniform(16).unwrap(),
    };
    TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).unwrap(),
        scenario,
        load: LoadPlan {
            pace: Pace::Open { window: u64::MAX },
            warmup_ns: 0,
            ..LoadPlan::closed(1, Extent::Duration(LOAD_NS))
        },
        feeds: workload.feeds(),
        await_replies: false,
        placement,
        wait: Wait::Park,
        drain_deadline: Duration::from_secs(20),
        sample_every: Duration::from_millis(100),
        conditions: Default::default(),
    }
}

/// Runs a trial on the calling thread.
fn ran(dispatcher: &mut dyn Dispatcher, placement: Placement) -> Outcome {
    dispatcher.run(&plan(placement), &mut Unwatched).unwrap()
}

const PLACEMENTS: [Placement; 3] = [Placement::Each, Placement::Threads(1), Placement::Threads(2)];

#[test]
fn opening_a_transport_is_no_part_of_the_load() {
    at_once(PLACEMENTS, |placement| {
        let watch = Watch::start();
        let slow = Slow { inner: Rtrb, watch: watch.clone(), opening: Watch::step };
        watch.assert_time_began_after_the_step(&ran(&mut Threaded(slow), placement));
        let watch = Watch::start();
        let slow = Slow { inner: tokio_mpsc::transport(), watch: watch.clone(), opening: Watch::step };
        watch.assert_time_began_after_the_step(&ran(&mut Tasked::new(slow), placement));
    });
}

#[test]
fn making_the_lanes_is_no_part_of_the_load() {
    let quiet: fn(&Watch) = |_| {};
    // Each on a thread of its own, on which its handlers are made.
    at_once(PLACEMENTS, |placement| {
        let watch = Watch::start();
        MAKING.set(Some(watch.clone()));
        let transport = Slow { inner: Rtrb, watch: watch.clone(), opening: quiet };
        watch.assert_time_began_after_the_step(&ran(&mut Threaded(transport), placement));
        let watch = Watch::start();
        MAKING.set(Some(watch.clone()));
        let transport = Slow { inner: tokio_mpsc::transport(), watch: watch.clone(), opening: quiet };
        watch.assert_time_began_after_the_step(&ran(&mut Tasked::new(transport), placement));
    });
}

/// The only thread of the runtime has something else to do before it comes to the lanes.
#[test]
fn a_task_that_has_not_begun_is_waited_for() {
    let occupies: fn(&Watch) = |watch| {
        let watch = watch.clone();
        drop(tokio::spawn(async move { watch.step() }));
    };
    let watch = Watch::start();
    let transport = Slow { inner: tokio_mpsc::transport(), watch: watch.clone(), opening: occupies };
    watch.assert_time_began_after_the_step(&ran(&mut Tasked::new(transport), Placement::Threads(1)));
}

/// A lane on a thread of its own. Asking for its number is the last thing before its thread is started, and takes its
/// time there.
struct Alone {
    connected: [ConnectedLane<Noting<<Rtrb as Transport>::Send>, <Rtrb as Transport>::Recv>; 1],
    bell: Arc<Bell>,
    watch: Watch,
    starter: ThreadId,
}

impl OnThread for Alone {
    type Ports = ();

    fn drive(&mut self, clock: &Clock) -> Result<(), (u16, PortError)> {
        threads::drive(&mut self.connected, clock, Wait::Park, &self.bell)
    }

    fn lanes(&self) -> Vec<u16> {
        if thread::current().id() == self.starter {
            self.watch.step();
        }
        vec![self.connected[0].lane.id()]
    }

    fn into_parts(self) -> (Vec<Lane>, ()) {
        let [connected] = self.connected;
        (vec![connected.lane], ())
    }
}

#[test]
fn starting_threads_is_no_part_of_the_load() {
    let (plan, watch) = (plan(Placement::Each), Watch::start());
    let endpoints = noting(Rtrb.open(&plan.wiring).unwrap(), &watch);
    let Session { lanes, monitor, control } = Session::new(&plan, lead_ns(&plan));
    let alone = |(lane, endpoint): (Lane, _)| {
        let bell = Arc::new(Bell::default());
        control.add_bell(Arc::clone(&bell));
        let connected = [ConnectedLane::new(lane, endpoint, Rings::default(), Terms::default())];
        Alone { connected, bell, watch: watch.clone(), starter: thread::current().id() }
    };
    let groups = lanes.into_iter().zip(endpoints).map(alone).collect();
    let outcome = run_on_threads(groups, Duration::ZERO, &control, monitor, &mut Unwatched);
    watch.assert_time_began_after_the_step(&outcome);
}
