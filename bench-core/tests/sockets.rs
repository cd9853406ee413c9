//! Threads that sleep on the sockets of their lanes: a transport over pairs of sockets, with which each flow waits for the one before.

use drumpost_core::{
    dispatcher::{Dispatcher, Threaded},
    handler::{Handler, Out, Reactor},
    load::{Extent, Feed, LoadPlan, Pace, Start},
    message::{Kind, MESSAGE_LEN, Message},
    monitor::Unwatched,
    outcome::Ending,
    payload::Pool,
    plan::{Conditions, Placement, TrialPlan, Wait},
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    scenario::{Part, Scenario, Service, Style, command},
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wire,
    wiring::{Wiring, WiringSettings},
};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
    time::Duration,
};

/// One pair of sockets for each destination, which has one sender and one receiver.
struct Pairs;

struct Into(UnixStream, Arc<Pool>);
struct From(UnixStream, Arc<Pool>);

impl Transport for Pairs {
    type Send = Into;
    type Recv = From;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Into, From>, OpenError> {
        let mut all: Vec<Endpoint<Into, From>> = Vec::new();
        all.resize_with(wiring.services.len(), || Endpoint { inbox: None, sends: Vec::new() });
        for destination in &wiring.destinations {
            let (into, from) = UnixStream::pair().expect("sockets");
            from.set_nonblocking(true).expect("a socket");
            all[destination.sender].sends.push(Into(into, Arc::clone(&wiring.pool)));
            all[destination.receivers[0]].inbox = Some(From(from, Arc::clone(&wiring.pool)));
        }
        Ok(all)
    }
}

impl SendPort for Into {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let mut bytes = Vec::new();
        batch.iter().for_each(|message| wire::encode(message, &self.1, &mut bytes));
        self.0.write_all(&bytes).map_err(|error| PortError::Lost(error.to_string()))?;
        Ok(batch.len())
    }
}

impl RecvPort for From {
    fn drain(
        &mut self,
        _from: Inbox,
        _max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let mut bytes = [0; MESSAGE_LEN];
        match self.0.read(&mut bytes) {
            Ok(MESSAGE_LEN) => {
                on_batch(&[wire::decode(&bytes, &self.1).expect("a message")], &[]);
                Ok(1)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            other => Err(PortError::Lost(format!("{other:?}"))),
        }
    }

    fn wait(&mut self, _at_most: Duration) -> Result<(), PortError> {
        panic!("a thread sleeps on sockets by itself");
    }

    fn socket(&self) -> Option<OwnedFd> {
        self.0.try_clone().ok().map(OwnedFd::from)
    }
}

const WORK: Kind = Kind(1);
const DONE: Kind = Kind(2);

struct Reacts(fn(&Message, &mut Out));

impl Handler for Reacts {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        (self.0)(message, out);
    }
}

fn source() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| match message.kind {
        Kind::START => out.emit(message, WORK),
        _ => out.end(message),
    }))
}

/// Of every tenth flow the source is told; the others end here, of which the source hears by its bell alone.
fn sink() -> Box<dyn Reactor> {
    Box::new(Reacts(|message, out| match message.number % 10 {
        0 => out.emit(message, DONE),
        _ => out.end(message),
    }))
}

struct Steady(u64);

impl Feed for Steady {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        for _ in starts.len()..starts.capacity() {
            starts.push(Start { after_ns: self.0 * 500_000, ..Start::default() });
            self.0 += 1;
        }
    }
}

fn plan(placement: Placement, wait: Wait, pace: Pace) -> TrialPlan {
    let service = |name, driven, reactor| Service { name, driven, part: Part::Usual, reactor };
    let scenario = Scenario {
        name: "test",
        summary: "",
        kinds: &["Work", "Done"],
        services: vec![service("source", true, source as fn() -> _), service("sink", false, sink)],
        ends_per_flow: 1,
        message: vec![
            command("sink.work", &["Work"], "source", &["sink"]),
            command("source.done", &["Done"], "sink", &["source"]),
        ],
        event: vec![],
    };
    let settings = WiringSettings {
        run_name: "test".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::new(),
        capacity: 1024,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    TrialPlan {
        wiring: Wiring::new(&scenario, Style::Message, &settings).expect("it can be wired"),
        scenario: Arc::new(scenario),
        load: LoadPlan { pace, ..LoadPlan::closed(1, Extent::Count(1_000)) },
        feeds: Arc::new(|_, _| Box::new(Steady(0))),
        await_replies: false,
        placement,
        wait,
        drain_deadline: Duration::from_secs(5),
        sample_every: Duration::from_millis(50),
        conditions: Conditions::default(),
    }
}

/// With naps of 50 ms, a thousand flows one after the other would take at least 50 s.
#[test]
fn a_message_and_the_end_of_a_flow_wake_a_thread() {
    for (placement, wait) in [
        (Placement::Threads(1), Wait::Park),
        (Placement::Each, Wait::Park),
        (Placement::Each, Wait::Native),
        (Placement::Each, Wait::Yield),
    ] {
        let plan = plan(placement, wait, Pace::Closed { in_flight: 1 });
        let outcome = Threaded(Pairs).run(&plan, &mut Unwatched).unwrap();
        let audit = &outcome.audit;
        assert_eq!((outcome.ending, audit.lost, audit.unique), (Ending::Completed, 0, 1_100), "{audit:?}");
        assert!(outcome.elapsed_ns < 20_000_000_000, "{placement}, {wait}: {}", outcome.elapsed_ns);
    }
}

/// A thread that waits for due times wakes for them, and for what comes before.
#[test]
fn due_times_are_kept() {
    let plan = plan(Placement::Threads(1), Wait::Park, Pace::Open { window: 10_000 });
    let outcome = Threaded(Pairs).run(&plan, &mut Unwatched).unwrap();
    assert_eq!((outcome.ending, outcome.audit.unique), (Ending::Completed, 1_100));
    // A machine with much to do delays some; half of them are not late by a nap.
    let median_ns = outcome.response.histogram.value_at_quantile(0.5);
    assert!(median_ns < 25_000_000, "{median_ns}");
}
