//! Queues for models, with one sender and one receiver. A message is published by a release store and seen by an
//! acquire load, the least that a transport in memory has to do.

use crate::{
    bell::Bell,
    message::Message,
    port::{AsyncSendPort, Inbox, PortError, RecvPort, SendPort, Told},
    sync::atomic::{AtomicUsize, Ordering},
};
use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

#[derive(Debug, Default)]
struct Queue {
    /// No access of the model: what may be taken is what `len` says, as far as the receiver sees it.
    messages: Mutex<Vec<Message>>,
    len: AtomicUsize,
}

/// Both ends of a queue.
pub(super) fn queue() -> (Sender, Receiver) {
    let queue = Arc::new(Queue::default());
    let sender = Sender { queue: Arc::clone(&queue), sent: 0, is_full: false, wakes: None };
    (sender, Receiver { queue, taken: 0, loses: 0 })
}

#[derive(Debug)]
pub(super) struct Sender {
    queue: Arc<Queue>,
    sent: usize,
    /// It takes nothing when it is offered something for the next time.
    pub(super) is_full: bool,
    /// It wakes its receiver itself, as transports for tasks do.
    pub(super) wakes: Option<Arc<Bell>>,
}

impl SendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if std::mem::take(&mut self.is_full) {
            return Ok(0);
        }
        self.queue.messages.lock().unwrap().extend(batch);
        self.sent += batch.len();
        self.queue.len.store(self.sent, Ordering::Release);
        if let Some(bell) = &self.wakes {
            bell.ring();
        }
        Ok(batch.len())
    }
}

impl AsyncSendPort for Sender {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        SendPort::offer(self, batch)
    }

    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), PortError>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug)]
pub(super) struct Receiver {
    queue: Arc<Queue>,
    taken: usize,
    /// So many messages are dropped right after the first.
    pub(super) loses: usize,
}

impl RecvPort for Receiver {
    fn drain(
        &mut self,
        _from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let until = self.queue.len.load(Ordering::Acquire).min(self.taken + max + self.loses);
        if until == self.taken || until <= self.loses {
            return Ok(0);
        }
        let lost = std::mem::take(&mut self.loses);
        let batch = self.queue.messages.lock().unwrap()[self.taken..until - lost].to_vec();
        self.taken = until;
        on_batch(&batch, &[]);
        if lost > 0 { Err(PortError::Lagged(lost as u64)) } else { Ok(batch.len()) }
    }
}
