//! Application headers as NATS headers. The client library needs a new map for each message; without it they are written into, and read
//! from, the bytes of the connection.

use async_nats::{HeaderMap, HeaderName, Message as Envelope, header::IntoHeaderName};
use drumpost_core::{message::Message, payload::Pool, port::PortError, wire};
use drumpost_kit::encode;

/// The names of the application headers of a run.
pub(super) fn names(pool: &Pool) -> Vec<HeaderName> {
    wire::headers(&Message::default(), pool).map(|(name, _)| name.into_header_name()).collect()
}

/// Application headers of `message`; `None` if it has none.
pub(super) fn of(message: &Message, names: &[HeaderName], pool: &Pool) -> Option<HeaderMap> {
    if names.is_empty() {
        return None;
    }
    let values = wire::headers(message, pool).map(|(_, value)| value.into());
    Some(names.iter().cloned().zip(values).collect())
}

/// Bytes that application headers add to a message: a line for each, one before and one after them.
pub(super) fn len(pool: &Pool) -> usize {
    const FRAME_LEN: usize = "NATS/1.0\r\n\r\n".len();
    let line_len = |(name, value): (&str, &str)| name.len() + ": \r\n".len() + value.len();
    match wire::headers(&Message::default(), pool) {
        none if none.len() == 0 => 0,
        headers => FRAME_LEN + headers.map(line_len).sum::<usize>(),
    }
}

/// Reads a message back.
pub(super) fn decode(envelope: &Envelope, pool: &Pool) -> Result<Message, PortError> {
    let headers = envelope.headers.iter().flat_map(HeaderMap::iter);
    let each = headers.flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    encode::decode(&envelope.payload, each, pool, || envelope.subject.to_string())
}

/// Appends the application headers of `message` as the block of bytes that travels: [`len`] bytes.
pub(super) fn write(message: &Message, pool: &Pool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"NATS/1.0\r\n");
    for (name, value) in wire::headers(message, pool) {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Names and values in such a block, which may be empty. `None`: it is none.
pub(super) fn read(block: &[u8]) -> Option<impl Iterator<Item = (&str, &[u8])>> {
    let lines = match block {
        [] => "",
        _ => str::from_utf8(block.strip_prefix(b"NATS/1.0\r\n")?.strip_suffix(b"\r\n")?).ok()?,
    };
    Some(lines.split_terminator("\r\n").map(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name, value.trim_ascii().as_bytes())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::headers::Shape;
    use drumpost_kit::encode::Encoder;
    use std::sync::Arc;

    /// A sealed message as the server hands it out, and the pool it is of.
    fn envelope(shape: Shape) -> (Envelope, Arc<Pool>) {
        let pool = Arc::new(Pool::new(1, 100).with_headers(1, shape));
        let mut message = Message::start(1, 2, 3, 4, 100);
        message.stamp(5, &pool);
        let envelope = Envelope {
            subject: "test".into(),
            reply: None,
            payload: Encoder::new(Arc::clone(&pool)).bytes(&message),
            headers: of(&message, &names(&pool), &pool),
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
    fn blocks_are_names_and_values() {
        let found = |block: &'static [u8]| read(block).map(Iterator::collect::<Vec<_>>);
        assert_eq!(found(b""), Some(vec![]));
        assert_eq!(found(b"NATS/1.0\r\n\r\n"), Some(vec![]));
        let two = [("a", &b"b"[..]), ("c", b"d:e")];
        assert_eq!(found(b"NATS/1.0\r\na: b \r\nc:d:e\r\n\r\n"), Some(two.to_vec()));
        // A line without a colon is one header too many.
        assert_eq!(found(b"NATS/1.0\r\nlone\r\n\r\n"), Some(vec![("lone", &b""[..])]));
        for bad in [&b"a: b\r\n\r\n"[..], b"NATS/1.0", b"NATS/1.0\r\na: \xff\r\n\r\n", b"\r\n"] {
            assert_eq!(found(bad), None, "{bad:?}");
        }
        let (envelope, pool) = envelope(Shape::new(3, 10).unwrap());
        let mut message = Message::start(1, 2, 3, 4, 100);
        message.stamp(5, &pool);
        let mut block = Vec::new();
        write(&message, &pool, &mut block);
        assert_eq!(block.len(), len(&pool));
        assert!(
            wire::decode_with_headers(&envelope.payload, read(&block).unwrap(), &pool).unwrap().intact(&pool)
        );
    }

    #[test]
    fn no_headers_are_no_map() {
        let (envelope, pool) = envelope(Shape::NONE);
        assert!(envelope.headers.is_none());
        assert_eq!(len(&pool), 0);
        assert!(decode(&envelope, &pool).unwrap().intact(&pool));
    }
}
