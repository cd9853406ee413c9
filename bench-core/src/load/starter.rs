//! Starts flows when they are due and there is room for them. Each instance of a service that starts flows has one.

use super::{AtCap, Extent, Feed, LoadPlan, Pace, Start, Starts, closed::Users};
use crate::{counters::Local, credit::Credit, gaps::Gaps, hist::Hist, message::Message};
use std::sync::Arc;

/// The answer of a load that is asked for flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Flows were started.
    Started,
    /// None before this time, unless a flow ends.
    At(u64),
    /// A flow is due, the window is full, and that is to end the run.
    Capped,
    /// None ever again.
    Over,
}

/// How many intervals are kept of a sender: enough for the Anderson-Darling test to see a floor of half the mean, in 64 KiB.
const GAPS_KEPT: usize = 4096;
/// And how many at least where there are many senders, of which each leaves fewer.
const GAPS_KEPT_LEAST: usize = 128;

/// Room for what an open load leaves; a closed one has no schedule. Of many senders most leave little, so their room
/// grows.
fn gaps(pace: Pace, share: Share) -> Gaps {
    let is_open = matches!(pace, Pace::Open { .. });
    let kept = if is_open { share.of_all(GAPS_KEPT, GAPS_KEPT_LEAST) } else { 0 };
    Gaps::new(kept, if kept == GAPS_KEPT { GAPS_KEPT } else { 0 })
}

/// Which share of the plan one of several driven instances has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub member: usize,
    pub of: usize,
}

impl Share {
    fn part(self, whole: u64) -> u64 {
        let (member, of) = (self.member as u64, self.of as u64);
        whole / of + u64::from(member < whole % of)
    }

    /// The length of a buffer of each of the instances: `most`, and less where there are more than 64 of them, so that all
    /// together take no more memory than 64 do; `least` in any case.
    pub(super) fn of_all(self, most: usize, least: usize) -> usize {
        (most * 64 / self.of.max(1)).clamp(least, most)
    }
}

pub(crate) struct Load {
    feed: Box<dyn Feed>,
    pub(super) plan: LoadPlan,
    origin: usize,
    credit: Arc<Credit>,
    ends_per_flow: u64,
    pub(super) window: u64,
    /// Measured flows still to come.
    pub(super) left: u64,
    pub(super) begins_ns: u64,
    /// When flows are measured from, in ns on the run's clock.
    pub(super) measure_from_ns: u64,
    /// When no more flows are started; the end of time if the load ends by count.
    pub(super) ends_ns: u64,
    buffer: Vec<Start>,
    next: usize,
    /// Room in the window as of the last look at the ends, less what was started since.
    known_room: u64,
    ends_seen: u64,
    /// By the ends seen. A division costs as much as all the rest of a look at the window.
    flows_ended: u64,
    stuck_since_ns: Option<u64>,
    /// The load waits for a due time and not for room.
    is_early: bool,
    pub(super) users: Users,
    gaps: Gaps,
}

/// Flows that are fetched at once, and how many at least where many instances start flows.
const BUFFER: usize = 512;
const BUFFER_LEAST: usize = 16;

impl Load {
    pub(crate) fn new(
        feed: Box<dyn Feed>,
        plan: LoadPlan,
        share: Share,
        credit: Arc<Credit>,
        ends_per_flow: u32,
        begins_ns: u64,
    ) -> Self {
        let measure_from_ns = begins_ns.saturating_add(plan.warmup_ns);
        let (left, ends_ns) = match plan.extent {
            Extent::Count(count) => (share.part(count), u64::MAX),
            Extent::Duration(ns) => (u64::MAX, measure_from_ns.saturating_add(ns)),
        };
        Self {
            feed,
            plan,
            origin: share.member,
            credit,
            ends_per_flow: u64::from(ends_per_flow.max(1)),
            window: share.part(plan.pace.window()),
            left,
            begins_ns,
            measure_from_ns,
            ends_ns,
            buffer: Vec::with_capacity(share.of_all(BUFFER, BUFFER_LEAST)),
            next: 0,
            known_room: 0,
            ends_seen: 0,
            flows_ended: 0,
            stuck_since_ns: None,
            is_early: false,
            users: Users::default(),
            gaps: gaps(plan.pace, share),
        }
    }

    fn under_way(&self, local: &Local) -> u64 {
        local.started.saturating_sub(self.flows_ended + local.written_off)
    }

    /// Room in the window. Looks at the other lanes' counters only when what it last saw leaves less than `wanted`.
    #[inline(always)]
    fn room(&mut self, wanted: u64, local: &Local) -> u64 {
        if self.known_room < wanted {
            self.look_for_room(local);
        }
        self.known_room
    }

    fn look_for_room(&mut self, local: &Local) {
        let ends = self.credit.ended(self.origin);
        if ends != self.ends_seen {
            self.ends_seen = ends;
            self.flows_ended = if self.ends_per_flow == 1 { ends } else { ends / self.ends_per_flow };
        }
        self.known_room = self.window.saturating_sub(self.under_way(local));
    }

    /// Starts up to `max` flows that are due, appending them to `starts`. `now` is read at most once, and only if that
    /// may make a difference; `last_ns` is a time known without reading it. `max` of 0: the lane is waiting for a reply.
    #[inline(always)]
    pub(crate) fn poll(
        &mut self,
        max: usize,
        now: impl FnOnce() -> u64,
        last_ns: u64,
        local: &mut Local,
        starts: &mut Starts,
    ) -> (Due, u64) {
        if self.left == 0 {
            return (Due::Over, last_ns);
        }
        let seen = self.ends_seen;
        // Who thinks has to be told of every end as soon as it is seen.
        let wanted = if self.plan.thinks { self.window } else { max.max(1) as u64 };
        let free = self.room(wanted, local);
        let room = free.min(max as u64);
        if room == 0 {
            return self.wait_for_room(free == 0, self.ends_seen != seen, now, last_ns, local);
        }
        self.stuck_since_ns = None;
        let now_ns = now();
        if now_ns >= self.ends_ns {
            self.close(local);
            return (Due::Over, now_ns);
        }
        if now_ns < self.begins_ns {
            return (Due::At(self.begins_ns), now_ns);
        }
        let due = match self.plan.pace {
            Pace::Closed { .. } if self.plan.thinks => {
                self.start_after_thinking(free, room, now_ns, local, starts)
            }
            Pace::Closed { .. } => self.start_at_once(room, now_ns, local, starts),
            Pace::Open { .. } => self.start_due(room, now_ns, local, starts),
        };
        self.is_early = due != Due::Started;
        (due, now_ns)
    }

    /// Whether it waited for a due time when it was last asked for flows, and not for room.
    pub(crate) const fn is_early(&self) -> bool {
        self.is_early
    }

    /// Whether it may start a flow when another one ends. One with a schedule does so only if it has no room. In a closed load a user
    /// begins to think when the last flow has ended.
    pub(crate) const fn waits_for_ends(&self) -> bool {
        !(self.is_early && matches!(self.plan.pace, Pace::Open { .. }))
    }

    /// Counts flows that were started.
    #[inline(always)]
    pub(super) fn note_started(&mut self, count: u64, local: &mut Local) {
        local.started += count;
        self.known_room = self.known_room.saturating_sub(count);
    }

    /// Notes how long after it was due a flow is started, as far as that lies in the measured window.
    #[inline(always)]
    pub(super) fn note_late(&self, due_ns: u64, now_ns: u64, local: &mut Local) {
        local.late_ns += now_ns.saturating_sub(due_ns.max(self.measure_from_ns));
    }

    /// The window is full, or the lane waits for a reply: says until when, and does what is asked at the cap.
    #[inline(never)]
    fn wait_for_room(
        &mut self,
        is_full: bool,
        flows_ended: bool,
        now: impl FnOnce() -> u64,
        last_ns: u64,
        local: &mut Local,
    ) -> (Due, u64) {
        self.is_early = false;
        if flows_ended {
            self.stuck_since_ns = None;
        }
        let since_ns = *self.stuck_since_ns.get_or_insert(last_ns.max(self.begins_ns));
        let until_ns = since_ns.saturating_add(self.plan.flow_timeout_ns).min(self.ends_ns);
        let is_open = matches!(self.plan.pace, Pace::Open { .. });
        if !is_full || !is_open || self.plan.at_cap == AtCap::Block {
            return (Due::At(until_ns), last_ns);
        }
        let now_ns = now();
        if self.plan.at_cap == AtCap::Shed {
            self.shed(now_ns, local);
        }
        match self.next_due_ns() {
            Some(next_ns) if next_ns <= now_ns => (Due::Capped, now_ns),
            Some(next_ns) => (Due::At(until_ns.min(next_ns)), now_ns),
            // As without a cap, the load lasts as long as was asked, whenever its last flow was due.
            None if self.left > 0 && now_ns < self.ends_ns => (Due::At(until_ns), now_ns),
            None => {
                self.left = 0;
                (Due::Over, now_ns)
            }
        }
    }

    /// Notes when flows that were started at `now_ns` were due, and how long after those before them.
    #[inline]
    pub(crate) fn note_gaps(&mut self, now_ns: u64, starts: &[Message], inter_send: &mut Hist) {
        if self.gaps.are_noted() {
            self.gaps.note(now_ns, starts, self.measure_from_ns, inter_send);
        }
    }

    /// The first intervals between the flows it started.
    pub(crate) fn into_gaps(self) -> Option<Gaps> {
        Some(self.gaps).filter(Gaps::are_noted)
    }

    /// The next flows, without taking them; none: there are no more, and the load is over.
    #[inline(always)]
    pub(super) fn supply(&mut self) -> &[Start] {
        if self.next == self.buffer.len() {
            self.refill();
        }
        self.buffer.get(self.next..).unwrap_or_default()
    }

    /// The first of the supply.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<Start> {
        self.supply().first().copied()
    }

    /// Takes so many flows of those that were looked at last.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.next += count;
    }

    #[cold]
    fn refill(&mut self) {
        self.buffer.clear();
        self.next = 0;
        self.feed.fill(&mut self.buffer);
    }

    /// What a load with a full window does while nothing happens: ends when its time is over, and writes the window off
    /// if no flow has ended for too long, as flows that a transport lost never will. Says whether it wrote off.
    pub(crate) fn idle(&mut self, now_ns: u64, local: &mut Local) -> bool {
        if self.left > 0 && now_ns >= self.ends_ns {
            self.close(local);
        }
        let stuck = self
            .stuck_since_ns
            .is_some_and(|since_ns| now_ns >= since_ns.saturating_add(self.plan.flow_timeout_ns));
        if stuck {
            local.written_off += self.under_way(local);
            self.stuck_since_ns = None;
        }
        stuck
    }

    /// Ends the load; what was due in its time and not started is missed, and counted.
    fn close(&mut self, local: &mut Local) {
        self.stop(self.ends_ns, local);
    }

    /// Ends the load at `stopped_ns`, if it was not over before. What was due by then and not started is missed, and counted.
    pub(crate) fn stop(&mut self, stopped_ns: u64, local: &mut Local) {
        if let Pace::Open { .. } = self.plan.pace {
            self.count_missed(stopped_ns.min(self.ends_ns), local);
        }
        self.left = 0;
    }
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("plan", &self.plan).field("left", &self.left).finish_non_exhaustive()
    }
}
