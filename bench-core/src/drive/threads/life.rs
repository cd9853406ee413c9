//! Lanes on threads that are killed or paused, or lose their connection, and come back. As on tasks ([`crate::drive::tasks::life`]),
//! but opening a port may block here, and then blocks all lanes of the thread.
//!
//! A lane that is away is taken out of those that the thread steps. So a step does not have to ask whether its lane is there.

use crate::{
    act::Act,
    clock::{Now, as_ns},
    control::{Control, Gate, Lost},
    drive::{
        ConnectedLane, TimeAway,
        tasks::{
            absent::{ABSENCE, LOOK, leave},
            life::{BACK_OFF, Doom, back_from, die, put_back},
        },
    },
    outcome::Cause,
    plan::Victim,
    port::{PortError, RecvPort},
    transport::{Endpoint, OpenError},
};
use std::{sync::Arc, time::Duration};

/// Opens the ports of one lane again.
pub type Open<S, R> = Arc<dyn Fn() -> Result<Endpoint<S, R>, OpenError> + Send + Sync>;

/// What is to happen to a lane, and how it comes back.
pub struct Life<S, R> {
    /// The lane.
    pub lane: u16,
    /// Where the lane waits before it is stepped, if it is absent at first.
    pub absent: Option<Arc<Control>>,
    /// When the lane is killed, what is killed of it, and for how long it is away.
    pub kill: Option<(Doom, Victim, Duration)>,
    /// When the lane is paused, and for how long.
    pub pause: Option<(Doom, Duration)>,
    /// As in the life of a lane on tasks.
    pub reconnect: Option<Duration>,
    /// Opens its ports.
    pub open: Open<S, R>,
    /// As in the life of a lane on tasks.
    pub note: Arc<dyn Fn(TimeAway) + Send + Sync>,
    /// Where it stands that the lane has no connection.
    pub lost: Arc<Lost>,
}

impl<S, R> std::fmt::Debug for Life<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("lane", &self.lane).field("kill", &self.kill).finish_non_exhaustive()
    }
}

/// A lane that is away.
#[derive(Debug)]
struct Away<S, R> {
    connected: ConnectedLane<S, R>,
    victim: Victim,
    cause: Cause,
    since_ns: u64,
    /// When it is opened again.
    back_ns: u64,
    /// The pause after the next failure to open it.
    pause: Duration,
    /// Until when a failure to open it is tried again, if that is known before the first attempt.
    until_ns: Option<u64>,
    /// Where it waits until it may join.
    absent: Option<Arc<Control>>,
    /// It has joined: its ports are open.
    has_joined: bool,
}

impl<S, R> Away<S, R> {
    /// Whether it may not join yet, or has joined and may not begin yet.
    fn is_absent(&self) -> bool {
        let waits = |gate: &Gate| if self.has_joined { !gate.has_begun() } else { !gate.is_open() };
        self.absent.as_ref().is_some_and(|control| waits(&control.backlog))
    }

    /// The cause why the lane is away, such as a kill, as a sentence names it.
    fn what(&self) -> &str {
        match &self.cause {
            Cause::ConnectionLost { why } => why,
            Cause::Absent => ABSENCE,
            _ => "a kill",
        }
    }

    /// Notes how long it was away, or that it is still away at the end of the trial. Of a lane that does not come back the record says so,
    /// because messages may be missing for that reason.
    fn note(&self, life: &Life<S, R>, clock: &impl Now, until_end: bool) {
        let (cause, since_ns) = (self.cause.clone(), self.since_ns);
        (life.note)(TimeAway { cause, since_ns, away_ns: clock.now_ns() - since_ns, until_end });
    }

    /// Notes that it is still away at the end of the trial. Of a lane that was absent at first the backlog says when it joined.
    fn note_end(&self, life: &Life<S, R>, clock: &impl Now) {
        if self.cause != Cause::Absent {
            self.note(life, clock, true);
        }
    }

    /// Sets when it is opened again after it could not be. Says whether that is still to be tried.
    fn tries_again(&mut self, life: &Life<S, R>, now_ns: u64) -> bool {
        let Some(limit) = life.reconnect else { return false };
        life.lost.note(life.lane, now_ns, self.what());
        let until_ns = *self.until_ns.get_or_insert(now_ns.saturating_add(as_ns(limit)));
        self.back_ns = now_ns.saturating_add(as_ns(self.pause));
        self.pause = (self.pause * 2).min(BACK_OFF[1]);
        now_ns < until_ns
    }
}

/// The fates of the lanes of one thread. Empty where nothing is to happen to any of them.
#[derive(Debug)]
pub struct Lives<S, R> {
    all: Vec<Life<S, R>>,
    away: Vec<Away<S, R>>,
}

impl<S, R> Default for Lives<S, R> {
    fn default() -> Self {
        Self { all: Vec::new(), away: Vec::new() }
    }
}

impl<S, R: RecvPort> Lives<S, R> {
    /// Adds the fate of a lane.
    pub fn add(&mut self, life: Life<S, R>) {
        self.all.push(life);
    }

    /// Whether nothing is to happen.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether all lanes are there.
    pub(super) const fn are_here(&self) -> bool {
        self.away.is_empty()
    }

    /// When it wants to look again, in ns on the run's clock.
    pub(super) fn next_ns(&self) -> u64 {
        if self.all.iter().any(|life| life.absent.is_some()) {
            return 0;
        }
        let kills = self.all.iter().filter_map(|life| life.kill.map(|(doom, ..)| doom.at_ns()));
        let pauses = self.all.iter().filter_map(|life| life.pause.map(|(doom, _)| doom.at_ns()));
        self.away.iter().map(|away| away.back_ns).chain(kills).chain(pauses).min().unwrap_or(u64::MAX)
    }

    /// Takes the lanes away that are to be paused now.
    fn pause(&mut self, lanes: &mut Vec<ConnectedLane<S, R>>, clock: &impl Now) {
        for life in &mut self.all {
            let Some((doom, lasts)) = &mut life.pause else { continue };
            let Some(at) = lanes.iter().position(|connected| connected.lane.id() == life.lane) else {
                continue;
            };
            if doom.has_come(None, clock) {
                let (since_ns, lasts_ns) = (clock.now_ns(), as_ns(*lasts));
                life.pause = None;
                self.away.push(Away {
                    connected: lanes.remove(at),
                    victim: Victim::Consumer,
                    cause: Cause::Paused,
                    since_ns,
                    back_ns: since_ns.saturating_add(lasts_ns),
                    pause: BACK_OFF[0],
                    until_ns: None,
                    absent: None,
                    has_joined: false,
                });
            }
        }
    }

    /// Kills and pauses the lanes whose time has come and brings back those that were away long enough. Called between two rounds.
    ///
    /// # Errors
    /// A lane that could not be brought back.
    pub(super) fn attend(
        &mut self,
        lanes: &mut Vec<ConnectedLane<S, R>>,
        clock: &impl Now,
    ) -> Result<(), (u16, PortError)> {
        self.absent_leave(lanes, clock);
        self.pause(lanes, clock);
        for life in &mut self.all {
            let Some((doom, victim, down)) = &mut life.kill else { continue };
            let Some(at) = lanes.iter().position(|connected| connected.lane.id() == life.lane) else {
                continue;
            };
            let connected = &mut lanes[at];
            // Between two rounds, a port that acknowledges nothing has nothing in its hands.
            let max = (R::ACKNOWLEDGES && connected.endpoint.inbox.is_some()).then_some(1);
            doom.holds(connected.ledger.in_hand());
            let has_come = doom.has_come(max, clock);
            if doom.is_near() {
                connected.ledger.hold();
            }
            if has_come {
                let (victim, down, since_ns) = (*victim, *down, clock.now_ns());
                life.kill = None;
                let mut connected = lanes.remove(at);
                let cause = die(&mut connected, victim);
                let back_ns = since_ns.saturating_add(as_ns(down));
                self.away.push(Away {
                    connected,
                    victim,
                    cause,
                    since_ns,
                    back_ns,
                    pause: BACK_OFF[0],
                    until_ns: None,
                    absent: None,
                    has_joined: false,
                });
            }
        }
        self.bring_back(lanes, clock)
    }

    /// Brings back the lanes that were away long enough.
    ///
    /// # Errors
    /// A lane that could not be brought back.
    fn bring_back(
        &mut self,
        lanes: &mut Vec<ConnectedLane<S, R>>,
        clock: &impl Now,
    ) -> Result<(), (u16, PortError)> {
        let mut at = 0;
        while let Some(away) = self.away.get_mut(at) {
            // After the stop nobody waits for it.
            let is_over = away.connected.lane.is_stopped();
            if !is_over && away.is_absent() {
                away.connected.lane.idle(clock.now_ns());
                away.back_ns = clock.now_ns() + as_ns(LOOK);
            }
            if !is_over && clock.now_ns() < away.back_ns {
                at += 1;
                continue;
            }
            let of_lane = self.all.iter().find(|life| life.lane == away.connected.lane.id());
            let Some(life) = of_lane.filter(|_| !is_over && !away.has_joined) else {
                let away = self.away.swap_remove(at);
                if let Some(life) = of_lane {
                    away.note_end(life, clock);
                }
                lanes.push(away.connected);
                continue;
            };
            if away.cause == Cause::Paused {
                let away = self.away.swap_remove(at);
                away.note(life, clock, false);
                lanes.push(away.connected);
                continue;
            }
            away.connected.lane.does(Act::Open);
            let opened = (life.open)();
            away.connected.lane.does(Act::Harness);
            match opened {
                Ok(endpoint) => {
                    life.lost.is_back(life.lane);
                    put_back(&mut away.connected, away.victim, endpoint);
                    away.note(life, clock, false);
                    // One that was absent waits for the others.
                    if let Some(control) = &away.absent {
                        control.backlog.join(1);
                        away.has_joined = true;
                    } else {
                        lanes.push(self.away.swap_remove(at).connected);
                    }
                }
                Err(_) if away.tries_again(life, clock.now_ns()) => at += 1,
                Err(error) => {
                    let failed = PortError::Failed(back_from(away.what(), &error.to_string()));
                    away.note_end(life, clock);
                    let connected = self.away.swap_remove(at).connected;
                    let lane = connected.lane.id();
                    lanes.push(connected);
                    return Err((lane, failed));
                }
            }
        }
        Ok(())
    }

    /// Takes away the lanes that are absent at first.
    fn absent_leave(&mut self, lanes: &mut Vec<ConnectedLane<S, R>>, clock: &impl Now) {
        for life in &mut self.all {
            let Some(control) = life.absent.take() else { continue };
            let Some(at) = lanes.iter().position(|connected| connected.lane.id() == life.lane) else {
                continue;
            };
            let (mut connected, now_ns) = (lanes.remove(at), clock.now_ns());
            leave(&mut connected);
            self.away.push(Away {
                connected,
                victim: Victim::Consumer,
                cause: Cause::Absent,
                since_ns: now_ns,
                back_ns: now_ns,
                pause: BACK_OFF[0],
                until_ns: None,
                absent: Some(control),
                has_joined: false,
            });
        }
    }

    /// Takes a lane away that lost its connection, if it is to come back.
    ///
    /// # Errors
    /// The error, if it is another one, or the lane is not to come back.
    pub(super) fn lose(
        &mut self,
        lanes: &mut Vec<ConnectedLane<S, R>>,
        (lane, error): (u16, PortError),
        clock: &impl Now,
    ) -> Result<(), (u16, PortError)> {
        let life = self.all.iter().find(|life| life.lane == lane);
        let reconnects = life.and_then(|life| Some((life, life.reconnect?)));
        let (Some((life, limit)), PortError::Lost(why)) = (reconnects, &error) else {
            return Err((lane, error));
        };
        let Some(at) = lanes.iter().position(|connected| connected.lane.id() == lane) else {
            return Err((lane, error));
        };
        let mut connected = lanes.remove(at);
        die(&mut connected, Victim::Connection);
        let (since_ns, pause) = (clock.now_ns(), BACK_OFF[0]);
        life.lost.note(lane, since_ns, why);
        self.away.push(Away {
            connected,
            victim: Victim::Connection,
            cause: Cause::ConnectionLost { why: why.clone() },
            since_ns,
            back_ns: since_ns + as_ns(pause),
            pause: pause * 2,
            until_ns: Some(since_ns.saturating_add(as_ns(limit))),
            absent: None,
            has_joined: false,
        });
        Ok(())
    }

    /// Gives back the lanes that are away, when the run is over.
    pub(super) fn give_back(&mut self, lanes: &mut Vec<ConnectedLane<S, R>>, clock: &impl Now) {
        for away in self.away.drain(..) {
            if let Some(life) = self.all.iter().find(|life| life.lane == away.connected.lane.id()) {
                away.note_end(life, clock);
            }
            lanes.push(away.connected);
        }
    }
}
