//! Drivers run lanes: on threads, on tasks, or in virtual time. Each driver steps lanes, moves messages between lanes
//! and ports, and waits when there is nothing to move.

pub mod awake;
pub(crate) mod crowd;
pub mod slack;
mod slice;
pub mod tasks;
pub mod threads;
pub mod virtual_time;

use crate::{
    bell::Bell,
    blame::Act,
    clock::Now,
    lane::{Inbox, Lane, Outlet, Turn},
    message::Message,
    port::{PortError, RecvPort, SendPort},
    transport::Endpoint,
};
use std::{fmt, str::FromStr, sync::Arc};

/// Which lanes share a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A thread for each lane (tasks: as many workers as there are cores).
    Each,
    /// So many threads; the lanes of one are stepped in turn (tasks: so many workers).
    Threads(usize),
}

impl Placement {
    /// A thread for each core. With fewer lanes than that each lane has its own; with more, threads that take cores from
    /// each other would make the system's scheduler part of what is measured.
    #[must_use]
    pub fn cores() -> Self {
        Self::Threads(cores())
    }

    /// How many worker threads a runtime of tasks has for it.
    #[must_use]
    pub fn workers(self) -> usize {
        match self {
            Self::Each => cores(),
            Self::Threads(count) => count,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("each"),
            Self::Threads(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "each" => Ok(Self::Each),
            _ if text == "cores" => Ok(Self::cores()),
            Ok(count @ 1..=1024) => Ok(Self::Threads(count)),
            _ => Err(format!(
                "`{text}` is no placement: `cores`, `each`, or a number of threads from 1 to 1024"
            )),
        }
    }
}

/// How an idle thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Looks again at once.
    Spin,
    /// Lets another thread run, then looks again.
    Yield,
    /// Sleeps until it is woken.
    Park,
    /// Sleeps the transport's own way; lanes on a thread of their own only.
    Native,
}

impl Wait {
    /// All strategies.
    pub const ALL: [Self; 4] = [Self::Spin, Self::Yield, Self::Park, Self::Native];

    /// `spin`, `yield`, `park` or `native`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Park => "park",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|wait| wait.name() == text);
        found.ok_or_else(|| format!("`{text}` is no wait strategy: spin, yield, park or native"))
    }
}

/// The bells a driver rings for a lane; none by default, as threads that never sleep need none.
#[derive(Clone, Debug, Default)]
pub struct Rings {
    /// By send port: those who hear what is sent there. Empty if nobody is rung.
    pub on_send: Vec<Vec<Arc<Bell>>>,
    /// The lanes whose flows may have ended.
    pub on_end: Vec<Arc<Bell>>,
}

fn ring(bells: &[Arc<Bell>]) {
    for bell in bells {
        bell.ring();
    }
}

/// A lane with its ports.
#[derive(Debug)]
pub struct Seat<S, R> {
    /// The lane.
    pub lane: Lane,
    /// Its ports.
    pub endpoint: Endpoint<S, R>,
    /// Whom to ring for it.
    pub rings: Rings,
}

/// The result of one step of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Messages moved, or there is more to look at.
    Moved,
    /// Nothing to do until then, unless something arrives or a flow ends.
    Idle { until_ns: u64 },
    /// The transport is full; the lane is blocked.
    Full,
    /// The lane is done.
    Done,
}

impl<S: SendPort, R: RecvPort> Seat<S, R> {
    /// Has the lane take one turn, for models that step lanes themselves.
    #[cfg(all(test, loom))]
    pub(crate) fn turn(&mut self, clock: &impl Now) -> Result<(), PortError> {
        self.step(clock).map(drop)
    }

    /// Has the lane take its turn: send what waits, start flows, look into its inbox and send what that caused, without
    /// waiting.
    #[inline]
    fn step(&mut self, clock: &impl Now) -> Result<Step, PortError> {
        let Self { lane, endpoint: Endpoint { inbox, replies, sends }, rings } = self;
        let mut outlet = Ringing { sends, on_send: &rings.on_send };
        let (step, flows_ended) = take_turn(lane, inbox, replies, &mut outlet, clock)?;
        if flows_ended {
            ring(&rings.on_end);
        }
        Ok(step)
    }
}

/// Has a lane take its turn. Says too whether flows ended, so that the lanes which started them are to be woken.
#[inline(always)]
fn take_turn<R: RecvPort>(
    lane: &mut Lane,
    inbox: &mut Option<R>,
    replies: &mut Option<R>,
    outlet: &mut impl Outlet,
    clock: &impl Now,
) -> Result<(Step, bool), PortError> {
    let (mut moved, held_up, until_ns) = match lane.begin_turn(clock, outlet)? {
        Turn::Look { moved, until_ns } => (moved, false, until_ns),
        Turn::HeldUp { moved } => (moved, true, u64::MAX),
        Turn::Done => return Ok((Step::Done, false)),
    };
    if lane.hears() && !held_up {
        let (port, max) = wanted(lane, inbox, replies)?;
        for _ in 0..lane.batches_per_turn() {
            lane.does(Act::Drain);
            let drained = port.drain(max, |batch| lane.received(batch, clock));
            lane.does(Act::Harness);
            if found(lane, drained)? == 0 {
                break;
            }
            moved = true;
            if !lane.send_caused(clock, outlet)? {
                break;
            }
        }
    }
    if !moved {
        return Ok((if held_up { Step::Full } else { Step::Idle { until_ns } }, false));
    }
    Ok((Step::Moved, lane.end_turn()))
}

/// Send ports with the bells of those who hear what is sent there.
struct Ringing<'a, S> {
    sends: &'a mut [S],
    on_send: &'a [Vec<Arc<Bell>>],
}

impl<S: SendPort> Outlet for Ringing<'_, S> {
    #[inline(always)]
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError> {
        let taken = self.sends[port].offer(batch)?;
        // Also when nothing was taken: some subscribers of an event may have got what others have no room for.
        if let Some(bells) = self.on_send.get(port) {
            ring(bells);
        }
        Ok(taken)
    }
}

/// The port that the lane wants to receive from, and how many messages at most.
#[inline(always)]
fn wanted<'a, R>(
    lane: &Lane,
    inbox: &'a mut Option<R>,
    replies: &'a mut Option<R>,
) -> Result<(&'a mut R, usize), PortError> {
    let (from, max) = lane.inbox();
    let port = match from {
        Inbox::All => inbox.as_mut(),
        Inbox::Replies => replies.as_mut(),
    };
    port.map(|port| (port, max)).ok_or_else(no_inbox)
}

#[cold]
fn no_inbox() -> PortError {
    PortError::Failed("the transport opened no inbox".into())
}

/// The result of polling an inbox. A `Lagged` error counts as progress, because the audit has to record it.
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
struct Round {
    moved: bool,
    full: bool,
    done: bool,
    until_ns: u64,
}

fn round<S: SendPort, R: RecvPort>(
    seats: &mut [Seat<S, R>],
    clock: &impl Now,
) -> Result<Round, (u16, PortError)> {
    let mut round = Round { moved: false, full: false, done: true, until_ns: u64::MAX };
    for seat in seats {
        match seat.step(clock).map_err(|error| (seat.lane.id(), error))? {
            Step::Moved => round.moved = true,
            Step::Idle { until_ns } => round.until_ns = round.until_ns.min(until_ns),
            Step::Full => round.full = true,
            Step::Done => continue,
        }
        round.done = false;
    }
    Ok(round)
}
