//! An inbox over a fake broker.

use super::*;
use crate::server::At;
use drumpost_core::{
    scenario::{Part as Takes, Scenario, Service, Style, command},
    wiring::WiringSettings,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    task::Waker,
};

pub(crate) fn wiring() -> Wiring {
    let service = |name, driven| Service { name, driven, part: Takes::Usual, reactor: || unreachable!() };
    let scenario = Scenario {
        name: "test",
        summary: "for tests",
        kinds: &["Sent"],
        services: vec![service("from", true), service("to", false)],
        ends_per_flow: 1,
        message: vec![command("place", &["Sent"], "from", &["to"])],
        event: vec![],
    };
    let settings = WiringSettings {
        run_name: "test".into(),
        with: vec![],
        without: vec![],
        instances: BTreeMap::new(),
        capacity: 64,
        batch: 4,
        window: Some(1),
        pool: Arc::new(drumpost_core::payload::Pool::new(1, 0)),
    };
    Wiring::new(&scenario, Style::Message, &settings).unwrap()
}

/// Deliveries that are there, by source, and what was settled.
#[derive(Default)]
struct State {
    sources: Vec<VecDeque<Result<u32, PortError>>>,
    settled: Vec<u32>,
    /// Of the settled: those that were given back.
    rejected: Vec<u32>,
    /// Acknowledgements for which there is room.
    room: usize,
    flushed: bool,
}

struct Fake(Arc<Mutex<State>>);

impl Deliveries for Fake {
    type Token = u32;
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;

    fn poll_next(&mut self, source: usize, _: &mut Context<'_>) -> Poll<Result<Delivery<u32>, PortError>> {
        match self.0.lock().unwrap().sources[source].pop_front() {
            None => Poll::Pending,
            Some(next) => Poll::Ready(next.map(|number| Delivery {
                message: Message::start(0, number, 0, 0, 0),
                told: Told { attempt: 1, shard: source as u16 },
                token: number,
            })),
        }
    }

    fn poll_settle(
        &mut self,
        due: &mut Due<'_, u32>,
        how: Settled,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), PortError>> {
        let mut state = self.0.lock().unwrap();
        while !due.is_empty() {
            if state.room == 0 {
                return Poll::Pending;
            }
            state.room -= 1;
            let token = due.next();
            state.settled.extend(token);
            state.rejected.extend(token.filter(|_| how == Settled::Rejected));
        }
        Poll::Ready(Ok(()))
    }

    fn last(&self) -> RoundTrip {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            state.lock().unwrap().flushed = true;
            Ok(())
        })
    }
}

fn inbox(apart: &[bool], sources: &[&[u32]]) -> (Inbox<Fake>, Arc<Mutex<State>>) {
    let sources = sources.iter().map(|numbers| numbers.iter().map(|number| Ok(*number)).collect()).collect();
    let state = Arc::new(Mutex::new(State { sources, room: 1000, ..State::default() }));
    let line = Line::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
    (Inbox::new(&wiring(), line, apart, Fake(Arc::clone(&state))).unwrap(), state)
}

/// The numbers of what is handed over; `None`: nothing is there.
fn drain(inbox: &mut Inbox<Fake>, from: Part, max: usize) -> Option<Result<Vec<u32>, PortError>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut numbers = Vec::new();
    let drained = inbox.poll_drain(&mut context, from, max, |batch, told| {
        assert_eq!(batch.len(), told.len());
        numbers.extend(batch.iter().map(|message| message.number));
    });
    match drained {
        Poll::Pending => None,
        Poll::Ready(count) => Some(count.map(|count| {
            assert_eq!(count, numbers.len());
            numbers
        })),
    }
}

fn all(inbox: &mut Inbox<Fake>, max: usize) -> Vec<u32> {
    drain(inbox, Part::All, max).unwrap().unwrap()
}

#[test]
fn an_instance_that_hears_nothing_has_no_inbox() {
    let line = Line::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
    assert!(Inbox::new(&wiring(), line, &[], Fake(Arc::default())).is_none());
}

#[test]
fn a_busy_source_does_not_silence_the_others() {
    let (mut inbox, _) = inbox(&[false; 3], &[&[1, 2, 3, 4], &[11, 12, 13], &[21, 22]]);
    assert_eq!(all(&mut inbox, 2), [1, 2]);
    assert_eq!(all(&mut inbox, 2), [11, 12]);
    assert_eq!(all(&mut inbox, 2), [21, 22]);
    assert_eq!(all(&mut inbox, 4), [3, 4, 13]);
    assert_eq!(drain(&mut inbox, Part::All, 4), None);
}

#[test]
fn replies_come_first_and_apart() {
    let (mut inbox, state) = inbox(&[false, true], &[&[1, 2], &[11]]);
    assert_eq!(drain(&mut inbox, Part::Replies, 4), Some(Ok(vec![11])));
    assert_eq!(drain(&mut inbox, Part::Replies, 4), None, "nothing but replies");
    state.lock().unwrap().sources[1].push_back(Ok(12));
    assert_eq!(all(&mut inbox, 4), [12, 1, 2]);
}

#[test]
fn the_oldest_that_was_handed_over_is_settled_first_and_waits_for_room() {
    let (mut inbox, state) = inbox(&[false, true], &[&[1, 2, 3], &[11]]);
    assert_eq!(all(&mut inbox, 2), [11, 1]);
    assert_eq!(all(&mut inbox, 2), [2, 3]);
    state.lock().unwrap().room = 1;
    inbox.acknowledge(3).unwrap();
    state.lock().unwrap().sources[0].push_back(Ok(4));
    assert_eq!(drain(&mut inbox, Part::All, 4), None, "there is no room for all");
    assert_eq!(state.lock().unwrap().settled, [11]);
    state.lock().unwrap().room = 9;
    assert_eq!(all(&mut inbox, 4), [4]);
    assert_eq!(state.lock().unwrap().settled, [11, 1, 2], "3 and 4 are not due");
    inbox.acknowledge(2).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let finish = std::future::poll_fn(|context| inbox.poll_finish(context));
    assert_eq!(runtime.block_on(finish), Ok(()));
    let state = state.lock().unwrap();
    assert_eq!((&state.settled[..], state.flushed), (&[11, 1, 2, 3, 4][..], true));
}

#[test]
fn what_is_given_back_keeps_its_place_among_what_is_acknowledged() {
    let (mut inbox, state) = inbox(&[false], &[&[1, 2, 3, 4]]);
    assert_eq!(all(&mut inbox, 4), [1, 2, 3, 4]);
    state.lock().unwrap().room = 2;
    inbox.acknowledge(1).unwrap();
    inbox.reject(2).unwrap();
    assert_eq!(drain(&mut inbox, Part::All, 4), None, "there is no room for all");
    inbox.acknowledge(1).unwrap();
    let settled = || {
        let state = state.lock().unwrap();
        (state.settled.clone(), state.rejected.clone())
    };
    assert_eq!(settled(), (vec![1, 2], vec![2]));
    state.lock().unwrap().room = 9;
    assert_eq!(drain(&mut inbox, Part::All, 4), None);
    assert_eq!(settled(), (vec![1, 2, 3, 4], vec![2, 3]));
}

#[test]
fn what_came_before_an_error_is_handed_over() {
    let (mut inbox, state) = inbox(&[false], &[&[1]]);
    state.lock().unwrap().sources[0].push_back(Err(PortError::Lost("gone".into())));
    assert_eq!(all(&mut inbox, 4), [1]);
    assert_eq!(drain(&mut inbox, Part::All, 4), Some(Err(PortError::Lost("gone".into()))));
    inbox.line.link.fail("the server said no".into());
    assert_eq!(drain(&mut inbox, Part::All, 4), Some(Err(PortError::Failed("the server said no".into()))));
}

#[test]
fn everything_up_to_the_youngest_is_settled_at_once() {
    let (mut handed, mut count) = (VecDeque::from([1, 2, 3, 4]), 3);
    let mut due = Due { handed: &mut handed, count: &mut count };
    assert_eq!((due.size_hint(), due.last_of_all(), due.is_empty()), ((3, Some(3)), Some(3), true));
    assert_eq!(handed, [4]);
}
