//! What happens to a lane in the middle of a run: it is killed and brought back or paused as the plan says, or it loses its
//! connection and opens a new one.
//!
//! A kill drops the ports without finishing them, as the end of a process would. Whether unacknowledged
//! messages are delivered again is then up to the transport.

use super::{End, Pacing, absent, drive};
use crate::{
    act::Act,
    bell::Bell,
    clock::{Clock, Now, as_ns},
    control::{Gate, Lost},
    drive::{ConnectedLane, TimeAway, ring_ends},
    outcome::Cause,
    plan::Victim,
    port::{AsyncRecvPort, AsyncSendPort, PortError},
    transport::{Endpoint, OpenError},
};
use std::{future::Future, pin::Pin, time::Duration};
use tokio::time::{sleep, timeout};

/// A planned kill or pause of a lane, and how near it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    at_ns: u64,
    /// A pause. It begins on time and does not wait for unacknowledged messages.
    pauses: bool,
    /// Its time has come: nothing is acknowledged any more, and the kill follows.
    is_near: bool,
    /// Messages handed over and not acknowledged, or those since `is_near`; see `holds`.
    in_hand: usize,
    /// The longest that a kill is delayed to collect messages in hand.
    at_latest_ns: u64,
}

impl Doom {
    /// A consumer is killed while it holds unacknowledged messages, so that the kill tests redelivery: a whole batch, and at least these eight,
    /// which a step may receive where batches are smaller.
    const HANDS: usize = 8;
    /// A consumer to which little is sent is killed with fewer messages after this time.
    const AT_LATEST_NS: u64 = 50_000_000;
    /// As above, in transactions: a message arrives only when its sender commits.
    const AT_LATEST_TRANSACTING_NS: u64 = 1_000_000_000;

    /// A lane is to be killed at `at_ns` on the run's clock.
    #[must_use]
    pub const fn at(at_ns: u64) -> Self {
        Self { at_ns, pauses: false, is_near: false, in_hand: 0, at_latest_ns: Self::AT_LATEST_NS }
    }

    /// The same for a lane that handles its messages in transactions, if `transacts`.
    const fn of_transactions(self, transacts: bool) -> Self {
        if transacts { Self { at_latest_ns: Self::AT_LATEST_TRANSACTING_NS, ..self } } else { self }
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
        self.in_hand >= wants || now_ns - self.at_ns >= self.at_latest_ns
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
    /// For how long a lane tries to open its ports again, once it has lost its connection or is to come back. `None`: a lost connection
    /// is its end, and it tries once to come back.
    pub reconnect: Option<Duration>,
    /// Opens its ports.
    pub open: &'a (dyn Fn() -> Opening<'a, S, R> + Send + Sync),
    /// Notes that the lane was away.
    pub note: &'a (dyn Fn(TimeAway) + Send + Sync),
    /// Where it stands that the lane has no connection.
    pub lost: &'a Lost,
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

    /// Notes that the lane was away since then. It is back if it `has_ports` and the trial goes on. Of a lane that does not come back the
    /// record says so, because messages may be missing for that reason.
    fn note_away(
        &self,
        connected: &ConnectedLane<S, R>,
        clock: &Clock,
        cause: Cause,
        since_ns: u64,
        has_ports: bool,
    ) {
        let is_back = has_ports && !connected.lane.is_stopped();
        (self.note)(TimeAway { cause, since_ns, away_ns: clock.now_ns() - since_ns, until_end: !is_back });
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
    connected: &mut ConnectedLane<S, R>,
    clock: &Clock,
    bell: &Bell,
    pacing: &Pacing,
    mut life: Life<'_, S, R>,
) -> Result<(), PortError> {
    if let Some(gate) = life.absent {
        absent::join_later(connected, clock, gate, &life).await?;
    }
    loop {
        let doom = life.next().map(|doom| doom.of_transactions(connected.ledger.transacts()));
        let ended = drive(connected, clock, bell, pacing, doom).await;
        let since_ns = clock.now_ns();
        match (ended, life.reconnect) {
            (Ok(End::Done), _) => return Ok(()),
            (Ok(End::Killed), _) if doom.is_some_and(|doom| doom.pauses) => {
                let Some((_, lasts)) = life.pause.take() else { return Ok(()) };
                stay_away(connected, lasts).await;
                life.note_away(connected, clock, Cause::Paused, since_ns, true);
            }
            (Ok(End::Killed), _) => {
                let Some((_, victim, down)) = life.kill.take() else { return Ok(()) };
                let cause = die(connected, victim);
                stay_away(connected, down).await;
                let back = come_back(connected, clock, &life, "a kill").await;
                life.note_away(connected, clock, cause, since_ns, matches!(back, Ok(Some(_))));
                let Some(endpoint) = back? else { return Ok(()) };
                put_back(connected, victim, endpoint);
            }
            (Err(PortError::Lost(why)), Some(limit)) if !connected.lane.is_stopped() => {
                die(connected, Victim::Connection);
                let back = connect_again(connected, clock, &life, since_ns, limit, &why).await;
                let cause = Cause::ConnectionLost { why };
                life.note_away(connected, clock, cause, since_ns, matches!(back, Ok(Some(_))));
                let Some(endpoint) = back? else { return Ok(()) };
                put_back(connected, Victim::Connection, endpoint);
            }
            (Err(error), _) => return Err(error),
        }
    }
}

/// Drops what is killed, without finishing it.
pub(in crate::drive) fn die<S, R>(connected: &mut ConnectedLane<S, R>, victim: Victim) -> Cause {
    let ConnectedLane { lane, endpoint, rings, ledger } = connected;
    let in_hand = ledger.in_hand();
    lane.does(Act::Drop);
    endpoint.inbox = None;
    let cause = match victim {
        Victim::Consumer => Cause::ConsumerKilled { in_hand },
        Victim::Connection => Cause::ConnectionKilled { in_hand, unconfirmed: ledger.unconfirmed() },
    };
    let loses_sends = ledger.dies_with(victim) == Victim::Connection;
    if loses_sends {
        endpoint.sends.clear();
    }
    lane.does(Act::Harness);
    ledger.forget(loses_sends);
    ledger.roll_back_unsent(lane);
    // In transactions what was handled may be rolled back, so a trial is not complete without the lane.
    if !ledger.transacts() && lane.leaves() {
        ring_ends(&rings.on_end);
    }
    cause
}

async fn opened<S, R>(
    connected: &mut ConnectedLane<S, R>,
    life: &Life<'_, S, R>,
) -> Result<Endpoint<S, R>, String> {
    connected.lane.does(Act::Open);
    let opened = timeout(OPENS, (life.open)()).await;
    connected.lane.does(Act::Harness);
    match opened {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(_) => Err(format!("`open` has not returned for {OPENS:?}")),
    }
}

pub(in crate::drive) fn put_back<S, R>(
    connected: &mut ConnectedLane<S, R>,
    victim: Victim,
    endpoint: Endpoint<S, R>,
) {
    match connected.ledger.dies_with(victim) {
        Victim::Consumer => connected.endpoint.inbox = endpoint.inbox,
        Victim::Connection => connected.endpoint = endpoint,
    }
}

/// Opens the ports of a lane that was away on purpose. The server may be away at that time, so with `--reconnect` a failure is tried
/// again. `None`: the run ended meanwhile.
pub(super) async fn come_back<S, R>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
    life: &Life<'_, S, R>,
    what: &str,
) -> Result<Option<Endpoint<S, R>>, PortError> {
    let since_ns = clock.now_ns();
    match (opened(connected, life).await, life.reconnect) {
        (Ok(endpoint), _) => Ok(Some(endpoint)),
        (Err(_), Some(limit)) => connect_again(connected, clock, life, since_ns, limit, what).await,
        (Err(error), None) => Err(PortError::Failed(back_from(what, &error))),
    }
}

/// Opens the ports again, with pauses that double, for `limit` after `since_ns`. `None`: the run ended meanwhile.
async fn connect_again<S, R>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
    life: &Life<'_, S, R>,
    since_ns: u64,
    limit: Duration,
    what: &str,
) -> Result<Option<Endpoint<S, R>>, PortError> {
    let (lane, until_ns) = (connected.lane.id(), since_ns.saturating_add(as_ns(limit)));
    life.lost.note(lane, since_ns, what);
    let [mut back_off, longest] = BACK_OFF;
    loop {
        pause(back_off).await;
        if connected.lane.is_stopped() {
            return Ok(None);
        }
        match opened(connected, life).await {
            Ok(endpoint) => {
                life.lost.is_back(lane);
                return Ok(Some(endpoint));
            }
            Err(error) if clock.now_ns() >= until_ns => {
                return Err(PortError::Failed(back_from(what, &error)));
            }
            Err(_) => back_off = (back_off * 2).min(longest),
        }
    }
}

pub(in crate::drive) fn back_from(what: &str, error: &str) -> String {
    format!("it did not come back after {what}: {error}")
}

/// Waits for `time`, or until the run is over.
async fn stay_away<S, R>(connected: &mut ConnectedLane<S, R>, time: Duration) {
    const STEP: Duration = Duration::from_millis(20);
    let mut left = time;
    while !left.is_zero() && !connected.lane.is_stopped() {
        let step = left.min(STEP);
        pause(step).await;
        left -= step;
    }
}

pub(super) async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "an outage in milliseconds, which paces nothing")]
    sleep(time).await;
}
