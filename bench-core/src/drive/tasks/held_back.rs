//! How a lane on tasks waits while the limit of a backlog holds it back ([`crate::plan::Limit`]): by a timer of the runtime, and not for its inbox.
//!
//! Such a timer ticks in milliseconds. That is good enough here: a lane that wakes up late takes all that has become due in its next polls, so the
//! rate is that of the limit. Meanwhile the lane hears of confirms and of the ends of transactions, and a bell wakes it as ever, so it notices the
//! end of the run.

use super::{Quiet, Sleep};
use crate::{
    clock::Now,
    lane::Lane,
    port::{AsyncRecvPort, AsyncSendPort, PortError},
};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;

/// Waits until the next message is due by the limit, or `until_ns` if the load of the lane wants a step then; 0: it does not wait. Says whether the
/// transport told anything of what was sent or handled.
pub(super) async fn wait<S: AsyncSendPort, R: AsyncRecvPort, N: Now>(
    lane: &mut Lane,
    port: &mut R,
    outlet: &mut Quiet<'_, S>,
    sleep: &mut Sleep<'_, N>,
    until_ns: u64,
) -> Result<bool, PortError> {
    let clock = sleep.clock;
    let left_ns = lane.held_until_ns().saturating_sub(clock.now_ns());
    let told = |context: &mut Context<'_>| -> Poll<Result<(), PortError>> {
        let was_told = outlet.tend(lane, clock, context)?
            || (R::ACKNOWLEDGES && outlet.ledger.hear_transacted(lane, port, context));
        if was_told { Poll::Ready(Ok(())) } else { Poll::Pending }
    };
    let told = timeout(Duration::from_nanos(left_ns), sleep.unless(told, until_ns)).await;
    Ok(told.ok().flatten().transpose()?.is_some())
}
