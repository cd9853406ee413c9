//! The driver for threads: it steps the lanes of one thread in turn, and waits as the wait strategy says.

pub mod life;
mod nap;

use super::{ConnectedLane, Round, awake::Awake, found, no_inbox, round, settle, wake_latency::WakeLatency};
use crate::{
    act::Act,
    bell::Bell,
    clock::{Now, as_ns, thread_cpu_ns},
    lane::Lane,
    plan::Wait,
    port::{PortError, RecvPort, SendPort},
    sync::{self, Thread},
};
use life::Lives;
use nap::{Bed, Nap};
use std::{
    sync::Arc,
    task::{Wake, Waker},
    time::Duration,
};

/// Longest sleep, so that a lane notices a stop and serves the collector even if nobody rings.
pub(crate) const NAP: Duration = Duration::from_millis(50);
/// How long a thread sleeps when a transport is full: nobody rings for room.
const FULL_NAP: Duration = Duration::from_micros(50);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What wakes the calling thread.
#[must_use]
pub fn unparks_this() -> Waker {
    Arc::new(Unpark(sync::current())).into()
}

/// Steps `lanes` in turn on the calling thread until all are done.
///
/// # Errors
/// The first failure of a port, with the lane it belongs to.
pub fn drive<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
    wait: Wait,
    bell: &Bell,
) -> Result<(), (u16, PortError)> {
    drive_until(lanes, clock, wait, bell, &mut Nap::default(), None)
}

/// As [`drive`], for lanes of which some are killed or may come back after they lost their connection.
///
/// # Errors
/// As [`drive`], and a lane that could not be brought back.
pub fn live<S: SendPort, R: RecvPort>(
    lanes: &mut Vec<ConnectedLane<S, R>>,
    lives: &mut Lives<S, R>,
    clock: &impl Now,
    wait: Wait,
    bell: &Bell,
) -> Result<(), (u16, PortError)> {
    let (mut ended, mut nap) = (Ok(()), Nap::default());
    while ended.is_ok() {
        let until_ns = lives.next_ns();
        match drive_until(lanes, clock, wait, bell, &mut nap, Some(until_ns)) {
            Ok(()) if lives.are_here() && lanes.iter().all(|connected| connected.lane.is_stopped()) => break,
            Ok(()) => ended = lives.attend(lanes, clock),
            Err(error) => ended = lives.lose(lanes, error, clock),
        }
        if lanes.is_empty() {
            sync::park_timeout(FULL_NAP);
        }
    }
    lives.give_back(lanes, clock);
    ended
}

/// Steps `lanes` until all are done, or until `until_ns`, if that is given.
fn drive_until<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
    wait: Wait,
    bell: &Bell,
    nap: &mut Nap,
    until_ns: Option<u64>,
) -> Result<(), (u16, PortError)> {
    nap.look(lanes, bell);
    let mut bed = nap.bed();
    let (mut idle_rounds, mut awake) = (0_u32, Awake::default());
    loop {
        let now = round(lanes, clock)?;
        if now.done || until_ns.is_some_and(|until_ns| clock.now_ns() >= until_ns) {
            return Ok(());
        }
        if now.moved {
            idle_rounds = 0;
            if awake.is_on() {
                end_awake(lanes, &mut awake, wait);
            }
            continue;
        }
        idle_rounds += 1;
        if idle_rounds.is_multiple_of(64) || !matches!(wait, Wait::Spin | Wait::Yield) {
            let now_ns = clock.now_ns();
            lanes.iter_mut().for_each(|connected| connected.lane.idle(now_ns));
            if wait == Wait::Spin {
                note_awake(without_ports(lanes), &mut awake, now_ns);
            }
        }
        match wait {
            Wait::Spin => std::hint::spin_loop(),
            Wait::Yield => {
                // Others run while it yields, so only its own time tells how long it was awake.
                if idle_rounds.is_multiple_of(YIELDS) {
                    note_awake(without_ports(lanes), &mut awake, thread_cpu_ns());
                }
                std::thread::yield_now();
            }
            Wait::Native if !bed.has_sockets() => native(lanes, clock, bell, &mut bed, now, &mut awake)?,
            Wait::Park | Wait::Native => park(lanes, clock, bell, &mut bed, now, &mut awake)?,
        }
    }
}

/// How long a thread sleeps while it waits for confirms after the run.
const SETTLE_NAP: Duration = Duration::from_micros(200);
/// How long ports may take to pass on what they hold, after they have settled.
const FINISH: Duration = Duration::from_secs(2);

/// Waits, at most `at_most`, until the transport has confirmed what the lanes sent; then until it has what they sent and
/// acknowledged.
///
/// # Errors
/// The first failure of a port, with the lane it belongs to.
pub fn finish<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
    at_most: Duration,
) -> Result<(), (u16, PortError)> {
    let until_ns = clock.now_ns().saturating_add(as_ns(at_most));
    while !settle(lanes, clock)? && clock.now_ns() < until_ns {
        sync::park_timeout(SETTLE_NAP);
    }
    for ConnectedLane { lane, endpoint, .. } in lanes {
        lane.does(Act::Finish);
        let sent = endpoint.sends.iter_mut().try_for_each(|port| port.finish(FINISH));
        let all = sent.and_then(|()| endpoint.inbox.as_mut().map_or(Ok(()), |port| port.finish(FINISH)));
        lane.does(Act::Harness);
        all.map_err(|error| (lane.id(), error))?;
    }
    Ok(())
}

/// A thread that yields reads its own time once in so many yields, which take longer than that.
pub(super) const YIELDS: u32 = 4;

fn without_ports<S, R>(lanes: &mut [ConnectedLane<S, R>]) -> impl Iterator<Item = &mut Lane> {
    lanes.iter_mut().map(|connected| &mut connected.lane)
}

/// Notes that the thread waits awake at `now_ns`, if the load of one of its lanes waits for a due time.
fn note_awake<'a>(mut lanes: impl Iterator<Item = &'a mut Lane>, awake: &mut Awake, now_ns: u64) {
    match lanes.find(|lane| lane.waits_for_due()) {
        Some(lane) => lane.waited_awake(awake.goes_on(now_ns)),
        None => awake.stops(),
    }
}

/// Notes that the thread has something to do after it waited awake, as of the last reading of the clock by one of its
/// lanes.
pub fn stop_awake<'a>(lanes: impl Iterator<Item = &'a mut Lane>, awake: &mut Awake) {
    let (mut now_ns, mut driven) = (0, None);
    for lane in lanes {
        now_ns = lane.now_ns().max(now_ns);
        driven = driven.or_else(|| lane.is_driven().then_some(lane));
    }
    let waited_ns = awake.ends(now_ns);
    if let Some(lane) = driven {
        lane.waited_awake(waited_ns);
    }
}

#[inline(never)]
fn end_awake<S, R>(lanes: &mut [ConnectedLane<S, R>], awake: &mut Awake, wait: Wait) {
    match wait {
        // A thread that yields reads another clock.
        Wait::Yield => awake.stops(),
        Wait::Spin | Wait::Park | Wait::Native => stop_awake(without_ports(lanes), awake),
    }
}

/// Waits for what is due at `until_ns`: sleeps until shortly before it, at most for a nap, and returns at once where it is
/// close. The load of a lane that waits for a due time notes the processor time of this, unless `sleep` says that it was ended for
/// another reason.
pub fn wait_for_due<'a>(
    mut lanes: impl Iterator<Item = &'a mut Lane>,
    awake: &mut Awake,
    now_ns: u64,
    until_ns: u64,
    sleep: impl FnOnce(Duration) -> bool,
) {
    let Some(left) = WakeLatency::before(until_ns, now_ns) else {
        std::hint::spin_loop();
        return note_awake(lanes, awake, now_ns);
    };
    awake.stops();
    let at_most = NAP.min(left);
    match lanes.find(|lane| lane.waits_for_due()) {
        None => drop(sleep(at_most)),
        Some(lane) => {
            let before_ns = thread_cpu_ns();
            if !sleep(at_most) {
                lane.waited_awake(thread_cpu_ns().saturating_sub(before_ns));
            }
        }
    }
}

/// Says that it will sleep, looks once more, and sleeps until rung, until due, or for a nap.
fn park<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
    bell: &Bell,
    bed: &mut Bed<'_>,
    last: Round,
    awake: &mut Awake,
) -> Result<(), (u16, PortError)> {
    if last.full {
        awake.stops();
        sync::park_timeout(FULL_NAP);
        return Ok(());
    }
    bell.listen();
    let again = round(lanes, clock)?;
    if again.moved {
        if awake.is_on() {
            end_awake(lanes, awake, Wait::Park);
        }
    } else if !again.full && !again.done {
        if !lanes.iter().any(|connected| connected.lane.waits_for_ends()) {
            bell.ignore_ends();
        }
        let (now_ns, among) = (clock.now_ns(), lanes.len());
        let held_ns = again.held_until_ns.saturating_sub(now_ns);
        wait_for_due(without_ports(lanes), awake, now_ns, again.until_ns, |at_most| {
            if again.held_until_ns != u64::MAX {
                bed.sleep_held_back(at_most.min(Duration::from_nanos(held_ns)), among);
                return true;
            }
            bed.sleep(at_most);
            !bell.is_listening() || bed.was_woken()
        });
    }
    bell.wake();
    Ok(())
}

/// Sleeps in the transport. Only a lane alone on its thread may: another's messages would wait.
fn native<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &impl Now,
    bell: &Bell,
    bed: &mut Bed<'_>,
    last: Round,
    awake: &mut Awake,
) -> Result<(), (u16, PortError)> {
    let [connected] = lanes else { return park(lanes, clock, bell, bed, last, awake) };
    // The port of a lane that is held back has messages, so a wait in it would return at once.
    if last.full || last.held_until_ns != u64::MAX || connected.endpoint.inbox.is_none() {
        return park(lanes, clock, bell, bed, last, awake);
    }
    let now_ns = clock.now_ns();
    let Some(left) = WakeLatency::before(last.until_ns, now_ns) else {
        note_awake(std::iter::once(&mut connected.lane), awake, now_ns);
        std::hint::spin_loop();
        return Ok(());
    };
    awake.stops();
    // Flow ends do not come through the transport, so a lane that waits for them looks again soon.
    let limit = if connected.lane.is_driven() { Duration::from_millis(1) } else { NAP };
    let at_most = limit.min(left);
    let ConnectedLane { lane, endpoint, .. } = connected;
    lane.does(Act::Wait);
    let waited = endpoint.inbox.as_mut().ok_or_else(no_inbox).and_then(|port| port.wait(at_most));
    lane.does(Act::Harness);
    found(lane, waited.map(|()| 0)).map(drop).map_err(|error| (lane.id(), error))
}

/// Sleeps until woken, and at most so long. Says how much processor time it took to fall asleep and wake up, in ns.
pub(crate) fn sleep(at_most: Duration) -> u64 {
    let before_ns = thread_cpu_ns();
    sync::park_timeout(at_most);
    thread_cpu_ns().saturating_sub(before_ns)
}
