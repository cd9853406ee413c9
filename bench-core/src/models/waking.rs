//! Models of bells and calls: a sleeping lane is woken by a message, by the end of a flow that it waits for, and by the stop.

use super::{
    Ends, Still, Tells, check, handled, plan,
    queue::{Receiver, Sender, queue},
    service, spawn,
};
use crate::{
    bell::Bell,
    control::Stop,
    drive::{
        ConnectedLane, Rings,
        crowd::{Board, Calls, Crowd},
        ledger::Terms,
        tasks::{
            self, Pacing,
            pacer::{self, Paced},
        },
        threads,
    },
    handler::{Handler, Out},
    message::Message,
    plan::Wait,
    port::{AsyncRecvPort, Inbox, PortError, Told},
    scenario::command,
    session::Session,
    sync::{
        self,
        atomic::{AtomicUsize, Ordering},
    },
    transport::{Endpoint, Queues},
};
use loom::thread;
use std::{
    cell::RefCell,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

const FLOWS: u32 = 2;

thread_local! {
    static MAIN: RefCell<Option<thread::Thread>> = const { RefCell::new(None) };
}

/// As [`Ends`], and wakes the model's main thread after the last flow.
struct EndsAndTells;

impl Handler for EndsAndTells {
    fn handle(&mut self, message: &Message, out: &mut Out) {
        Ends.handle(message, out);
        if handled() == u64::from(FLOWS) {
            MAIN.with_borrow(|main| main.clone()).unwrap().unpark();
        }
    }
}

/// A lane that hears nothing has no use for one.
struct NoInbox;

impl AsyncRecvPort for NoInbox {
    fn poll_drain(
        &mut self,
        _context: &mut Context<'_>,
        _from: Inbox,
        _max: usize,
        _on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        Poll::Pending
    }
}

/// A source that starts a flow when the last has ended, and a sink on another thread: after both flows have ended, the
/// run is stopped. A bell that is not heard leaves all asleep, which the checker reports as a deadlock.
fn source_and_sink(preemptions: usize, run_source: fn(Source)) {
    let services = vec![service("source", || Box::new(Tells)), service("sink", || Box::new(EndsAndTells))];
    let routes = vec![command("sink.work", &["Told"], "source", &["sink"])];
    let plan = plan(services, routes, FLOWS);
    check(preemptions, move || {
        MAIN.set(Some(thread::current()));
        let Session { lanes, monitor, control } = Session::new(&plan, 0);
        let bells: [Arc<Bell>; 2] = Default::default();
        bells.iter().for_each(|bell| control.add_bell(Arc::clone(bell)));
        let [source_bell, sink_bell] = bells;
        let hears_it = Arc::clone(&sink_bell);
        let (sends, inbox) = queue();
        let [source, sink] = lanes.try_into().unwrap();
        let rung = Arc::clone(&source_bell);
        let sinking = spawn(move || {
            let endpoint = Endpoint { inbox: Some(inbox), sends: Vec::<Sender>::new() };
            let rings = Rings { on_end: vec![rung], ..Rings::default() };
            let mut lanes = [ConnectedLane::new(sink, endpoint, rings, Terms::default())];
            threads::drive(&mut lanes, &Still, Wait::Park, &sink_bell).unwrap();
        });
        let starting = spawn(move || {
            run_source(Source { lane: source, sends, bell: source_bell, hears_it });
        });
        while handled() < u64::from(FLOWS) {
            thread::park();
        }
        control.stop.stop();
        control.ring();
        sinking.join().unwrap();
        starting.join().unwrap();
        drop(monitor);
    });
}

struct Source {
    lane: crate::lane::Lane,
    sends: Sender,
    bell: Arc<Bell>,
    hears_it: Arc<Bell>,
}

fn on_threads(Source { lane, sends, bell, hears_it }: Source) {
    let endpoint = Endpoint { inbox: None::<Receiver>, sends: vec![sends] };
    let rings = Rings { on_send: vec![vec![hears_it]], ..Rings::default() };
    let mut lanes = [ConnectedLane::new(lane, endpoint, rings, Terms::default())];
    threads::drive(&mut lanes, &Still, Wait::Park, &bell).unwrap();
}

fn on_tasks(Source { lane, mut sends, bell, hears_it }: Source) {
    sends.wakes = Some(hears_it);
    let endpoint = Endpoint { inbox: None::<NoInbox>, sends: vec![sends] };
    let mut connected = ConnectedLane::new(lane, endpoint, Rings::default(), Terms::default());
    let driven = tasks::drive(&mut connected, &Still, &bell, &Pacing::Rung, None);
    tasks::block_on(driven, &tasks::Pace::default()).unwrap();
}

fn on_a_shared_thread(Source { lane, mut sends, bell, hears_it }: Source) {
    sends.wakes = Some(hears_it);
    let endpoint = Endpoint { inbox: None::<NoInbox>, sends: vec![sends] };
    let mut connected = ConnectedLane::new(lane, endpoint, Rings::default(), Terms::default());
    let pace = Arc::new(tasks::Pace::default());
    let pacing = Pacing::Wheel(Arc::clone(&pace));
    let task = async move {
        tasks::drive(&mut connected, &Still, &bell, &pacing, None).await.unwrap();
    };
    pacer::run(vec![Paced { task: Box::pin(task), pace }], || None);
}

#[test]
fn no_wake_is_lost_on_a_shared_thread() {
    source_and_sink(2, on_a_shared_thread);
}

#[test]
fn no_wake_is_lost_on_threads() {
    source_and_sink(2, on_threads);
}

#[test]
fn no_wake_is_lost_on_tasks() {
    source_and_sink(2, on_tasks);
}

/// A waiter that ignores ends of flows is woken by the stop, whenever a flow ends.
#[test]
fn whoever_ignores_ends_hears_of_the_stop() {
    check(3, || {
        let (bell, stop) = (Arc::<Bell>::default(), Arc::<Stop>::default());
        bell.leave_waker(threads::unparks_this);
        let (ends, rings, stops) = (Arc::clone(&bell), Arc::clone(&bell), Arc::clone(&stop));
        let ending = spawn(move || ends.ring_end());
        let stopping = spawn(move || {
            stops.stop();
            rings.ring();
        });
        while !stop.is_stopped() {
            bell.listen();
            if !stop.is_stopped() {
                bell.ignore_ends();
                sync::park_timeout(Duration::MAX);
            }
            bell.wake();
        }
        ending.join().unwrap();
        stopping.join().unwrap();
    });
}

/// As [`source_and_sink`], on threads that step the lanes which were called: each has one lane, and takes it for one of many.
#[test]
fn no_call_is_lost_between_crowds() {
    let services = vec![service("source", || Box::new(Tells)), service("sink", || Box::new(EndsAndTells))];
    let routes = vec![command("sink.work", &["Told"], "source", &["sink"])];
    let plan = plan(services, routes, FLOWS);
    check(2, move || {
        MAIN.set(Some(thread::current()));
        let (Session { lanes, monitor, control }, histograms) = Session::crowded(&plan, 0, 2);
        let board = Arc::new(Board::new(&plan.wiring, 2, monitor.credit(), true, Queues::Each));
        board.bells().for_each(|bell| control.add_bell(Arc::clone(bell)));
        let (sends, inbox) = queue();
        let endpoints = [
            Endpoint { inbox: None, sends: vec![sends] },
            Endpoint { inbox: Some(inbox), sends: Vec::new() },
        ];
        let mut threads = Vec::new();
        for (((at, lane), endpoint), histograms) in
            lanes.into_iter().enumerate().zip(endpoints).zip(histograms)
        {
            let mut crowd = Crowd::new(&plan, &board, at, histograms);
            crowd.add(ConnectedLane::new(lane, endpoint, Rings::default(), Terms::default()), at);
            threads.push(spawn(move || crowd.drive(&Still).unwrap()));
        }
        while handled() < u64::from(FLOWS) {
            thread::park();
        }
        control.stop.stop();
        control.ring();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(monitor);
    });
}

/// Two threads call two lanes of a third, which takes the calls while they are made. What a caller did before its call is
/// seen by who takes it, and no call is left where nobody looks.
#[test]
fn what_was_done_before_a_call_is_seen_by_the_step() {
    check(3, || {
        let calls = Arc::new(Calls::new(2));
        let done: Arc<[AtomicUsize; 2]> = Arc::default();
        let caller = |lane: usize| {
            let (calls, done) = (Arc::clone(&calls), Arc::clone(&done));
            spawn(move || {
                done[lane].store(1, Ordering::Relaxed);
                calls.call(lane);
            })
        };
        let callers = [caller(0), caller(1)];
        let mut taken = Vec::new();
        let step = |taken: &mut Vec<u32>, calls: &Calls| {
            let before = taken.len();
            calls.take(taken);
            for lane in &taken[before..] {
                assert_eq!(done[*lane as usize].load(Ordering::Relaxed), 1, "called before it was done");
            }
        };
        step(&mut taken, &calls);
        step(&mut taken, &calls);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        step(&mut taken, &calls);
        taken.sort_unstable();
        assert_eq!(taken, [0, 1], "a call was lost");
        assert!(calls.is_empty());
    });
}
