//! The starts of flows that a load passes to its handler. They use the same buffer each time, and only the fields that
//! differ from the start before are written.

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
        self.messages[self.len].restart(self.number, due_ns, start.key, start.payload_len);
        self.number = self.number.wrapping_add(1);
        self.len += 1;
    }

    /// Starts several flows, all due at `due_ns`.
    #[inline]
    pub(super) fn add_all(&mut self, starts: &[Start], due_ns: u64) {
        let room = &mut self.messages[self.len..][..starts.len()];
        for (message, start) in room.iter_mut().zip(starts) {
            message.restart(self.number, due_ns, start.key, start.payload_len);
            self.number = self.number.wrapping_add(1);
        }
        self.len += starts.len();
    }

    pub(crate) fn as_slice(&self) -> &[Message] {
        &self.messages[..self.len]
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_carries_nothing_over_from_the_one_before() {
        let mut starts = Starts::new(7, 2);
        let start = |key, payload_len| Start { after_ns: 9, key, payload_len };
        starts.add(start(1, 5), 1_000);
        starts.add(start(2, 6), 1_100);
        starts.clear();
        assert!(starts.as_slice().is_empty());
        starts.add_all(&[start(3, 0), start(4, 8)], 2_000);
        assert_eq!(starts.as_slice(), [Message::start(7, 2, 2_000, 3, 0), Message::start(7, 3, 2_000, 4, 8)]);
    }
}
