//! Runs every scenario through the engine in both styles, over queues in memory: all flows end, nothing is lost, and
//! each service receives what its style's table says.

#![expect(clippy::unwrap_used, reason = "the lint lets tests unwrap, but not what they share")]

use drumpost_core::{
    dispatcher::{Dispatcher, Threaded},
    load::{Extent, LoadPlan, Pace},
    message::Message,
    monitor::Unwatched,
    outcome::{Ending, Outcome},
    payload::Pool,
    plan::{Placement, TrialPlan, Wait},
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    registry::Options,
    scenario::{Intent, Style},
    transport::{Endpoint, OpenError, Transport},
    wiring::{Destination, Wiring, WiringSettings},
};
use drumpost_workloads::{ArrivalSpec, Rate, WorkloadSpec};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

type Queue = Arc<Mutex<VecDeque<Message>>>;

/// Queues without a limit: one per service for what its instances compete for, one per instance for replies.
struct Queues;

struct ToQueues {
    /// One for each receiving service, or, for replies, one for each lane.
    queues: Vec<Queue>,
    is_reply: bool,
}

impl SendPort for ToQueues {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        for message in batch {
            let chosen = match self.is_reply {
                true => &self.queues[usize::from(message.reply_to())..][..1],
                false => &self.queues[..],
            };
            chosen.iter().for_each(|queue| queue.lock().unwrap().push_back(*message));
        }
        Ok(batch.len())
    }
}

struct FromQueues(Vec<Queue>);

impl RecvPort for FromQueues {
    fn drain(
        &mut self,
        _from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let mut taken = Vec::new();
        for queue in &self.0 {
            let mut queue = queue.lock().unwrap();
            let count = queue.len().min(max - taken.len());
            taken.extend(queue.drain(..count));
        }
        if !taken.is_empty() {
            on_batch(&taken, &[]);
        }
        Ok(taken.len())
    }
}

impl Transport for Queues {
    type Send = ToQueues;
    type Recv = FromQueues;

    fn open(&mut self, wiring: &Wiring) -> Result<Vec<Endpoint<ToQueues, FromQueues>>, OpenError> {
        let shared: Vec<Queue> = wiring.services.iter().map(|_| Queue::default()).collect();
        let own: Vec<Queue> = (0..wiring.instance_count()).map(|_| Queue::default()).collect();
        let port = |to: &Destination| ToQueues {
            is_reply: to.intent == Intent::Reply,
            queues: match to.intent {
                Intent::Reply => own.clone(),
                _ => to.receivers.iter().map(|service| Arc::clone(&shared[*service])).collect(),
            },
        };
        let endpoint = |instance: u16| {
            let service = wiring.service_of(instance);
            let inbox =
                FromQueues(vec![Arc::clone(&shared[service]), Arc::clone(&own[usize::from(instance)])]);
            let hears = wiring.heard_by(service).next().is_some();
            Endpoint { inbox: hears.then_some(inbox), sends: wiring.sends_of(service).map(port).collect() }
        };
        Ok((0..wiring.instance_count()).map(endpoint).collect())
    }
}

const FLOWS: u64 = 5_000;

/// What is asked for besides the scenario and the style.
#[derive(Clone, Copy)]
struct Asked<'a> {
    flows: u64,
    with: &'a [&'a str],
    without: &'a [&'a str],
    instances: &'a [(&'a str, u16)],
    options: &'a [(&'a str, &'a str)],
    open: bool,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { flows: FLOWS, with: &[], without: &[], instances: &[], options: &[], open: false }
    }
}

fn run(name: &str, style: Style, asked: Asked<'_>) -> Outcome {
    let mut options = Options::default();
    asked.options.iter().for_each(|(name, value)| options.set(name, *value));
    let entry = drumpost_workloads::scenarios().into_iter().find(|entry| entry.name == name).unwrap();
    let scenario = entry.made(&options).unwrap();
    let arrivals = ArrivalSpec::Poisson(Rate::per_s(1e6).unwrap());
    let workload = WorkloadSpec {
        seed: 1,
        arrivals: asked.open.then_some(arrivals),
        think: None,
        senders: 1,
        payload: "lognormal:64B,0.5".parse().unwrap(),
        keys: "uniform:1000".parse().unwrap(),
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let settings = WiringSettings {
        run_name: "test".to_owned(),
        with: owned(asked.with),
        without: owned(asked.without),
        instances: asked
            .instances
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect::<BTreeMap<_, _>>(),
        capacity: 1_024,
        batch: 16,
        window: Some(64),
        pool: Arc::new(Pool::new(1, workload.max_payload_len())),
    };
    let wiring = Wiring::new(&scenario, style, &settings).unwrap();
    wiring.check_deadlock(64).unwrap();
    let plan = TrialPlan {
        scenario: Arc::new(scenario),
        wiring,
        load: LoadPlan {
            pace: if asked.open { Pace::Open { window: 64 } } else { Pace::Closed { in_flight: 64 } },
            ..LoadPlan::closed(64, Extent::Count(asked.flows))
        },
        feeds: workload.feeds(),
        await_replies: false,
        placement: Placement::Threads(1),
        wait: Wait::Yield,
        drain_deadline: Duration::from_secs(5),
        // Nobody watches.
        sample_every: Duration::from_secs(60),
        conditions: Default::default(),
    };
    let outcome = Threaded(Queues).run(&plan, &mut Unwatched).unwrap();
    assert_eq!((outcome.started, outcome.measured_ended, outcome.unfinished), (asked.flows, asked.flows, 0));
    outcome
}

/// Checks that all went well, and gives the deliveries to each service by destination.
#[track_caller]
fn deliveries(outcome: &Outcome) -> BTreeMap<(&str, &str), u64> {
    assert_eq!(outcome.ending, Ending::Completed);
    let audit = &outcome.audit;
    assert_eq!((audit.lost, audit.duplicated, audit.corrupted, audit.unrouted), (0, 0, 0, 0));
    assert_eq!(audit.expected, audit.unique);
    assert!(!outcome.drain_timed_out);
    let hops =
        outcome.hops.iter().map(|hop| ((hop.destination.as_str(), hop.receiver.as_str()), hop.times.count()));
    hops.collect()
}

#[test]
fn every_scenario_ends_every_flow_in_both_styles_closed_and_open() {
    for entry in drumpost_workloads::scenarios() {
        for style in Style::ALL {
            for open in [false, true] {
                deliveries(&run(entry.name, style, Asked { open, ..Asked::default() }));
            }
        }
    }
}

#[test]
fn one_order_in_ten_is_declined_in_both_styles_alike() {
    let message = run("order-authorization", Style::Message, Asked::default());
    let event = run("order-authorization", Style::Event, Asked::default());
    let (message, event) = (deliveries(&message), deliveries(&event));
    let accepted = message[&("warehouse.ship", "warehouse")];
    assert!(accepted.abs_diff(FLOWS * 9 / 10) < 50, "{accepted}");
    assert_eq!(message[&("payment.authorize", "payment")], FLOWS);
    assert_eq!(message[&("payment.authorize.reply", "order")], FLOWS);
    assert_eq!(event[&("order.placed", "payment")], FLOWS);
    assert_eq!(event[&("payment.accepted", "warehouse")], accepted);
    assert_eq!(event[&("payment.declined", "order")], FLOWS - accepted);
}

#[test]
fn revenue_reporting_hears_every_accepted_order_when_asked() {
    let asked = Asked { with: &["revenue-reporting"], ..Asked::default() };
    let message = run("order-authorization", Style::Message, asked);
    let event = run("order-authorization", Style::Event, asked);
    let (message, event) = (deliveries(&message), deliveries(&event));
    let accepted = message[&("warehouse.ship", "warehouse")];
    assert_eq!(message[&("revenue.record", "revenue-reporting")], accepted);
    assert_eq!(event[&("payment.accepted", "revenue-reporting")], accepted);
}

#[test]
fn a_payment_is_handled_by_all_and_ended_by_the_email() {
    for with in [&[][..], &["revenue-reporting"][..]] {
        for style in Style::ALL {
            let outcome = run("payment-confirmation", style, Asked { with, ..Asked::default() });
            let deliveries = deliveries(&outcome);
            assert_eq!(deliveries.len(), 3 + with.len(), "{style}");
            assert!(deliveries.values().all(|count| *count == FLOWS), "{style}: {deliveries:?}");
        }
    }
    let plain = Asked { without: &["analytics", "inventory"], ..Asked::default() };
    let outcome = run("payment-confirmation", Style::Message, plain);
    assert_eq!(deliveries(&outcome), BTreeMap::from([(("email.send", "email"), FLOWS)]));
}

#[test]
fn workers_share_the_work_and_producers_the_load() {
    let asked = Asked { instances: &[("worker", 4), ("producer", 3)], ..Asked::default() };
    for (style, destination) in [(Style::Message, "work.queue"), (Style::Event, "work.published")] {
        for open in [false, true] {
            let outcome = run("stream", style, Asked { open, ..asked });
            assert_eq!(deliveries(&outcome), BTreeMap::from([((destination, "worker"), FLOWS)]));
        }
    }
}

#[test]
fn news_reaches_every_subscriber() {
    for (subscribers, flows) in [("1", FLOWS), ("64", FLOWS / 20)] {
        for style in Style::ALL {
            let options = &[("fan-out.subscribers", subscribers)][..];
            let outcome = run("fan-out", style, Asked { flows, options, ..Asked::default() });
            let deliveries = deliveries(&outcome);
            assert_eq!(deliveries.len().to_string(), subscribers);
            assert!(deliveries.values().all(|count| *count == flows), "{style}: {deliveries:?}");
        }
    }
}

#[test]
fn answers_go_to_the_client_that_asked() {
    let asked = Asked { instances: &[("client", 3), ("server", 2)], ..Asked::default() };
    for style in Style::ALL {
        deliveries(&run("ping", style, asked));
    }
}
