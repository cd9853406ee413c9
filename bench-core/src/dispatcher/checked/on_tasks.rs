//! Checked ports on tasks.

use super::{Handed, map, taken};
use crate::{
    message::Message,
    port::{AsyncRecvPort, AsyncSendPort, Confirmed, Inbox, PortError, Told, Transacted},
    transport::{AsyncTransport, Endpoint, Endpoints, OpenError},
    wiring::Wiring,
};
use std::task::{Context, Poll};

type OnBatch<'a> = &'a mut dyn FnMut(&[Message], &[Told]);
type Polled<T> = Poll<Result<T, PortError>>;

/// Any [`AsyncSendPort`].
pub(in crate::dispatcher) trait AnySend: Send {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;
    fn room(&mut self, context: &mut Context<'_>) -> Polled<()>;
    fn confirmed(
        &mut self,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError>;
    fn flush(&mut self, context: &mut Context<'_>) -> Polled<()>;
    fn finish(&mut self, context: &mut Context<'_>) -> Polled<()>;
}

impl<P: AsyncSendPort> AnySend for P {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        AsyncSendPort::offer(self, batch)
    }

    fn room(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.poll_room(context)
    }

    fn confirmed(
        &mut self,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        self.poll_confirmed(context, tell)
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.poll_flush(context)
    }

    fn finish(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.poll_finish(context)
    }
}

/// Any [`AsyncRecvPort`].
pub(in crate::dispatcher) trait AnyRecv: Send {
    fn drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: OnBatch<'_>,
    ) -> Polled<usize>;
    fn acknowledge(&mut self, count: usize) -> Result<(), PortError>;
    fn reject(&mut self, count: usize) -> Result<(), PortError>;
    fn transacted(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Transacted));
    fn finish(&mut self, context: &mut Context<'_>) -> Polled<()>;
}

impl<P: AsyncRecvPort> AnyRecv for P {
    fn drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        on_batch: OnBatch<'_>,
    ) -> Polled<usize> {
        self.poll_drain(context, from, max, on_batch)
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        AsyncRecvPort::acknowledge(self, count)
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        AsyncRecvPort::reject(self, count)
    }

    fn transacted(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Transacted)) {
        AsyncRecvPort::transacted(self, context, tell);
    }

    fn finish(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.poll_finish(context)
    }
}

/// Ports of any transport on tasks.
pub(in crate::dispatcher) type AnyEndpoints = Endpoints<Box<dyn AnySend>, Box<dyn AnyRecv>>;

/// Forgets of which type ports are.
pub(in crate::dispatcher) fn any<S: AsyncSendPort + 'static, R: AsyncRecvPort + 'static>(
    endpoints: Endpoints<S, R>,
) -> AnyEndpoints {
    map(endpoints, |port| Box::new(port) as Box<dyn AnySend>, |port| Box::new(port) as Box<dyn AnyRecv>)
}

/// Has ports checked.
pub(in crate::dispatcher) fn checked<const CONFIRMS: bool, const ACKNOWLEDGES: bool>(
    endpoints: AnyEndpoints,
) -> Endpoints<Sends<CONFIRMS>, Receives<ACKNOWLEDGES>> {
    map(endpoints, Sends, Receives)
}

/// Stands in for a transport whose ports are open: they are not opened again.
#[derive(Debug)]
pub(in crate::dispatcher) struct Opened<const CONFIRMS: bool, const ACKNOWLEDGES: bool>;

impl<const CONFIRMS: bool, const ACKNOWLEDGES: bool> AsyncTransport for Opened<CONFIRMS, ACKNOWLEDGES> {
    type Send = Sends<CONFIRMS>;
    type Recv = Receives<ACKNOWLEDGES>;

    async fn open(
        &self,
        _wiring: &Wiring,
        _instance: u16,
    ) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        Err(OpenError::Refused("ports that are checked are not opened again".into()))
    }
}

/// A send port that is checked.
pub(in crate::dispatcher) struct Sends<const CONFIRMS: bool>(Box<dyn AnySend>);

impl<const CONFIRMS: bool> AsyncSendPort for Sends<CONFIRMS> {
    const CONFIRMS: bool = CONFIRMS;
    const FLUSHES: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        taken(self.0.offer(batch)?, batch.len())
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.0.room(context)
    }

    fn poll_confirmed(
        &mut self,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Confirmed),
    ) -> Result<(), PortError> {
        self.0.confirmed(context, tell)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.0.flush(context)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.0.finish(context)
    }
}

/// A receive port that is checked.
pub(in crate::dispatcher) struct Receives<const ACKNOWLEDGES: bool>(Box<dyn AnyRecv>);

impl<const ACKNOWLEDGES: bool> AsyncRecvPort for Receives<ACKNOWLEDGES> {
    const ACKNOWLEDGES: bool = ACKNOWLEDGES;

    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Polled<usize> {
        let mut handed = Handed::default();
        let polled = self.0.drain(context, from, max, &mut |batch, told| {
            let told = handed.note(batch, told);
            on_batch(batch, told);
        });
        match polled {
            Poll::Ready(Ok(returned)) => Poll::Ready(handed.judge("poll_drain", returned, from)),
            Poll::Pending if handed.count > 0 => Poll::Ready(Err(PortError::Failed(format!(
                "`poll_drain` was pending after it had handed over {} messages; it has to return how many it handed over",
                handed.count
            )))),
            other => other,
        }
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        self.0.acknowledge(count)
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        self.0.reject(count)
    }

    fn transacted(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Transacted)) {
        self.0.transacted(context, tell);
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Polled<()> {
        self.0.finish(context)
    }
}
