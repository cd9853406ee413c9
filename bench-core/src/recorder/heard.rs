//! What a lane hears: where the counters and streams of its destinations are.

use crate::message::Message;

/// The destinations that a lane receives from: the positions of their counters and streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// By destination: its slot among those this lane hears; `u8::MAX` if it does not.
    pub slots: Vec<u8>,
    /// By slot: number of its first stream, and the lane of that stream's producer.
    pub streams: Vec<(u32, u16)>,
    /// By slot: how many producers.
    pub producers: Vec<u16>,
}

impl Heard {
    /// The stream of a producer at a destination.
    pub(super) fn stream(&self, producer: u16, destination: u16) -> Option<usize> {
        let slot = usize::from(*self.slots.get(usize::from(destination))?);
        let (first, lane) = *self.streams.get(slot)?;
        let member = producer.checked_sub(lane).filter(|member| *member < self.producers[slot])?;
        Some(first as usize + usize::from(member))
    }

    /// Slot and stream of a message, if this lane should have been handed it at all.
    #[inline]
    pub(super) fn place(&self, message: &Message) -> Option<(usize, usize)> {
        let slot = usize::from(*self.slots.get(usize::from(message.destination))?);
        let (first, lane) = *self.streams.get(slot)?;
        let member = message.producer().checked_sub(lane).filter(|member| *member < self.producers[slot])?;
        Some((slot, first as usize + usize::from(member)))
    }
}
