//! The same store on tasks: lanes that a limit holds back wait by a timer there.

use super::{
    away::{assert_kept_to_the_limit, limited},
    *,
};
use crate::{
    dispatcher::Tasked,
    port::{AsyncRecvPort, AsyncSendPort},
    transport::AsyncTransport,
};
use std::task::{Context, Poll};

#[derive(Debug)]
struct OnTasks(Store);

impl AsyncTransport for OnTasks {
    type Send = Into;
    type Recv = From;

    const REOPENS: bool = true;

    async fn open(&self, wiring: &Wiring, instance: u16) -> Result<Endpoint<Into, From>, OpenError> {
        Ok(self.0.port(wiring, instance))
    }
}

impl AsyncSendPort for Into {
    const CONFIRMS: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        SendPort::offer(self, batch)
    }

    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    /// The store confirms a message when it is offered, so no confirm has to wake the lane.
    fn poll_confirmed(
        &mut self,
        _context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        self.confirmed(tell)
    }
}

impl AsyncRecvPort for From {
    const ACKNOWLEDGES: bool = true;
    const TELLS_ATTEMPTS: bool = true;

    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        match self.drain(from, max, on_batch) {
            // Nobody says when a message comes, so it looks again.
            Ok(0) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            drained => Poll::Ready(drained),
        }
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        RecvPort::acknowledge(self, count)
    }
}

#[test]
fn sinks_on_tasks_that_catch_up_keep_to_a_limit() {
    for (placement, sinks) in [(Placement::Threads(1), 1), (Placement::Threads(2), 2)] {
        let plan = under(limited(sinks), plan_of(placement, 8, sinks));
        let outcome = Tasked::new(OnTasks(Store::default())).run(&plan, &mut Unwatched).unwrap();
        assert_kept_to_the_limit(outcome, &format!("{placement:?}, {sinks} sinks on tasks"));
    }
}
