//! From messages to the bytes a client takes and back, without an allocation per message. The layout itself is the
//! engine's.

use async_nats::Message as Envelope;
use bytes::{Bytes, BytesMut};
use drumpost_core::{message::Message, payload::Pool, port::PortError, wire};
use std::sync::Arc;

/// Messages are cut from chunks of this size, which are used again once the client has written what was cut from them.
const CHUNK_LEN: usize = 64 * 1024;

/// Encodes messages into shared chunks of memory.
#[derive(Debug)]
pub(super) struct Encoder {
    pool: Arc<Pool>,
    one: Vec<u8>,
    chunk: BytesMut,
}

impl Encoder {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, one: Vec::new(), chunk: BytesMut::with_capacity(CHUNK_LEN) }
    }

    /// Header and payload of `message`.
    pub(super) fn bytes(&mut self, message: &Message) -> Bytes {
        self.one.clear();
        wire::encode(message, &self.pool, &mut self.one);
        if self.chunk.capacity() < self.one.len() {
            self.chunk.reserve(CHUNK_LEN.max(self.one.len()));
        }
        self.chunk.extend_from_slice(&self.one);
        self.chunk.split().freeze()
    }
}

/// Reads a message back.
pub(super) fn decode(envelope: &Envelope, pool: &Pool) -> Result<Message, PortError> {
    wire::decode(&envelope.payload, pool).ok_or_else(|| {
        PortError::Failed(format!(
            "{} bytes came on `{}` that are no message of this run; does something else publish there?",
            envelope.payload.len(),
            envelope.subject
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_used_again() {
        let pool = Arc::new(Pool::new(1, 1000));
        let mut encoder = Encoder::new(Arc::clone(&pool));
        let message = Message::start(1, 2, 3, 4, 1000);
        let mut places = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let bytes = encoder.bytes(&message);
            assert_eq!(wire::decode(&bytes, &pool).unwrap().number, 2);
            places.insert(bytes.as_ptr().addr() / CHUNK_LEN);
        }
        assert!(places.len() < 8, "10,000 messages of 1,048 bytes lay in {} chunks", places.len());
    }
}
