//! The same store on tasks: lanes that a limit holds back wait by a timer there.

use super::*;
use crate::{
    dispatcher::Tasked,
    port::{AsyncRecvPort, AsyncSendPort},
    transport::AsyncTransport,
};
use std::task::{Context, Poll};

struct OnTasks(Store);
struct Sends(Into);
struct Takes(From);

impl AsyncTransport for OnTasks {
    type Send = Sends;
    type Recv = Takes;

    const REOPENS: bool = true;

    async fn open(&self, wiring: &Wiring, instance: u16) -> Result<Endpoint<Sends, Takes>, OpenError> {
        let Self(store) = self;
        let is_first = store.opened.load(Ordering::Relaxed) < u32::from(wiring.instance_count());
        let Endpoint { inbox, sends } = match store.reopens().filter(|_| !is_first) {
            Some(reopen) => reopen(wiring, instance)?,
            None => store.port(wiring, instance),
        };
        Ok(Endpoint { inbox: inbox.map(Takes), sends: sends.into_iter().map(Sends).collect() })
    }
}

impl AsyncSendPort for Sends {
    const CONFIRMS: bool = <Into as SendPort>::CONFIRMS;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        SendPort::offer(&mut self.0, batch)
    }

    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_confirmed(
        &mut self,
        _context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        self.0.confirmed(tell)
    }
}

impl AsyncRecvPort for Takes {
    const ACKNOWLEDGES: bool = <From as RecvPort>::ACKNOWLEDGES;
    const TELLS_ATTEMPTS: bool = <From as RecvPort>::TELLS_ATTEMPTS;

    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        match self.0.drain(from, max, on_batch) {
            // Nobody says when a message comes, so it looks again.
            Ok(0) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            drained => Poll::Ready(drained),
        }
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        RecvPort::acknowledge(&mut self.0, count)
    }
}

pub(super) fn ran(store: &Store, plan: &TrialPlan) -> Outcome {
    Tasked::new(OnTasks(store.clone())).run(plan, &mut Unwatched).unwrap()
}

#[test]
fn sinks_on_tasks_that_catch_up_keep_to_a_limit() {
    for (placement, sinks) in [(Placement::Threads(1), 1), (Placement::Threads(2), 2)] {
        let plan = under(limited(sinks), plan_of(placement, 8, sinks));
        assert_kept_to_the_limit(
            ran(&Store::default(), &plan),
            &format!("{placement:?}, {sinks} sinks on tasks"),
        );
    }
}
