//! Lanes that are absent from the start of the load until a backlog has piled up for them (`--backlog`).
//!
//! Their ports are opened with those of all others, so that the transport knows them and stores what is sent to them. The inbox is
//! dropped before the load begins, so that nothing is handed out to it, and opened anew when the lane joins. In the meantime the lane
//! takes no step.

use super::life::{Life, come_back, pause, put_back};
use crate::{
    act::Act,
    clock::Now,
    control::Gate,
    drive::{ConnectedLane, TimeAway},
    outcome::Cause,
    plan::Victim,
    port::PortError,
};
use std::time::Duration;

/// How often an absent lane looks whether it may join.
pub(in crate::drive) const LOOK: Duration = Duration::from_millis(2);
/// What is said of an instance that could not join.
pub(in crate::drive) const ABSENCE: &str = "its absence";

/// Takes the inbox of a lane away, before the load begins.
pub(crate) fn leave<S, R>(connected: &mut ConnectedLane<S, R>) {
    connected.lane.does(Act::Drop);
    connected.endpoint.inbox = None;
    connected.lane.does(Act::Harness);
}

/// Waits until the lane may join, opens its inbox, and notes how long it was absent. Does nothing more once the run is over.
pub(super) async fn join_later<S, R>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
    gate: &Gate,
    life: &Life<'_, S, R>,
) -> Result<(), PortError> {
    let since_ns = clock.now_ns();
    wait(connected, clock, || gate.is_open()).await;
    if connected.lane.is_stopped() {
        return Ok(());
    }
    let Some(endpoint) = come_back(connected, clock, life, ABSENCE).await? else { return Ok(()) };
    put_back(connected, Victim::Consumer, endpoint);
    gate.join(1);
    let away_ns = clock.now_ns() - since_ns;
    (life.note)(TimeAway { cause: Cause::Absent, since_ns, away_ns, until_end: false });
    wait(connected, clock, || gate.has_begun()).await;
    Ok(())
}

/// Waits for the gate, or for the end of the run.
async fn wait<S, R>(
    connected: &mut ConnectedLane<S, R>,
    clock: &(impl Now + Sync),
    is_over: impl Fn() -> bool,
) {
    while !is_over() && !connected.lane.is_stopped() {
        pause(LOOK).await;
        // It hands over what it recorded, so that it does not seem to hang.
        connected.lane.idle(clock.now_ns());
    }
}
