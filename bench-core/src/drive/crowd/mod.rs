//! The driver for threads with many lanes, of which few have something to do at a time. It steps a lane when it is called:
//! by who sent it a message or ended a flow of it, or by its due time. So a step costs the same with ten lanes and with ten
//! thousand. With a few lanes, stepping all of them in turn costs less; see [`super::threads`].
//!
//! A thread lends its lanes the histograms that they record into, and publishes the ends of flows for all of them. So a
//! lane takes some KiB instead of half a MiB.

mod board;
mod calls;
mod dues;

use super::{ConnectedLane, Ports, Step, awake::Awake, step_lane, threads, wake_latency::WakeLatency};
use crate::{
    clock::{Now, thread_cpu_ns},
    credit::Done,
    latencies::ThreadHistograms,
    message::Message,
    plan::{TrialPlan, Wait},
    port::{PortError, RecvPort, SendPort},
    sync,
};
pub(crate) use board::{Board, Caller};
pub(crate) use calls::Calls;
pub(crate) use dues::Dues;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// So many lanes are stepped for their due times before those that were called are stepped.
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
    lanes: Vec<ConnectedLane<S, R>>,
    marks: Vec<Mark>,
    histograms: ThreadHistograms,
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
    pub(crate) fn new(
        plan: &TrialPlan,
        board: &Arc<Board>,
        thread: usize,
        histograms: ThreadHistograms,
    ) -> Self {
        let lanes = histograms.of_place.len();
        Self {
            lanes: Vec::with_capacity(lanes),
            marks: Vec::with_capacity(lanes),
            histograms,
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
    pub(crate) fn add(&mut self, connected: ConnectedLane<S, R>, service: usize) {
        self.lanes.push(connected);
        self.marks.push(Mark { service: service as u32, ..Mark::default() });
    }

    /// The numbers of its lanes.
    pub(crate) fn lanes(&self) -> Vec<u16> {
        self.lanes.iter().map(|connected| connected.lane.id()).collect()
    }

    /// Its lanes. What they recorded into the histograms of the thread is with the first that was lent them.
    pub(crate) fn into_lanes(self) -> Vec<ConnectedLane<S, R>> {
        let Self { mut lanes, mut histograms, .. } = self;
        let mut is_back = vec![false; histograms.all.len()];
        for (connected, shared) in lanes.iter_mut().zip(&histograms.of_place) {
            let shared = *shared as usize;
            // A lane that failed in the middle of a step still has them.
            let recorder = connected.lane.recorder();
            if !std::mem::replace(&mut is_back[shared], true) && recorder.is_without_latencies() {
                recorder.swap_latencies(&mut histograms.all[shared].latencies);
            }
        }
        lanes
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
        (0..self.lanes.len()).for_each(|place| own.calls.call(place));
        let (mut called, mut due, mut idle_rounds) = (Vec::new(), Vec::new(), 0_u32);
        while !self.is_stopped() {
            self.histograms.all.iter_mut().for_each(|shared| shared.serve());
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
        threads::finish(&mut self.lanes, clock, self.settle)
    }

    fn is_stopped(&self) -> bool {
        self.lanes.first().is_none_or(|connected| connected.lane.is_stopped())
    }

    /// Has a lane take a step, because its time has come or because it was called. Says whether anything moved.
    fn step(&mut self, place: usize, is_due: bool, clock: &impl Now) -> Result<bool, (u16, PortError)> {
        let Self { lanes, marks, histograms, caller, .. } = self;
        let (connected, mark) = (&mut lanes[place], &mut marks[place]);
        let service = mark.service as usize;
        let (lane, endpoint) = (&mut connected.lane, &mut connected.endpoint);
        let latencies = &mut histograms.all[histograms.of_place[place] as usize].latencies;
        let before = lane.done();
        lane.recorder().swap_latencies(latencies);
        let ports =
            Ports { inbox: &mut endpoint.inbox, sends: &mut endpoint.sends, ledger: &mut connected.ledger };
        let sent = |port: usize, batch: &[Message], taken: usize| caller.sent(service, port, batch, taken);
        let stepped = step_lane(lane, ports, sent, clock);
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
            Step::Idle { mut until_ns, .. } => {
                if is_due {
                    let now_ns = clock.now_ns();
                    if until_ns <= now_ns {
                        // Nothing came of it, so the load is at its end, or no flow has ended for too long.
                        self.lanes[place].lane.idle(now_ns);
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
            self.lanes[place as usize].lane.idle(now_ns);
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
        let is_wanted = self.histograms.all.iter().any(|shared| shared.swap.is_wanted());
        if own.calls.is_empty() && !is_wanted && !self.is_stopped() {
            let now_ns = clock.now_ns();
            let first = self.dues.first();
            match WakeLatency::before(first.map_or(u64::MAX, |first| first.1), now_ns) {
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
        let waits = self.dues.first().filter(|(place, _)| self.lanes[*place].lane.waits_for_due());
        let Some((place, _)) = waits else { return sync::park_timeout(at_most) };
        let cpu_ns = threads::sleep(at_most);
        if self.caller.own().bell.is_listening() {
            self.waited_awake(place, cpu_ns);
        }
    }

    /// Notes that the thread waits awake at `now_ns`, if the load that is due next waits for a due time.
    fn note_awake(&mut self, now_ns: u64) {
        match self.dues.first().filter(|(place, _)| self.lanes[*place].lane.waits_for_due()) {
            Some((place, _)) => {
                let waited_ns = self.awake.goes_on(now_ns);
                self.waited_awake(place, waited_ns);
            }
            None => self.awake.stops(),
        }
    }

    fn waited_awake(&mut self, place: usize, for_ns: u64) {
        self.lanes[place].lane.waited_awake(for_ns);
        self.caller.done(&Done { awake_ns: for_ns, ..Done::default() });
    }

    /// The thread has something to do after it waited awake. The last reading of its clock is that of the loop, so what has
    /// passed since is counted as part of what it does.
    fn end_awake(&mut self) {
        self.awake.stops();
    }
}
