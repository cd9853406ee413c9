//! The driver for tasks: one future per lane. It waits at a single point, for its port or its bell.
//!
//! It uses no timers of the runtime, because those tick in milliseconds. A lane with an open load runs on a thread of
//! its own ([`block_on`]). If it shares a worker with other lanes, it yields until a flow is due.

use super::{Seat, awake::Awake, found, ring, slack::Slack, threads::sleep, wanted};
use crate::{
    bell::Bell,
    blame::Act,
    clock::Now,
    lane::{Lane, Outlet, Turn},
    message::Message,
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    sync::{self, Thread},
    transport::Endpoint,
};
use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
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
}

/// Times that a lane on a thread of its own and this thread exchange.
#[derive(Debug)]
pub struct Pace {
    /// How long the thread may sleep, in ns; `u64::MAX`: the lane waits for no due time.
    sleep_ns: AtomicU64,
    /// Processor time that the thread used to fall asleep and wake up by itself, in ns, and that the lane has not counted yet.
    slept_cpu_ns: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { sleep_ns: AtomicU64::new(u64::MAX), slept_cpu_ns: AtomicU64::new(0) }
    }
}

/// A consumer killed in the middle of a run, and when it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// When, in ns on the run's clock.
    pub at_ns: u64,
    /// For how long it is away.
    pub down: Duration,
}

impl Crash {
    /// A consumer is killed with so many messages in its hands, handled and not acknowledged: a batch, and not less than
    /// the eight that a turn may take in where batches are smaller.
    const HANDS: usize = 8;
    /// With fewer, if they have not come by so long after its time: little is sent to it.
    const AT_LATEST_NS: u64 = 50_000_000;
}

/// A crash that is still to come.
struct Coming {
    crash: Option<Crash>,
    is_near: bool,
    in_hand: usize,
}

impl Coming {
    /// When the time has come, the port no longer acknowledges; when it has its hands full, it dies. Says whether it did.
    async fn look<R: AsyncRecvPort>(
        &mut self,
        lane: &mut Lane,
        port: &mut R,
        max: usize,
        clock: &impl Now,
    ) -> Result<bool, PortError> {
        let Some(Crash { at_ns, down }) = self.crash else { return Ok(false) };
        let now_ns = clock.now_ns();
        if now_ns < at_ns {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.is_near, true) {
            port.stop_acknowledging();
            self.in_hand = 0;
        }
        if self.in_hand < max.max(Crash::HANDS) && now_ns - at_ns < Crash::AT_LATEST_NS {
            return Ok(false);
        }
        self.crash = None;
        lane.does(Act::Crash);
        port.crash(down).await?;
        lane.does(Act::Harness);
        Ok(true)
    }
}

/// Moves messages for one lane until it is done.
///
/// # Errors
/// The first failure of one of its ports.
pub async fn drive<S: AsyncSendPort, R: AsyncRecvPort>(
    seat: &mut Seat<S, R>,
    clock: &(impl Now + Sync),
    bell: &Bell,
    pacing: &Pacing,
    crash: Option<Crash>,
) -> Result<(), PortError> {
    let Seat { lane, endpoint: Endpoint { inbox, replies, sends }, rings } = seat;
    poll_fn(|context| {
        bell.leave_waker(|| context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let (awake_ns, awake) = (Slack::awake_ns(), Awake::default());
    let mut sleep = Sleep { clock, bell, pacing, awake_ns, awake, waited_ns: 0, is_early: false };
    let (mut turns, mut idle) = (0_u32, false);
    let mut coming = Coming { crash, is_near: false, in_hand: 0 };
    loop {
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(TURNS) {
            let_others_run().await;
        }
        // Said before the lane is asked what to do: what happened before is seen by asking, what happens after rings.
        bell.listen();
        let (mut moved, held_up, until_ns) = match lane.begin_turn(clock, &mut Quiet(sends))? {
            Turn::Look { moved, until_ns } => (moved, false, until_ns),
            Turn::HeldUp { moved } => (moved, true, u64::MAX),
            Turn::Done => return Ok(()),
        };
        // After something was sent, started or received, it only looks.
        let mut until_ns = if moved { 0 } else { until_ns };
        sleep.is_early = until_ns != 0 && lane.waits_for_due();
        if held_up {
            if !moved {
                let ready = pin!(sends[lane.port_in_turn()].ready());
                moved = sleep.unless(ready, until_ns).await.transpose()?.is_some();
            }
        } else if lane.hears() {
            let (port, max) = wanted(lane, inbox, replies)?;
            if coming.crash.is_some() && coming.look(lane, port, max, clock).await? {
                // What it sent before is told at this turn's end; then it looks what it is redelivered.
                (moved, until_ns) = (true, 0);
            }
            for _ in 0..lane.batches_per_turn() {
                lane.does(Act::Drain);
                let drained =
                    sleep.unless(pin!(port.drain(max, |batch| lane.received(batch, clock))), until_ns).await;
                lane.does(Act::Harness);
                let Some(drained) = drained else { break };
                coming.in_hand += *drained.as_ref().unwrap_or(&0);
                found(lane, drained)?;
                (moved, until_ns) = (true, 0);
                if !lane.send_caused(clock, &mut Quiet(sends))? {
                    break;
                }
            }
        } else if !moved {
            moved = sleep.unless(pin!(pending::<()>()), until_ns).await.is_some();
        }
        if sleep.awake.is_on() {
            sleep.note_awake(lane, moved);
        }
        // Idle is who has twice had nothing to do: once is the wait for what is due now, which is not to wait longer.
        let was_idle = std::mem::replace(&mut idle, !moved);
        if idle && was_idle {
            lane.idle(clock.now_ns());
        }
        if moved && lane.end_turn() {
            ring(&rings.on_end);
        }
    }
}

/// Send ports of transports that wake their receivers themselves.
struct Quiet<'a, S>(&'a mut [S]);

impl<S: AsyncSendPort> Outlet for Quiet<'_, S> {
    #[inline(always)]
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError> {
        self.0[port].offer(batch)
    }
}

/// After so many turns without a wait a lane lets others run, as nothing else may make it: a broadcast is never full.
const TURNS: u32 = 128;

async fn let_others_run() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The events, besides its port, for which an idle lane waits.
struct Sleep<'a, N> {
    clock: &'a N,
    bell: &'a Bell,
    pacing: &'a Pacing,
    /// How long before a due time it no longer sleeps.
    awake_ns: u64,
    awake: Awake,
    /// How long it has waited awake and not told its lane.
    waited_ns: u64,
    /// The lane waits for a due time and not for room.
    is_early: bool,
}

impl<N: Now> Sleep<'_, N> {
    /// Tells the lane how long it has waited awake. It no longer does if it `moved`, as of when it last read the clock.
    #[inline(never)]
    fn note_awake(&mut self, lane: &mut Lane, moved: bool) {
        if moved {
            self.waited_ns += match self.pacing {
                Pacing::Thread(_) => self.awake.ends(lane.now_ns()),
                Pacing::Rung | Pacing::Yield => 0,
            };
            self.awake.stops();
        }
        lane.waited_awake(std::mem::take(&mut self.waited_ns));
    }

    /// Polls `port` first; if it has nothing, waits for it, the bell or the due time, whichever is first; 0: does not
    /// wait. `None`: the port had nothing.
    fn unless<F: Future>(
        &mut self,
        mut port: Pin<&mut F>,
        until_ns: u64,
    ) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |context| {
            if let Poll::Ready(done) = port.as_mut().poll(context) {
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
