//! Checked ports on threads.

use super::{Handed, map, taken};
use crate::{
    message::Message,
    port::{Confirmed, Inbox, PortError, RecvPort, SendPort, Told},
    transport::Endpoints,
};
use std::{os::fd::OwnedFd, time::Duration};

type OnBatch<'a> = &'a mut dyn FnMut(&[Message], &[Told]);

/// Any [`SendPort`].
pub(in crate::dispatcher) trait AnySend: Send {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError>;
    fn confirmed(&mut self, tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError>;
    fn flush(&mut self) -> Result<(), PortError>;
    fn finish(&mut self, at_most: Duration) -> Result<(), PortError>;
}

impl<P: SendPort> AnySend for P {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        SendPort::offer(self, batch)
    }

    fn confirmed(&mut self, tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError> {
        SendPort::confirmed(self, tell)
    }

    fn flush(&mut self) -> Result<(), PortError> {
        SendPort::flush(self)
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        SendPort::finish(self, at_most)
    }
}

/// Any [`RecvPort`].
pub(in crate::dispatcher) trait AnyRecv: Send {
    fn drain(&mut self, from: Inbox, max: usize, on_batch: OnBatch<'_>) -> Result<usize, PortError>;
    fn acknowledge(&mut self, count: usize) -> Result<(), PortError>;
    fn reject(&mut self, count: usize) -> Result<(), PortError>;
    fn wait(&mut self, at_most: Duration) -> Result<(), PortError>;
    fn socket(&self) -> Option<OwnedFd>;
    fn finish(&mut self, at_most: Duration) -> Result<(), PortError>;
}

impl<P: RecvPort> AnyRecv for P {
    fn drain(&mut self, from: Inbox, max: usize, on_batch: OnBatch<'_>) -> Result<usize, PortError> {
        RecvPort::drain(self, from, max, on_batch)
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        RecvPort::acknowledge(self, count)
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        RecvPort::reject(self, count)
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        RecvPort::wait(self, at_most)
    }

    fn socket(&self) -> Option<OwnedFd> {
        RecvPort::socket(self)
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        RecvPort::finish(self, at_most)
    }
}

/// Ports of any transport on threads.
pub(in crate::dispatcher) type AnyEndpoints = Endpoints<Box<dyn AnySend>, Box<dyn AnyRecv>>;

/// Forgets of which type ports are.
pub(in crate::dispatcher) fn any<S: SendPort + 'static, R: RecvPort + 'static>(
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

/// A send port that is checked.
pub(in crate::dispatcher) struct Sends<const CONFIRMS: bool>(Box<dyn AnySend>);

impl<const CONFIRMS: bool> SendPort for Sends<CONFIRMS> {
    const CONFIRMS: bool = CONFIRMS;
    const FLUSHES: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        taken(self.0.offer(batch)?, batch.len())
    }

    fn confirmed(&mut self, tell: &mut dyn FnMut(Confirmed)) -> Result<(), PortError> {
        self.0.confirmed(tell)
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.0.flush()
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        self.0.finish(at_most)
    }
}

/// A receive port that is checked.
pub(in crate::dispatcher) struct Receives<const ACKNOWLEDGES: bool>(Box<dyn AnyRecv>);

impl<const ACKNOWLEDGES: bool> RecvPort for Receives<ACKNOWLEDGES> {
    const ACKNOWLEDGES: bool = ACKNOWLEDGES;

    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let mut handed = Handed::default();
        let returned = self.0.drain(from, max, &mut |batch, told| {
            let told = handed.note(batch, told);
            on_batch(batch, told);
        })?;
        handed.judge("drain", returned, from)
    }

    fn acknowledge(&mut self, count: usize) -> Result<(), PortError> {
        self.0.acknowledge(count)
    }

    fn reject(&mut self, count: usize) -> Result<(), PortError> {
        self.0.reject(count)
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        self.0.wait(at_most)
    }

    fn socket(&self) -> Option<OwnedFd> {
        self.0.socket()
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        self.0.finish(at_most)
    }
}
