//! A transport on threads that stores messages as a broker does: it confirms them, hands them out until they are
//! acknowledged, and hands out again what a dead consumer held.

mod away;
mod dead;

use super::*;
use crate::{
    handler::{Handler, Out},
    load::{Extent, Feed, LoadPlan, Pace, Start},
    message::{Kind, Message},
    monitor::Unwatched,
    outcome::{Cause, Ending, backlog::Phase},
    payload::Pool,
    plan::{Amount, Backlog, Conditions, Disturbance, Kill, Limit, Pause, Poison, Victim},
    port::{Confirmed, Inbox, Told},
    promise::Acks,
    scenario::{Part, Scenario, Service, Style, command},
    wiring::WiringSettings,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

const MS: Duration = Duration::from_millis(1);

/// In place of a count of deliveries: the store has given up on the message.
const DEAD: u16 = u16::MAX;

/// The messages that wait, with how often they were handed out.
#[derive(Debug, Default)]
struct Stored {
    waiting: VecDeque<(Message, u16)>,
}

/// The transport. Its one queue outlives its ports.
#[derive(Clone, Debug, Default)]
struct Store {
    stored: Arc<Mutex<Stored>>,
    /// Of the receiving ports: after so many polls the first of them says that the connection is lost.
    loses_after: Option<u32>,
    /// Only the port of this instance does, and while it holds messages.
    loses_at: Option<u16>,
    /// A message that was given back after so many deliveries is handed out once more, as a dead letter.
    limit: Option<u16>,
    /// So is everything that a consumer held when it went.
    dies_with_consumer: bool,
    /// Opening fails so often.
    fails: Arc<AtomicU32>,
    opened: Arc<AtomicU32>,
    /// The last message of a port is confirmed only by its `finish`.
    finished: Arc<AtomicU32>,
}

struct Into {
    store: Store,
    untold: u32,
}

struct From {
    store: Store,
    /// Handed over and not acknowledged, oldest first.
    held: VecDeque<(Message, u16)>,
    polls: u32,
    loses: bool,
}

impl Store {
    fn port(&self, wiring: &Wiring, instance: u16) -> Endpoint<Into, From> {
        let service = wiring.service_of(instance);
        let is_first = self.opened.fetch_add(1, Ordering::Relaxed) < u32::from(wiring.instance_count());
        let loses = is_first && self.loses_at.is_none_or(|at| at == instance);
        let from = || From { store: self.clone(), held: VecDeque::new(), polls: 0, loses };
        let into = |_| Into { store: self.clone(), untold: 0 };
        Endpoint {
            inbox: wiring.heard_by(service).next().is_some().then(from),
            sends: wiring.sends_of(service).map(into).collect(),
        }
    }
}

impl Transport for Store {
    type Send = Into;
    type Recv = From;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Into, From>, OpenError> {
        Ok((0..wiring.instance_count()).map(|instance| self.port(wiring, instance)).collect())
    }

    fn reopens(&self) -> Option<Reopen<Into, From>> {
        let store = self.clone();
        Some(Arc::new(move |wiring, instance| {
            let fails =
                store.fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            match fails {
                Ok(_) => Err(OpenError::Failed("the store is not there yet".into())),
                Err(_) => Ok(store.port(wiring, instance)),
            }
        }))
    }
}

impl SendPort for Into {
    const CONFIRMS: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.store.stored.lock().unwrap().waiting.extend(batch.iter().map(|message| (*message, 0)));
        self.untold += batch.len() as u32;
        Ok(batch.len())
    }

    fn confirmed(&mut self, tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError> {
        if self.untold > 0 {
            tell(Confirmed::Stored(std::mem::take(&mut self.untold)));
        }
        Ok(())
    }

    fn finish(&mut self, _at_most: Duration) -> Result<(), PortError> {
        self.store.finished.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl RecvPort for From {
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;
    const REJECTS: bool = true;

    fn drain(
        &mut self,
        _from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.polls += 1;
        let may_lose = self.loses && (self.store.loses_at.is_none() || !self.held.is_empty());
        if may_lose && self.store.loses_after.is_some_and(|after| self.polls > after) {
            return Err(PortError::Lost("the line was cut".into()));
        }
        let mut stored = self.store.stored.lock().unwrap();
        let len = max.min(stored.waiting.len());
        let taken: Vec<_> = stored
            .waiting
            .drain(..len)
            .map(|(message, attempt)| (message, attempt.saturating_add(1)))
            .collect();
        drop(stored);
        let batch: Vec<Message> = taken.iter().map(|(message, _)| *message).collect();
        let told = |(_, attempt): &(Message, u16)| match *attempt {
            DEAD => Told::DEAD,
            attempt => Told { attempt, shard: 0 },
        };
        let told: Vec<Told> = taken.iter().map(told).collect();
        self.held.extend(taken);
        if len > 0 {
            on_batch(&batch, &told);
        }
        Ok(len)
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        self.held.drain(..count);
        Ok(())
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        let mut stored = self.store.stored.lock().unwrap();
        for (message, attempt) in self.held.drain(..count) {
            assert_ne!(attempt, DEAD, "a dead letter is acknowledged");
            let is_dead = self.store.limit.is_some_and(|limit| attempt >= limit);
            stored.waiting.push_back((message, if is_dead { DEAD } else { attempt }));
        }
        Ok(())
    }
}

/// A consumer that goes leaves what it held to the others.
impl Drop for From {
    fn drop(&mut self) {
        let mut stored = self.store.stored.lock().unwrap();
        let dies = self.store.dies_with_consumer;
        let held =
            self.held.drain(..).rev().map(|(message, attempt)| (message, if dies { DEAD } else { attempt }));
        held.for_each(|held| stored.waiting.push_front(held));
    }
}

struct Emits;

impl Handler for Emits {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.emit(message, Kind(1));
    }
}

struct Ends;

impl Handler for Ends {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        out.end(message);
    }
}

struct Steady(u64);

impl Feed for Steady {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        for _ in starts.len()..starts.capacity() {
            starts.push(Start { after_ns: self.0 * 200_000, ..Start::default() });
            self.0 += 1;
        }
    }
}

/// 400 ms of load, a flow every 200 us.
fn plan(placement: Placement, batch: usize) -> TrialPlan {
    plan_of(placement, batch, 1)
}

/// The same, with so many sinks.
fn plan_of(placement: Placement, batch: usize, sinks: u16) -> TrialPlan {
    let service = |name, driven, reactor| Service { name, driven, part: Part::Usual, reactor };
    let scenario = Scenario {
        name: "test",
        summary: "",
        kinds: &["Work"],
        services: vec![
            service("source", true, || Box::new(Emits)),
            service("sink", false, || Box::new(Ends)),
        ],
        ends_per_flow: 1,
        message: vec![command("sink.work", &["Work"], "source", &["sink"])],
        event: vec![],
    };
    let settings = WiringSettings {
        run_name: "test".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::from([("sink".to_owned(), sinks)]),
        capacity: 1024,
        batch,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).unwrap(),
        scenario: Arc::new(scenario),
        load: LoadPlan {
            pace: Pace::Open { window: u64::MAX },
            ..LoadPlan::closed(1, Extent::Duration(400_000_000))
        },
        feeds: Arc::new(|_, _| Box::new(Steady(0))),
        await_replies: false,
        placement,
        wait: Wait::Park,
        drain_deadline: Duration::from_secs(5),
        sample_every: 50 * MS,
        conditions: Default::default(),
    }
}

fn under(conditions: Conditions, plan: TrialPlan) -> TrialPlan {
    TrialPlan { conditions, ..plan }
}

fn ran(store: &Store, plan: &TrialPlan) -> Outcome {
    Threaded(store.clone()).run(plan, &mut Unwatched).unwrap()
}

const PLACEMENTS: [Placement; 2] = [Placement::Each, Placement::Threads(1)];

#[test]
fn a_store_confirms_and_is_acknowledged_to_the_last_message() {
    for placement in PLACEMENTS {
        let store = Store::default();
        let outcome = ran(&store, &plan(placement, 8));
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, audit.duplicated), (Ending::Completed, 0, 0));
        assert_eq!((audit.confirmed, audit.unconfirmed), (Some(audit.sent), Some(0)));
        assert_eq!(outcome.confirms[0].confirmed, audit.sent);
        assert_eq!(audit.redelivered, Some(0));
        assert!(
            store.stored.lock().unwrap().waiting.is_empty(),
            "all was acknowledged before the ports were dropped"
        );
        assert_eq!(store.finished.load(Ordering::Relaxed), 1);
    }
}

/// A lane that acknowledges before it handles a message has nothing in its hands between two messages. One that waits for the
/// confirm of what it sends has acknowledged everything in the end, too.
#[test]
fn messages_are_acknowledged_when_the_plan_says() {
    for acks in Acks::WITHOUT_TRANSACTIONS {
        let store = Store::default();
        let conditions = Conditions { acks, ..Conditions::default() };
        let outcome = ran(&store, &under(conditions.clone(), plan(Placement::Threads(1), 8)));
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, audit.duplicated), (Ending::Completed, 0, 0), "{acks}");
        assert!(store.stored.lock().unwrap().waiting.is_empty(), "{acks}: all was acknowledged");
        let kill = Kill {
            service: "sink".into(),
            instance: 0,
            after: 100 * MS,
            down: 20 * MS,
            what: Victim::Consumer,
        };
        let killed = under(Conditions { kill: Some(kill), ..conditions }, plan(Placement::Threads(1), 8));
        let outcome = ran(&Store::default(), &killed);
        assert_eq!(outcome.audit.duplicated > 0, acks != Acks::Before, "{acks}: {:?}", outcome.audit);
    }
}

/// Each flow's number is the message's, so the messages that are given back are known.
#[test]
fn messages_that_a_service_gives_back_come_again_and_none_is_lost() {
    for (one_in, times, batch, acks) in [
        (4, 1, 8, Acks::After),
        (1, 2, 8, Acks::After),
        (7, 3, 1, Acks::Confirmed),
        (2, 1, 32, Acks::Confirmed),
    ] {
        let poison = Some(Poison { service: "sink".into(), one_in, times });
        let store = Store::default();
        let conditions = Conditions { poison, acks, ..Conditions::default() };
        let outcome = ran(&store, &under(conditions, plan(Placement::Each, batch)));
        let audit = &outcome.audit;
        let bad = outcome.started / u64::from(one_in) * u64::from(times);
        assert_eq!(
            (outcome.ending, audit.rejected, audit.redelivered),
            (Ending::Completed, Some(bad), Some(bad))
        );
        assert_eq!((audit.delivered, audit.lost, audit.duplicated), (outcome.started, 0, 0), "{audit:?}");
        assert!(store.stored.lock().unwrap().waiting.is_empty(), "all was settled");
    }
}

#[test]
fn giving_back_is_refused_where_it_would_mean_nothing() {
    let poison = || Some(Poison { service: "sink".into(), one_in: 9, times: 1 });
    let conditions = Conditions { poison: poison(), acks: Acks::Before, ..Conditions::default() };
    let refused = conditions.check(true, true).unwrap_err().to_string();
    assert_eq!(
        refused,
        "--poison needs messages that are not acknowledged before they are handled: leave --acks before out"
    );
    let conditions = Conditions { poison: poison(), ..Conditions::default() };
    assert_eq!(conditions.check(false, true), Ok(()));
    assert!(conditions.check(true, false).unwrap_err().to_string().contains("takes a message back"));
}
