//! The parts of these tests: small scenarios, a steady feed, a trial with its defaults, and the properties of a sound
//! outcome. For transports over any server.
#![allow(dead_code, reason = "shared by test binaries, each of which uses a part")]

#[path = "scenarios.rs"]
mod scenarios;
#[path = "seen.rs"]
mod seen;

use drumpost_core::{
    dispatcher::Dispatcher,
    headers::Shape,
    load::{Extent, LoadPlan, Pace},
    monitor::{Counts, Edge, Unwatched, Watch},
    outcome::{Cause, Ending, Outcome, Snapshot},
    payload::Pool,
    plan::{Conditions, Kill, Placement, Poison, TrialPlan, Victim, Wait},
    promise::{Acks, Order},
    registry::{Options, TransportEntry},
    scenario::{Scenario, Style},
    server::ServerFacts,
    transport::OpenError,
    wiring::{Wiring, WiringSettings},
};
use drumpost_kit::suite::{Course, Steady};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

pub(crate) use scenarios::*;
pub(crate) use seen::Seen;

/// So many headers, with values of so many bytes.
pub(crate) fn headers(count: u32, value_len: u32) -> Shape {
    Shape::new(count, value_len).expect("within bounds")
}

#[derive(Clone)]
pub(crate) struct Trial {
    pub(crate) style: Style,
    pub(crate) instances: &'static [(&'static str, u16)],
    pub(crate) pace: Pace,
    pub(crate) extent: Extent,
    pub(crate) batch: usize,
    pub(crate) payload_len: u32,
    pub(crate) headers: Shape,
    pub(crate) await_replies: bool,
    pub(crate) placement: Placement,
    pub(crate) every_ns: u64,
    /// How many keys take turns.
    pub(crate) keys: u32,
    pub(crate) order: Order,
    pub(crate) reconnect: Option<Duration>,
    pub(crate) drain: Duration,
    pub(crate) kill: Option<Kill>,
    pub(crate) acks: Acks,
    pub(crate) poison: Option<Poison>,
    /// Tells how many flows have ended, and ends the load when it is told to.
    pub(crate) course: Course,
    pub(crate) options: &'static [(&'static str, &'static str)],
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            style: Style::Message,
            instances: &[],
            pace: Pace::Closed { in_flight: 64 },
            extent: Extent::Count(5_000),
            batch: 16,
            payload_len: 128,
            headers: Shape::NONE,
            await_replies: false,
            placement: Placement::Each,
            every_ns: 0,
            keys: u32::MAX,
            order: Order::default(),
            reconnect: None,
            drain: Duration::from_secs(10),
            kill: None,
            acks: Acks::After,
            poison: None,
            course: Course::default(),
            options: &[],
        }
    }
}

impl Trial {
    /// An open load of 2 s, a flow `every_ns`, in which the first consumer of `warehouse` dies after 300 ms and is away for 500 ms.
    pub(crate) fn killed(instances: &'static [(&'static str, u16)], every_ns: u64) -> Self {
        Self {
            instances,
            pace: Pace::Open { window: 100_000 },
            extent: Extent::Duration(2_000_000_000),
            every_ns,
            drain: Duration::from_secs(20),
            kill: Some(Kill {
                service: "warehouse".into(),
                instance: 0,
                after: Duration::from_millis(300),
                down: Duration::from_millis(500),
                what: Victim::Consumer,
            }),
            // What comes again has them too.
            headers: headers(3, 24),
            ..Self::default()
        }
    }

    /// An open load, a flow `every_ns`, that goes on until its course is told to end it: over a server that is killed and comes back.
    pub(crate) fn until_told(every_ns: u64) -> Self {
        Self {
            pace: Pace::Open { window: 100_000 },
            extent: Extent::Duration(3_600_000_000_000),
            every_ns,
            reconnect: Some(BACK_WITHIN),
            drain: Duration::from_secs(20),
            ..Self::default()
        }
    }

    /// Instances of `warehouse` share 50 keys among partitions, which `options` ask for.
    pub(crate) fn by_key(
        style: Style,
        order: Order,
        instances: &'static [(&'static str, u16)],
        options: &'static [(&'static str, &'static str)],
    ) -> Self {
        let (headers, pace) = (headers(4, 32), Pace::Closed { in_flight: 500 });
        Self { style, instances, keys: 50, order, headers, pace, options, ..Self::default() }
    }

    pub(crate) fn plan(&self, scenario: Scenario) -> TrialPlan {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let settings = WiringSettings {
            run_name: format!("test/{}", RUNS.fetch_add(1, Ordering::Relaxed)),
            with: Vec::new(),
            without: Vec::new(),
            instances: self
                .instances
                .iter()
                .map(|(name, n)| ((*name).to_owned(), *n))
                .collect::<BTreeMap<_, _>>(),
            capacity: 4096,
            batch: self.batch,
            window: Some(self.pace.window()),
            pool: Arc::new(Pool::new(7, self.payload_len).with_headers(7, self.headers)),
        };
        let feed = Steady::new(self.every_ns, self.payload_len, &self.course).with_keys(self.keys);
        TrialPlan {
            wiring: Wiring::new(&scenario, self.style, &settings).expect("the table can be wired"),
            scenario: Arc::new(scenario),
            load: LoadPlan { pace: self.pace, ..LoadPlan::closed(64, self.extent) },
            feeds: Arc::new(move |_, _| Box::new(feed.clone())),
            await_replies: self.await_replies,
            placement: self.placement,
            wait: if self.placement == Placement::Each { Wait::Native } else { Wait::Park },
            drain_deadline: self.drain,
            sample_every: Duration::from_millis(100),
            conditions: Conditions {
                kill: self.kill.clone(),
                poison: self.poison.clone(),
                acks: self.acks,
                order: self.order,
                reconnect: self.reconnect,
                ..Conditions::default()
            },
        }
    }

    /// Runs a trial; fails if it takes longer than a minute beside its drain.
    pub(crate) fn run(&self, transport: &str, url: &str, scenario: Scenario) -> Result<Outcome, OpenError> {
        self.run_watched(transport, url, scenario, Unwatched)
    }

    /// The same, watched. A load that goes on until it is told to end takes as long as its server is away, too.
    pub(crate) fn run_watched(
        &self,
        transport: &str,
        url: &str,
        scenario: Scenario,
        watch: impl Watch + 'static,
    ) -> Result<Outcome, OpenError> {
        let mut dispatcher = made(transport, url, self.options);
        let plan = self.plan(scenario);
        let mut watch = Both(self.course.clone(), watch);
        let away = self.reconnect.unwrap_or_default();
        let (done, outcome) = mpsc::channel();
        thread::spawn(move || {
            let _ = done.send(dispatcher.run(&plan, &mut watch));
        });
        outcome.recv_timeout(Duration::from_secs(60) + away + self.drain).expect("the run hangs")
    }
}

/// How long a server may be away that was killed. Beside four busy loops and a compiler RabbitMQ took 37 s to start.
const BACK_WITHIN: Duration = Duration::from_secs(120);

/// Messages flow again over a server that came back, and then the load ends.
#[track_caller]
pub(crate) fn assert_flows_again(course: &Course) {
    let flows = course.moves_on(500, BACK_WITHIN);
    course.end_load();
    assert!(flows, "no messages flow {BACK_WITHIN:?} after the server came back");
}

/// The course of a trial, and another watch.
struct Both<W>(Course, W);

impl<W: Watch> Watch for Both<W> {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.0.sample(snapshot);
        self.1.sample(snapshot);
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        self.1.opened(server);
    }

    fn begun(&mut self, ago: Duration) {
        self.1.begun(ago);
    }

    fn edge(&mut self, edge: Edge, counts: Counts) {
        self.1.edge(edge, counts);
    }

    fn measured(&mut self, outcome: &Outcome) {
        self.1.measured(outcome);
    }

    fn is_interrupted(&self) -> bool {
        self.1.is_interrupted()
    }

    fn is_urgent(&self) -> bool {
        self.1.is_urgent()
    }
}

/// 1,000 flows, of which one in so many has messages that `service` gives back so often.
pub(crate) fn dies(service: &str, one_in: u32, times: u16) -> Trial {
    let poison = Some(Poison { service: service.into(), one_in, times });
    Trial { poison, extent: Extent::Count(1_000), headers: headers(2, 8), ..Trial::default() }
}

/// What is registered of a transport.
pub(crate) fn entry(transport: &str) -> TransportEntry {
    let known = drumpost_dispatch::transports();
    known.into_iter().find(|entry| entry.name == transport).expect("it is registered")
}

/// A transport whose server is at `url`.
pub(crate) fn made(transport: &str, url: &str, set: &[(&str, &str)]) -> Box<dyn Dispatcher> {
    let entry = entry(transport);
    let mut options = Options::default();
    options.set(entry.address().expect("it has a server").name, url);
    set.iter().for_each(|(name, value)| options.set(name, *value));
    entry.made(&options).expect("the options are fine")
}

/// Prints the messages per second of a closed load with so many flows in flight, messages a batch and bytes of payload.
#[expect(clippy::print_stdout, reason = "it measures, and checks nothing")]
pub(crate) fn print_throughput(
    transport: &str,
    url: &str,
    style: Style,
    (in_flight, batch, payload_len): (u64, usize, u32),
    options: &'static [(&'static str, &'static str)],
) {
    let (pace, extent) = (Pace::Closed { in_flight }, Extent::Duration(3_000_000_000));
    let trial = Trial { style, pace, extent, batch, payload_len, options, ..Trial::default() };
    let outcome = trial.run(transport, url, one_hop(ends)).expect("it opens");
    let rate = outcome.measured_ended as f64 / outcome.elapsed_ns as f64 * 1e9;
    println!(
        "{transport} {style} {options:?}, {in_flight} in flight, batch {batch}, {payload_len} B: {rate:.0} msgs/s, mean {:.0} us, \
         cpu {:.1} us a message",
        outcome.response.mean_ns() / 1e3,
        outcome.cost.unwrap_or_default().cpu_ns as f64 / outcome.measured_ended as f64 / 1e3
    );
}

/// Replies find the instance that asked, also where a service both reacts and asks, awaited or not.
pub(crate) fn assert_replies_find_who_asked(transport: &str, url: &str) {
    for await_replies in [false, true] {
        let several = Trial {
            instances: &[("order", 2), ("payment", 2)],
            await_replies,
            extent: Extent::Count(1_000),
            pace: Pace::Closed { in_flight: 8 },
            ..Trial::default()
        };
        assert_sound(&several.run(transport, url, order_authorization()).expect("it opens"), 2_900);
        let apart = Trial { await_replies, extent: Extent::Count(1_000), ..Trial::default() };
        assert_sound(&apart.run(transport, url, with_agent()).expect("it opens"), 3_000);
    }
}

/// Two runs at once do not meet. Neither do two of the same name one after the other: the second could not be set up if the first had
/// left something.
pub(crate) fn assert_runs_do_not_meet(transport: &str, url: &str, styles: [Style; 2], flows: u64) {
    let trial = |style, flows| Trial { style, extent: Extent::Count(flows), ..Trial::default() };
    thread::scope(|scope| {
        for style in styles {
            scope.spawn(move || {
                let outcome = trial(style, flows).run(transport, url, one_hop(ends));
                assert_sound(&outcome.expect("it opens"), flows);
            });
        }
    });
    let plan = trial(styles[0], 100).plan(order_authorization());
    let mut dispatcher = made(transport, url, &[]);
    for _ in 0..2 {
        assert_sound(&dispatcher.run(&plan, &mut Unwatched).expect("it opens"), 290);
    }
}

/// Everything arrived once, whole and in order.
#[track_caller]
pub(crate) fn assert_sound(outcome: &Outcome, expected: u64) {
    let audit = &outcome.audit;
    assert_eq!(outcome.ending, Ending::Completed, "{audit:?}");
    assert_eq!((audit.expected, audit.unique, audit.lost), (expected, expected, 0), "{audit:?}");
    assert_eq!((audit.duplicated, audit.reordered, audit.corrupted), (0, 0, 0), "{audit:?}");
    assert_eq!(outcome.unfinished, 0);
    assert!(!outcome.drain_timed_out);
}

/// Everything came once, and the order that was promised was kept.
#[track_caller]
pub(crate) fn assert_in_order(outcome: &Outcome, expected: u64) {
    let audit = &outcome.audit;
    assert_eq!(
        (audit.unique, audit.lost, audit.duplicated, audit.corrupted),
        (expected, 0, 0, 0),
        "{audit:?}"
    );
    assert_eq!((audit.out_of_order, audit.unjudged), (0, 0), "{audit:?}");
}

/// How many messages a consumer that was killed had handled and not acknowledged. Its death has to be the only outage of the trial, and it
/// has to have come back.
#[track_caller]
pub(crate) fn in_hand(outcome: &Outcome) -> u64 {
    assert_eq!(
        (outcome.ending.clone(), outcome.audit.corrupted),
        (Ending::Completed, 0),
        "{:?}",
        outcome.audit
    );
    let [outage] = &outcome.outages[..] else { panic!("{:?}", outcome.outages) };
    assert!(!outage.until_end, "{outage}");
    let Cause::ConsumerKilled { in_hand } = outage.cause else { panic!("{outage}") };
    in_hand as u64
}

pub(crate) fn assert_confirmed(outcome: &Outcome, transport: &str) {
    let counted = (outcome.audit.confirmed, outcome.audit.unconfirmed);
    let expected =
        if transport.starts_with("nats") { (None, None) } else { (Some(outcome.audit.sent), Some(0)) };
    assert_eq!(counted, expected, "{:?}", outcome.notes);
}
