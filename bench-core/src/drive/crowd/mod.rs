//! The driver for threads with many lanes, of which few have something to do at a time. It steps a lane when it is called:
//! by who sent it a message or ended a flow of it, or by its due time. So a step costs the same with ten lanes and with ten
//! thousand. With a few lanes, stepping all of them in turn costs less; see [`super::threads`].
//!
//! A thread lends its lanes the histograms that they record into, and publishes the ends of flows for all of them. So a
//! lane takes some KiB instead of half a MiB.

mod board;
mod calls;
mod dues;

use super::{Ports, Seat, Step, Wait, awake::Awake, slack::Slack, take_turn, threads};
use crate::{
    clock::{Now, thread_cpu_ns},
    credit::Done,
    message::Message,
    plan::TrialPlan,
    port::{PortError, RecvPort, SendPort},
    session::Desks,
    sync,
};
pub(crate) use board::{Board, Caller};
pub(crate) use calls::Calls;
pub(crate) use dues::Dues;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// A thread with more lanes than this steps those that were called. Measured at 10,000 flows/s: a round over 64 lanes takes
/// 3 µs, and each lane more adds 50 ns to every hop.
pub(crate) const CROWD: usize = 64;
/// So many lanes are stepped for their due times before those that were called have their turn.
const DUE_AT_ONCE: usize = 32;
/// So many lanes have what they received entered into the audit of their service, before the thread looks for calls again.
const SETTLED_AT_ONCE: usize = 16;
/// Nobody calls for room, so a lane whose transport is full tries again after this time, and this much later for each
/// other lane of the thread that waits for room.
const FULL_NAP_NS: u64 = 50_000;
const FULL_NAP_PER_LANE_NS: u64 = 200;

/// What a thread keeps about one of its lanes.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    service: u32,
    /// Its last step found the transport full.
    is_full: bool,
    /// It waits in `unsettled`.
    is_unsettled: bool,
}

/// The lanes of one thread.
#[derive(Debug)]
pub(crate) struct Crowd<S, R> {
    seats: Vec<Seat<S, R>>,
    marks: Vec<Mark>,
    desks: Desks,
    caller: Caller,
    board: Arc<Board>,
    wait: Wait,
    /// How long ports may take to confirm what they took.
    settle: Duration,
    dues: Dues,
    /// Lanes that received something which the audit of their service has not been told.
    unsettled: VecDeque<u32>,
    full: u64,
    awake: Awake,
}

impl<S: SendPort, R: RecvPort> Crowd<S, R> {
    /// Thread `thread` of `board`, without lanes.
    pub(crate) fn new(plan: &TrialPlan, board: &Arc<Board>, thread: usize, desks: Desks) -> Self {
        let lanes = desks.of_place.len();
        Self {
            seats: Vec::with_capacity(lanes),
            marks: Vec::with_capacity(lanes),
            desks,
            caller: Caller::new(Arc::clone(board), thread, &plan.wiring),
            board: Arc::clone(board),
            wait: plan.wait,
            settle: plan.drain_deadline,
            dues: Dues::new(lanes),
            unsettled: VecDeque::new(),
            full: 0,
            awake: Awake::default(),
        }
    }

    /// Adds the next lane of the thread.
    pub(crate) fn add(&mut self, seat: Seat<S, R>, service: usize) {
        self.seats.push(seat);
        self.marks.push(Mark { service: service as u32, ..Mark::default() });
    }

    /// The numbers of its lanes.
    pub(crate) fn lanes(&self) -> Vec<u16> {
        self.seats.iter().map(|seat| seat.lane.id()).collect()
    }

    /// Its lanes. What they recorded into the histograms of the thread is with the first that was lent them.
    pub(crate) fn into_seats(self) -> Vec<Seat<S, R>> {
        let Self { mut seats, mut desks, .. } = self;
        let mut is_back = vec![false; desks.all.len()];
        for (seat, desk) in seats.iter_mut().zip(&desks.of_place) {
            let desk = *desk as usize;
            // A lane that failed in the middle of a step still has them.
            let recorder = seat.lane.recorder();
            if !std::mem::replace(&mut is_back[desk], true) && recorder.is_without_latencies() {
                recorder.swap_latencies(&mut desks.all[desk].latencies);
            }
        }
        seats
    }

    /// Steps its lanes on the calling thread until the run is over.
    ///
    /// # Errors
    /// The first failure of a port, with the lane it belongs to.
    pub(crate) fn drive(&mut self, clock: &impl Now) -> Result<(), (u16, PortError)> {
        let board = Arc::clone(&self.board);
        let own = board.of(self.caller.thread());
        own.bell.leave_waker(threads::unparks_this);
        // Each looks once, so that it says what it waits for.
        (0..self.seats.len()).for_each(|place| own.calls.call(place));
        let (mut called, mut due, mut idle_rounds) = (Vec::new(), Vec::new(), 0_u32);
        while !self.is_stopped() {
            self.desks.all.iter_mut().for_each(|desk| desk.serve());
            if self.dues.first().is_some() {
                let now_ns = clock.now_ns();
                due.extend(std::iter::from_fn(|| self.dues.take(now_ns)).take(DUE_AT_ONCE));
            }
            own.calls.take(&mut called);
            let mut moved = false;
            for place in due.drain(..) {
                moved |= self.step(place, true, clock)?;
            }
            for place in called.drain(..) {
                moved |= self.step(place as usize, false, clock)?;
            }
            if moved {
                idle_rounds = 0;
                self.end_awake();
            } else if own.calls.is_empty() && !self.settle(clock) {
                idle_rounds = idle_rounds.wrapping_add(1);
                self.rest(clock, idle_rounds);
            }
        }
        Ok(())
    }

    /// As [`threads::finish`].
    ///
    /// # Errors
    /// As [`threads::finish`].
    pub(crate) fn finish(&mut self, clock: &impl Now) -> Result<(), (u16, PortError)> {
        threads::finish(&mut self.seats, clock, self.settle)
    }

    fn is_stopped(&self) -> bool {
        self.seats.first().is_none_or(|seat| seat.lane.is_stopped())
    }

    /// Has a lane take its turn, because its time has come or because it was called. Says whether anything moved.
    fn step(&mut self, place: usize, is_due: bool, clock: &impl Now) -> Result<bool, (u16, PortError)> {
        let Self { seats, marks, desks, caller, .. } = self;
        let (seat, mark) = (&mut seats[place], &mut marks[place]);
        let service = mark.service as usize;
        let (lane, endpoint) = (&mut seat.lane, &mut seat.endpoint);
        let latencies = &mut desks.all[desks.of_place[place] as usize].latencies;
        let before = lane.done();
        lane.recorder().swap_latencies(latencies);
        let ports =
            Ports { inbox: &mut endpoint.inbox, sends: &mut endpoint.sends, ledger: &mut seat.ledger };
        let sent = |port: usize, batch: &[Message], taken: usize| caller.sent(service, port, batch, taken);
        let stepped = take_turn(lane, ports, sent, clock);
        let (step, _) = stepped.map_err(|error| (lane.id(), error))?;
        lane.recorder().swap_latencies(latencies);
        let (started, emitted) = lane.done();
        if started + emitted > before.0 + before.1 {
            let (started, emitted) = (started - before.0, emitted - before.1);
            caller.done(&Done { started, emitted, ..Done::default() });
        }
        for (origin, times) in lane.recorder().ended_now().drain(..) {
            caller.ended(origin, times);
        }
        if !mark.is_unsettled && lane.recorder().has_notes() {
            mark.is_unsettled = true;
            self.unsettled.push_back(place as u32);
        }
        self.note(place, step, is_due, clock);
        Ok(step == Step::Moved)
    }

    /// Decides when a lane is stepped next.
    fn note(&mut self, place: usize, step: Step, is_due: bool, clock: &impl Now) {
        let mark = &mut self.marks[place];
        let was_full = std::mem::replace(&mut mark.is_full, step == Step::Full);
        self.full = self.full + u64::from(mark.is_full) - u64::from(was_full);
        match step {
            Step::Moved => self.caller.own().calls.call(place),
            Step::Idle { mut until_ns } => {
                if is_due {
                    let now_ns = clock.now_ns();
                    if until_ns <= now_ns {
                        // Nothing came of it, so the load is at its end, or no flow has ended for too long.
                        self.seats[place].lane.idle(now_ns);
                        until_ns = now_ns + FULL_NAP_NS;
                    }
                }
                self.dues.set(place, until_ns);
            }
            Step::Full => {
                self.dues.set(place, clock.now_ns() + FULL_NAP_NS + FULL_NAP_PER_LANE_NS * self.full);
                if is_due {
                    // It may have been called for a message that it cannot take now.
                    self.caller.pass_on(self.marks[place].service as usize);
                }
            }
            Step::Done => self.dues.set(place, u64::MAX),
        }
    }

    /// Has some lanes tell the audit of their service what they received. Says whether any had something to tell.
    fn settle(&mut self, clock: &impl Now) -> bool {
        if self.unsettled.is_empty() {
            return false;
        }
        let now_ns = clock.now_ns();
        for _ in 0..SETTLED_AT_ONCE {
            let Some(place) = self.unsettled.pop_front() else { break };
            self.marks[place as usize].is_unsettled = false;
            self.seats[place as usize].lane.idle(now_ns);
        }
        true
    }

    /// Waits as the wait strategy says.
    fn rest(&mut self, clock: &impl Now, idle_rounds: u32) {
        match self.wait {
            Wait::Spin => {
                std::hint::spin_loop();
                if idle_rounds.is_multiple_of(64) {
                    self.note_awake(clock.now_ns());
                }
            }
            Wait::Yield => {
                // Others run while it yields, so only its own time tells how long it was awake.
                if idle_rounds.is_multiple_of(threads::YIELDS) {
                    self.note_awake(thread_cpu_ns());
                }
                std::thread::yield_now();
            }
            Wait::Park | Wait::Native => self.park(clock),
        }
    }

    /// Says that it will sleep, looks once more whether it was called, and sleeps until rung, until due, or for a nap.
    fn park(&mut self, clock: &impl Now) {
        let board = Arc::clone(&self.board);
        let own = board.of(self.caller.thread());
        own.bell.listen();
        let is_wanted = self.desks.all.iter().any(|desk| desk.exchange.is_wanted());
        if own.calls.is_empty() && !is_wanted && !self.is_stopped() {
            let now_ns = clock.now_ns();
            let first = self.dues.first();
            match Slack::before(first.map_or(u64::MAX, |first| first.1), now_ns) {
                Some(left) => {
                    self.awake.stops();
                    self.sleep(threads::NAP.min(left));
                }
                None => {
                    std::hint::spin_loop();
                    self.note_awake(now_ns);
                }
            }
        }
        own.bell.wake();
    }

    /// Sleeps until rung, and at most so long. If a load waits for a due time and nobody rang, the sleep was part of the
    /// load's waiting.
    fn sleep(&mut self, at_most: Duration) {
        let waits = self.dues.first().filter(|(place, _)| self.seats[*place].lane.waits_for_due());
        let Some((place, _)) = waits else { return sync::park_timeout(at_most) };
        let cpu_ns = threads::sleep(at_most);
        if self.caller.own().bell.is_listening() {
            self.waited_awake(place, cpu_ns);
        }
    }

    /// Notes that the thread waits awake at `now_ns`, if the load that is due next waits for a due time.
    fn note_awake(&mut self, now_ns: u64) {
        match self.dues.first().filter(|(place, _)| self.seats[*place].lane.waits_for_due()) {
            Some((place, _)) => {
                let waited_ns = self.awake.goes_on(now_ns);
                self.waited_awake(place, waited_ns);
            }
            None => self.awake.stops(),
        }
    }

    fn waited_awake(&mut self, place: usize, for_ns: u64) {
        self.seats[place].lane.waited_awake(for_ns);
        self.caller.done(&Done { awake_ns: for_ns, ..Done::default() });
    }

    /// The thread has something to do after it waited awake. The last reading of its clock is that of the loop, so what has
    /// passed since is counted as part of what it does.
    fn end_awake(&mut self) {
        self.awake.stops();
    }
}
