//! What happens to a lane in the middle of a run: it is killed and brought back or paused as the plan says, or it loses its
//! connection and opens a new one.
//!
//! A kill drops the ports without finishing them, as the end of a process would. What was handed over and not acknowledged
//! is then up to the transport.

use super::{End, Pacing, absent, drive};
use crate::{
    backlog::Gate,
    bell::Bell,
    blame::Act,
    clock::{Clock, Now, as_ns},
    drive::Seat,
    outcome::Cause,
    plan::Victim,
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    transport::{Endpoint, OpenError},
};
use std::{future::Future, pin::Pin, time::Duration};
use tokio::time::{sleep, timeout};

/// When a lane is to be killed, or paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    at_ns: u64,
    /// It is only paused: at once, whatever it has in its hands.
    pauses: bool,
    is_near: bool,
    /// Messages handed over since.
    in_hand: usize,
}

impl Doom {
    /// A consumer is killed with so many messages in its hands, handled and not acknowledged: a batch, and not less than
    /// the eight that a turn may take in where batches are smaller.
    const HANDS: usize = 8;
    /// With fewer, if they have not come by so long after its time: little is sent to it.
    const AT_LATEST_NS: u64 = 50_000_000;

    /// A lane is to be killed at `at_ns` on the run's clock.
    #[must_use]
    pub const fn at(at_ns: u64) -> Self {
        Self { at_ns, pauses: false, is_near: false, in_hand: 0 }
    }

    /// A lane is to be paused at `at_ns` on the run's clock.
    #[must_use]
    pub const fn pause_at(at_ns: u64) -> Self {
        Self { pauses: true, ..Self::at(at_ns) }
    }

    /// Whether the time has come. From `at_ns` on nothing is acknowledged any more, so that the lane dies with messages in its
    /// hands. A lane that receives `max` messages at once waits until it has as many; `None`: it receives nothing.
    pub(in crate::drive) fn has_come(&mut self, max: Option<usize>, clock: &impl Now) -> bool {
        let now_ns = clock.now_ns();
        if now_ns < self.at_ns || self.pauses {
            return now_ns >= self.at_ns;
        }
        self.is_near = true;
        let wants = max.map_or(0, |max| max.max(Self::HANDS));
        self.in_hand >= wants || now_ns - self.at_ns >= Self::AT_LATEST_NS
    }

    /// Notes that `count` messages were handed over.
    pub(in crate::drive) const fn handed(&mut self, count: usize) {
        if self.is_near {
            self.in_hand += count;
        }
    }

    /// Notes how many messages were handed over and are not acknowledged.
    pub(in crate::drive) const fn holds(&mut self, count: usize) {
        self.in_hand = count;
    }

    /// Whether nothing is acknowledged any more.
    pub(in crate::drive) const fn is_near(&self) -> bool {
        self.is_near
    }

    /// When, in ns on the run's clock.
    pub(in crate::drive) const fn at_ns(&self) -> u64 {
        self.at_ns
    }
}

/// The future of opening an instance's ports.
pub type Opening<'a, S, R> = Pin<Box<dyn Future<Output = Result<Endpoint<S, R>, OpenError>> + Send + 'a>>;

/// What is to happen to a lane, and how its ports are opened again.
pub struct Life<'a, S, R> {
    /// Where the lane waits before it is driven, if it is absent at first.
    pub absent: Option<&'a Gate>,
    /// When the lane is killed, what is killed of it, and for how long it is away.
    pub kill: Option<(Doom, Victim, Duration)>,
    /// When the lane is paused, and for how long.
    pub pause: Option<(Doom, Duration)>,
    /// For how long a lane that lost its connection tries to open a new one.
    pub reconnect: Option<Duration>,
    /// Opens its ports.
    pub open: &'a (dyn Fn() -> Opening<'a, S, R> + Send + Sync),
    /// Notes an outage: its cause, since when, and how long it was, in ns.
    pub note: &'a (dyn Fn(Cause, u64, u64) + Send + Sync),
}

impl<S, R> std::fmt::Debug for Life<'_, S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("kill", &self.kill).field("pause", &self.pause).finish_non_exhaustive()
    }
}

impl<S, R> Life<'_, S, R> {
    /// What is to happen next: a kill or a pause.
    fn next(&self) -> Option<Doom> {
        let kill = self.kill.map(|(doom, ..)| doom);
        let pause = self.pause.map(|(doom, _)| doom);
        kill.into_iter().chain(pause).min_by_key(Doom::at_ns)
    }
}

/// How long an attempt to open ports may take.
const OPENS: Duration = Duration::from_secs(10);
/// Between two attempts: at first, and at most.
pub(in crate::drive) const BACK_OFF: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Drives a lane until it is done. In between it may be killed and come back, or lose its connection and open a new one.
///
/// # Errors
/// The first failure of one of its ports, or of opening them again.
pub async fn live<S: AsyncSendPort, R: AsyncRecvPort>(
    seat: &mut Seat<S, R>,
    clock: &Clock,
    bell: &Bell,
    pacing: &Pacing,
    mut life: Life<'_, S, R>,
) -> Result<(), PortError> {
    if let Some(gate) = life.absent {
        absent::join_later(seat, clock, gate, &life).await?;
    }
    loop {
        let doom = life.next();
        let ended = drive(seat, clock, bell, pacing, doom).await;
        let since_ns = clock.now_ns();
        match (ended, life.reconnect) {
            (Ok(End::Done), _) => return Ok(()),
            (Ok(End::Killed), _) if doom.is_some_and(|doom| doom.pauses) => {
                let Some((_, lasts)) = life.pause.take() else { return Ok(()) };
                stay_away(seat, lasts).await;
                (life.note)(Cause::Paused, since_ns, clock.now_ns() - since_ns);
            }
            (Ok(End::Killed), _) => {
                let Some((_, victim, down)) = life.kill.take() else { return Ok(()) };
                let cause = die(seat, victim);
                stay_away(seat, down).await;
                let endpoint = opened(seat, &life).await;
                let endpoint = endpoint.map_err(|error| PortError::Failed(back_from("a kill", &error)))?;
                put_back(seat, victim, endpoint);
                (life.note)(cause, since_ns, clock.now_ns() - since_ns);
            }
            (Err(PortError::Lost(why)), Some(limit)) if !seat.lane.is_stopped() => {
                die(seat, Victim::Connection);
                let Some(endpoint) = connect_again(seat, clock, &life, since_ns + as_ns(limit), &why).await?
                else {
                    return Ok(());
                };
                put_back(seat, Victim::Connection, endpoint);
                (life.note)(Cause::ConnectionLost { why }, since_ns, clock.now_ns() - since_ns);
            }
            (Err(error), _) => return Err(error),
        }
    }
}

/// Drops what is killed, without finishing it.
pub(in crate::drive) fn die<S, R>(seat: &mut Seat<S, R>, victim: Victim) -> Cause {
    let in_hand = seat.ledger.in_hand();
    seat.lane.does(Act::Drop);
    seat.endpoint.inbox = None;
    let cause = match victim {
        Victim::Consumer => Cause::ConsumerKilled { in_hand },
        Victim::Connection => {
            seat.endpoint.sends.clear();
            Cause::ConnectionKilled { in_hand, unconfirmed: seat.ledger.unconfirmed() }
        }
    };
    seat.lane.does(Act::Harness);
    seat.ledger.forget(victim == Victim::Connection);
    cause
}

pub(super) async fn opened<S, R>(
    seat: &mut Seat<S, R>,
    life: &Life<'_, S, R>,
) -> Result<Endpoint<S, R>, String> {
    seat.lane.does(Act::Open);
    let opened = timeout(OPENS, (life.open)()).await;
    seat.lane.does(Act::Harness);
    match opened {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(_) => Err(format!("`open` has not returned for {OPENS:?}")),
    }
}

pub(in crate::drive) fn put_back<S, R>(seat: &mut Seat<S, R>, victim: Victim, endpoint: Endpoint<S, R>) {
    match victim {
        Victim::Consumer => seat.endpoint.inbox = endpoint.inbox,
        Victim::Connection => seat.endpoint = endpoint,
    }
}

/// Opens the ports again, with pauses that double, until `until_ns`. `None`: the run ended meanwhile.
async fn connect_again<S, R>(
    seat: &mut Seat<S, R>,
    clock: &Clock,
    life: &Life<'_, S, R>,
    until_ns: u64,
    why: &str,
) -> Result<Option<Endpoint<S, R>>, PortError> {
    let [mut back_off, longest] = BACK_OFF;
    loop {
        pause(back_off).await;
        if seat.lane.is_stopped() {
            return Ok(None);
        }
        match opened(seat, life).await {
            Ok(endpoint) => return Ok(Some(endpoint)),
            Err(error) if clock.now_ns() >= until_ns => {
                return Err(PortError::Failed(back_from(why, &error)));
            }
            Err(_) => back_off = (back_off * 2).min(longest),
        }
    }
}

pub(in crate::drive) fn back_from(what: &str, error: &str) -> String {
    format!("it did not come back after {what}: {error}")
}

/// Waits for `time`, or until the run is over.
async fn stay_away<S, R>(seat: &mut Seat<S, R>, time: Duration) {
    const STEP: Duration = Duration::from_millis(20);
    let mut left = time;
    while !left.is_zero() && !seat.lane.is_stopped() {
        let step = left.min(STEP);
        pause(step).await;
        left -= step;
    }
}

pub(super) async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "an outage in milliseconds, which paces nothing")]
    sleep(time).await;
}
