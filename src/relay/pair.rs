//! A connection through the relay: the sockets of both sides, and what passes between them.

use super::pipe::{CHUNK, Lane, Out, Pipe};
use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, connect, shutdown, socket_with, sockopt,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A socket, and what it was ready for when the system last told.
#[derive(Debug)]
pub(super) struct Side {
    pub stream: TcpStream,
    pub reads: bool,
    pub writes: bool,
}

impl Side {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, reads: true, writes: true }
    }

    /// Closes the connection as a crash does: the other end hears of a reset.
    fn reset(&self) {
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }
}

/// Begins to connect. The socket is ready for writing when that has succeeded or failed.
pub(super) fn connecting(to: SocketAddr) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// How a connection stands after it was tended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is to be tended when a socket is ready, or at this time.
    Waits(Option<u64>),
    /// It had much to do and others come first: it is to be tended again.
    Busy,
    /// It is over.
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pair {
    /// The client's side and the server's.
    pub sides: [Side; 2],
    /// To the server, and back.
    pipes: [Pipe; 2],
    /// The server has not answered yet. The client's bytes wait in its system meanwhile.
    pub is_connecting: bool,
    pub route: usize,
    /// The address of the route that is tried.
    pub tried: usize,
}

/// How many chunks of one connection are read before those of the other connections.
const AT_ONCE: usize = 8;

impl Pair {
    pub(super) fn new(client: TcpStream, server: TcpStream, route: usize) -> Self {
        let server = Side { writes: false, ..Side::new(server) };
        let pipes = Default::default();
        Self { sides: [Side::new(client), server], pipes, is_connecting: true, route, tried: 0 }
    }

    /// It is over: the relay no longer holds its bytes.
    pub(super) fn leaves(&self, lanes: &mut [Lane; 2]) {
        self.pipes.iter().zip(lanes).for_each(|(pipe, lane)| pipe.is_dropped(lane));
    }

    /// Resets both connections.
    pub(super) fn reset(self) {
        self.sides.iter().for_each(Side::reset);
    }

    /// What the server said to the connection.
    pub(super) fn connected(&mut self) -> io::Result<()> {
        sockopt::socket_error(&self.sides[1].stream)??;
        let _ = self.sides[1].stream.set_nodelay(true);
        self.is_connecting = false;
        Ok(())
    }

    /// Moves what can be moved, and adds to `passed` how many bytes came in each direction.
    ///
    /// # Errors
    /// A side broke the connection.
    pub(super) fn tend(
        &mut self,
        lanes: &mut [Lane; 2],
        buffer: &mut [u8; CHUNK],
        now_ns: u64,
        passed: &[AtomicU64; 2],
    ) -> io::Result<State> {
        let (mut next_ns, mut is_busy) = (None::<u64>, false);
        let Self { sides: [client, server], pipes, .. } = self;
        for (direction, pipe) in pipes.iter_mut().enumerate() {
            let (from, to) =
                if direction == 0 { (&mut *client, &mut *server) } else { (&mut *server, &mut *client) };
            let lane = &mut lanes[direction];
            for round in 0.. {
                let has_read = pull(from, pipe, lane, buffer, now_ns, &passed[direction])?;
                let later_ns = push(to, pipe, lane, now_ns)?;
                // A pipe that was full may have room by now, and the system tells only once that there is more to read.
                if !(has_read || from.reads && pipe.has_room(lane, now_ns)) {
                    let room_ns = if from.reads { pipe.room_ns(lane, now_ns) } else { None };
                    next_ns = [next_ns, later_ns, room_ns].into_iter().flatten().min();
                    break;
                }
                if round == AT_ONCE {
                    is_busy = true;
                    break;
                }
            }
        }
        let are_over = self.pipes.iter().all(|pipe| pipe.is_over);
        Ok(match (are_over, is_busy) {
            (true, _) => State::Over,
            (_, true) => State::Busy,
            _ => State::Waits(next_ns),
        })
    }
}

/// Reads a chunk into the pipe. Says whether there was one.
fn pull(
    from: &mut Side,
    pipe: &mut Pipe,
    lane: &mut Lane,
    buffer: &mut [u8; CHUNK],
    now_ns: u64,
    passed: &AtomicU64,
) -> io::Result<bool> {
    if !from.reads || !pipe.has_room(lane, now_ns) {
        return Ok(false);
    }
    let most = lane.chunk();
    match (&from.stream).read(&mut buffer[..most]) {
        Ok(0) => {
            pipe.end(lane, now_ns);
            Ok(true)
        }
        Ok(count) => {
            passed.fetch_add(count as u64, Ordering::Relaxed);
            pipe.put(&buffer[..count], lane, now_ns);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            from.reads = false;
            Ok(false)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes what may leave the pipe. Says when more may leave it, if that is later.
fn push(to: &mut Side, pipe: &mut Pipe, lane: &mut Lane, now_ns: u64) -> io::Result<Option<u64>> {
    loop {
        match pipe.out(now_ns) {
            Out::Later(at_ns) => return Ok(at_ns),
            Out::End => {
                // The other side may have closed meanwhile, which is no fault.
                let _ = shutdown(&to.stream, Shutdown::Write);
                pipe.is_over = true;
            }
            Out::Bytes(_) if !to.writes => return Ok(None),
            Out::Bytes(bytes) => match (&to.stream).write(bytes) {
                Ok(count) => pipe.written(count, lane),
                Err(error) if error.kind() == ErrorKind::WouldBlock => to.writes = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            },
        }
    }
}
