//! What a thread sleeps on when its lanes have nothing to do. Usually another thread wakes it. Where messages come over sockets
//! ([`RecvPort::socket`]), it sleeps on the sockets of all its lanes at once, and its bell wakes it by an event of the system.

use crate::{
    bell::Bell,
    drive::{ConnectedLane, threads::unparks_this},
    port::RecvPort,
    sync,
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::{read, write},
};
use std::{
    os::fd::OwnedFd,
    sync::Arc,
    task::{Wake, Waker},
    time::Duration,
};

/// Ends a sleep on sockets.
struct Event(OwnedFd);

impl Wake for Event {
    fn wake(self: Arc<Self>) {
        // It fails only if it was rung 2^64 times and nobody woke.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// What the lanes of one thread are woken by.
#[derive(Default)]
pub(super) struct Nap {
    /// `None`: no lane has a socket.
    event: Option<Arc<Event>>,
    sockets: Vec<OwnedFd>,
}

impl Nap {
    /// Looks for sockets, and leaves with `bell` what wakes the calling thread. Called again after lanes were killed or opened again.
    pub(super) fn look<S, R: RecvPort>(&mut self, lanes: &[ConnectedLane<S, R>], bell: &Bell) {
        self.sockets.clear();
        self.sockets.extend(lanes.iter().filter_map(|connected| connected.endpoint.inbox.as_ref()?.socket()));
        if self.event.is_none() && !self.sockets.is_empty() {
            self.event =
                eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).ok().map(Event).map(Arc::new);
        }
        bell.leave_waker(|| match &self.event {
            Some(event) => Waker::from(Arc::clone(event)),
            None => unparks_this(),
        });
    }

    /// Where the thread sleeps, until [`Nap::look`] is called again.
    pub(super) fn bed(&self) -> Bed<'_> {
        let polled = |socket| PollFd::new(socket, PollFlags::IN);
        let event = self.event.iter().map(|event| &event.0);
        Bed { event: self.event.as_deref(), polled: event.chain(&self.sockets).map(polled).collect() }
    }
}

/// See [`Nap::bed`].
pub(super) struct Bed<'a> {
    event: Option<&'a Event>,
    /// The event, then the sockets. Empty: another thread wakes this one.
    polled: Vec<PollFd<'a>>,
}

impl Bed<'_> {
    /// Whether the thread sleeps on sockets.
    pub(super) const fn has_sockets(&self) -> bool {
        self.event.is_some()
    }

    /// Sleeps until woken, and at most so long.
    pub(super) fn sleep(&mut self, at_most: Duration) {
        let Some(Event(event)) = self.event else { return sync::park_timeout(at_most) };
        self.polled.iter_mut().for_each(PollFd::clear_revents);
        // A sleep that a signal ends is a short one.
        let _ = poll(&mut self.polled, Timespec::try_from(at_most).ok().as_ref());
        if self.polled.first().is_some_and(|event| !event.revents().is_empty()) {
            let _ = read(event, &mut [0; 8]);
        }
    }

    /// As [`Bed::sleep`], for a thread with a lane that a limit holds back: what waits in the socket of that lane does not end the sleep. Nothing else
    /// that comes over a socket does, so if the lane is one `among` several, the sleep is short.
    pub(super) fn sleep_held_back(&mut self, at_most: Duration, among: usize) {
        const AMONG_OTHERS: Duration = Duration::from_millis(1);
        let Some(Event(event)) = self.event else { return sync::park_timeout(at_most) };
        let at_most = if among > 1 { at_most.min(AMONG_OTHERS) } else { at_most };
        self.polled.iter_mut().for_each(PollFd::clear_revents);
        let _ = poll(&mut self.polled[..1], Timespec::try_from(at_most).ok().as_ref());
        if self.polled.first().is_some_and(|event| !event.revents().is_empty()) {
            let _ = read(event, &mut [0; 8]);
        }
    }

    /// Whether something came over a socket during the last sleep.
    pub(super) fn was_woken(&self) -> bool {
        self.polled.iter().any(|polled| !polled.revents().is_empty())
    }
}
