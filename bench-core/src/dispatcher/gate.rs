//! The gate at the start of a trial. Every thread and every task waits here until all of them are ready. Then the
//! load's time begins, so that making lanes and starting threads is not part of it.

use crate::clock::Clock;
use std::{
    future::{Future, poll_fn},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

/// How often the opener looks whether the trial was given up.
const LOOK: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: usize,
    /// Begins when the gate opens.
    clock: Option<Clock>,
    tasks: Vec<Waker>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self) {
        self.state().arrived += 1;
        self.changed.notify_all();
    }

    /// Has the calling thread wait until the gate opens. Gives the run's clock.
    pub(super) fn pass(&self) -> Clock {
        self.arrive();
        let mut state = self.state();
        loop {
            if let Some(clock) = &state.clock {
                return clock.clone();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The run's clock, if the gate is open.
    pub(super) fn clock(&self) -> Option<Clock> {
        self.state().clock.clone()
    }

    /// As [`Gate::pass`], for a task.
    pub(super) fn pass_as_task(&self) -> impl Future<Output = Clock> {
        let mut has_arrived = false;
        poll_fn(move |context| {
            if !std::mem::replace(&mut has_arrived, true) {
                self.arrive();
            }
            let mut state = self.state();
            match &state.clock {
                Some(clock) => Poll::Ready(clock.clone()),
                None => {
                    state.tasks.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// Opens the gate when so many have arrived, or when the trial is given up. Gives the run's clock, whose time begins
    /// now.
    pub(super) fn open(&self, expected: usize, mut is_given_up: impl FnMut() -> bool) -> Clock {
        // The first clock of a process is calibrated, which takes a while.
        drop(Clock::start());
        let mut state = self.state();
        while state.arrived < expected && !is_given_up() {
            let (waited, _) = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
            state = waited;
        }
        let clock = Clock::start();
        state.clock = Some(clock.clone());
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.changed.notify_all();
        tasks.into_iter().for_each(Waker::wake);
        clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    #[test]
    fn time_begins_when_the_last_has_arrived() {
        let (gate, slow) = (Gate::default(), Clock::start());
        thread::scope(|scope| {
            let pass = |after_ms| {
                let gate = &gate;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(after_ms));
                    gate.pass().now_ns()
                })
            };
            let passed = [pass(0), pass(60)];
            let clock = gate.open(2, || false);
            assert!(slow.now_ns() >= 60_000_000 && clock.now_ns() + 50_000_000 < slow.now_ns());
            for thread in passed {
                assert!(thread.join().unwrap() <= clock.now_ns());
            }
        });
    }

    #[test]
    fn nobody_waits_for_those_who_will_not_come() {
        let (gate, looks) = (Gate::default(), AtomicUsize::new(0));
        gate.open(5, || looks.fetch_add(1, Ordering::Relaxed) == 2);
        gate.pass();
    }

    #[test]
    fn tasks_are_counted_once_and_woken() {
        let gate = Gate::default();
        let mut task = Box::pin(gate.pass_as_task());
        let mut context = std::task::Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(gate.state().arrived, 1);
        gate.open(1, || false);
        assert!(task.as_mut().poll(&mut context).is_ready());
    }
}
