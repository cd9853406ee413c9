//! Converts messages to the client's bytes and back, without an allocation per message. The engine defines the layout.
//! Application headers become NATS headers, for which the client needs a new map for each message.

use async_nats::{HeaderMap, HeaderName, Message as Envelope, header::IntoHeaderName};
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
    names: Vec<HeaderName>,
}

impl Encoder {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let names = wire::headers(&Message::default(), &pool).map(|(name, _)| name.into_header_name());
        let names = names.collect();
        Self { pool, one: Vec::new(), chunk: BytesMut::with_capacity(CHUNK_LEN), names }
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

    /// Application headers of `message`; `None` if it has none.
    pub(super) fn headers(&self, message: &Message) -> Option<HeaderMap> {
        if self.names.is_empty() {
            return None;
        }
        let values = wire::headers(message, &self.pool).map(|(_, value)| value.into());
        Some(self.names.iter().cloned().zip(values).collect())
    }
}

/// Bytes that application headers add to a message: a line for each, one before and one after them.
pub(super) fn headers_len(pool: &Pool) -> usize {
    const FRAME_LEN: usize = "NATS/1.0\r\n\r\n".len();
    let line_len = |(name, value): (&str, &str)| name.len() + ": \r\n".len() + value.len();
    match wire::headers(&Message::default(), pool) {
        none if none.len() == 0 => 0,
        headers => FRAME_LEN + headers.map(line_len).sum::<usize>(),
    }
}

/// Reads a message back.
pub(super) fn decode(envelope: &Envelope, pool: &Pool) -> Result<Message, PortError> {
    let decoded = match &envelope.headers {
        None => wire::decode(&envelope.payload, pool),
        Some(headers) => {
            let each =
                headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
            wire::decode_with_headers(&envelope.payload, each, pool)
        }
    };
    decoded.ok_or_else(|| {
        PortError::Failed(format!(
            "{} bytes arrived on `{}` that are no message of this run; does another program publish there?",
            envelope.payload.len(),
            envelope.subject
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::headers::Shape;

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

    /// A sealed message as the server hands it out, and the pool it is of.
    fn envelope(shape: Shape) -> (Envelope, Arc<Pool>) {
        let pool = Arc::new(Pool::new(1, 100).with_headers(1, shape));
        let mut message = Message::start(1, 2, 3, 4, 100);
        message.stamp(5, &pool);
        let mut encoder = Encoder::new(Arc::clone(&pool));
        let envelope = Envelope {
            subject: "test".into(),
            reply: None,
            payload: encoder.bytes(&message),
            headers: encoder.headers(&message),
            status: None,
            description: None,
            length: 0,
        };
        (envelope, pool)
    }

    #[test]
    fn headers_go_as_headers_and_are_compared() {
        let (envelope, pool) = envelope(Shape::new(3, 10).unwrap());
        let headers = envelope.headers.clone().unwrap();
        assert_eq!(headers.len(), 3);
        let arrives = |change: fn(&mut HeaderMap)| {
            let mut envelope = envelope.clone();
            envelope.headers.iter_mut().for_each(change);
            decode(&envelope, &pool).unwrap().intact(&pool)
        };
        assert!(arrives(|_| {}));
        assert!(arrives(|headers| headers.insert("Nats-Msg-Id", "7")), "the server's own are its business");
        assert!(!arrives(|headers| headers.insert("drumpost-2", "altered")));
        assert!(!arrives(|headers| headers.insert("drumpost-4", "one more")));
        assert!(!arrives(|headers| headers.append("drumpost-3", "once more")));
        assert!(!arrives(|headers| *headers = HeaderMap::new()));
        let without = Envelope { headers: None, ..envelope.clone() };
        assert!(!decode(&without, &pool).unwrap().intact(&pool));
    }

    #[test]
    fn no_headers_are_no_map() {
        let (envelope, pool) = envelope(Shape::NONE);
        assert!(envelope.headers.is_none());
        assert_eq!(headers_len(&pool), 0);
        assert!(decode(&envelope, &pool).unwrap().intact(&pool));
    }
}
