//! `unix`: Unix stream sockets between the instances of one process. The bytes go through the kernel, and no server is needed.
//!
//! A pair of connected sockets joins each sending with each receiving instance, for each destination apart. A message travels as its
//! length, its 48-byte header and its payload. What is offered together is one write. A message is taken when the kernel has all of it.
//! An event is written once for each subscribing service, by its publisher. Where a service has several instances, the sender takes
//! turns: one write goes to one instance, and an instance whose buffer is full is passed over.
//!
//! Capacity: a queue is a socket buffer, whose size is the kernel's (`net.core.wmem_default`); `--capacity` does not change it. A full
//! buffer holds up the sender. Where services send to each other in a circle, an instance that is held up reads what comes to it into
//! memory of its own. So a circle cannot deadlock, and what lies there is at most what the load has under way.

use crate::shared::Addressees;
use drumpost_core::{
    dispatcher::Threaded,
    message::{MESSAGE_LEN, Message},
    payload::Pool,
    port::{Inbox, PortError, RecvPort, SendPort, Told},
    promise::Promise,
    registry::TransportEntry,
    scenario::Intent,
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wire,
    wiring::{Destination, Wiring},
};
use drumpost_kit::{keeper::lock, socket::Input};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use std::{
    io::{self, ErrorKind, Read, Write},
    ops::Range,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex},
};

/// The transport, as the command line lists it.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "unix",
        summary: "Unix stream sockets between the instances: bytes through the kernel, without a server",
        promise: Promise { holds_up_senders: false, persistence: "socket buffers", ..Promise::IN_MEMORY },
        make: |_| Ok(Box::new(Threaded(Unix))),
        ..TransportEntry::IN_MEMORY
    }
}

/// The length before each message.
const PREFIX_LEN: usize = 4;
/// Messages are gathered for one write until it has this many bytes.
const WRITE_LEN: usize = 32 * 1024;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unix;

impl Transport for Unix {
    type Send = Outlet;
    type Recv = Inlet;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Outlet, Inlet>, OpenError> {
        if wiring.pool.headers().count() > 0 {
            let why =
                "unix carries no application headers: a message in a socket is 48 bytes and its payload";
            return Err(OpenError::Refused(why.into()));
        }
        let advice = "take fewer instances, or raise `ulimit -n`";
        endpoints(wiring)
            .map_err(|error| OpenError::Failed(format!("failed to make sockets: {error}; {advice}")))
    }
}

fn endpoints(wiring: &Wiring) -> io::Result<Endpoints<Outlet, Inlet>> {
    let count = usize::from(wiring.instance_count());
    let mut sends: Vec<Vec<Outlet>> = (0..count).map(|_| Vec::new()).collect();
    let mut heard: Vec<Vec<Source>> = (0..count).map(|_| Vec::new()).collect();
    for destination in &wiring.destinations {
        for sender in wiring.services[destination.sender].instances.clone() {
            sends[usize::from(sender)].push(Outlet::new(wiring, destination, &mut heard)?);
        }
    }
    let endpoint = |(mut sends, heard): (Vec<Outlet>, Vec<Source>)| {
        if heard.is_empty() {
            return Ok(Endpoint { inbox: None, sends });
        }
        let sources = Arc::new(Mutex::new(Sources::new(wiring, heard)?));
        if wiring.safe_window().is_some() {
            sends.iter_mut().for_each(|outlet| outlet.relieved = Some(Arc::clone(&sources)));
        }
        Ok(Endpoint { inbox: Some(Inlet { sources, batch: Vec::with_capacity(wiring.batch) }), sends })
    };
    sends.into_iter().zip(heard).map(endpoint).collect()
}

/// The sockets to a service of which one instance is to get each message.
#[derive(Debug)]
struct Group {
    instances: Vec<UnixStream>,
    /// Which of them has its turn.
    turn: usize,
    /// Bytes of what is under way that were written to it.
    written: usize,
}

impl Group {
    fn next_turn(&mut self) {
        self.turn = (self.turn + 1) % self.instances.len();
    }

    /// Writes what the kernel takes now. Passes over instances whose buffer is full as long as nothing was written.
    fn write(&mut self, out: &[u8]) -> Result<(), PortError> {
        let mut full = 0;
        while self.written < out.len() {
            match self.instances[self.turn].write(&out[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    full += 1;
                    if self.written > 0 || full == self.instances.len() {
                        break;
                    }
                    self.next_turn();
                }
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(PortError::Closed),
                Err(error) => return Err(PortError::Lost(format!("failed to write to a socket: {error}"))),
            }
        }
        Ok(())
    }
}

/// Sends to one destination. If the kernel takes a part of a message, the rest is kept, and the message is taken when it is offered
/// again and its rest was written.
#[derive(Debug)]
pub struct Outlet {
    pool: Arc<Pool>,
    /// For replies: each group is then an instance that may have asked. Otherwise a message goes to all groups.
    asked: Option<Addressees>,
    groups: Vec<Group>,
    /// Where what is under way goes.
    to: Range<usize>,
    /// What is under way: messages that were written to a group in part or as a whole, and are not taken.
    out: Vec<u8>,
    /// Where each message in it ends.
    ends: Vec<usize>,
    /// What the instance hears, in a circle.
    relieved: Option<Arc<Mutex<Sources>>>,
}

impl Outlet {
    fn new(wiring: &Wiring, destination: &Destination, heard: &mut [Vec<Source>]) -> io::Result<Self> {
        let group = |instances| Group { instances, turn: 0, written: 0 };
        let is_reply = destination.intent == Intent::Reply;
        let (mut groups, mut asked) = (Vec::new(), None);
        for service in &destination.receivers {
            let instances = wiring.services[*service].instances.clone();
            let mut sockets = Vec::new();
            for instance in instances.clone() {
                let (here, there) = UnixStream::pair()?;
                here.set_nonblocking(true)?;
                there.set_nonblocking(true)?;
                let is_apart = is_reply && wiring.has_replies_apart(*service);
                let source = Source { stream: Some(there), input: Input::default(), is_apart };
                heard[usize::from(instance)].push(source);
                sockets.push(here);
            }
            if is_reply {
                asked = Some(Addressees::new(destination, instances));
                groups.extend(sockets.into_iter().map(|socket| group(vec![socket])));
            } else {
                groups.push(group(sockets));
            }
        }
        let (out, ends) = (Vec::with_capacity(2 * WRITE_LEN), Vec::with_capacity(wiring.batch));
        Ok(Self { pool: Arc::clone(&wiring.pool), asked, groups, to: 0..0, out, ends, relieved: None })
    }

    /// Writes the first messages of `batch`, or what is left of them, and says how many are taken.
    fn write(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.out.is_empty() && !self.gather(batch)? {
            return Ok(0);
        }
        let Self { groups, to, out, ends, .. } = self;
        let groups = &mut groups[to.clone()];
        let (mut least, mut most) = (out.len(), 0);
        for group in &mut *groups {
            group.write(out)?;
            (least, most) = (least.min(group.written), most.max(group.written));
        }
        let taken = ends.partition_point(|end| *end <= least).min(batch.len());
        // What no group has a byte of is offered again, and encoded again.
        let touched = if most == 0 { 0 } else { ends.partition_point(|end| *end < most) + 1 };
        ends.truncate(touched);
        out.truncate(ends.last().copied().unwrap_or(0));
        let cut = if taken == 0 { 0 } else { ends[taken - 1] };
        ends.drain(..taken);
        ends.iter_mut().for_each(|end| *end -= cut);
        out.drain(..cut);
        groups.iter_mut().for_each(|group| group.written -= cut);
        Ok(taken)
    }

    /// Encodes the first messages of `batch` that go the same way. `false`: one of several groups has no room.
    fn gather(&mut self, batch: &[Message]) -> Result<bool, PortError> {
        let (to, run) = match &self.asked {
            Some(asked) => asked.first_run(batch).map(|(to, run)| (to..to + 1, run))?,
            None => (0..self.groups.len(), batch),
        };
        let groups = &mut self.groups[to.clone()];
        groups.iter_mut().for_each(Group::next_turn);
        if groups.len() > 1 && !all_have_room(groups) {
            return Ok(false);
        }
        self.to = to;
        for message in run {
            let len = (MESSAGE_LEN + self.pool.payload(message).len()) as u32;
            self.out.extend_from_slice(&len.to_le_bytes());
            wire::encode(message, &self.pool, &mut self.out);
            self.ends.push(self.out.len());
            if self.out.len() >= WRITE_LEN {
                break;
            }
        }
        Ok(true)
    }
}

/// Whether all of them take a write now. Asked before an event is written to any of them, so that they get it at the same time.
fn all_have_room(groups: &[Group]) -> bool {
    let sockets = groups.iter().map(|group| &group.instances[group.turn]);
    let mut polled: Vec<_> = sockets.map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready == polled.len())
}

impl SendPort for Outlet {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        if self.groups.is_empty() {
            return Ok(batch.len());
        }
        let mut taken = 0;
        while taken < batch.len() {
            let now = self.write(&batch[taken..])?;
            taken += now;
            if now == 0 || !self.out.is_empty() {
                break;
            }
        }
        if let Some(sources) = self.relieved.as_ref().filter(|_| taken < batch.len()) {
            lock(sources).relieve()?;
        }
        Ok(taken)
    }
}

/// The receiving end of one pair.
#[derive(Debug)]
struct Source {
    /// `None`: its sender is gone.
    stream: Option<UnixStream>,
    input: Input,
    is_apart: bool,
}

/// All that one instance hears.
#[derive(Debug)]
struct Sources {
    all: Vec<Source>,
    /// Where the next look begins.
    next: usize,
    /// Is readable when one of them is.
    watch: OwnedFd,
    pool: Arc<Pool>,
}

impl Sources {
    fn new(wiring: &Wiring, all: Vec<Source>) -> io::Result<Self> {
        let watch = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for stream in all.iter().filter_map(|source| source.stream.as_ref()) {
            epoll::add(&watch, stream, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        }
        Ok(Self { all, next: 0, watch, pool: Arc::clone(&wiring.pool) })
    }

    /// Puts messages into `batch` until it has `max`. Looks into each source, beginning with another one each time.
    fn take(&mut self, replies: bool, max: usize, batch: &mut Vec<Message>) -> Result<(), PortError> {
        let Self { all, next, pool, .. } = self;
        let longest = MESSAGE_LEN + pool.max_len() as usize;
        *next = (*next + 1) % all.len();
        let (late, early) = all.split_at_mut(*next);
        for source in early.iter_mut().chain(late).filter(|source| source.is_apart || !replies) {
            let mut was_read = false;
            while batch.len() < max {
                match source.input.next(|bytes| parse(bytes, longest, pool))? {
                    Some(message) => batch.push(message),
                    None if was_read || source.read()? == 0 => break,
                    None => was_read = true,
                }
            }
        }
        Ok(())
    }

    /// Reads what is there, so that those who sent it have room again.
    fn relieve(&mut self) -> Result<(), PortError> {
        self.all.iter_mut().try_for_each(|source| source.read().map(drop))
    }
}

impl Source {
    /// Reads once; 0 if there is nothing.
    fn read(&mut self) -> Result<usize, PortError> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        match stream.read(self.input.room()) {
            Ok(len) => {
                self.input.filled(len);
                // At its end it would wake the instance again and again. A closed socket leaves the watch by itself.
                self.stream = self.stream.take().filter(|_| len > 0);
                Ok(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(PortError::Lost(format!("failed to read from a socket: {error}"))),
        }
    }
}

/// The first message in `bytes`, and how long it is; `None`: not all of it is there.
fn parse(bytes: &[u8], longest: usize, pool: &Pool) -> Result<Option<(Message, usize)>, PortError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_LEN>() else { return Ok(None) };
    let len = u32::from_le_bytes(*prefix) as usize;
    let malformed = || PortError::Failed(format!("{len} bytes in a socket are no message of this run"));
    if len > longest {
        return Err(malformed());
    }
    let Some(body) = rest.get(..len) else { return Ok(None) };
    let message = wire::decode(body, pool).ok_or_else(malformed)?;
    Ok(Some((message, PREFIX_LEN + len)))
}

/// Receives what one instance hears.
#[derive(Debug)]
pub struct Inlet {
    sources: Arc<Mutex<Sources>>,
    batch: Vec<Message>,
}

impl RecvPort for Inlet {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        self.batch.clear();
        let mut sources = lock(&self.sources);
        sources.take(from == Inbox::Replies, max, &mut self.batch)?;
        if self.batch.is_empty() {
            let is_closed = from == Inbox::All && sources.all.iter().all(|source| source.stream.is_none());
            return if is_closed { Err(PortError::Closed) } else { Ok(0) };
        }
        drop(sources);
        on_batch(&self.batch, &[]);
        Ok(self.batch.len())
    }

    fn socket(&self) -> Option<OwnedFd> {
        lock(&self.sources).watch.try_clone().ok()
    }
}

#[cfg(test)]
mod tests;
