//! The ports of an instance, which share its connection. They run on one thread, so nobody waits for the lock.

use super::connection::Wire;
use crate::nats::headers;
use drumpost_core::{
    port::{Inbox as Part, RecvPort, SendPort},
    wire,
};
use drumpost_kit::{encode::digits, keeper::lock, layout::Address, prelude::*};
use std::{os::fd::OwnedFd, sync::Mutex};

/// A connection as the ports of an instance, and the keeper, have it.
pub(super) type Shared = Arc<Mutex<Wire>>;

/// What a publication begins with: `PUB SUBJECT `, or `HPUB SUBJECT ` before headers.
#[derive(Debug)]
pub(super) struct Verb(Vec<u8>);

impl From<String> for Verb {
    fn from(subject: String) -> Self {
        Self(format!("PUB {subject} ").into_bytes())
    }
}

/// Sends to one destination.
#[derive(Debug)]
pub(super) struct Outlet {
    wire: Shared,
    pool: Arc<Pool>,
    address: Address<Verb>,
    /// Bytes of the application headers with what is around them; 0 if there are none.
    headers_len: usize,
}

impl Outlet {
    pub(super) fn new(
        wiring: &Wiring,
        wire: &Shared,
        sent: &Destination,
        me: u16,
        headers_len: usize,
    ) -> Self {
        let layout = Layout::new(wiring, '.');
        let mut address = layout.address::<Verb>(sent);
        let reply = layout.replies_to(sent, me).filter(|_| sent.intent == Intent::Request);
        let verbs = match &mut address {
            Address::Fixed(verb) => std::slice::from_mut(verb),
            Address::Asker { places, .. } => &mut places[..],
        };
        for Verb(verb) in verbs {
            reply.iter().for_each(|reply| verb.extend_from_slice(format!("{reply} ").as_bytes()));
            if headers_len > 0 {
                verb.insert(0, b'H');
            }
        }
        Self { wire: Arc::clone(wire), pool: Arc::clone(&wiring.pool), address, headers_len }
    }
}

impl SendPort for Outlet {
    const FLUSHES: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let mut wire = lock(&self.wire);
        wire.socket.line.link.check()?;
        for (taken, message) in batch.iter().enumerate() {
            if !wire.socket.has_room()? {
                return Ok(taken);
            }
            let Verb(verb) = self.address.of(message)?;
            publish(verb, message, &self.pool, self.headers_len, &mut wire.socket.out);
        }
        Ok(batch.len())
    }

    fn flush(&mut self) -> Result<(), PortError> {
        let mut wire = lock(&self.wire);
        if wire.socket.out.is_empty() { Ok(()) } else { wire.socket.flush() }
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        lock(&self.wire).finish(at_most)
    }
}

/// Appends the publication of one message.
#[inline]
fn publish(verb: &[u8], message: &Message, pool: &Pool, headers_len: usize, out: &mut Vec<u8>) {
    const MESSAGE_LEN: usize = drumpost_core::message::MESSAGE_LEN;
    out.extend_from_slice(verb);
    let len = headers_len + MESSAGE_LEN + pool.payload(message).len();
    if headers_len > 0 {
        digits(headers_len, out);
        out.push(b' ');
    }
    digits(len, out);
    out.extend_from_slice(b"\r\n");
    if headers_len > 0 {
        headers::write(message, pool, out);
    }
    wire::encode(message, pool, out);
    out.extend_from_slice(b"\r\n");
}

/// Receives what one instance hears.
#[derive(Debug)]
pub(super) struct Inlet {
    wire: Shared,
    batch: Vec<Message>,
    failure: Option<PortError>,
}

impl Inlet {
    pub(super) fn new(wiring: &Wiring, wire: &Shared) -> Self {
        Self { wire: Arc::clone(wire), batch: Vec::with_capacity(wiring.batch), failure: None }
    }
}

impl RecvPort for Inlet {
    fn drain(
        &mut self,
        from: Part,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.batch.clear();
        let taken = lock(&self.wire).take(from == Part::Replies, max, &mut self.batch);
        let count = self.batch.len();
        if count == 0 {
            return taken.map(|()| 0);
        }
        // What came before an error is handed over first.
        self.failure = taken.err();
        on_batch(&self.batch, &[]);
        Ok(count)
    }

    fn socket(&self) -> Option<OwnedFd> {
        lock(&self.wire).socket.descriptor()
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        lock(&self.wire).finish(at_most)
    }
}

/// A consumer that is killed leaves its connection to those who send over it. The server is told that nobody hears it any more.
impl Drop for Inlet {
    fn drop(&mut self) {
        let mut wire = lock(&self.wire);
        for number in 1..=std::mem::take(&mut wire.apart).len() {
            wire.socket.out.extend_from_slice(format!("UNSUB {number}\r\n").as_bytes());
        }
        let _ = wire.socket.write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::wire::parse;
    use drumpost_core::headers::Shape;

    #[test]
    fn a_publication_has_the_lengths_of_what_follows() {
        for shape in [Shape::NONE, Shape::new(2, 9).unwrap()] {
            let pool = Pool::new(1, 2_000).with_headers(1, shape);
            for payload_len in [0, 51, 52, 951, 952, 2_000] {
                let mut message = Message::start(1, 2, 3, 4, payload_len);
                message.stamp(5, &pool);
                let (len, mut out) = (headers::len(&pool), Vec::new());
                publish(b"MSG a 1 ", &message, &pool, len, &mut out);
                if len > 0 {
                    out.insert(0, b'H');
                }
                let (frame, frame_len) = parse::parse(&out, 4_000).unwrap().expect("whole");
                assert_eq!(frame_len, out.len());
                let parse::Frame::Message { headers: block, payload, .. } = frame else {
                    panic!("{frame:?}")
                };
                assert_eq!((block.len(), payload.len()), (len, 48 + payload_len as usize));
                let found = headers::read(block).unwrap();
                assert!(wire::decode_with_headers(payload, found, &pool).unwrap().intact(&pool));
            }
        }
    }
}
