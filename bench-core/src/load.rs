//! A lane's load: when it may start flows, and how many are under way. What is fed in and when it is due comes from a
//! [`Feed`], made by the workloads.

use crate::{counters::Local, credit::Credit, message::Message};
use std::sync::Arc;

/// One flow to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// When it is due, in ns after the load begins; closed loads do not look at it.
    pub after_ns: u64,
    /// Its key.
    pub key: u32,
    /// Length of its payload in bytes.
    pub payload_len: u32,
}

/// A supply of flows to start, made from a seed.
pub trait Feed: Send {
    /// Appends the next flows, in order of `after_ns`, as many as the vector has room for without growing, or those that are
    /// left. Nothing appended: it is over, and an open load with it. One dynamic call for some hundred flows.
    fn fill(&mut self, starts: &mut Vec<Start>);
}

/// What limits the flows of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Starts one as soon as fewer than this many are under way.
    Closed {
        /// Flows under way, over all driven instances.
        in_flight: u64,
    },
    /// Starts each when it is due, unless this many are under way.
    Open {
        /// Flows under way at most, over all driven instances.
        window: u64,
    },
}

impl Pace {
    /// Most flows under way at a time, over all driven instances.
    #[must_use]
    pub const fn window(self) -> u64 {
        match self {
            Self::Closed { in_flight } => in_flight,
            Self::Open { window } => window,
        }
    }
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// After this many ns of measuring.
    Duration(u64),
    /// After this many measured flows, over all driven instances.
    Count(u64),
}

/// How a trial is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    /// Closed or open, and how much may be under way.
    pub pace: Pace,
    /// Flows due in the first so many ns are not measured.
    pub warmup_ns: u64,
    /// When it ends.
    pub extent: Extent,
    /// A full window without a single end for this long is written off as unfinished, and the load goes on.
    pub flow_timeout_ns: u64,
}

/// What the load says when asked for flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Flows were started.
    Started,
    /// None before this time, unless a flow ends.
    At(u64),
    /// None ever again.
    Over,
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
}

pub(crate) struct Load {
    feed: Box<dyn Feed>,
    plan: LoadPlan,
    lane: u16,
    origin: usize,
    credit: Arc<Credit>,
    ends_per_flow: u64,
    window: u64,
    left: u64,
    begins_ns: u64,
    buffer: Vec<Start>,
    next: usize,
    number: u32,
    ends_seen: u64,
    stuck_since_ns: Option<u64>,
}

const BUFFER: usize = 512;

/// No flow is due at or after it.
const END_OF_TIME_NS: u64 = u64::MAX / 2;

impl Load {
    pub(crate) fn new(
        feed: Box<dyn Feed>,
        plan: LoadPlan,
        share: Share,
        lane: u16,
        credit: Arc<Credit>,
        ends_per_flow: u32,
        begins_ns: u64,
    ) -> Self {
        let left = match plan.extent {
            Extent::Count(count) => share.part(count),
            Extent::Duration(_) => u64::MAX,
        };
        Self {
            feed,
            plan,
            lane,
            origin: share.member,
            credit,
            ends_per_flow: u64::from(ends_per_flow.max(1)),
            window: share.part(plan.pace.window()),
            left,
            begins_ns,
            buffer: Vec::with_capacity(BUFFER),
            next: 0,
            number: 0,
            ends_seen: 0,
            stuck_since_ns: None,
        }
    }

    /// When flows are measured from, in ns on the run's clock.
    fn measure_from_ns(&self) -> u64 {
        self.begins_ns + self.plan.warmup_ns
    }

    /// When no more flows are started; the end of time if the load ends by count, which is when a feed that is over has its
    /// next flow.
    fn ends_ns(&self) -> u64 {
        match self.plan.extent {
            Extent::Duration(ns) => self.measure_from_ns().saturating_add(ns),
            Extent::Count(_) => END_OF_TIME_NS,
        }
    }

    fn under_way(&self, local: &Local) -> u64 {
        local.started.saturating_sub(self.ends_seen / self.ends_per_flow + local.written_off)
    }

    /// Room in the window. Looks at the other lanes' counters only when what it last saw leaves less than `wanted`.
    fn room(&mut self, wanted: u64, local: &Local) -> u64 {
        let known = self.window.saturating_sub(self.under_way(local));
        if known >= wanted {
            return known;
        }
        self.ends_seen = self.credit.ended(self.origin);
        self.window.saturating_sub(self.under_way(local))
    }

    /// Starts up to `max` flows that are due, appending them to `starts`. `now` is read at most once, and only if there
    /// is room; `last_ns` is a time known without reading it.
    pub(crate) fn poll(
        &mut self,
        max: usize,
        now: impl FnOnce() -> u64,
        last_ns: u64,
        local: &mut Local,
        starts: &mut Vec<Message>,
    ) -> (Due, u64) {
        if self.left == 0 {
            return (Due::Over, last_ns);
        }
        let seen = self.ends_seen;
        let room = self.room(max as u64, local).min(max as u64);
        if room == 0 {
            if self.ends_seen != seen {
                self.stuck_since_ns = None;
            }
            let since_ns = *self.stuck_since_ns.get_or_insert(last_ns.max(self.begins_ns));
            return (
                Due::At(since_ns.saturating_add(self.plan.flow_timeout_ns).min(self.ends_ns())),
                last_ns,
            );
        }
        self.stuck_since_ns = None;
        let now_ns = now();
        (self.start(room, now_ns, local, starts), now_ns)
    }

    fn start(&mut self, room: u64, now_ns: u64, local: &mut Local, starts: &mut Vec<Message>) -> Due {
        let (measure_from_ns, ends_ns) = (self.measure_from_ns(), self.ends_ns());
        if now_ns >= ends_ns {
            self.close(local);
            return Due::Over;
        }
        if now_ns < self.begins_ns {
            return Due::At(self.begins_ns);
        }
        let before = starts.len();
        let mut due = Due::Started;
        while ((starts.len() - before) as u64) < room {
            let start = self.peek();
            let due_ns = match self.plan.pace {
                Pace::Closed { .. } => now_ns,
                Pace::Open { .. } => self.begins_ns + start.after_ns,
            };
            if due_ns >= ends_ns || self.left == 0 {
                self.left = 0;
                due = Due::Over;
                break;
            }
            if due_ns > now_ns {
                due = Due::At(due_ns);
                break;
            }
            starts.push(Message::start(self.lane, self.number, due_ns, start.key, start.payload_len));
            self.next += 1;
            self.number = self.number.wrapping_add(1);
            let measured = u64::from(due_ns >= measure_from_ns);
            self.left -= measured;
            local.measured_started += measured;
        }
        local.started += (starts.len() - before) as u64;
        if starts.len() > before { Due::Started } else { due }
    }

    fn peek(&mut self) -> Start {
        if self.next == self.buffer.len() {
            self.buffer.clear();
            self.next = 0;
            self.feed.fill(&mut self.buffer);
        }
        let over = Start { after_ns: END_OF_TIME_NS, ..Start::default() };
        self.buffer.get(self.next).copied().unwrap_or(over)
    }

    /// What a load with a full window does while nothing happens: ends when its time is over, and writes the window off
    /// if no flow has ended for too long, as flows that a transport lost never will. Says whether it wrote off.
    pub(crate) fn idle(&mut self, now_ns: u64, local: &mut Local) -> bool {
        if self.left > 0 && now_ns >= self.ends_ns() {
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
        self.left = 0;
        if let Pace::Open { .. } = self.plan.pace {
            let begins_ns = self.begins_ns;
            let due_ns = |start: Start| begins_ns.saturating_add(start.after_ns);
            let (measure_from_ns, ends_ns) = (self.measure_from_ns(), self.ends_ns());
            while due_ns(self.peek()) < ends_ns {
                local.missed += u64::from(due_ns(self.peek()) >= measure_from_ns);
                self.next += 1;
            }
        }
    }
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("plan", &self.plan).field("left", &self.left).finish_non_exhaustive()
    }
}
