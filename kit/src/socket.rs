//! A socket for transports on threads that speak the protocol of their server themselves. What is to be sent is gathered and written
//! together. The socket never blocks, and every wait has a limit. Does not live here: parsing what comes.

#[cfg(feature = "tls")]
use crate::tls;
use crate::{
    link::{Line, PortResult},
    server::{At, Unreachable},
};
use drumpost_core::{
    clock::{Clock, Now, as_ns},
    port::PortError,
    transport::OpenError,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    fmt::Display,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

/// What is gathered before there is no room for more, if the server does not read.
pub const OUT_LEN: usize = 64 * 1024;
/// How long a step of a lane may wait for a server that does not read. What is left then goes out later.
const WRITES_WITHIN: Duration = Duration::from_millis(100);

/// A limit of a wait.
#[derive(Debug)]
pub struct Until {
    clock: Clock,
    at_ns: u64,
}

impl Until {
    /// So long from now on.
    #[must_use]
    pub fn after(long: Duration) -> Self {
        let clock = Clock::start();
        Self { at_ns: clock.now_ns().saturating_add(as_ns(long)), clock }
    }

    /// The time that is left; `None` if it is over.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let left_ns = self.at_ns.saturating_sub(self.clock.now_ns());
        (left_ns > 0).then(|| Duration::from_nanos(left_ns))
    }
}

/// Bytes that were received and are not parsed yet, in a buffer that is used again. It grows only for what is longer than all of it, so
/// who parses it limits how long that may be.
#[derive(Debug)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// Bytes that an input has at first.
const INPUT_LEN: usize = 128 * 1024;

impl Default for Input {
    fn default() -> Self {
        Self { bytes: vec![0; INPUT_LEN], start: 0, end: 0 }
    }
}

impl Input {
    /// Room to read into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were read into the room.
    pub fn filled(&mut self, len: usize) {
        self.end = (self.end + len).min(self.bytes.len());
    }

    /// Parses the first part of what is there. `parse` says what it is and how long; `None`: not all of it is there.
    ///
    /// # Errors
    /// Those of `parse`.
    #[inline]
    pub fn next<'a, T, E>(
        &'a mut self,
        parse: impl FnOnce(&'a [u8]) -> Result<Option<(T, usize)>, E>,
    ) -> Result<Option<T>, E> {
        let Some((found, len)) = parse(&self.bytes[self.start..self.end])? else { return Ok(None) };
        self.start = (self.start + len).min(self.end);
        Ok(Some(found))
    }

    /// Whether everything was parsed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that the buffer has.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of the protocol, as they are or encrypted.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Tls>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Whether bytes that were taken are not written yet.
    fn has_rest(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.has_rest(),
        }
    }

    #[inline]
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(room),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.read(room),
        }
    }

    /// Writes some of `bytes`, or the rest of what was taken if there are none.
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(tls) if bytes.is_empty() => tls.flush().map(|()| 0),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.write(bytes),
        }
    }
}

/// Why nothing was heard of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It said nothing in time.
    Silent,
    /// It is gone, or speaks another protocol.
    Foreign(String),
}

/// See the module.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// The state of the connection.
    pub line: Line,
    /// What was read.
    pub input: Input,
    /// What is to be written.
    pub out: Vec<u8>,
    /// How much of it is.
    written: usize,
    /// The last read left nothing behind, so the next look need not be a call of the system. A thread that goes to sleep looks twice.
    is_drained: bool,
    /// Whether bytes came, and whether somebody looked for them, since silence was last looked for.
    heard: bool,
    looked: bool,
    silences: u32,
}

impl Socket {
    /// Connects to the server, and says what addresses it has. `absent` is the advice if nobody is there.
    ///
    /// # Errors
    /// `Failed` with a sentence that names the server.
    pub fn connect(at: &Arc<At>, until: &Until, absent: &str) -> Result<(Self, Vec<SocketAddr>), OpenError> {
        let unreachable = |error: &dyn Display| at.unreachable(Unreachable::Absent, error, absent);
        let place = at.address().split("://").last().unwrap_or_default();
        let addresses = place.to_socket_addrs().map_err(|error| unreachable(&error))?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        let mut failed = unreachable(&"its name has no address");
        for address in &addresses {
            let Some(left) = until.left() else { break };
            match TcpStream::connect_timeout(address, left).and_then(|stream| Self::over(stream, at)) {
                Ok(socket) => return Ok((socket, addresses)),
                Err(error) => failed = unreachable(&error),
            }
        }
        Err(failed)
    }

    fn over(stream: TcpStream, at: &Arc<At>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: Stream::Plain(stream),
            line: Line::to(at),
            input: Input::default(),
            out: Vec::with_capacity(OUT_LEN),
            written: 0,
            is_drained: false,
            heard: false,
            looked: false,
            silences: 0,
        })
    }

    /// Encrypts all that follows, after a handshake. The certificate of the server has to be for the host of its address.
    ///
    /// # Errors
    /// The handshake failed, took too long, or something had come that was not encrypted.
    #[cfg(feature = "tls")]
    pub fn secure(&mut self, config: Arc<rustls::ClientConfig>, until: &Until) -> io::Result<()> {
        if !self.input.is_empty() {
            return Err(io::Error::other("the server went on in plain text"));
        }
        let place = self.line.at.address().split("://").last().unwrap_or_default();
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        let mut tls = tls::Tls::over(self.stream.tcp().try_clone()?, config, host)?;
        while !tls.shake_hands()? {
            let left = until.left().ok_or(ErrorKind::TimedOut)?;
            self.wait(if tls.has_rest() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }, left);
        }
        self.stream = Stream::Tls(Box::new(tls));
        Ok(())
    }

    /// Whether it is encrypted.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        !matches!(self.stream, Stream::Plain(_))
    }

    /// Another descriptor of the socket.
    #[must_use]
    pub fn descriptor(&self) -> Option<OwnedFd> {
        self.stream.tcp().try_clone().ok().map(Into::into)
    }

    /// Notes that the connection is gone, and gives the first reason for that.
    #[cold]
    pub fn lose(&self, why: &dyn Display) -> PortError {
        self.line.break_off(true, why);
        self.line.closed()
    }

    /// Whether there is room for one more message.
    ///
    /// # Errors
    /// `Lost` if the connection is gone.
    #[inline]
    pub fn has_room(&mut self) -> PortResult<bool> {
        if self.out.len() >= OUT_LEN {
            self.write()?;
        }
        Ok(self.out.len() < OUT_LEN)
    }

    /// Writes what the socket takes now. Says whether all of it is written.
    ///
    /// # Errors
    /// `Lost` if the connection is gone.
    #[inline]
    pub fn write(&mut self) -> PortResult<bool> {
        while self.written < self.out.len() || self.stream.has_rest() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lose(&error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(true)
    }

    /// Writes all, within a limit: a rest stays.
    ///
    /// # Errors
    /// `Lost` if the connection is gone.
    #[inline]
    pub fn flush(&mut self) -> PortResult {
        if self.write()? {
            return Ok(());
        }
        let until = Until::after(WRITES_WITHIN);
        while let Some(left) = until.left() {
            self.wait(PollFlags::OUT, left);
            if self.write()? {
                break;
            }
        }
        Ok(())
    }

    /// Waits, at most so long, until something can be read, or written if something is left.
    pub fn wait_for_more(&self, at_most: Duration) {
        let flags = if self.out.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        self.wait(flags, at_most);
    }

    fn wait(&self, flags: PollFlags, at_most: Duration) {
        // An error makes the socket ready, and the next call tells it.
        let _ = poll(&mut [PollFd::new(self.stream.tcp(), flags)], Timespec::try_from(at_most).ok().as_ref());
    }

    /// Reads what is there into `input`; 0 if there is nothing.
    ///
    /// # Errors
    /// `Lost` if the connection is gone.
    pub fn read(&mut self) -> PortResult<usize> {
        self.looked = true;
        let room = self.input.room();
        let room_len = room.len();
        match self.stream.read(room) {
            Ok(0) => {
                Err(self
                    .lose(&"the server closed it, as it does when it ends or when a receiver is too slow"))
            }
            Ok(len) => {
                self.input.filled(len);
                self.heard = true;
                self.is_drained = len < room_len;
                Ok(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_drained = true;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(self.lose(&error)),
        }
    }

    /// Waits for the first thing that `parse` finds in what comes, and writes what is left meanwhile.
    ///
    /// # Errors
    /// The server is silent, gone, or says what `parse` does not know.
    pub fn hear<T, E: Display>(
        &mut self,
        until: &Until,
        mut parse: impl FnMut(&[u8]) -> Result<Option<(T, usize)>, E>,
    ) -> Result<T, Unheard> {
        loop {
            let left = until.left().ok_or(Unheard::Silent)?;
            let found = self.input.next(&mut parse).map_err(|error| Unheard::Foreign(error.to_string()))?;
            if let Some(found) = found {
                return Ok(found);
            }
            let read = self.write().and_then(|_| self.read());
            if read.map_err(|error| Unheard::Foreign(error.to_string()))? == 0 {
                self.wait_for_more(left);
            }
        }
    }

    /// Whether the last read left nothing behind. Says so once, so that the look after the next one reads.
    #[inline]
    pub fn was_drained(&mut self) -> bool {
        std::mem::take(&mut self.is_drained)
    }

    /// How often in a row nothing had come when this was called, although it was looked for and `is_due`.
    pub fn silences(&mut self, is_due: bool) -> u32 {
        let counts = self.looked && is_due;
        self.silences = if self.heard { 0 } else { self.silences + u32::from(counts) };
        (self.heard, self.looked) = (false, false);
        self.silences
    }
}

#[cfg(test)]
mod tests;
