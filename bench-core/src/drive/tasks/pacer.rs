//! Runs the tasks of lanes that wait for due times, many on one thread. The thread polls a task when it is woken and when
//! its lane is due, to the microsecond. A thread for each such lane would have all of them wait awake at the same time: with
//! a hundred of them on two cores, flows started 46 ms late.

use super::sleep::Pace;
use crate::{
    bell::Bell,
    clock::{Clock, Now},
    drive::{
        awake::Awake,
        crowd::{Calls, Dues},
        threads::{NAP, sleep, unparks_this},
        wake_latency::WakeLatency,
    },
    sync,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Wake, Waker},
};

/// A task, and the times that its lane and the thread exchange.
pub(crate) struct Paced {
    pub task: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub pace: Arc<Pace>,
}

/// What wakes the thread, and which tasks it is to poll.
#[derive(Debug)]
struct Called {
    calls: Calls,
    bell: Bell,
}

/// Wakes one task.
struct Waking {
    called: Arc<Called>,
    place: usize,
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.called.calls.call(self.place);
        self.called.bell.ring();
    }
}

/// The tasks of one thread.
struct Pacer {
    tasks: Vec<Option<Paced>>,
    wakers: Vec<Waker>,
    called: Arc<Called>,
    dues: Dues,
    left: usize,
    awake: Awake,
}

/// Runs `tasks` on the calling thread until all are done. `clock` gives the run's clock once its time has begun; before
/// that no lane is due.
pub(crate) fn run(tasks: Vec<Paced>, clock: impl Fn() -> Option<Clock>) {
    let called = Arc::new(Called { calls: Calls::new(tasks.len()), bell: Bell::default() });
    called.bell.leave_waker(unparks_this);
    let waker = |place| Waker::from(Arc::new(Waking { called: Arc::clone(&called), place }));
    let mut pacer = Pacer {
        wakers: (0..tasks.len()).map(waker).collect(),
        dues: Dues::new(tasks.len()),
        left: tasks.len(),
        tasks: tasks.into_iter().map(Some).collect(),
        called,
        awake: Awake::default(),
    };
    let mut now = None;
    let mut called = Vec::new();
    (0..pacer.tasks.len()).for_each(|place| pacer.called.calls.call(place));
    while pacer.left > 0 {
        now = now.or_else(&clock);
        if let Some(clock) = now.as_ref().filter(|_| pacer.dues.first().is_some()) {
            let now_ns = clock.now_ns();
            while let Some(place) = pacer.dues.take(now_ns) {
                called.push(place as u32);
            }
        }
        pacer.called.calls.take(&mut called);
        if called.is_empty() {
            pacer.rest(now.as_ref());
            continue;
        }
        pacer.awake.stops();
        called.drain(..).for_each(|place| pacer.poll(place as usize));
    }
}

impl Pacer {
    fn poll(&mut self, place: usize) {
        let Some(Paced { task, pace }) = &mut self.tasks[place] else { return };
        pace.due_ns.store(u64::MAX, Ordering::Relaxed);
        match task.as_mut().poll(&mut Context::from_waker(&self.wakers[place])) {
            Poll::Pending => self.dues.set(place, pace.due_ns.load(Ordering::Relaxed)),
            Poll::Ready(()) => {
                self.tasks[place] = None;
                self.dues.set(place, u64::MAX);
                self.left -= 1;
            }
        }
    }

    /// Sleeps until a task is woken or until shortly before one is due, and waits awake from then on.
    fn rest(&mut self, clock: Option<&Clock>) {
        self.called.bell.listen();
        if self.called.calls.is_empty() {
            let first = self.dues.first().zip(clock);
            match first.map(|((place, due_ns), clock)| (place, due_ns, clock.now_ns())) {
                None => {
                    self.awake.stops();
                    sync::park_timeout(NAP);
                }
                Some((place, due_ns, now_ns)) => match WakeLatency::before(due_ns, now_ns) {
                    Some(left) => {
                        self.awake.stops();
                        let cpu_ns = sleep(NAP.min(left));
                        if self.called.bell.is_listening() {
                            self.waited(place, cpu_ns);
                        }
                    }
                    None => {
                        let waited_ns = self.awake.goes_on(now_ns);
                        self.waited(place, waited_ns);
                        std::hint::spin_loop();
                    }
                },
            }
        }
        self.called.bell.wake();
    }

    /// The thread has waited for the lane that is due next, which counts that when it is polled.
    fn waited(&self, place: usize, for_ns: u64) {
        if let Some(Paced { pace, .. }) = &self.tasks[place]
            && pace.is_early.load(Ordering::Relaxed)
        {
            pace.slept_cpu_ns.fetch_add(for_ns, Ordering::Relaxed);
        }
    }
}
