//! Converts messages to bytes and back, without an allocation per message. The engine defines the layout
//! ([`drumpost_core::wire`]).

use bytes::{Bytes, BytesMut};
use drumpost_core::{message::Message, payload::Pool, port::PortError, wire};
use std::sync::Arc;

/// Messages are cut from chunks of this size, which are used again once the client has written what was cut from them.
const CHUNK_LEN: usize = 64 * 1024;

/// Encodes messages into shared chunks of memory.
#[derive(Debug)]
pub struct Encoder {
    pool: Arc<Pool>,
    one: Vec<u8>,
    chunk: BytesMut,
}

impl Encoder {
    /// For messages whose payloads lie in `pool`.
    #[must_use]
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool, one: Vec::new(), chunk: BytesMut::with_capacity(CHUNK_LEN) }
    }

    /// The payloads.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Header and payload of `message`.
    pub fn bytes(&mut self, message: &Message) -> Bytes {
        self.one.clear();
        wire::encode(message, &self.pool, &mut self.one);
        if self.chunk.capacity() < self.one.len() {
            self.chunk.reserve(CHUNK_LEN.max(self.one.len()));
        }
        self.chunk.extend_from_slice(&self.one);
        self.chunk.split().freeze()
    }
}

/// How many bytes the application headers of a message take at a broker that adds `framing` bytes to the value of each, its name included.
#[must_use]
pub fn headers_len(pool: &Pool, framing: usize) -> usize {
    let shape = pool.headers();
    shape.count() as usize * (shape.value_len() as usize + framing)
}

/// Appends a number in digits; formatting it in the usual way takes as long as all the rest of a short message.
#[inline]
pub fn digits(mut number: usize, out: &mut Vec<u8>) {
    let (mut text, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// Reads a message back that came from `place` with these application headers.
///
/// # Errors
/// `Failed` if the bytes are no message.
pub fn decode<N: AsRef<str>, V: AsRef<[u8]>>(
    bytes: &[u8],
    headers: impl IntoIterator<Item = (N, V)>,
    pool: &Pool,
    place: impl FnOnce() -> String,
) -> Result<Message, PortError> {
    wire::decode_with_headers(bytes, headers, pool).ok_or_else(|| {
        PortError::Failed(format!(
            "{} bytes arrived on `{}` that are no message of this run; does another program publish there?",
            bytes.len(),
            place()
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

    #[test]
    fn headers_have_a_value_and_what_the_broker_adds() {
        let shape = drumpost_core::headers::Shape::new(3, 10).unwrap();
        assert_eq!(headers_len(&Pool::new(1, 0).with_headers(1, shape), 24), 3 * (10 + 24));
        assert_eq!(headers_len(&Pool::new(1, 0), 24), 0);
    }

    #[test]
    fn numbers_are_written_in_digits() {
        let mut out = Vec::new();
        for number in [0, 9, 10, 1_048_576, usize::MAX] {
            out.clear();
            digits(number, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), number.to_string());
        }
    }

    #[test]
    fn bytes_of_others_are_named_by_where_they_came_from() {
        let none = std::iter::empty::<(&str, &[u8])>();
        let error = decode(b"hello", none, &Pool::new(1, 0), || "queue".into()).unwrap_err().to_string();
        assert!(error.starts_with("5 bytes arrived on `queue` that are no message"), "{error}");
    }
}
