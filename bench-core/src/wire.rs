//! The envelope on the wire: the same 48-byte header and the payload bytes, for every broker.
//!
//! Stamps travel in the header, never in a broker's own properties, so they mean the same everywhere. No transport
//! lives here.

use crate::{
    message::{MESSAGE_LEN, Message},
    payload::{self, Pool},
};

/// Appends header (48 bytes, little endian) and payload of `message` to `buffer`.
pub fn encode(message: &Message, pool: &Pool, buffer: &mut Vec<u8>) {
    for word in message.to_words() {
        buffer.extend_from_slice(&word.to_le_bytes());
    }
    buffer.extend_from_slice(pool.payload(message));
}

/// Reads a message back. `None` if there is no whole header. A payload that is not what was sent
/// makes the message fail its check, so the lane that receives it counts it as corrupted.
#[must_use]
pub fn decode(bytes: &[u8], pool: &Pool) -> Option<Message> {
    let (header, body) = bytes.split_at_checked(MESSAGE_LEN)?;
    let mut words = [0; 6];
    for (word, eight) in words.iter_mut().zip(header.chunks_exact(8)) {
        *word = u64::from_le_bytes(eight.try_into().ok()?);
    }
    let mut message = Message::from_words(words);
    let received = if body.is_empty() { 0 } else { payload::digest(body) };
    message.mix_check(received ^ pool.travelled(&message));
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Kind;
    use crate::payload::{Content, Touch};

    fn sealed(pool: &Pool) -> Message {
        let mut message = Message::start(1, 2, 3, 4, 50).caused(Kind(1), 1, 1, 6);
        message.stamp(10, pool);
        message
    }

    #[test]
    fn round_trip() {
        let pool = Pool::new(9, 64);
        let (message, mut bytes) = (sealed(&pool), Vec::new());
        encode(&message, &pool, &mut bytes);
        assert_eq!(bytes.len(), MESSAGE_LEN + 50);
        let back = decode(&bytes, &pool).unwrap();
        assert_eq!(back, message);
        assert!(back.intact(&pool));
    }

    #[test]
    fn damage_anywhere_is_found() {
        let pool = Pool::new(9, 64);
        let mut bytes = Vec::new();
        encode(&sealed(&pool), &pool, &mut bytes);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(!decode(&damaged, &pool).unwrap().intact(&pool), "byte {at}");
        }
        assert!(!decode(&bytes[..bytes.len() - 1], &pool).unwrap().intact(&pool), "cut short");
        assert!(decode(&bytes[..40], &pool).is_none());
    }

    #[test]
    fn bytes_that_travelled_are_compared_even_if_no_seal_has_them() {
        let pool = Pool::of(9, 64, Content::Random, Touch::Outside);
        let (message, mut bytes) = (sealed(&pool), Vec::new());
        encode(&message, &pool, &mut bytes);
        assert!(decode(&bytes, &pool).unwrap().intact(&pool));
        bytes[MESSAGE_LEN + 3] ^= 1;
        assert!(!decode(&bytes, &pool).unwrap().intact(&pool));
    }
}
