//! The encoding of a message for brokers: the same 48-byte header and the payload bytes for every broker.
//!
//! Time stamps travel in this header and never in properties of the broker, so they mean the same over every broker. No
//! transport lives here.
//!
//! *Application headers* do not travel in these bytes, because brokers have headers of their own. A broker transport
//! with headers passes those that [`headers`] names to its client with each message, and passes the received ones to
//! [`decode_with_headers`]. An in-process transport does nothing, because headers are a range of the pool, like
//! payloads. A transport without headers refuses a wiring whose pool has any ([`Pool::headers`]), with a sentence that
//! contains the word headers. If it calls [`decode`] anyway, every message of such a run fails its check. So no
//! transport drops headers unnoticed.

use crate::{
    digest::digest,
    message::{MESSAGE_LEN, Message},
    payload::Pool,
};

/// Appends header (48 bytes, little endian) and payload of `message` to `buffer`.
pub fn encode(message: &Message, pool: &Pool, buffer: &mut Vec<u8>) {
    for word in message.to_words() {
        buffer.extend_from_slice(&word.to_le_bytes());
    }
    buffer.extend_from_slice(pool.payload(message));
}

/// Names and values of the application headers that travel with `message`: printable ASCII without blanks. The names are
/// the same for all messages of a run.
pub fn headers<'a>(
    message: &Message,
    pool: &'a Pool,
) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
    pool.header_pool().of(message)
}

/// Reads a message back that came without application headers. `None` if there is no whole header. A payload that is not
/// what was sent makes the message fail its check, so the lane that receives it counts it as corrupted; so do application
/// headers it should have had.
#[must_use]
pub fn decode(bytes: &[u8], pool: &Pool) -> Option<Message> {
    decode_with_headers(bytes, std::iter::empty::<(&str, &[u8])>(), pool)
}

/// Reads a message back that came with the headers `received`, in any order. As [`decode`]; the message fails its check too
/// if one of [`headers`] is missing, has another value, or came twice, or if there is one more of such a name. Headers
/// of other names, which a broker adds for itself, are left alone.
#[must_use]
pub fn decode_with_headers<N: AsRef<str>, V: AsRef<[u8]>>(
    bytes: &[u8],
    received: impl IntoIterator<Item = (N, V)>,
    pool: &Pool,
) -> Option<Message> {
    let (header, body) = bytes.split_at_checked(MESSAGE_LEN)?;
    let mut words = [0; 6];
    for (word, eight) in words.iter_mut().zip(header.chunks_exact(8)) {
        *word = u64::from_le_bytes(eight.try_into().ok()?);
    }
    let mut message = Message::from_words(words);
    let digest = if body.is_empty() { 0 } else { digest(body) };
    let same_headers = pool.header_pool().are(&message, received);
    message.mix_check((digest ^ pool.travelled(&message)) | u32::from(!same_headers));
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Shape;
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

    /// What arrives of a message when `change` was made to its headers on the way.
    fn arrives(pool: &Pool, change: impl FnOnce(&mut Vec<(String, String)>)) -> bool {
        let (message, mut bytes) = (sealed(pool), Vec::new());
        encode(&message, pool, &mut bytes);
        let mut received: Vec<_> =
            headers(&message, pool).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        change(&mut received);
        decode_with_headers(&bytes, received, pool).unwrap().intact(pool)
    }

    fn with_headers(touch: Touch) -> Pool {
        Pool::of(9, 64, Content::Random, touch).with_headers(9, Shape::new(12, 20).unwrap())
    }

    #[test]
    fn headers_arrive_in_any_order_and_beside_others() {
        for touch in [Touch::Inside, Touch::Outside] {
            let pool = with_headers(touch);
            assert_eq!(headers(&sealed(&pool), &pool).len(), 12);
            assert!(arrives(&pool, |_| {}));
            assert!(arrives(&pool, |received| received.reverse()));
            assert!(arrives(&pool, |received| received.push(("Nats-Msg-Id".into(), "1".into()))));
        }
    }

    #[test]
    fn damage_to_headers_is_found() {
        for touch in [Touch::Inside, Touch::Outside] {
            let pool = with_headers(touch);
            for at in 0..12 {
                assert!(!arrives(&pool, |received| drop(received.remove(at))), "{at} is missing");
                assert!(!arrives(&pool, |received| received.push(received[at].clone())), "{at} came twice");
                assert!(!arrives(&pool, |received| received[at].1.push('x')), "{at} is longer");
                assert!(!arrives(&pool, |received| received[at].1.truncate(19)), "{at} is shorter");
                assert!(
                    !arrives(&pool, |received| received[at].1.replace_range(7..8, " ")),
                    "{at} is altered"
                );
                assert!(!arrives(&pool, |received| received[at].0.push('0')), "{at} has another name");
                assert!(
                    !arrives(&pool, |received| received[at].0.insert(9, '0')),
                    "{at} is written otherwise"
                );
            }
            let swapped = |received: &mut Vec<(String, String)>| {
                let value = received[0].1.clone();
                received[0].1 = std::mem::replace(&mut received[1].1, value);
            };
            assert!(!arrives(&pool, swapped));
            assert!(!arrives(&pool, |received| received.push(("drumpost-13".into(), String::new()))));
            assert!(!arrives(&pool, |received| received.push(("drumpost-".into(), String::new()))));
            assert!(!arrives(&pool, Vec::clear));
        }
        let more = |received: &mut Vec<(String, String)>| received.push(("drumpost-1".into(), "x".into()));
        assert!(!arrives(&Pool::new(9, 64), more), "of a run without headers");
    }

    #[test]
    fn who_does_not_carry_headers_is_noticed() {
        for touch in [Touch::Inside, Touch::Outside] {
            let (pool, mut bytes) = (with_headers(touch), Vec::new());
            encode(&sealed(&pool), &pool, &mut bytes);
            assert!(!decode(&bytes, &pool).unwrap().intact(&pool));
        }
    }
}
