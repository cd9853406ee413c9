//! Small scenarios and a bounded way to run them, for the tests of transports.

use drumpost_core::{
    dispatcher::Dispatcher,
    handler::{Handler, Out, Reactor},
    load::{Extent, Feed, LoadPlan, Start},
    message::{Kind, Message},
    monitor::Unwatched,
    outcome::{Ending, Outcome},
    payload::Pool,
    plan::{Conditions, Placement, TrialPlan, Wait},
    port::{AsyncRecvPort, AsyncSendPort, Inbox, PortError},
    scenario::{Part, Route, Scenario, Service, Style, command, event, reply, request},
    transport::OpenError,
    wiring::{Wiring, WiringSettings},
};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Wake, Waker},
    thread,
    time::Duration,
};

const A: Kind = Kind(1);
const B: Kind = Kind(2);
const C: Kind = Kind(3);
const D: Kind = Kind(4);
const KINDS: &[&str] = &["A", "B", "C", "D"];

/// Drains an inbox as a driver does: waits for at least one message. What was handed over goes into `seen`.
pub(crate) async fn drain<R: AsyncRecvPort>(
    inbox: &mut R,
    max: usize,
    seen: &mut Vec<u32>,
) -> Result<usize, PortError> {
    poll_fn(|context| inbox.poll_drain(context, Inbox::All, max, |batch, _| seen.extend(numbers(batch))))
        .await
}

/// Waits for room at a send port.
pub(crate) async fn room<S: AsyncSendPort>(port: &mut S) -> Result<(), PortError> {
    poll_fn(|context| port.poll_room(context)).await
}

/// A handler made of a function and of what it remembers.
struct Reacts<F>(F);

impl<F: FnMut(&Message, &mut Out) + Send> Handler for Reacts<F> {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        (self.0)(message, out);
    }
}

fn reacts(react: impl FnMut(&Message, &mut Out) + Send + 'static) -> Box<dyn Reactor> {
    Box::new(Reacts(react))
}

fn service(name: &'static str, reactor: fn() -> Box<dyn Reactor>) -> Service {
    Service { name, driven: name == "source", part: Part::Usual, reactor }
}

fn scenario(services: Vec<Service>, message: Vec<Route>, event: Vec<Route>) -> Scenario {
    Scenario { name: "test", summary: "for tests", kinds: KINDS, services, ends_per_flow: 1, message, event }
}

fn emits(kind: Kind) -> Box<dyn Reactor> {
    reacts(move |message, out| out.emit(message, kind))
}

fn ends() -> Box<dyn Reactor> {
    reacts(|message, out| out.end(message))
}

fn ends_slowly() -> Box<dyn Reactor> {
    reacts(|message, out| {
        thread::sleep(Duration::from_micros(20));
        out.end(message);
    })
}

/// source → sink, in both styles.
pub(crate) fn pipe(slow: bool) -> Scenario {
    let sink = if slow { ends_slowly } else { ends };
    scenario(
        vec![service("source", || emits(A)), service("sink", sink)],
        vec![command("sink.work", &["A"], "source", &["sink"])],
        vec![event("source.done", &["A"], "source", &["sink"])],
    )
}

/// source → sink, which never ends a flow.
pub(crate) fn endless() -> Scenario {
    let sink = || reacts(|_, _| ());
    Scenario { services: vec![service("source", || emits(A)), service("sink", sink)], ..pipe(false) }
}

/// source → sink, but for every other flow, which source ends where it starts.
pub(crate) fn half_a_pipe() -> Scenario {
    let source = || {
        reacts(|message, out| if message.number % 2 == 0 { out.emit(message, A) } else { out.end(message) })
    };
    Scenario { services: vec![service("source", source), service("sink", ends)], ..pipe(false) }
}

/// source → sink, which panics at the thousandth.
pub(crate) fn panics() -> Scenario {
    let sink = || {
        reacts(|message, out| {
            assert!(message.number != 1_000, "number 1000 is too much");
            out.end(message);
        })
    };
    Scenario { services: vec![service("source", || emits(A)), service("sink", sink)], ..pipe(false) }
}

/// source asks server, and ends the flow with the reply; fails on a reply to another instance.
pub(crate) fn ask() -> Scenario {
    let source = || {
        let mut own = None;
        reacts(move |message, out| {
            if message.kind == Kind::START {
                own = Some(message.origin());
                return out.emit(message, A);
            }
            assert_eq!(own, Some(message.origin()), "a reply to another instance");
            out.end(message);
        })
    };
    scenario(
        vec![service("source", source), service("server", || emits(B))],
        vec![
            request("server.ask", &["A"], "source", &["server"]),
            reply("server.reply", &["B"], "server", &["source"]),
        ],
        vec![],
    )
}

/// source commands middle, which asks server, and goes on to sink when it has the reply: it both reacts and asks.
pub(crate) fn react_and_ask() -> Scenario {
    let middle = || reacts(|message, out| out.emit(message, if message.kind == A { B } else { D }));
    scenario(
        vec![
            service("source", || emits(A)),
            service("middle", middle),
            service("server", || emits(C)),
            service("sink", ends),
        ],
        vec![
            command("middle.work", &["A"], "source", &["middle"]),
            request("server.ask", &["B"], "middle", &["server"]),
            reply("server.reply", &["C"], "server", &["middle"]),
            command("sink.work", &["D"], "middle", &["sink"]),
        ],
        vec![],
    )
}

/// source → fast, slow and fast again; one topic without subscribers besides.
pub(crate) fn fan_out() -> Scenario {
    let source = || {
        reacts(|message, out| {
            out.emit(message, A);
            out.emit(message, B);
        })
    };
    let services = vec![
        service("source", source),
        service("fast", ends),
        service("slow", ends_slowly),
        service("other", ends),
    ];
    let events = vec![
        event("source.done", &["A"], "source", &["fast", "slow", "other"]),
        event("source.unheard", &["B"], "source", &[]),
    ];
    Scenario { ends_per_flow: 3, ..scenario(services, vec![], events) }
}

/// source → two topics, both of which sink hears.
pub(crate) fn two_topics() -> Scenario {
    let source = || {
        reacts(|message, out| {
            out.emit(message, A);
            out.emit(message, B);
        })
    };
    let events = vec![
        event("source.one", &["A"], "source", &["sink"]),
        event("source.two", &["B"], "source", &["sink"]),
    ];
    let services = vec![service("source", source), service("sink", ends)];
    Scenario { ends_per_flow: 2, ..scenario(services, vec![], events) }
}

/// A run of one of these scenarios.
#[derive(Clone)]
pub(crate) struct Trial {
    pub style: Style,
    pub instances: &'static [(&'static str, u16)],
    pub capacity: usize,
    pub batch: usize,
    pub in_flight: u64,
    pub count: u64,
    pub await_replies: bool,
    pub placement: Placement,
    pub wait: Wait,
    pub flow_timeout: Duration,
    pub sample_every: Duration,
    pub unconfirmed: usize,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            style: Style::Message,
            instances: &[],
            capacity: 1024,
            batch: 64,
            in_flight: 64,
            count: 20_000,
            await_replies: false,
            placement: Placement::Each,
            wait: Wait::Park,
            flow_timeout: Duration::from_secs(5),
            sample_every: Duration::from_millis(100),
            unconfirmed: 1024,
        }
    }
}

struct Steady;

impl Feed for Steady {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        let room = starts.capacity() - starts.len();
        starts.extend(std::iter::repeat_n(Start { payload_len: 32, ..Start::default() }, room));
    }
}

impl Trial {
    pub(crate) fn wiring(&self, scenario: &Scenario) -> Wiring {
        let instances: BTreeMap<String, u16> =
            self.instances.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let settings = WiringSettings {
            run_name: "test".into(),
            with: vec![],
            without: vec![],
            instances,
            capacity: self.capacity,
            batch: self.batch,
            window: Some(self.in_flight),
            pool: Arc::new(Pool::new(1, 64)),
        };
        Wiring::new(scenario, self.style, &settings).unwrap()
    }

    fn plan(&self, scenario: Scenario) -> TrialPlan {
        TrialPlan {
            wiring: self.wiring(&scenario),
            scenario: Arc::new(scenario),
            load: LoadPlan {
                flow_timeout_ns: self.flow_timeout.as_nanos() as u64,
                ..LoadPlan::closed(self.in_flight, Extent::Count(self.count))
            },
            feeds: Arc::new(|_, _| Box::new(Steady)),
            await_replies: self.await_replies,
            placement: self.placement,
            wait: self.wait,
            drain_deadline: Duration::from_secs(2),
            sample_every: self.sample_every,
            conditions: Conditions { unconfirmed: self.unconfirmed, ..Conditions::default() },
        }
    }

    /// Runs `scenario`, or fails if that takes more than 20 seconds.
    pub(crate) fn try_run(
        &self,
        mut dispatcher: impl Dispatcher + 'static,
        scenario: Scenario,
    ) -> Result<Outcome, OpenError> {
        let (done, outcome) = mpsc::channel();
        let plan = self.plan(scenario);
        thread::spawn(move || drop(done.send(dispatcher.run(&plan, &mut Unwatched))));
        outcome.recv_timeout(Duration::from_secs(20)).expect("the run hangs")
    }

    /// Runs `scenario` and checks that everything arrived once, whole and in order.
    pub(crate) fn run(&self, dispatcher: impl Dispatcher + 'static, scenario: Scenario) -> Outcome {
        let outcome = self.try_run(dispatcher, scenario).unwrap();
        let audit = &outcome.audit;
        assert_eq!(outcome.ending, Ending::Completed);
        assert!(!outcome.drain_timed_out, "{audit:?}");
        assert_eq!((outcome.started, outcome.measured_ended), (self.count, self.count), "{audit:?}");
        assert_eq!((audit.unique, audit.delivered), (audit.expected, audit.expected), "{audit:?}");
        let bad =
            [audit.lost, audit.duplicated, audit.reordered, audit.corrupted, audit.lagged, audit.unsent];
        assert_eq!(bad, [0; 6], "{audit:?}");
        outcome
    }

    /// Runs a scenario in which no flow ever ends, so that the load stands with a full window and writes it off.
    pub(crate) fn stuck(&self, dispatcher: impl Dispatcher + 'static) {
        let trial = Self { count: 200, flow_timeout: Duration::from_millis(20), ..self.clone() };
        let outcome = trial.try_run(dispatcher, endless()).unwrap();
        assert_eq!((outcome.ending, outcome.drain_timed_out), (Ending::Completed, false));
        assert_eq!((outcome.started, outcome.unfinished, outcome.audit.lost), (200, 200, 0));
    }

    /// The sentence in which opening a transport is refused.
    pub(crate) fn refusal(&self, dispatcher: impl Dispatcher + 'static, scenario: Scenario) -> String {
        match self.try_run(dispatcher, scenario) {
            Err(OpenError::Refused(sentence)) => sentence,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// How a run in which a handler panics ends.
    pub(crate) fn failure(&self, dispatcher: impl Dispatcher + 'static) -> String {
        match self.try_run(dispatcher, panics()).unwrap().ending {
            Ending::Failed(what) => what,
            other => panic!("not failed: {other:?}"),
        }
    }
}

/// Messages numbered from `from`: for ports, not for lanes.
pub(crate) fn numbered(from: u32, count: u32) -> Vec<Message> {
    (from..from + count).map(|number| Message::start(0, number, 0, 0, 0)).collect()
}

/// The numbers of messages handed over.
pub(crate) fn numbers(batch: &[Message]) -> Vec<u32> {
    batch.iter().map(|message| message.number).collect()
}

/// Runs a future to its end, at most 20 seconds.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(20), future).await };
    runtime.block_on(limited).expect("the future hangs")
}

/// A waker, and whether it was woken.
pub(crate) fn woken() -> (Waker, impl Fn() -> bool) {
    #[derive(Default)]
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let flag = Arc::new(Flag::default());
    (Arc::clone(&flag).into(), move || flag.0.load(Ordering::SeqCst))
}
