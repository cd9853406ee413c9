//! Lanes on threads that are killed, or lose their connection, and come back. As on tasks ([`crate::drive::tasks::life`]),
//! but opening a port may block here, and then blocks all lanes of the thread.
//!
//! A lane that is away is taken out of those that the thread steps. So a step does not have to ask whether its lane is there.

use crate::{
    blame::Act,
    clock::{Now, as_ns},
    drive::{
        Seat,
        tasks::life::{BACK_OFF, Doom, back_from, die, put_back},
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
    /// When the lane is killed, what is killed of it, and for how long it is away.
    pub kill: Option<(Doom, Victim, Duration)>,
    /// For how long a lane that lost its connection tries to open a new one.
    pub reconnect: Option<Duration>,
    /// Opens its ports.
    pub open: Open<S, R>,
    /// Notes an outage: its cause, since when, and how long it was, in ns.
    pub note: Arc<dyn Fn(Cause, u64, u64) + Send + Sync>,
}

impl<S, R> std::fmt::Debug for Life<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("lane", &self.lane).field("kill", &self.kill).finish_non_exhaustive()
    }
}

/// A lane that is away.
#[derive(Debug)]
struct Away<S, R> {
    seat: Seat<S, R>,
    victim: Victim,
    cause: Cause,
    since_ns: u64,
    /// When it is opened again.
    back_ns: u64,
    /// Until when a failure to open it is tried again, and after what pause.
    tries: Option<(u64, Duration)>,
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
        let kills = self.all.iter().filter_map(|life| life.kill.map(|(doom, ..)| doom.at_ns()));
        self.away.iter().map(|away| away.back_ns).chain(kills).min().unwrap_or(u64::MAX)
    }

    /// Kills the lanes whose time has come and brings back those that were away long enough. Called between two rounds.
    ///
    /// # Errors
    /// A lane that could not be brought back.
    pub(super) fn attend(
        &mut self,
        seats: &mut Vec<Seat<S, R>>,
        clock: &impl Now,
    ) -> Result<(), (u16, PortError)> {
        for life in &mut self.all {
            let Some((doom, victim, down)) = &mut life.kill else { continue };
            let Some(at) = seats.iter().position(|seat| seat.lane.id() == life.lane) else { continue };
            let seat = &mut seats[at];
            // Between two rounds, a port that acknowledges nothing has nothing in its hands.
            let max = (R::ACKNOWLEDGES && seat.endpoint.inbox.is_some()).then_some(1);
            doom.holds(seat.ledger.in_hand());
            let has_come = doom.has_come(max, clock);
            if doom.is_near() {
                seat.ledger.hold();
            }
            if has_come {
                let (victim, down, since_ns) = (*victim, *down, clock.now_ns());
                life.kill = None;
                let mut seat = seats.remove(at);
                let cause = die(&mut seat, victim);
                let back_ns = since_ns.saturating_add(as_ns(down));
                self.away.push(Away { seat, victim, cause, since_ns, back_ns, tries: None });
            }
        }
        let mut at = 0;
        while let Some(away) = self.away.get_mut(at) {
            // After the stop nobody waits for it.
            let is_over = away.seat.lane.is_stopped();
            if !is_over && clock.now_ns() < away.back_ns {
                at += 1;
                continue;
            }
            let life = self.all.iter().find(|life| life.lane == away.seat.lane.id());
            let Some(life) = life.filter(|_| !is_over) else {
                seats.push(self.away.swap_remove(at).seat);
                continue;
            };
            away.seat.lane.does(Act::Open);
            let opened = (life.open)();
            away.seat.lane.does(Act::Harness);
            match (opened, &mut away.tries) {
                (Ok(endpoint), _) => {
                    let Away { mut seat, victim, cause, since_ns, .. } = self.away.swap_remove(at);
                    put_back(&mut seat, victim, endpoint);
                    (life.note)(cause, since_ns, clock.now_ns() - since_ns);
                    seats.push(seat);
                }
                (Err(_), Some((until_ns, pause))) if clock.now_ns() < *until_ns => {
                    *pause = (*pause * 2).min(BACK_OFF[1]);
                    away.back_ns = clock.now_ns() + as_ns(*pause);
                    at += 1;
                }
                (Err(error), _) => {
                    let Away { seat, cause, .. } = self.away.swap_remove(at);
                    let what = match cause {
                        Cause::ConnectionLost { why } => why,
                        _ => "a kill".into(),
                    };
                    let lane = seat.lane.id();
                    seats.push(seat);
                    return Err((lane, PortError::Failed(back_from(&what, &error.to_string()))));
                }
            }
        }
        Ok(())
    }

    /// Takes a lane away that lost its connection, if it is to come back.
    ///
    /// # Errors
    /// The error, if it is another one, or the lane is not to come back.
    pub(super) fn lose(
        &mut self,
        seats: &mut Vec<Seat<S, R>>,
        (lane, error): (u16, PortError),
        clock: &impl Now,
    ) -> Result<(), (u16, PortError)> {
        let life = self.all.iter().find(|life| life.lane == lane);
        let (Some(limit), PortError::Lost(why)) = (life.and_then(|life| life.reconnect), &error) else {
            return Err((lane, error));
        };
        let Some(at) = seats.iter().position(|seat| seat.lane.id() == lane) else {
            return Err((lane, error));
        };
        let mut seat = seats.remove(at);
        die(&mut seat, Victim::Connection);
        let (since_ns, pause) = (clock.now_ns(), BACK_OFF[0]);
        self.away.push(Away {
            seat,
            victim: Victim::Connection,
            cause: Cause::ConnectionLost { why: why.clone() },
            since_ns,
            back_ns: since_ns + as_ns(pause),
            tries: Some((since_ns.saturating_add(as_ns(limit)), pause)),
        });
        Ok(())
    }

    /// Gives back the lanes that are away, when the run is over.
    pub(super) fn give_back(&mut self, seats: &mut Vec<Seat<S, R>>) {
        seats.extend(self.away.drain(..).map(|away| away.seat));
    }
}
