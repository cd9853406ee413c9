//! The lane: one instance of a service as a state machine. It has an optional load, an optional inbox, a handler, one
//! ordered outbox and a recorder. It does no input or output, has no thread and never waits. Drivers step it and move
//! its messages.

mod apart;
mod catch_up;
mod dead;
mod rest;
mod step;

use crate::{
    act::Act,
    aftermath::Aftermath,
    clock::Now,
    control::Control,
    counters::Published,
    handler::{Out, Reactor},
    load::{Due, Load, Starts},
    message::Message,
    payload::Pool,
    plan::Limit,
    port::{Inbox, Told},
};
use apart::react_in_warmup;
use catch_up::Throttle;
use std::sync::Arc;
pub use step::{Begun, Outlet};

/// The parts from which a lane is made.
pub(crate) struct LaneSpec {
    pub id: u16,
    pub reactor: Box<dyn Reactor>,
    pub out: Out,
    pub load: Option<Load>,
    /// Whether the lane has an inbox.
    pub hears: bool,
    /// Whether the inbox can be polled for replies alone.
    pub replies_apart: bool,
    /// `--reply await`: after a request the lane handles nothing else until the reply is there.
    pub awaits: bool,
    /// By destination: whether it carries replies.
    pub replies: Arc<[bool]>,
    pub batch: usize,
    /// The limit of its service while that catches up with a backlog.
    pub limit: Option<Limit>,
    pub pool: Arc<Pool>,
    pub counters: Arc<Published>,
    /// The counters of all lanes.
    pub others: Arc<[Arc<Published>]>,
    pub aftermath: Arc<Aftermath>,
    pub control: Arc<Control>,
}

impl LaneSpec {
    const fn batches_per_step(&self) -> usize {
        // A lane that handles one request at a time decides after each message from where to receive next.
        if self.awaits { 1 } else { step::batches_per_step(self.batch) }
    }
}

/// One service instance. See the module.
pub struct Lane {
    spec: LaneSpec,
    starts: Starts,
    load_over: bool,
    batches_per_step: usize,
    /// It polls everything in its inbox, a whole batch at once: it waits for no reply, and has no limit.
    is_plain: bool,
    /// Keeps to the limit, until that ends.
    throttle: Option<Box<Throttle>>,
    /// Since when the transport is full.
    refused_since_ns: Option<u64>,
    /// The stamp of the last offer.
    offered_ns: u64,
    replies_received: u64,
}

impl Lane {
    pub(crate) fn new(spec: LaneSpec) -> Self {
        let starts = Starts::new(spec.id, spec.batch);
        Self {
            starts,
            load_over: spec.load.is_none(),
            batches_per_step: spec.batches_per_step(),
            is_plain: !spec.awaits && spec.limit.is_none(),
            throttle: spec.limit.map(|limit| Box::new(Throttle::new(limit))),
            refused_since_ns: None,
            offered_ns: 0,
            replies_received: 0,
            spec,
        }
    }

    /// Its number among the wiring's instances.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.spec.id
    }

    /// Whether a load starts flows here.
    #[must_use]
    pub const fn is_driven(&self) -> bool {
        self.spec.load.is_some()
    }

    /// Notes whose code runs from now on, so that a hang can be put down to it; [`Act::Harness`] is drumpost's own.
    #[inline(always)]
    pub fn does(&self, act: Act) {
        self.spec.counters.doing.set(act);
    }

    /// Notes that it no longer polls its inbox. If the outbox is not empty, the note [`Act::Full`] stays.
    #[inline(always)]
    pub(crate) fn has_polled(&self) {
        if !self.has_pending() {
            self.does(Act::Harness);
        }
    }

    /// Runs foreign code that `act` names, and says so while it runs.
    pub(crate) fn within<T>(&self, act: Act, does: impl FnOnce() -> T) -> T {
        self.does(act);
        let done = does();
        self.does(Act::Harness);
        done
    }

    /// Whether it has something to send.
    #[inline]
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.spec.out.is_empty()
    }

    /// The send port that is offered next.
    pub(crate) const fn next_port(&self) -> usize {
        self.spec.out.next_port()
    }

    /// The most batches that a step receives. It ends at the first empty poll.
    pub(crate) const fn batches_per_step(&self) -> usize {
        self.batches_per_step
    }

    /// Whether it hears anything.
    #[inline]
    pub(crate) const fn hears(&self) -> bool {
        self.spec.hears
    }

    /// Whether the run is over.
    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.spec.control.stop.is_stopped()
    }

    /// The inbox that the lane polls next, and the largest number of messages to take; 0: it is held back until [`Lane::held_until_ns`].
    #[inline]
    pub(crate) fn inbox(&mut self, clock: &impl Now) -> (Inbox, usize) {
        if self.is_plain {
            return (Inbox::All, self.spec.batch);
        }
        let (from, max) = match self.spec.awaits {
            false => (Inbox::All, self.spec.batch),
            true if self.spec.replies_apart && self.is_awaiting() => (Inbox::Replies, 1),
            true => (Inbox::All, 1),
        };
        let max = if self.throttle.is_none() { max } else { self.allowed(max, clock) };
        (from, max)
    }

    #[inline]
    fn is_awaiting(&self) -> bool {
        self.spec.awaits && self.spec.out.requests() > self.replies_received + self.spec.counters.unanswered()
    }

    /// Starts the flows that are due, at most a batch of them.
    #[inline(always)]
    pub(crate) fn start_flows(&mut self, clock: &impl Now) -> Due {
        let max = match self.spec.awaits {
            false => self.spec.batch,
            true => usize::from(!self.is_awaiting()),
        };
        let Some(load) = &mut self.spec.load else { return Due::Over };
        let last_ns = self.spec.out.now_ns;
        let local = &mut self.spec.out.recorder.local;
        let (due, now_ns) = load.poll(max, || clock.now_ns(), last_ns, local, &mut self.starts);
        if due == Due::Started {
            self.spec.out.now_ns = now_ns;
            let starts = self.starts.as_slice();
            load.note_gaps(now_ns, starts, self.spec.out.recorder.inter_send());
            self.spec.counters.publish_started(&self.spec.out.recorder.local);
            let LaneSpec { reactor, out, counters, .. } = &mut self.spec;
            counters.doing.set(Act::Handler);
            // Flows are in due order, so if this one is measured, all later ones are.
            if starts.first().is_none_or(|first| first.due_ns() >= out.recorder.measure_from_ns()) {
                reactor.react(starts, out);
            } else {
                react_in_warmup(&mut **reactor, starts, out);
            }
            self.starts.clear();
            self.spec.out.recorder.close_ends(now_ns);
        } else {
            self.note_not_started(due);
        }
        due
    }

    fn note_not_started(&mut self, due: Due) {
        match due {
            Due::Over => {
                self.load_over = true;
                self.spec.out.publish_all(&self.spec.counters);
                self.spec.counters.set_load_done();
            }
            Due::Capped => self
                .spec
                .control
                .fail("a flow was due while the window was full, and --at-cap fail ends the run then".into()),
            Due::At(_) | Due::Started => {}
        }
    }

    /// The next batch to send: its port, and its messages with the stamp `now_ns`.
    #[inline(always)]
    fn stamped(&mut self, now_ns: u64) -> (usize, &[Message]) {
        self.offered_ns = now_ns;
        self.spec.out.stamped(self.spec.batch, now_ns, &self.spec.pool, &self.spec.counters)
    }

    /// The transport took the first `taken` of what was to be sent; 0: it is full, and the sender is blocked.
    #[inline(always)]
    fn sent(&mut self, taken: usize) {
        if taken == 0 {
            self.refused_since_ns.get_or_insert(self.offered_ns);
            self.does(Act::Full);
            return;
        }
        if let Some(since_ns) = self.refused_since_ns.take() {
            self.spec.out.recorder.blocked(since_ns, self.offered_ns);
        }
        self.spec.out.taken(taken);
    }

    /// The transport handed over `batch`. `told` is what it reported of each message, such as how often it was handed out; empty if it reports
    /// nothing.
    #[inline(always)]
    pub fn received(&mut self, batch: &[Message], told: &[Told], clock: &impl Now) {
        if !told.is_empty() && self.spec.out.recorder.note_told(told) {
            return self.received_with_dead(batch, told, clock);
        }
        let now_ns = clock.now_ns();
        self.spec.out.now_ns = now_ns;
        if self.spec.awaits {
            self.note_replies(batch);
        }
        let LaneSpec { reactor, out, pool, counters, .. } = &mut self.spec;
        let is_usual = out.recorder.receive(batch, told, now_ns, pool);
        counters.doing.set(Act::Handler);
        if is_usual {
            reactor.react(batch, out);
        } else {
            self.react_to_unusual(batch);
        }
        // This method is called from the port's drain, whose code runs next.
        let LaneSpec { out, counters, .. } = &mut self.spec;
        counters.doing.set(Act::Drain);
        out.recorder.close_ends_received(now_ns);
    }

    #[inline(never)]
    fn note_replies(&mut self, batch: &[Message]) {
        let replies = &self.spec.replies;
        let is_reply = |message: &&Message| replies.get(usize::from(message.destination)) == Some(&true);
        self.replies_received += batch.iter().filter(is_reply).count() as u64;
    }

    /// Ends a step: publishes what it changed. What was received is published only when the transport has taken all that it
    /// caused, so that it is under way until then. Says whether flows ended, so that the driver rings the lanes that started them.
    #[inline(always)]
    pub fn end_step(&mut self) -> bool {
        let LaneSpec { out, counters, .. } = &mut self.spec;
        let ended = out.recorder.publish_ends(counters);
        if out.recorder.has_rare_news() {
            out.publish_all(counters);
        } else if out.is_empty() {
            out.recorder.publish_received(counters);
        }
        ended
    }

    /// The transport dropped `count` messages that this lane should have received.
    pub fn lagged(&mut self, count: u64) {
        self.spec.out.recorder.lagged(count);
        self.spec.out.publish_all(&self.spec.counters);
    }

    /// Publishes all that it has received and ended, before it goes away for a while: it may be in the middle of a step, and may never
    /// take another one. Says whether flows ended, as [`Lane::end_step`] does.
    pub(crate) fn leaves(&mut self) -> bool {
        let ended = self.end_step();
        self.spec.out.settle(&self.spec.counters, false);
        ended
    }

    /// Called by the driver when there is nothing to do: settles what costs too much to do per batch, and writes off
    /// flows that will not end.
    pub fn idle(&mut self, now_ns: u64) {
        let mut changed = false;
        if let Some(load) = &mut self.spec.load
            && load.idle(now_ns, &mut self.spec.out.recorder.local)
        {
            self.replies_received = self.spec.out.requests().saturating_sub(self.spec.counters.unanswered());
            changed = true;
        }
        self.spec.out.settle(&self.spec.counters, changed);
        self.spec.out.recorder.serve_collector();
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("id", &self.spec.id).finish_non_exhaustive()
    }
}
