//! One connection, which the ports of an instance share: what has come is parsed where it was read, and pings are answered.

use super::parse::{Frame, Malformed, parse};
use crate::nats::{connection::PING_EVERY, headers};
use drumpost_core::message::MESSAGE_LEN;
use drumpost_kit::{
    encode,
    keeper::{LOOKS_EVERY, Tended},
    last::SILENCE,
    prelude::*,
    socket::{OUT_LEN, Socket, Until},
};
use std::collections::VecDeque;

/// Messages that are kept for a lane that awaits a reply, before more are dropped; as the usual clients keep.
const KEPT: usize = 64 * 1024;
/// Reads at once of what no lane waits for.
const READS: usize = 64;
/// Bytes of headers that a server may add to a message of ours.
const ADDED_LEN: usize = 4096;
/// After so many pings without an answer a connection is lost.
const SILENCES: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) socket: Socket,
    pool: Arc<Pool>,
    /// The longest message that may come, headers included.
    longest: usize,
    /// By number of the subscription, counted from 1: whether it is for replies that are apart.
    pub(super) apart: Vec<bool>,
    /// What has come and was not asked for yet: replies that are apart, and other messages.
    kept: [VecDeque<Message>; 2],
    dropped: u64,
    pings: u64,
    pongs: u64,
    has_finished: bool,
}

impl Wire {
    pub(super) fn new(socket: Socket, pool: &Arc<Pool>, headers_len: usize) -> Self {
        let longest = pool.max_len() as usize + MESSAGE_LEN + headers_len;
        Self {
            socket,
            pool: Arc::clone(pool),
            longest: longest + ADDED_LEN,
            apart: Vec::new(),
            kept: Default::default(),
            dropped: 0,
            pings: 0,
            pongs: 0,
            has_finished: false,
        }
    }

    /// The next message that was read, and whether it is a reply that is apart. `None`: there is no whole one.
    #[inline]
    fn next(&mut self) -> PortResult<Option<(Message, bool)>> {
        let Self { socket: Socket { line, input, out, .. }, longest, pool, apart, .. } = self;
        let error = loop {
            match input.next(|bytes| parse(bytes, *longest)) {
                Ok(None) => return Ok(None),
                Ok(Some(Frame::Message { subscription, subject, headers: block, payload })) => {
                    let index = usize::try_from(subscription).ok().and_then(|number| number.checked_sub(1));
                    // What was on its way when the subscription ended is nobody's.
                    let Some(is_apart) = index.and_then(|index| apart.get(index)) else { continue };
                    let place = || String::from_utf8_lossy(subject).into_owned();
                    let decoded =
                        headers::read(block).map(|found| encode::decode(payload, found, pool, place));
                    match decoded.unwrap_or_else(|| Err(line.broken(true, &Malformed::Line))) {
                        Ok(message) => return Ok(Some((message, *is_apart))),
                        Err(error) => break error,
                    }
                }
                // A server that asks without reading is not answered without limit.
                Ok(Some(Frame::Ping)) if out.len() >= OUT_LEN => {}
                Ok(Some(Frame::Ping)) => out.extend_from_slice(b"PONG\r\n"),
                Ok(Some(Frame::Pong)) => self.pongs += 1,
                Ok(Some(Frame::Taken | Frame::Info(_))) => {}
                Ok(Some(Frame::Error(said))) => break said_by(line, said),
                Err(error) => break line.broken(true, &error),
            }
        };
        // Every port is told the first failure.
        match &error {
            PortError::Failed(why) => line.link.fail(why.clone()),
            other => line.link.lose(other.to_string()),
        }
        Err(line.closed())
    }

    /// Takes up to `max` messages that are there.
    #[inline]
    pub(super) fn take(&mut self, only_replies: bool, max: usize, batch: &mut Vec<Message>) -> PortResult {
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
        // Pongs, and what a slow server did not take.
        if self.socket.out.is_empty() { Ok(()) } else { self.socket.write().map(drop) }
    }

    fn keep(&mut self, message: Message, is_apart: bool) {
        let queue = &mut self.kept[usize::from(!is_apart)];
        if queue.len() < KEPT { queue.push_back(message) } else { self.dropped += 1 }
    }

    fn ping(&mut self) {
        self.socket.out.extend_from_slice(b"PING\r\n");
        self.pings += 1;
    }

    /// Waits until the server has read all that was sent so far. Messages that come meanwhile are kept.
    ///
    /// # Errors
    /// The connection failed. `None`: the server did not answer in time.
    pub(super) fn round_trip(&mut self, at_most: Duration) -> Result<(), Option<PortError>> {
        self.socket.line.link.check()?;
        self.ping();
        let until = Until::after(at_most);
        while self.pongs < self.pings {
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
    pub(super) fn finish(&mut self, at_most: Duration) -> PortResult {
        if std::mem::replace(&mut self.has_finished, true) {
            return self.socket.line.link.check();
        }
        let at_most = at_most.min(SILENCE);
        let silence = format!(
            "{} was silent: it did not answer for {at_most:?} after the run, although the connection is open, so missing \
             messages are not known to be lost",
            self.socket.line.at
        );
        self.round_trip(at_most).map_err(|error| error.unwrap_or(PortError::Failed(silence)))
    }

    /// The next thing that the server says of itself or against the client, during the login.
    pub(super) fn hear(&mut self, until: &Until) -> Result<Heard, Unheard> {
        loop {
            let left = until.left().ok_or(Unheard::Silent)?;
            let frame = self.socket.input.next(|bytes| parse(bytes, self.longest));
            match frame.map_err(|error| Unheard::Foreign(error.to_string()))? {
                Some(Frame::Info(said)) => {
                    let info = serde_json::from_slice(said).map(Heard::Info);
                    return info.map_err(|error| Unheard::Foreign(error.to_string()));
                }
                Some(Frame::Error(said)) => return Err(Unheard::Said(words(said))),
                Some(Frame::Pong) => return Ok(Heard::Pong),
                Some(Frame::Taken | Frame::Message { .. } | Frame::Ping) => {}
                None => {
                    let read = self.socket.write().and_then(|_| self.socket.read());
                    if read.map_err(|error| Unheard::Foreign(error.to_string()))? == 0 {
                        self.socket.wait_for_more(left);
                    }
                }
            }
        }
    }

    /// Writes what is left, hears what the server says where no port does, and asks a silent server whether it is there.
    fn look_after(&mut self, look: u32) -> PortResult {
        self.socket.line.link.check()?;
        for _ in 0..if self.apart.is_empty() { READS } else { 0 } {
            while self.next()?.is_some() {}
            if self.socket.read()? == 0 {
                break;
            }
        }
        let every = PING_EVERY.as_millis() / LOOKS_EVERY.as_millis();
        if u128::from(look) % every == every - 1 {
            if self.socket.silences(self.pings > self.pongs) >= SILENCES {
                let silence = PING_EVERY * SILENCES;
                return Err(self.socket.lose(&format_args!("the server answered no ping for {silence:?}")));
            }
            self.ping();
        }
        self.socket.write().map(drop)
    }
}

impl Tended for Wire {
    fn tend(&mut self, look: u32) {
        // The ports tell the error.
        let _ = self.look_after(look);
    }
}

/// What a server says during the login.
pub(super) enum Heard {
    Info(serde_json::Value),
    Pong,
}

/// Why a login did not come about.
pub(super) enum Unheard {
    Silent,
    /// It is gone, or another kind of server.
    Foreign(String),
    /// The server says why.
    Said(String),
}

/// The words of an error, without the quotes around them.
fn words(said: &[u8]) -> String {
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
