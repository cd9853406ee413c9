//! NATS as an instance speaks it after the login: the frames that it sends to the server, and what it makes of the server's frames. The
//! instance answers the server's pings.

use super::parse::{Frame, Malformed, parse};
use crate::nats::{connection::PING_EVERY, headers};
use drumpost_core::{message::MESSAGE_LEN, wire};
use drumpost_kit::{
    encode::{self, digits},
    prelude::*,
    socket::{OUT_LEN, Socket},
    spoken::{Came, Protocol},
};

/// Bytes of headers that a server may add to a message of ours.
const ADDED_LEN: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Nats {
    pool: Arc<Pool>,
    /// Bytes of the application headers with what is around them; 0 if there are none.
    headers_len: usize,
    /// By number of the subscription, counted from 1: whether it is for replies that are apart.
    apart: Vec<bool>,
}

impl Nats {
    pub(super) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), headers_len: headers::len(pool), apart: Vec::new() }
    }

    /// Appends a subscription.
    pub(super) fn subscribe(&mut self, heard: &Heard<'_>, out: &mut Vec<u8>) {
        self.apart.push(heard.is_apart);
        // A queue group costs the server 2 % or more, and one instance has nobody to compete with.
        let group = if heard.is_alone { String::new() } else { format!(" {}", heard.group) };
        out.extend_from_slice(format!("SUB {}{group} {}\r\n", heard.place, self.apart.len()).as_bytes());
    }
}

impl Protocol for Nats {
    const ASKS_EVERY: Duration = PING_EVERY;

    #[inline]
    fn next(&mut self, Socket { line, input, out, .. }: &mut Socket) -> PortResult<Option<Came>> {
        let longest = self.pool.max_len() as usize + MESSAGE_LEN + self.headers_len + ADDED_LEN;
        loop {
            match input.next(|bytes| parse(bytes, longest)) {
                Ok(None) => return Ok(None),
                Ok(Some(Frame::Message { subscription, subject, headers: block, payload })) => {
                    let index = usize::try_from(subscription).ok().and_then(|number| number.checked_sub(1));
                    // A message that was on its way when the instance ended its subscription is passed over.
                    let Some(is_apart) = index.and_then(|index| self.apart.get(index)) else { continue };
                    let found = headers::read(block).ok_or_else(|| line.broken(true, &Malformed::Line))?;
                    let place = || String::from_utf8_lossy(subject).into_owned();
                    let message = encode::decode(payload, found, &self.pool, place)?;
                    return Ok(Some(Came::Message(message, *is_apart)));
                }
                // A server that asks without reading is not answered without limit.
                Ok(Some(Frame::Ping)) if out.len() >= OUT_LEN => {}
                Ok(Some(Frame::Ping)) => out.extend_from_slice(b"PONG\r\n"),
                Ok(Some(Frame::Pong)) => return Ok(Some(Came::Answer)),
                Ok(Some(Frame::Taken | Frame::Info(_))) => {}
                Ok(Some(Frame::Error(said))) => return Err(said_by(line, said)),
                Err(error) => return Err(line.broken(true, &error)),
            }
        }
    }

    fn heading(&self, place: &str, reply: Option<&str>) -> Vec<u8> {
        let verb = if self.headers_len > 0 { "HPUB" } else { "PUB" };
        let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
        format!("{verb} {place} {reply}").into_bytes()
    }

    #[inline]
    fn publish(&self, heading: &[u8], message: &Message, out: &mut Vec<u8>) {
        let Self { pool, headers_len, .. } = self;
        out.extend_from_slice(heading);
        if *headers_len > 0 {
            digits(*headers_len, out);
            out.push(b' ');
        }
        digits(headers_len + MESSAGE_LEN + pool.payload(message).len(), out);
        out.extend_from_slice(b"\r\n");
        if *headers_len > 0 {
            headers::write(message, pool, out);
        }
        wire::encode(message, pool, out);
        out.extend_from_slice(b"\r\n");
    }

    fn ask(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PING\r\n");
    }

    fn hears(&self) -> bool {
        !self.apart.is_empty()
    }

    fn hear_no_more(&mut self, out: &mut Vec<u8>) {
        for number in 1..=std::mem::take(&mut self.apart).len() {
            out.extend_from_slice(format!("UNSUB {number}\r\n").as_bytes());
        }
    }
}

/// The words of an error, without the quotes around them.
pub(super) fn words(said: &[u8]) -> String {
    String::from_utf8_lossy(said).trim_matches('\'').chars().take(400).collect()
}

/// A server's error as that of a port. Some are followed by the end of the connection, and may not come again on a new one.
fn said_by(line: &Line, said: &[u8]) -> PortError {
    let said = words(said);
    let ends = ["Slow Consumer", "Stale Connection", "Server Shutdown", "Maximum Connections Exceeded"];
    match ends.iter().any(|end| said.eq_ignore_ascii_case(end)) {
        true => line.broken(true, &format_args!("the server said: {said}")),
        false => line.broken(false, &said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::headers::Shape;

    #[test]
    fn a_publication_has_the_lengths_of_what_follows() {
        for shape in [Shape::NONE, Shape::new(2, 9).unwrap()] {
            let pool = Arc::new(Pool::new(1, 2_000).with_headers(1, shape));
            let nats = Nats::new(&pool);
            let heading = nats.heading("a", None);
            for payload_len in [0, 51, 52, 951, 952, 2_000] {
                let mut message = Message::start(1, 2, 3, 4, payload_len);
                message.stamp(5, &pool);
                let mut out = Vec::new();
                nats.publish(&heading, &message, &mut out);
                // As the server hands it on, to the subscription 1.
                let text = out.strip_prefix(&heading[..]).unwrap();
                let verb = if nats.headers_len > 0 { "HMSG" } else { "MSG" };
                let came = [format!("{verb} a 1 ").as_bytes(), text].concat();
                let (frame, frame_len) = parse(&came, 4_000).unwrap().expect("whole");
                assert_eq!(frame_len, came.len());
                let Frame::Message { headers: block, payload, .. } = frame else { panic!("{frame:?}") };
                assert_eq!((block.len(), payload.len()), (nats.headers_len, 48 + payload_len as usize));
                let found = headers::read(block).unwrap();
                assert!(wire::decode_with_headers(payload, found, &pool).unwrap().intact(&pool));
            }
        }
    }

    #[test]
    fn a_publication_begins_with_its_subject_and_where_replies_go() {
        let heading = |shape, reply| {
            let nats = Nats::new(&Arc::new(Pool::new(1, 0).with_headers(1, shape)));
            String::from_utf8(nats.heading("run.a", reply)).unwrap()
        };
        assert_eq!(heading(Shape::NONE, None), "PUB run.a ");
        assert_eq!(heading(Shape::NONE, Some("run.b.0")), "PUB run.a run.b.0 ");
        assert_eq!(heading(Shape::new(1, 1).unwrap(), None), "HPUB run.a ");
    }

    #[test]
    fn subscriptions_have_numbers_and_end_with_them() {
        let (mut nats, mut out) = (Nats::new(&Arc::new(Pool::new(1, 0))), Vec::new());
        assert!(!nats.hears());
        let destination = Destination {
            id: 0,
            name: "run.a".into(),
            intent: Intent::Event,
            kinds: vec![],
            sender: 0,
            receivers: vec![],
        };
        for (place, is_apart, is_alone) in [("a", false, false), ("b", true, true)] {
            let (place, group) = (place.to_owned(), "g".to_owned());
            let heard = Heard { destination: &destination, place, group, is_apart, is_alone };
            nats.subscribe(&heard, &mut out);
        }
        assert!(nats.hears());
        nats.hear_no_more(&mut out);
        assert!(!nats.hears());
        assert_eq!(str::from_utf8(&out), Ok("SUB a g 1\r\nSUB b 2\r\nUNSUB 1\r\nUNSUB 2\r\n"));
    }
}
