//! How a lane on tasks waits: for its port, its bell or a due time, whichever is first.
//!
//! The driver does not use the runtime's timers, because those tick in milliseconds. A lane with an open load runs on a
//! thread of its own ([`block_on`]). With more such lanes than workers, they share threads (`pacer`). If a lane
//! shares a worker with other lanes, it yields until a flow is due.

use super::super::{awake::Awake, threads::sleep};
use crate::{
    bell::Bell,
    clock::Now,
    lane::Lane,
    sync::{self, Thread},
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// How a lane on tasks waits for a due time.
#[derive(Clone, Debug)]
pub enum Pacing {
    /// A safety net: normally the lane's bell rings about ten times a second.
    Rung,
    /// Stepped with other lanes: it yields until the time has come.
    Yield,
    /// On its own thread.
    Thread(Arc<Pace>),
    /// On a thread with other lanes, which polls it when its time has come; see the file `pacer`.
    Wheel(Arc<Pace>),
}

/// Times that a lane on a thread of its own and this thread exchange.
#[derive(Debug)]
pub struct Pace {
    /// How long the thread may sleep, in ns; `u64::MAX`: the lane waits for no due time.
    sleep_ns: AtomicU64,
    /// Processor time that the thread used to fall asleep and wake up by itself, in ns, and that the lane has not counted yet.
    pub(super) slept_cpu_ns: AtomicU64,
    /// Where the thread has other lanes: when the lane is to be polled, in ns on the run's clock; `u64::MAX`: it waits for no
    /// time.
    pub(super) due_ns: AtomicU64,
    /// The lane waits for a due time and not for room.
    pub(super) is_early: AtomicBool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sleep_ns: AtomicU64::new(u64::MAX),
            slept_cpu_ns: AtomicU64::new(0),
            due_ns: AtomicU64::new(u64::MAX),
            is_early: AtomicBool::new(false),
        }
    }
}

/// The events, besides its port, for which an idle lane waits.
pub(super) struct Sleep<'a, N> {
    pub(super) clock: &'a N,
    pub(super) bell: &'a Bell,
    pub(super) pacing: &'a Pacing,
    /// How long before a due time it no longer sleeps.
    pub(super) awake_ns: u64,
    pub(super) awake: Awake,
    /// How long it has waited awake and not told its lane.
    pub(super) waited_ns: u64,
    /// The lane waits for a due time and not for room.
    pub(super) is_early: bool,
}

impl<N: Now> Sleep<'_, N> {
    /// The lane has nothing to do until `until_ns` as far as its load is concerned; 0: it only looks. Notes what the load waits for.
    #[inline(always)]
    pub(super) fn may_wait(&mut self, lane: &Lane, until_ns: u64) {
        self.is_early = until_ns != 0 && lane.waits_for_due();
        if self.is_early && !lane.waits_for_ends() {
            self.bell.ignore_ends();
        }
    }

    /// Tells the lane how long it has waited awake. It no longer does if it `moved`, as of when it last read the clock.
    #[inline(never)]
    pub(super) fn note_awake(&mut self, lane: &mut Lane, moved: bool) {
        if moved {
            self.waited_ns += match self.pacing {
                Pacing::Thread(_) => self.awake.ends(lane.now_ns()),
                Pacing::Rung | Pacing::Yield | Pacing::Wheel(_) => 0,
            };
            self.awake.stops();
        }
        lane.waited_awake(std::mem::take(&mut self.waited_ns));
    }

    /// Polls `port` first; if it has nothing, waits for it, the bell or the due time, whichever is first; 0: does not
    /// wait. `None`: the port had nothing.
    pub(super) fn unless<T>(
        &mut self,
        mut port: impl FnMut(&mut Context<'_>) -> Poll<T>,
        until_ns: u64,
    ) -> impl Future<Output = Option<T>> {
        poll_fn(move |context| {
            if let Poll::Ready(done) = port(context) {
                return Poll::Ready(Some(done));
            }
            if until_ns == 0 || !self.bell.is_listening() {
                return Poll::Ready(None);
            }
            if until_ns != u64::MAX {
                let now_ns = self.clock.now_ns();
                let left_ns = until_ns.saturating_sub(now_ns);
                match self.pacing {
                    _ if left_ns == 0 => return Poll::Ready(None),
                    // Awake for the last stretch, and asking the lane: what it is to do when the time has come is then
                    // in the caches.
                    Pacing::Thread(pace) if left_ns <= self.awake_ns => {
                        self.waited_ns +=
                            self.awake.goes_on(now_ns) + pace.slept_cpu_ns.swap(0, Ordering::Relaxed);
                        return Poll::Ready(None);
                    }
                    Pacing::Thread(pace) => {
                        self.awake.stops();
                        pace.sleep_ns.store(left_ns - self.awake_ns, Ordering::Relaxed);
                    }
                    Pacing::Wheel(pace) => {
                        self.waited_ns += pace.slept_cpu_ns.swap(0, Ordering::Relaxed);
                        pace.due_ns.store(until_ns, Ordering::Relaxed);
                        pace.is_early.store(self.is_early, Ordering::Relaxed);
                    }
                    Pacing::Yield => {
                        if self.is_early {
                            self.waited_ns += self.awake.goes_on_among_others(now_ns);
                        }
                        context.waker().wake_by_ref();
                    }
                    Pacing::Rung => {}
                }
            }
            Poll::Pending
        })
    }
}

struct Unpark {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

const NAP: Duration = Duration::from_millis(50);

/// Runs a future on the calling thread, polling it when it is woken and after it has slept as long as `pace` says.
pub fn block_on<F: Future>(future: F, pace: &Pace) -> F::Output {
    let unpark = Arc::new(Unpark { thread: sync::current(), is_woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        pace.sleep_ns.store(u64::MAX, Ordering::Relaxed);
        unpark.is_woken.store(false, Ordering::Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let sleep_ns = pace.sleep_ns.load(Ordering::Relaxed);
        let at_most = NAP.min(Duration::from_nanos(sleep_ns));
        if sleep_ns == u64::MAX {
            sync::park_timeout(at_most);
            continue;
        }
        let cpu_ns = sleep(at_most);
        if !unpark.is_woken.load(Ordering::Relaxed) {
            pace.slept_cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
        }
    }
}
