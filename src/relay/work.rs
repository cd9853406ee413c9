//! The thread of a relay. It waits for sockets, for the time of bytes that are delayed and for the breaks of the line, and tends the
//! connections that have something to do.
//!
//! Sockets are watched by edge: the system tells once that a socket became ready, and the relay remembers it. So a line that is cut
//! costs nothing while sockets have bytes that must not pass.

use super::{
    Breaks, Line, Shared,
    pair::{Pair, Side, State, connecting},
    pipe::{CHUNK, Lane},
};
use drumpost_core::{
    clock::{Now, as_ns},
    overhead::HarnessThread,
};
use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    net::sockopt,
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroU64,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

/// How often a listener that was closed is tried to be opened again, where its port is not free at once.
const AGAIN_NS: u64 = 5_000_000;
/// The numbers of listeners begin here among those of sockets.
const LISTENERS: u64 = 1 << 62;
const WAKE: u64 = u64::MAX;

/// Where a route begins and where it leads.
#[derive(Debug)]
struct Route {
    /// `None` while new connections are refused.
    listener: Option<TcpListener>,
    at: SocketAddr,
    to: Vec<SocketAddr>,
    is_ready: bool,
}

/// What is to happen to the line next, in ns on the relay's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    CutEnds,
    CutBegins,
    RefusingEnds,
    Reset,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Work {
    shared: Arc<Shared>,
    epoll: OwnedFd,
    routes: Vec<Route>,
    lanes: [Lane; 2],
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
    /// Connections that have something to do.
    dirty: BTreeSet<usize>,
    /// When connections have something to do.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    changes: BTreeSet<(u64, Change)>,
    is_cut: bool,
    refuses: bool,
}

impl Work {
    pub(super) fn new(
        shared: Arc<Shared>,
        line: Line,
        listeners: Vec<(TcpListener, Vec<SocketAddr>)>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &shared.wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let mut work = Self {
            shared,
            epoll,
            routes: Vec::new(),
            lanes: Lane::of(&line),
            pairs: Vec::new(),
            free: Vec::new(),
            dirty: BTreeSet::new(),
            due: BinaryHeap::new(),
            changes: BTreeSet::new(),
            is_cut: false,
            refuses: false,
        };
        for (listener, to) in listeners {
            let at = listener.local_addr()?;
            work.routes.push(Route { listener: None, at, to, is_ready: false });
            work.listen(work.routes.len() - 1, listener)?;
        }
        Ok(work)
    }

    /// Relays until the owner ends it.
    pub(super) fn run(&mut self) {
        let _counted = HarnessThread::current();
        // Without it each wait may be 50 µs longer than asked for.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut buffer = Box::new([0; CHUNK]);
        let mut events: Vec<Event> = Vec::with_capacity(256);
        while !self.shared.ends.load(Ordering::Acquire) {
            self.take_changes();
            if !self.is_cut {
                self.accept();
                self.tend(&mut buffer);
            }
            let timeout = self.timeout();
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // The files are the relay's own, so that this does not happen; a relay that cannot wait is of no use.
                Err(_) => return,
            }
            for event in &events {
                self.note(event.data.u64(), event.flags);
            }
        }
    }

    /// How long to wait for sockets.
    fn timeout(&self) -> Option<Timespec> {
        let now_ns = self.shared.clock.now_ns();
        let due_ns = self.due.peek().map(|Reverse((at_ns, _))| *at_ns).filter(|_| !self.is_cut);
        let change_ns = self.changes.first().map(|(at_ns, _)| *at_ns);
        let busy_ns = (!self.is_cut && !self.dirty.is_empty()).then_some(now_ns);
        let until_ns = [due_ns, change_ns, busy_ns].into_iter().flatten().min()?;
        Timespec::try_from(Duration::from_nanos(until_ns.saturating_sub(now_ns))).ok()
    }

    /// Notes what a socket is ready for.
    fn note(&mut self, number: u64, flags: EventFlags) {
        if number == WAKE {
            let _ = rustix::io::read(&self.shared.wake, &mut [0; 8]);
            return;
        }
        if number >= LISTENERS {
            self.routes[(number - LISTENERS) as usize].is_ready = true;
            return;
        }
        let (at, side) = ((number / 2) as usize, (number % 2) as usize);
        let Some(Some(pair)) = self.pairs.get_mut(at) else { return };
        let ends = EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP;
        let side = &mut pair.sides[side];
        side.reads |= flags.intersects(EventFlags::IN | ends);
        side.writes |= flags.intersects(EventFlags::OUT | ends);
        self.dirty.insert(at);
    }

    /// Does what is to happen to the line by now.
    fn take_changes(&mut self) {
        if self.shared.is_new.swap(false, Ordering::Acquire) {
            self.plan();
        }
        let now_ns = self.shared.clock.now_ns();
        while let Some((_, change)) = self.changes.first().copied().filter(|(at_ns, _)| *at_ns <= now_ns) {
            self.changes.pop_first();
            match change {
                Change::CutBegins => self.is_cut = true,
                Change::CutEnds => self.is_cut = false,
                Change::Reset => self.reset(),
                Change::RefusingEnds => self.take_connections(now_ns),
            }
        }
    }

    /// Takes the breaks of another trial, or ends those of the last one.
    fn plan(&mut self) {
        let breaks = *self.shared.breaks.lock().unwrap_or_else(PoisonError::into_inner);
        self.changes.clear();
        self.is_cut = false;
        if self.refuses {
            self.take_connections(self.shared.clock.now_ns());
        }
        let Some((Breaks { cut, reset }, begun_ns)) = breaks else { return };
        if let Some(cut) = cut {
            let at_ns = begun_ns.saturating_add(as_ns(cut.at));
            self.changes.insert((at_ns, Change::CutBegins));
            self.changes.insert((at_ns.saturating_add(as_ns(cut.lasts)), Change::CutEnds));
        }
        if let Some(reset) = reset {
            let at_ns = begun_ns.saturating_add(as_ns(reset.at));
            self.changes.insert((at_ns, Change::Reset));
            if !reset.lasts.is_zero() {
                self.changes.insert((at_ns.saturating_add(as_ns(reset.lasts)), Change::RefusingEnds));
            }
        }
    }

    /// Resets all connections, and refuses new ones if that is to end later.
    fn reset(&mut self) {
        self.refuses = self.changes.iter().any(|(_, change)| *change == Change::RefusingEnds);
        for route in &mut self.routes {
            // Those that wait in the queue of a listener are reset with it.
            while let Some(Ok((client, _))) = route.listener.as_ref().map(TcpListener::accept) {
                let _ = sockopt::set_socket_linger(&client, Some(Duration::ZERO));
            }
            if self.refuses {
                route.listener = None;
            }
        }
        // Last, so that a client that connects again as soon as it hears of the reset is refused.
        for pair in self.pairs.drain(..).flatten() {
            pair.leaves(&mut self.lanes);
            pair.reset();
        }
        self.free.clear();
        self.dirty.clear();
        self.due.clear();
    }

    /// Listens again. A port that is not free is tried again a little later.
    fn take_connections(&mut self, now_ns: u64) {
        self.refuses = false;
        for at in 0..self.routes.len() {
            if self.routes[at].listener.is_some() {
                continue;
            }
            let listens = TcpListener::bind(self.routes[at].at);
            if listens.and_then(|listener| self.listen(at, listener)).is_err() {
                self.refuses = true;
            }
        }
        if self.refuses {
            self.changes.insert((now_ns.saturating_add(AGAIN_NS), Change::RefusingEnds));
        }
    }

    fn listen(&mut self, route: usize, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let number = LISTENERS + route as u64;
        epoll::add(&self.epoll, &listener, EventData::new_u64(number), EventFlags::IN | EventFlags::ET)?;
        let route = &mut self.routes[route];
        (route.listener, route.is_ready) = (Some(listener), true);
        Ok(())
    }

    /// Takes new connections and begins to connect them to the server.
    fn accept(&mut self) {
        for at in 0..self.routes.len() {
            while self.routes[at].is_ready {
                let Route { listener, to, is_ready, .. } = &mut self.routes[at];
                let accepted = listener.as_ref().map(TcpListener::accept);
                let Some(Ok((client, _))) = accepted else {
                    *is_ready = false;
                    break;
                };
                let _ = client.set_nodelay(true);
                let opened = client.set_nonblocking(true).and_then(|()| {
                    let first = to.first().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
                    connecting(*first)
                });
                match opened {
                    Ok(server) => self.add(Pair::new(client, server, at)),
                    Err(_) => {
                        let _ = sockopt::set_socket_linger(&client, Some(Duration::ZERO));
                    }
                }
            }
        }
    }

    fn add(&mut self, pair: Pair) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(None);
            self.pairs.len() - 1
        });
        let number = 2 * at as u64;
        let watched =
            (0..2).all(|side| watch(&self.epoll, &pair.sides[side].stream, number + side as u64).is_ok());
        if !watched {
            self.free.push(at);
            return pair.reset();
        }
        self.pairs[at] = Some(pair);
    }

    /// Tends the connections that have something to do.
    fn tend(&mut self, buffer: &mut [u8; CHUNK]) {
        let now_ns = self.shared.clock.now_ns();
        while let Some(Reverse((_, at))) =
            self.due.peek().copied().filter(|Reverse((at_ns, _))| *at_ns <= now_ns)
        {
            self.due.pop();
            self.dirty.insert(at);
        }
        for at in std::mem::take(&mut self.dirty) {
            let Some(Some(pair)) = self.pairs.get_mut(at) else { continue };
            if pair.is_connecting {
                self.connect(at);
                continue;
            }
            match pair.tend(&mut self.lanes, buffer, now_ns, &self.shared.bytes) {
                Ok(State::Waits(None)) => {}
                Ok(State::Waits(Some(at_ns))) => self.due.push(Reverse((at_ns, at))),
                Ok(State::Busy) => {
                    self.dirty.insert(at);
                }
                Ok(State::Over) => self.remove(at, |_| {}),
                Err(_) => self.remove(at, Pair::reset),
            }
        }
    }

    fn remove(&mut self, at: usize, end: impl FnOnce(Pair)) {
        if let Some(pair) = self.pairs[at].take() {
            pair.leaves(&mut self.lanes);
            end(pair);
        }
        self.free.push(at);
    }

    /// Looks whether the server has taken a connection. If it has not, the next address of the route is tried.
    fn connect(&mut self, at: usize) {
        let Some(Some(pair)) = self.pairs.get_mut(at) else { return };
        if !pair.sides[1].writes {
            return;
        }
        if pair.connected().is_ok() {
            self.shared.connections.fetch_add(1, Ordering::Relaxed);
            self.dirty.insert(at);
            return;
        }
        pair.tried += 1;
        let next = self.routes[pair.route].to.get(pair.tried).copied();
        let opened = next.and_then(|next| {
            let server = connecting(next).ok()?;
            watch(&self.epoll, &server, 2 * at as u64 + 1).ok()?;
            Some(server)
        });
        match opened {
            Some(server) => pair.sides[1] = Side { writes: false, ..Side::new(server) },
            None => self.remove(at, Pair::reset),
        }
    }
}

fn watch(epoll: &OwnedFd, stream: impl AsFd, number: u64) -> rustix::io::Result<()> {
    let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
    epoll::add(epoll, stream, EventData::new_u64(number), flags)
}
