//! Drivers run lanes: on threads, on tasks, or in virtual time. Each driver steps lanes, moves messages between lanes
//! and ports, and waits when there is nothing to move.

pub mod awake;
pub(crate) mod crowd;
pub mod ledger;
pub mod poison;
mod slice;
pub mod tasks;
pub mod threads;
pub mod virtual_time;
pub mod wake_latency;

use crate::{
    act::Act,
    bell::Bell,
    clock::Now,
    credit::{Credit, Done},
    lane::{Begun, Lane, Outlet},
    message::Message,
    outcome::Cause,
    port::{PortError, RecvPort, SendPort},
    transport::Endpoint,
};
use ledger::{Hearing, Ledger, Terms};
use std::sync::Arc;

/// The bells a driver rings for a lane; none by default, as threads that never sleep need none.
#[derive(Clone, Debug, Default)]
pub struct Rings {
    /// By send port: those who hear what is sent there. Empty if nobody is rung.
    pub on_send: Vec<Vec<Arc<Bell>>>,
    /// The loads to wake when this lane has ended flows.
    pub on_end: Vec<Arc<Bell>>,
    /// In place of `on_end`, where lanes on tasks are very many.
    pub(crate) ends: Option<Arc<Ends>>,
}

/// A time for which a lane was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeAway {
    /// Why.
    pub cause: Cause,
    /// Since when, in ns on the run's clock.
    pub since_ns: u64,
    /// For how long, in ns.
    pub away_ns: u64,
    /// The lane was still away when the trial ended.
    pub until_end: bool,
}

/// Publishes for very many lanes on tasks what they have done, and rings the lane whose flow was ended.
#[derive(Debug)]
pub(crate) struct Ends {
    pub credit: Arc<Credit>,
    /// By number among the lanes that start flows.
    pub bells: Vec<Arc<Bell>>,
}

impl Ends {
    /// Publishes what a lane has done since the last call. `told` holds its sums as of then.
    fn tell(&self, lane: &mut Lane, told: &mut Done) {
        let (started, emitted) = lane.done();
        let awake_ns = lane.recorder().local.awake_ns;
        let Done { started: told_started, emitted: told_emitted, awake_ns: told_awake_ns, ended } = *told;
        *told = Done { started, emitted, awake_ns, ended };
        self.credit.add_done(
            0,
            &Done {
                started: started - told_started,
                emitted: emitted - told_emitted,
                awake_ns: awake_ns - told_awake_ns,
                ended: 0,
            },
        );
        for (origin, times) in lane.recorder().ended_now().drain(..) {
            self.credit.add(0, origin, times);
            if let Some(bell) = self.bells.get(usize::from(origin)) {
                bell.ring_end();
            }
        }
    }
}

fn ring(bells: &[Arc<Bell>]) {
    for bell in bells {
        bell.ring();
    }
}

fn ring_ends(bells: &[Arc<Bell>]) {
    for bell in bells {
        bell.ring_end();
    }
}

/// A lane with its ports, its ledger and the bells that it rings: what a driver steps.
#[derive(Debug)]
pub struct ConnectedLane<S, R> {
    /// The lane.
    pub lane: Lane,
    /// Its ports.
    pub endpoint: Endpoint<S, R>,
    /// Whom to ring for it.
    pub rings: Rings,
    /// What its ports have not confirmed, and what it has not acknowledged.
    pub ledger: Ledger,
}

impl<S, R> ConnectedLane<S, R> {
    /// Connects a lane to its ports. They confirm, and it acknowledges, on these `terms`.
    #[must_use]
    pub fn new(lane: Lane, endpoint: Endpoint<S, R>, rings: Rings, terms: Terms) -> Self {
        let ledger = Ledger::new(terms, endpoint.sends.len());
        Self { lane, endpoint, rings, ledger }
    }

    /// The lane, its ports and whom to ring, at the end of the trial. The lane keeps which of its messages were neither
    /// confirmed nor refused.
    #[must_use]
    pub fn into_parts(self) -> (Lane, Endpoint<S, R>, Rings) {
        let Self { mut lane, endpoint, rings, ledger } = self;
        lane.recorder().untold = ledger.untold();
        (lane, endpoint, rings)
    }
}

/// The result of one step of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Messages moved, or there is more to look at.
    Moved,
    /// Nothing to do until then, unless something arrives or a flow ends.
    Idle {
        /// Until when, as far as its load is concerned.
        until_ns: u64,
        /// The limit of a backlog holds the lane back until then, whatever arrives; `u64::MAX`: none does.
        held_until_ns: u64,
    },
    /// The transport is full; the lane is blocked.
    Full,
    /// The lane is done.
    Done,
}

impl<S: SendPort, R: RecvPort> ConnectedLane<S, R> {
    /// Has the lane take one step, for models that step lanes themselves.
    #[cfg(all(test, loom))]
    pub(crate) fn step_once(&mut self, clock: &impl Now) -> Result<(), PortError> {
        self.step(clock).map(drop)
    }

    /// Has the lane take a step: send what waits or else start flows, look into its inbox and send what that caused, without
    /// waiting.
    #[inline]
    fn step(&mut self, clock: &impl Now) -> Result<Step, PortError> {
        let Self { lane, endpoint: Endpoint { inbox, sends }, rings, ledger } = self;
        let on_send = &rings.on_send;
        // Also when nothing was taken: some subscribers of an event may have got what others have no room for.
        let sent =
            |port: usize, _: &[Message], _| on_send.get(port).into_iter().for_each(|bells| ring(bells));
        let (step, flows_ended) = step_lane(lane, Ports { inbox, sends, ledger }, sent, clock)?;
        if flows_ended {
            ring_ends(&rings.on_end);
        }
        Ok(step)
    }
}

/// A lane's ports, and what they owe.
struct Ports<'a, S, R> {
    inbox: &'a mut Option<R>,
    sends: &'a mut [S],
    ledger: &'a mut Ledger,
}

/// Has a lane take a step, and calls `on_sent` with what was offered to a port and how much it took. Says too whether
/// flows ended, so that the lanes which started them are to be woken.
#[inline(always)]
fn step_lane<S: SendPort, R: RecvPort>(
    lane: &mut Lane,
    ports: Ports<'_, S, R>,
    on_sent: impl FnMut(usize, &[Message], usize),
    clock: &impl Now,
) -> Result<(Step, bool), PortError> {
    let Ports { inbox, sends, ledger } = ports;
    let was_told = S::CONFIRMS && hear_confirms(lane, sends, ledger, clock)?;
    let measure_from_ns = lane.measure_from_ns();
    let mut outlet = Sending { sends, on_sent, ledger, measure_from_ns, to_flush: false };
    let (mut moved, held_up, until_ns) = match lane.begin_step(clock, &mut outlet)? {
        Begun::Look { moved, until_ns } => (moved | was_told, false, until_ns),
        Begun::HeldUp { moved } => (moved | was_told, true, u64::MAX),
        Begun::Done => return Ok((Step::Done, false)),
    };
    if lane.hears() && !held_up {
        let port = inbox.as_mut().ok_or_else(no_inbox)?;
        if R::ACKNOWLEDGES {
            outlet.ledger.settle_due(lane, |settle| settle.with(port))?;
        }
        let (from, max) = lane.inbox(clock);
        // A lane that is held back does not poll.
        let batches = if max == 0 { 0 } else { lane.batches_per_step() };
        // What a lane receives and sends keeps this note up to date, so it need not be made for each batch.
        lane.does(Act::Drain);
        for _ in 0..batches {
            let ledger = &mut *outlet.ledger;
            let drained = port.drain(from, max, |batch, told| {
                if !(R::ACKNOWLEDGES && ledger.sift(lane, batch, told, clock)) {
                    lane.received(batch, told, clock);
                }
            });
            let count = found(lane, drained)?;
            if count == 0 {
                break;
            }
            if R::ACKNOWLEDGES && ledger.acks_before() {
                lane.within(Act::Acknowledge, || port.acknowledge(count))?;
                ledger.hand_on(|batch, told| lane.received(batch, told, clock));
                lane.does(Act::Drain);
            } else if R::ACKNOWLEDGES {
                ledger.handed(count);
            }
            moved = true;
            if !lane.send_caused(clock, &mut outlet)? {
                break;
            }
        }
        lane.has_polled();
    }
    if S::FLUSHES && outlet.to_flush {
        flush(lane, outlet.sends)?;
    }
    if !moved {
        if S::CONFIRMS && held_up {
            ledger.look_at_silence(lane.next_port(), clock.now_ns());
        }
        let held_until_ns = lane.held_until_ns();
        return Ok((if held_up { Step::Full } else { Step::Idle { until_ns, held_until_ns } }, false));
    }
    if S::CONFIRMS {
        ledger.note_taken(lane);
    }
    Ok((Step::Moved, lane.end_step()))
}

/// Reads the confirms of all send ports. Says whether there were any.
fn hear_confirms<S: SendPort>(
    lane: &mut Lane,
    sends: &mut [S],
    ledger: &mut Ledger,
    clock: &impl Now,
) -> Result<bool, PortError> {
    let mut hearing = Hearing::new(lane, ledger, clock);
    for (port, send) in sends.iter_mut().enumerate() {
        hearing.hear(port, |tell| send.confirmed(tell))?;
    }
    Ok(hearing.was_told())
}

fn flush<S: SendPort>(lane: &Lane, sends: &mut [S]) -> Result<(), PortError> {
    lane.within(Act::Flush, || sends.iter_mut().try_for_each(S::flush))
}

/// Send ports on threads, with what follows when something was offered.
struct Sending<'a, S, F> {
    sends: &'a mut [S],
    on_sent: F,
    ledger: &'a mut Ledger,
    measure_from_ns: u64,
    to_flush: bool,
}

impl<S: SendPort, F: FnMut(usize, &[Message], usize)> Outlet for Sending<'_, S, F> {
    #[inline(always)]
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError> {
        let send = &mut self.sends[port];
        let taken = match S::CONFIRMS {
            false => send.offer(batch)?,
            true => self.ledger.offer(port, batch, self.measure_from_ns, |batch| send.offer(batch))?,
        };
        if S::FLUSHES {
            self.to_flush |= taken > 0;
        }
        (self.on_sent)(port, batch, taken);
        Ok(taken)
    }
}

#[cold]
fn no_inbox() -> PortError {
    PortError::Failed("the transport opened no inbox".into())
}

/// The result of polling an inbox. A `Lagged` error counts as progress, because the audit has to record it. Ports that acknowledge
/// never give one: what they did not deliver is delivered again.
#[inline(always)]
fn found(lane: &mut Lane, drained: Result<usize, PortError>) -> Result<usize, PortError> {
    match drained {
        Err(PortError::Lagged(count)) => {
            lane.lagged(count);
            Ok(1)
        }
        drained => drained,
    }
}

/// The result of a round over several lanes: the best of the steps and the earliest of the times.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Messages moved, or there is more to look at.
    pub moved: bool,
    /// The transport is full for one of the lanes.
    pub full: bool,
    /// All lanes are done.
    pub done: bool,
    /// Until when there is nothing to do for the lanes that are idle.
    pub until_ns: u64,
    /// Until when a limit holds one of the lanes back, whatever arrives; `u64::MAX`: none does.
    pub held_until_ns: u64,
}

impl Default for Round {
    fn default() -> Self {
        Self { moved: false, full: false, done: true, until_ns: u64::MAX, held_until_ns: u64::MAX }
    }
}

impl Round {
    /// Adds the step of a lane.
    #[inline(always)]
    pub fn note(&mut self, step: Step) {
        match step {
            Step::Moved => self.moved = true,
            Step::Idle { until_ns, held_until_ns } => {
                self.until_ns = self.until_ns.min(until_ns);
                self.held_until_ns = self.held_until_ns.min(held_until_ns);
            }
            Step::Full => self.full = true,
            Step::Done => return,
        }
        self.done = false;
    }
}

fn round<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
) -> Result<Round, (u16, PortError)> {
    let mut round = Round::default();
    for connected in lanes {
        round.note(connected.step(clock).map_err(|error| (connected.lane.id(), error))?);
    }
    Ok(round)
}

/// Hears of confirms after the run, and acknowledges what is due. Says whether everything is confirmed.
fn settle<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
) -> Result<bool, (u16, PortError)> {
    let mut all = true;
    for ConnectedLane { lane, endpoint: Endpoint { inbox, sends }, ledger, .. } in lanes {
        let mut look = || {
            if S::CONFIRMS && hear_confirms(lane, sends, ledger, clock)? {
                ledger.note_taken(lane);
            }
            match inbox.as_mut().filter(|_| R::ACKNOWLEDGES && !lane.has_pending()) {
                Some(port) => ledger.settle_due(lane, |settle| settle.with(port)),
                None => Ok(()),
            }
        };
        look().map_err(|error| (lane.id(), error))?;
        all &= ledger.unconfirmed() == 0;
    }
    Ok(all)
}
