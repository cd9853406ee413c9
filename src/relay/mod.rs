//! A TCP relay between the transports and their server, so that the line between them can be slow or broken: it delays, limits the
//! rate, lets nothing through for a while, resets connections and refuses new ones. It needs no privilege and works for every
//! server that is reached by TCP, with TLS or without, as it only forwards bytes.
//!
//! One thread serves all connections. It is apart from the threads of the load, and its processor time counts as the harness's.
//! Lives here: the handle by which a run starts a relay, gives it the faults of a trial and reads its counts. [`work`] has the
//! thread, [`pipe`] one direction of a connection, [`address`] how an address is replaced by that of the relay, and [`cost`] what
//! the relay itself adds to a round trip.

pub(crate) mod address;
mod cost;
mod pair;
mod pipe;
#[cfg(test)]
mod tests;
mod work;

use drumpost_core::clock::{Clock, Now};
use rustix::event::{EventfdFlags, eventfd};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What the line is like all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// How long bytes take to the server, and back.
    pub delays: [Duration; 2],
    /// Bytes a second, in each direction, of all connections together.
    pub rate: Option<u64>,
}

/// A stretch of time, from the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub at: Duration,
    pub lasts: Duration,
}

/// What happens to the line in the middle of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaks {
    /// Nothing passes, and connections stay open.
    pub cut: Option<Stretch>,
    /// Connections are reset at its start, and new ones are refused until its end.
    pub reset: Option<Stretch>,
}

/// What passed through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub connections: u64,
    /// Bytes to the server, and back.
    pub bytes: [u64; 2],
}

/// The state that the relay's thread shares with its owner.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// The breaks of this trial, and when its load began on the relay's clock.
    breaks: Mutex<Option<(Breaks, u64)>>,
    is_new: AtomicBool,
    ends: AtomicBool,
    connections: AtomicU64,
    bytes: [AtomicU64; 2],
    wake: OwnedFd,
}

impl Shared {
    fn new() -> io::Result<Self> {
        Ok(Self {
            clock: Clock::start(),
            breaks: Mutex::new(None),
            is_new: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            bytes: Default::default(),
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn set(&self, breaks: Option<(Breaks, u64)>) {
        *self.breaks.lock().unwrap_or_else(PoisonError::into_inner) = breaks;
        self.is_new.store(true, Ordering::Release);
        self.wake();
    }
}

/// A relay under way. It ends, with all its connections, when the value is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    shared: Arc<Shared>,
    /// Where it listens, by route.
    at: Vec<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay over `line`, with a listener for each of `routes`. A route has the addresses of one server, which are tried
    /// in turn. The first one listens at `place`; `None`, and the others: on a free port of this machine.
    ///
    /// # Errors
    /// The system gives no port, no thread or no file.
    pub(crate) fn start(
        line: Line,
        routes: &[Vec<SocketAddr>],
        place: Option<SocketAddr>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new()?);
        let mut listeners = Vec::new();
        for addresses in routes {
            // On the same protocol, so that a host name that stands for this machine leads here, too.
            let is_v4 = addresses.iter().any(SocketAddr::is_ipv4);
            let here = if is_v4 { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
            let free = SocketAddr::new(here, 0);
            let listener = TcpListener::bind(place.filter(|_| listeners.is_empty()).unwrap_or(free))?;
            listeners.push((listener, addresses.clone()));
        }
        let at = listeners.iter().map(|(listener, _)| listener.local_addr()).collect::<Result<_, _>>()?;
        let mut work = work::Work::new(Arc::clone(&shared), line, listeners)?;
        let thread = thread::Builder::new().name("relay".into()).spawn(move || work.run())?;
        Ok(Self { shared, at, thread: Some(thread) })
    }

    /// Where it listens for a route.
    pub(crate) fn at(&self, route: usize) -> SocketAddr {
        self.at[route]
    }

    /// The load of a trial began `ago`: its breaks come from then on.
    pub(crate) fn begin(&self, breaks: Breaks, ago: Duration) {
        let begun_ns = self.shared.clock.now_ns().saturating_sub(drumpost_core::clock::as_ns(ago));
        self.shared.set(Some((breaks, begun_ns)));
    }

    /// The trial is over: the line is whole again.
    pub(crate) fn end(&self) {
        self.shared.set(None);
    }

    /// What has passed so far.
    pub(crate) fn passed(&self) -> Passed {
        let Shared { connections, bytes, .. } = &*self.shared;
        let bytes = [&bytes[0], &bytes[1]].map(|bytes| bytes.load(Ordering::Relaxed));
        Passed { connections: connections.load(Ordering::Relaxed), bytes }
    }

    /// How much longer a round trip takes through a relay without delay, in ns: of a few hundred, alternately through one and
    /// without it, the difference of the medians.
    ///
    /// # Errors
    /// As [`Relay::start`].
    pub(crate) fn cost_ns() -> io::Result<u64> {
        cost::measure_ns()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
