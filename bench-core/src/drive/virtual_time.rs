//! The driver for virtual time: it steps all lanes until no message moves, then sets the clock to the next event.
//!
//! The driver is single-threaded, so a run with the same seed gives the same bytes.

use super::{ConnectedLane, round, settle};
use crate::{
    clock::{Now, VirtualClock, as_ns},
    port::{PortError, RecvPort, SendPort},
};
use std::time::Duration;

/// Lanes are told that they are idle after so many events.
const EVENTS: u32 = 256;

/// Runs `lanes` until all are done. `next_event_ns` says when the simulated target next has something to hand over;
/// `watch` is called with the time before each step of the clock, looks after the run, and says when it wants to be
/// called next. After the run, confirms are waited for `at_most` so long.
///
/// # Errors
/// The first failure of a port, with the lane it belongs to.
pub fn drive<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &VirtualClock,
    at_most: Duration,
    mut next_event_ns: impl FnMut() -> Option<u64>,
    mut watch: impl FnMut(u64) -> u64,
) -> Result<(), (u16, PortError)> {
    let mut events = 0_u32;
    loop {
        let now = round(lanes, clock)?;
        if now.done {
            return settle_by(lanes, clock, clock.now_ns().saturating_add(as_ns(at_most)), next_event_ns);
        }
        if now.moved {
            continue;
        }
        let now_ns = clock.now_ns();
        let event_ns = next_event_ns();
        events = events.wrapping_add(1);
        // What lanes do when idle is worth its time when nothing is under way or due, and now and then.
        if event_ns.is_none() || now.until_ns <= now_ns || events.is_multiple_of(EVENTS) {
            lanes.iter_mut().for_each(|connected| connected.lane.idle(now_ns));
        }
        let watch_ns = watch(now_ns);
        let event_ns = event_ns.unwrap_or(u64::MAX);
        clock.advance_to(event_ns.min(now.until_ns).min(now.held_until_ns).min(watch_ns));
    }
}

/// Goes on from event to event until everything is confirmed, nothing more will come, or it is `until_ns`.
fn settle_by<S: SendPort, R: RecvPort>(
    lanes: &mut [ConnectedLane<S, R>],
    clock: &VirtualClock,
    until_ns: u64,
    mut next_event_ns: impl FnMut() -> Option<u64>,
) -> Result<(), (u16, PortError)> {
    while !settle(lanes, clock)? {
        match next_event_ns().filter(|at_ns| *at_ns <= until_ns) {
            Some(at_ns) => clock.advance_to(at_ns),
            None => break,
        }
    }
    Ok(())
}
