//! Starts of flows, as a load gives them to a handler: always in the same place, where of each only what differs from the
//! one before is written.

use super::Start;
use crate::message::Message;

/// The flows that one look at the load started.
#[derive(Debug)]
pub(crate) struct Starts {
    messages: Box<[Message]>,
    len: usize,
    /// Of the next flow.
    number: u32,
}

impl Starts {
    /// Room for `most` flows of `origin` at a time.
    pub(crate) fn new(origin: u16, most: usize) -> Self {
        Self { messages: vec![Message::start(origin, 0, 0, 0, 0); most].into(), len: 0, number: 0 }
    }

    /// Starts a flow. There is room for as many as the load was asked for.
    #[inline(always)]
    pub(super) fn add(&mut self, start: Start, due_ns: u64) {
        if let Some(message) = self.messages.get_mut(self.len) {
            message.restart(self.number, due_ns, start.key, start.payload_len);
            self.number = self.number.wrapping_add(1);
            self.len += 1;
        }
    }

    /// Starts several flows, all due at `due_ns`.
    #[inline]
    pub(super) fn add_all(&mut self, starts: &[Start], due_ns: u64) {
        let room = self.messages.get_mut(self.len..).unwrap_or_default();
        for (message, start) in room.iter_mut().zip(starts) {
            message.restart(self.number, due_ns, start.key, start.payload_len);
            self.number = self.number.wrapping_add(1);
        }
        self.len += starts.len();
    }

    pub(crate) fn as_slice(&self) -> &[Message] {
        self.messages.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}
