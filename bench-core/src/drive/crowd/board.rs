//! Whom a lane calls after it has sent something or ended a flow, where many lanes share a thread.

use super::calls::Calls;
use crate::{
    bell::Bell,
    credit::{Credit, Done},
    message::Message,
    scenario::Intent,
    transport::Queues,
    wiring::Wiring,
};
use std::{ops::Range, sync::Arc};

/// A thread as the others see it.
#[derive(Debug)]
pub(crate) struct Called {
    /// Its lanes that have something to do.
    pub calls: Calls,
    /// Wakes it.
    pub bell: Arc<Bell>,
}

/// The lanes that may have been sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hearers {
    /// Instances that take from one queue: one of them is enough, as it looks until the queue is empty.
    OneOf(Range<u16>, usize),
    /// Instances of which each may have a queue of its own.
    Each(Range<u16>),
    /// The instance that the message says.
    WhoAsked,
}

/// Shared by the threads of a trial. Lane `n` is lane `n / threads` of thread `n % threads`.
#[derive(Debug)]
pub(crate) struct Board {
    threads: Box<[Called]>,
    /// By service and send port.
    hearers: Box<[Vec<Vec<Hearers>>]>,
    /// By service: its instances, if they take from one queue.
    sharing: Box<[Option<Range<u16>>]>,
    /// By number among those that start flows: the lane.
    driven: Box<[u16]>,
    credit: Arc<Credit>,
    batch: usize,
    lanes: u16,
    /// Threads sleep, so that they have to be woken.
    sleeps: bool,
}

impl Board {
    /// Of the lanes of `wiring` on `threads`. `queues` is what the transport says about competing instances.
    pub(crate) fn new(
        wiring: &Wiring,
        threads: usize,
        credit: Arc<Credit>,
        sleeps: bool,
        queues: Queues,
    ) -> Self {
        let lanes = usize::from(wiring.instance_count());
        let called = |thread: usize| Called {
            calls: Calls::new(lanes.saturating_sub(thread).div_ceil(threads)),
            bell: Arc::default(),
        };
        let hearers = |intent: Intent, service: usize| {
            let instances = wiring.services[service].instances.clone();
            match instances.len() {
                1 => Hearers::Each(instances),
                _ if intent == Intent::Reply => Hearers::WhoAsked,
                _ if queues == Queues::Shared => Hearers::OneOf(instances, service),
                _ => Hearers::Each(instances),
            }
        };
        let ports = |service: usize| {
            let all = wiring
                .sends_of(service)
                .map(|sent| sent.receivers.iter().map(|receiver| hearers(sent.intent, *receiver)).collect());
            all.collect()
        };
        Self {
            threads: (0..threads).map(called).collect(),
            hearers: (0..wiring.services.len()).map(ports).collect(),
            sharing: wiring
                .services
                .iter()
                .map(|service| {
                    ((queues == Queues::Shared) && service.instances.len() > 1)
                        .then(|| service.instances.clone())
                })
                .collect(),
            driven: wiring.driven().collect(),
            credit,
            batch: wiring.batch.max(1),
            lanes: wiring.instance_count(),
            sleeps,
        }
    }

    /// A thread's own.
    pub(crate) fn of(&self, thread: usize) -> &Called {
        &self.threads[thread]
    }

    /// Threads in order.
    pub(crate) fn bells(&self) -> impl Iterator<Item = &Arc<Bell>> {
        self.threads.iter().map(|called| &called.bell)
    }
}

/// What one thread needs to call lanes.
#[derive(Debug)]
pub(crate) struct Caller {
    board: Arc<Board>,
    thread: usize,
    /// By service whose instances take from one queue: which of them is called next.
    next: Vec<u16>,
}

impl Caller {
    /// The caller of a thread. Threads begin with different instances.
    pub(crate) fn new(board: Arc<Board>, thread: usize, wiring: &Wiring) -> Self {
        let first = |instances: &Range<u16>| instances.start + (thread % instances.len().max(1)) as u16;
        let next = wiring.services.iter().map(|service| first(&service.instances)).collect();
        Self { board, thread, next }
    }

    /// Which thread it is.
    pub(crate) const fn thread(&self) -> usize {
        self.thread
    }

    /// The thread's own calls and bell.
    pub(crate) fn own(&self) -> &Called {
        self.board.of(self.thread)
    }

    /// Calls the lanes that may have been sent the first `taken` messages of `batch` by a service, through one of its
    /// ports. If none was taken, some of several subscribers may have got what others have no room for.
    pub(crate) fn sent(&mut self, service: usize, port: usize, batch: &[Message], taken: usize) {
        let Self { board, thread, next } = self;
        let Some(hearers) = board.hearers[service].get(port) else { return };
        if taken == 0 && hearers.len() < 2 {
            return;
        }
        for hearer in hearers {
            match hearer {
                Hearers::OneOf(instances, service) => {
                    let lanes = taken.max(1).div_ceil(board.batch).min(instances.len());
                    for _ in 0..lanes {
                        board.call(*thread, in_turn(&mut next[*service], instances));
                    }
                }
                Hearers::Each(instances) => instances.clone().for_each(|lane| board.call(*thread, lane)),
                Hearers::WhoAsked => {
                    batch[..taken].iter().for_each(|message| board.call(*thread, message.reply_to()));
                }
            }
        }
    }

    /// A lane of `service` is held up and cannot take what it was called for: calls another one, if they share a queue.
    pub(crate) fn pass_on(&mut self, service: usize) {
        if let Some(instances) = &self.board.sharing[service] {
            let lane = in_turn(&mut self.next[service], instances);
            self.board.call(self.thread, lane);
        }
    }

    /// Publishes that flows of an origin were ended by a lane of this thread, and calls the lane that started them.
    pub(crate) fn ended(&self, origin: u16, times: u32) {
        self.board.credit.add(self.thread, origin, times);
        if let Some(lane) = self.board.driven.get(usize::from(origin)) {
            self.board.call(self.thread, *lane);
        }
    }

    /// Publishes what the lanes of this thread have done since this was last called.
    pub(crate) fn done(&self, done: &Done) {
        self.board.credit.add_done(self.thread, done);
    }
}

/// The instance at `next`, which moves on to the one after it.
fn in_turn(next: &mut u16, instances: &Range<u16>) -> u16 {
    let lane = *next;
    *next = if lane + 1 < instances.end { lane + 1 } else { instances.start };
    lane
}

impl Board {
    /// Has `lane` stepped by its thread. `own` is the thread of the caller, which is awake.
    #[inline]
    fn call(&self, own: usize, lane: u16) {
        let (thread, place) =
            (usize::from(lane) % self.threads.len(), usize::from(lane) / self.threads.len());
        // A damaged message may name a lane that is not there.
        if lane >= self.lanes {
            return;
        }
        let called = &self.threads[thread];
        called.calls.call(place);
        if self.sleeps && thread != own {
            called.bell.ring();
        }
    }
}
