//! The driver for tasks: one future per lane. It waits at a single point, for its port or its bell. [`sleep`] has the
//! waiting, and [`life`] what happens when a lane is killed or loses its connection.

pub(crate) mod absent;
mod held_back;
pub mod life;
pub(crate) mod pacer;
pub mod sleep;

use super::{
    ConnectedLane, Rings,
    awake::Awake,
    found,
    ledger::{Hearing, Ledger},
    no_inbox, ring_ends,
    wake_latency::WakeLatency,
};
use crate::{
    act::Act,
    bell::Bell,
    clock::Now,
    credit::Done,
    lane::{Begun, Lane, Outlet},
    message::Message,
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    transport::Endpoint,
};
use life::Doom;
use sleep::Sleep;
pub use sleep::{Pace, Pacing, block_on};
use std::{
    future::poll_fn,
    task::{Context, Poll},
};

/// Why a lane is no longer driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The run is over.
    Done,
    /// The lane was to be killed or paused, and its time has come.
    Killed,
}

/// Moves messages for one lane until it is done, or until its `doom`.
///
/// # Errors
/// The first failure of one of its ports.
pub async fn drive<S: AsyncSendPort, R: AsyncRecvPort>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
    bell: &Bell,
    pacing: &Pacing,
    mut doom: Option<Doom>,
) -> Result<End, PortError> {
    let ConnectedLane { lane, endpoint: Endpoint { inbox, sends }, rings, ledger } = connected;
    poll_fn(|context| {
        bell.leave_waker(|| context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let (awake_ns, awake) = (WakeLatency::awake_ns(), Awake::default());
    let mut sleep = Sleep { clock, bell, pacing, awake_ns, awake, waited_ns: 0, is_early: false };
    let (mut steps, mut idle, mut to_flush) = (0_u32, false, false);
    let mut done = lane_done(lane);
    let measure_from_ns = lane.measure_from_ns();
    loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(STEPS) {
            let_others_run().await;
        }
        // Said before the lane is asked what to do: what happened before is seen by asking, what happens after rings.
        bell.listen();
        ledger.begin_step(lane);
        let mut outlet = Quiet { sends, ledger, measure_from_ns, to_flush: &mut to_flush };
        let (mut moved, held_up, until_ns) = match lane.begin_step(clock, &mut outlet)? {
            Begun::Look { moved, until_ns } => (moved, false, until_ns),
            Begun::HeldUp { moved } => (moved, true, u64::MAX),
            Begun::Done => return Ok(End::Done),
        };
        // After something was sent, started or received, it only looks.
        let until_ns = if moved { 0 } else { until_ns };
        sleep.may_wait(lane, until_ns);
        if held_up {
            if !moved {
                let room = |context: &mut Context<'_>| outlet.poll_room(lane, clock, context);
                moved = sleep.unless(room, until_ns).await.transpose()?.is_some();
            }
        } else if lane.hears() {
            let port = inbox.as_mut().ok_or_else(no_inbox)?;
            let was_killed;
            (moved, was_killed) =
                receive(lane, port, &mut outlet, &mut sleep, &mut doom, moved, until_ns).await?;
            if was_killed {
                end_step(lane, rings, &mut done, true);
                return Ok(End::Killed);
            }
        } else if !moved {
            let told = |context: &mut Context<'_>| match outlet.tend(lane, clock, context) {
                Ok(false) => Poll::Pending,
                told => Poll::Ready(told),
            };
            moved = sleep.unless(told, until_ns).await.transpose()?.is_some();
        }
        if let Some(doom) = &mut doom {
            if doom.has_come(lane.hears().then_some(usize::MAX), clock) {
                return Ok(End::Killed);
            }
            if doom.is_near() {
                outlet.ledger.hold();
            }
        }
        if (S::CONFIRMS || S::FLUSHES) && moved {
            poll_fn(|context| Poll::Ready(outlet.tend(lane, clock, context))).await?;
            outlet.ledger.note_taken(lane);
        }
        if sleep.awake.is_on() || sleep.waited_ns > 0 {
            sleep.note_awake(lane, moved);
        }
        // A lane is idle after two empty polls. One empty poll is normal: the lane waits for a flow that is due now.
        let was_idle = std::mem::replace(&mut idle, !moved);
        if idle && was_idle {
            lane.idle(clock.now_ns());
        }
        end_step(lane, rings, &mut done, moved);
    }
}

/// Polls the inbox and has the lane handle what it hands over, as many batches as a step has. It waits for the first one until
/// `until_ns`; 0: it only looks. Says whether the lane has `moved` in this step, and whether it was killed.
#[inline(always)]
async fn receive<S: AsyncSendPort, R: AsyncRecvPort, N: Now>(
    lane: &mut Lane,
    port: &mut R,
    outlet: &mut Quiet<'_, S>,
    sleep: &mut Sleep<'_, N>,
    doom: &mut Option<Doom>,
    mut moved: bool,
    mut until_ns: u64,
) -> Result<(bool, bool), PortError> {
    let clock = sleep.clock;
    let (from, max) = lane.inbox(clock);
    if R::ACKNOWLEDGES {
        outlet.ledger.settle_due(lane, |settle| settle.with_async(port))?;
    }
    if max == 0 {
        let was_told = held_back::wait(lane, port, outlet, sleep, until_ns).await?;
        return Ok((moved | was_told, false));
    }
    lane.does(Act::Drain);
    for _ in 0..lane.batches_per_step() {
        let look = |context: &mut Context<'_>| {
            if outlet.tend(lane, clock, context)? {
                return Poll::Ready(Ok(0));
            }
            let Quiet { ledger, .. } = &mut *outlet;
            if R::ACKNOWLEDGES && ledger.hear_transacted(lane, port, context) {
                return Poll::Ready(Ok(0));
            }
            port.poll_drain(context, from, max, |batch, told| {
                if !(R::ACKNOWLEDGES && ledger.sift(lane, batch, told, clock)) {
                    lane.received(batch, told, clock);
                }
            })
        };
        let Some(drained) = sleep.unless(look, until_ns).await else { break };
        let count = found(lane, drained)?;
        let acks_before = R::ACKNOWLEDGES && outlet.ledger.acks_before();
        if acks_before {
            lane.within(Act::Acknowledge, || port.acknowledge(count))?;
            lane.does(Act::Drain);
        } else if R::ACKNOWLEDGES {
            outlet.ledger.handed(count);
        }
        (moved, until_ns) = (true, 0);
        if let Some(doom) = doom {
            doom.handed(count);
            if doom.has_come(Some(max), clock) {
                return Ok((true, true));
            }
        }
        if acks_before {
            outlet.ledger.hand_on(|batch, told| lane.received(batch, told, clock));
        }
        if !lane.send_caused(clock, outlet)? {
            break;
        }
    }
    lane.has_polled();
    Ok((moved, false))
}

/// Ends a step in which the lane moved or not, and rings who waits for flows that ended.
#[inline(always)]
fn end_step(lane: &mut Lane, rings: &Rings, done: &mut Done, moved: bool) {
    let flows_ended = moved && lane.end_step();
    match &rings.ends {
        None if flows_ended => ring_ends(&rings.on_end),
        Some(ends) if moved => ends.tell(lane, done),
        _ => {}
    }
}

/// What the lane has done before it is driven, or driven again.
fn lane_done(lane: &mut Lane) -> Done {
    let (started, emitted) = lane.done();
    Done { started, emitted, awake_ns: lane.recorder().local.awake_ns, ended: 0 }
}

/// Send ports of transports that wake their receivers themselves.
struct Quiet<'a, S> {
    sends: &'a mut [S],
    ledger: &'a mut Ledger,
    measure_from_ns: u64,
    /// Something was taken since all ports were flushed.
    to_flush: &'a mut bool,
}

impl<S: AsyncSendPort> Outlet for Quiet<'_, S> {
    #[inline(always)]
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError> {
        let send = &mut self.sends[port];
        let taken = match S::CONFIRMS {
            false => send.offer(batch)?,
            true => self.ledger.offer(port, batch, self.measure_from_ns, |batch| send.offer(batch))?,
        };
        if S::FLUSHES {
            *self.to_flush |= taken > 0;
        }
        Ok(taken)
    }
}

impl<S: AsyncSendPort> Quiet<'_, S> {
    /// Hears what was confirmed and flushes what was sent. Says whether something was confirmed or refused.
    #[inline(always)]
    fn tend(
        &mut self,
        lane: &mut Lane,
        clock: &impl Now,
        context: &mut Context<'_>,
    ) -> Result<bool, PortError> {
        let was_told = S::CONFIRMS && hear_confirms(lane, self.sends, self.ledger, clock, context)?;
        if S::FLUSHES && *self.to_flush {
            lane.does(Act::Flush);
            let mut all = true;
            for send in &mut *self.sends {
                all &= send.poll_flush(context)?.is_ready();
            }
            lane.does(Act::Harness);
            *self.to_flush = !all;
        }
        Ok(was_told)
    }

    /// Ready when the port that the lane offers to next may have room, in its confirm window and in the transport.
    fn poll_room(
        &mut self,
        lane: &mut Lane,
        clock: &impl Now,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), PortError>> {
        let port = lane.next_port();
        if S::CONFIRMS || S::FLUSHES {
            self.tend(lane, clock, context)?;
            lane.does(Act::Full);
        }
        if S::CONFIRMS && self.ledger.room(port) == 0 {
            self.ledger.look_at_silence(port, clock.now_ns());
            if self.ledger.room(port) == 0 {
                return Poll::Pending;
            }
        }
        self.sends[port].poll_room(context)
    }
}

fn hear_confirms<S: AsyncSendPort>(
    lane: &mut Lane,
    sends: &mut [S],
    ledger: &mut Ledger,
    clock: &impl Now,
    context: &mut Context<'_>,
) -> Result<bool, PortError> {
    let mut hearing = Hearing::new(lane, ledger, clock);
    for (port, send) in sends.iter_mut().enumerate() {
        hearing.hear(port, |tell| send.poll_confirmed(context, tell))?;
    }
    Ok(hearing.was_told())
}

/// Waits until the transport has confirmed or refused all that it took, and acknowledges what is due then.
///
/// # Errors
/// The first failure of one of its ports.
pub async fn settle<S: AsyncSendPort, R: AsyncRecvPort>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
) -> Result<(), PortError> {
    let ConnectedLane { lane, endpoint: Endpoint { inbox, sends }, ledger, .. } = connected;
    // Confirms of a transaction do not come before it is committed, and what was handled last belongs to it.
    if let Some(port) = inbox.as_mut().filter(|_| R::ACKNOWLEDGES && !lane.has_pending())
        && ledger.transacts()
    {
        ledger.settle_due(lane, |settle| settle.with_async(port))?;
    }
    let settled = poll_fn(|context| {
        let told = S::CONFIRMS && hear_confirms(lane, sends, ledger, clock, context)?;
        if told {
            ledger.note_taken(lane);
        }
        if ledger.unconfirmed() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    let settled = if S::CONFIRMS { settled.await } else { Ok(()) };
    if let Some(port) = inbox.as_mut().filter(|_| R::ACKNOWLEDGES && !lane.has_pending()) {
        ledger.settle_due(lane, |settle| settle.with_async(port))?;
    }
    settled
}

/// After so many steps without a wait a lane lets others run, as nothing else may make it: a broadcast is never full.
const STEPS: u32 = 128;

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
