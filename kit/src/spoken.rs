//! A connection of an instance whose protocol the transport speaks itself, on threads, and the ports that share it. A broker says how its
//! protocol is read and written ([`Protocol`]); [`Spoken`] does the rest:
//!
//! - What a lane sends in a step is one write. What comes is parsed where it was read.
//! - A lane that awaits a reply is handed nothing else. Other messages are kept until it asks for them.
//! - The first failure is told to every port. What came before it is handed over first.
//! - A server that is asked answers when it has read what came before the question: at set-up, at the end of a run, and now and then
//!   in between, which tells a silent server from an idle one.

use crate::{
    keeper::{Keeper, LOOKS_EVERY, Tended, lock},
    last::{SILENCE, silent},
    layout::{Address, Layout},
    link::PortResult,
    server::PATIENCE,
    socket::{Socket, Until},
};
use drumpost_core::{
    message::Message,
    port::{Inbox as Part, PortError, RecvPort, SendPort, Told},
    scenario::Intent,
    transport::{Endpoint, OpenError},
    wiring::Wiring,
};
use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Messages that are kept for a lane that awaits a reply, before more are dropped; as the usual clients keep.
const KEPT: usize = 64 * 1024;
/// Reads at once of what no lane waits for.
const READS: usize = 64;
/// After so many questions without an answer a connection is lost.
const SILENCES: u32 = 3;

/// A part of what a server says.
#[derive(Clone, Copy, Debug)]
pub enum Came {
    /// A message, and whether it is a reply that is apart ([`crate::layout::Heard::is_apart`]).
    Message(Message, bool),
    /// The answer to a question.
    Answer,
}

/// What one protocol does that no other does.
pub trait Protocol: Send + 'static {
    /// How often a server is asked whether it is there: a multiple of [`LOOKS_EVERY`].
    const ASKS_EVERY: Duration;

    /// The next part of what was read into the socket's input; `None`: not all of it is there. What the server wants to hear is
    /// appended to what is to be written.
    ///
    /// # Errors
    /// The server said that something failed, or what came does not keep to the protocol.
    fn next(&mut self, socket: &mut Socket) -> PortResult<Option<Came>>;

    /// The bytes with which each publication to `place` begins. Requests name the place of their replies. Made at set-up.
    fn heading(&self, place: &str, reply: Option<&str>) -> Vec<u8>;

    /// Appends the publication of a message.
    fn publish(&self, heading: &[u8], message: &Message, out: &mut Vec<u8>);

    /// Appends a question, which the server answers when it has read what came before.
    fn ask(&self, out: &mut Vec<u8>);

    /// Whether the instance hears anything.
    fn hears(&self) -> bool;

    /// Has the instance hear nothing any more.
    fn hear_no_more(&mut self, out: &mut Vec<u8>);
}

/// See the module.
#[derive(Debug)]
pub struct Spoken<P> {
    socket: Socket,
    protocol: P,
    /// What has come and was not asked for yet: replies that are apart, and other messages.
    kept: [VecDeque<Message>; 2],
    dropped: u64,
    asked: u64,
    answered: u64,
    has_finished: bool,
}

impl<P: Protocol> Spoken<P> {
    /// The ports of the instance `me`, when the server has read what was said to it so far, such as what the instance hears.
    /// `keeper` looks after the connection.
    ///
    /// # Errors
    /// The server refuses it or does not answer, or the keeper has no thread.
    pub fn open(
        socket: Socket,
        protocol: P,
        wiring: &Wiring,
        (layout, me): (Layout<'_>, u16),
        keeper: &Keeper<Self>,
    ) -> Result<Endpoint<Outlet<P>, Inlet<P>>, OpenError> {
        let at = Arc::clone(&socket.line.at);
        let kept = Default::default();
        let mut spoken =
            Self { socket, protocol, kept, dropped: 0, asked: 0, answered: 0, has_finished: false };
        spoken.round_trip(PATIENCE).map_err(|error| match error {
            Some(error) => at.failed("subscribe", &error),
            None => at.failed("subscribe", &format_args!("no answer within {PATIENCE:?}")),
        })?;
        let hears = spoken.protocol.hears();
        let shared = Arc::new(Mutex::new(spoken));
        keeper.add(&shared).map_err(|error| at.failed("look after a connection", &error))?;
        let outlet = |sent| {
            let reply = layout.replies_to(sent, me).filter(|_| sent.intent == Intent::Request);
            let heading = |place: String| lock(&shared).protocol.heading(&place, reply.as_deref());
            Outlet { shared: Arc::clone(&shared), address: layout.address(sent).map(heading) }
        };
        let sends = wiring.sends_of(wiring.service_of(me)).map(outlet).collect();
        let batch = Vec::with_capacity(wiring.batch);
        let inbox = hears.then(|| Inlet { shared: Arc::clone(&shared), batch, failure: None });
        Ok(Endpoint { inbox, sends })
    }

    /// The next message that was read, and whether it is a reply that is apart. `None`: there is no whole one.
    #[inline]
    fn next(&mut self) -> PortResult<Option<(Message, bool)>> {
        loop {
            match self.protocol.next(&mut self.socket) {
                Ok(None) => return Ok(None),
                Ok(Some(Came::Message(message, is_apart))) => return Ok(Some((message, is_apart))),
                Ok(Some(Came::Answer)) => self.answered += 1,
                Err(error) => {
                    self.socket.line.link.end(error);
                    return Err(self.socket.line.closed());
                }
            }
        }
    }

    /// Takes up to `max` messages that are there.
    #[inline]
    fn take(&mut self, only_replies: bool, max: usize, batch: &mut Vec<Message>) -> PortResult {
        self.socket.line.link.check()?;
        if self.dropped > 0 {
            return Err(PortError::Lagged(std::mem::take(&mut self.dropped)));
        }
        for queue in if only_replies { &mut self.kept[..1] } else { &mut self.kept } {
            let len = queue.len().min(max - batch.len());
            batch.extend(queue.drain(..len));
        }
        let mut has_read = false;
        while batch.len() < max {
            match self.next()? {
                Some((message, is_apart)) if is_apart || !only_replies => batch.push(message),
                Some((message, is_apart)) => self.keep(message, is_apart),
                None if has_read || !batch.is_empty() || self.socket.was_drained() => break,
                None if self.socket.read()? == 0 => break,
                None => has_read = true,
            }
        }
        // Answers to the server, and what a slow server did not take.
        if self.socket.out.is_empty() { Ok(()) } else { self.socket.write().map(drop) }
    }

    fn keep(&mut self, message: Message, is_apart: bool) {
        let queue = &mut self.kept[usize::from(!is_apart)];
        if queue.len() < KEPT { queue.push_back(message) } else { self.dropped += 1 }
    }

    fn ask(&mut self) {
        self.protocol.ask(&mut self.socket.out);
        self.asked += 1;
    }

    /// Waits until the server has read all that was sent so far. Messages that come meanwhile are kept.
    ///
    /// # Errors
    /// The connection failed. `None`: the server did not answer in time.
    fn round_trip(&mut self, at_most: Duration) -> Result<(), Option<PortError>> {
        self.socket.line.link.check()?;
        self.ask();
        let until = Until::after(at_most);
        while self.answered < self.asked {
            let left = until.left().ok_or(None)?;
            self.socket.write()?;
            if self.socket.read()? == 0 {
                self.socket.wait_for_more(left);
            }
            while let Some((message, is_apart)) = self.next()? {
                self.keep(message, is_apart);
            }
        }
        Ok(())
    }

    /// The last round trip of a run, made by the first port that asks for it.
    fn finish(&mut self, at_most: Duration) -> PortResult {
        if std::mem::replace(&mut self.has_finished, true) {
            return self.socket.line.link.check();
        }
        let at_most = at_most.min(SILENCE);
        self.round_trip(at_most)
            .map_err(|error| error.unwrap_or_else(|| silent(&self.socket.line.at.to_string(), at_most)))
    }

    /// Writes what is left, hears what the server says where no port does, and asks a silent server whether it is there.
    fn look_after(&mut self, look: u32) -> PortResult {
        self.socket.line.link.check()?;
        for _ in 0..if self.protocol.hears() { 0 } else { READS } {
            while self.next()?.is_some() {}
            if self.socket.read()? == 0 {
                break;
            }
        }
        const { assert!(P::ASKS_EVERY.as_millis() >= LOOKS_EVERY.as_millis(), "it looks less often than it asks") };
        let every = P::ASKS_EVERY.as_millis() / LOOKS_EVERY.as_millis();
        if u128::from(look) % every == every - 1 {
            if self.socket.silences(self.asked > self.answered) >= SILENCES {
                let silence = P::ASKS_EVERY * SILENCES;
                return Err(self.socket.lose(&format_args!("the server answered no ping for {silence:?}")));
            }
            self.ask();
        }
        self.socket.write().map(drop)
    }
}

impl<P: Protocol> Tended for Spoken<P> {
    fn tend(&mut self, look: u32) {
        // The ports tell the error.
        let _ = self.look_after(look);
    }
}

/// A connection as the ports of an instance, and the keeper, have it. The ports run on one thread, so nobody waits for the lock.
type Shared<P> = Arc<Mutex<Spoken<P>>>;

/// Sends to one destination.
#[derive(Debug)]
pub struct Outlet<P> {
    shared: Shared<P>,
    address: Address<Vec<u8>>,
}

impl<P: Protocol> SendPort for Outlet<P> {
    const FLUSHES: bool = true;

    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        let Spoken { socket, protocol, .. } = &mut *lock(&self.shared);
        socket.line.link.check()?;
        for (taken, message) in batch.iter().enumerate() {
            if !socket.has_room()? {
                return Ok(taken);
            }
            protocol.publish(self.address.of(message)?, message, &mut socket.out);
        }
        Ok(batch.len())
    }

    fn flush(&mut self) -> Result<(), PortError> {
        let socket = &mut lock(&self.shared).socket;
        if socket.out.is_empty() { Ok(()) } else { socket.flush() }
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        lock(&self.shared).finish(at_most)
    }
}

/// Receives what one instance hears.
#[derive(Debug)]
pub struct Inlet<P: Protocol> {
    shared: Shared<P>,
    batch: Vec<Message>,
    failure: Option<PortError>,
}

impl<P: Protocol> RecvPort for Inlet<P> {
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
        let taken = lock(&self.shared).take(from == Part::Replies, max, &mut self.batch);
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
        lock(&self.shared).socket.descriptor()
    }

    fn finish(&mut self, at_most: Duration) -> Result<(), PortError> {
        lock(&self.shared).finish(at_most)
    }
}

/// A consumer that is killed leaves its connection to those who send over it. The server is told that nobody hears it any more.
impl<P: Protocol> Drop for Inlet<P> {
    fn drop(&mut self) {
        let Spoken { socket, protocol, .. } = &mut *lock(&self.shared);
        protocol.hear_no_more(&mut socket.out);
        let _ = socket.write();
    }
}

#[cfg(test)]
mod tests;
