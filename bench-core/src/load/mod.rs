//! The load of a lane: when it may start flows, and how many are under way. A [`Feed`] from the workloads says when
//! each flow is due and how large it is.
//!
//! Here are the settings of a load. `starter` carries them out, on a schedule in `open` and for users in `closed`.
//! `gaps` records the gaps between flows.

mod closed;
mod open;
mod starter;
mod starts;

pub(crate) use starter::{Due, Load, Share};
pub(crate) use starts::Starts;

/// One flow to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// In an open load: when it is due, in ns after the load begins. In a closed one: how long its user thinks before it
    /// is due, in ns; not looked at unless [`LoadPlan::thinks`].
    pub after_ns: u64,
    /// Its key.
    pub key: u32,
    /// Length of its payload in bytes.
    pub payload_len: u32,
}

/// A supply of flows to start, made from a seed.
pub trait Feed: Send {
    /// Appends the next flows, in order of `after_ns` if they are due by a schedule, as many as the vector has room for
    /// without growing. One dynamic call for some hundred flows. Appending none says that there are no more: the load is
    /// over.
    fn fill(&mut self, starts: &mut Vec<Start>);
}

/// The limit on the number of flows of a load.
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

/// What an open load does with a flow that is due while its window is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtCap {
    /// Starts it when there is room; the wait is schedule lag.
    #[default]
    Block,
    /// Does not start it, and counts it as shed.
    Shed,
    /// Ends the run.
    Fail,
}

impl AtCap {
    /// `block`, `shed` or `fail`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Shed => "shed",
            Self::Fail => "fail",
        }
    }
}

/// How an open load treats flows that are late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Debt {
    /// Starts them at once, due when they were due: nothing is left out of the response times.
    #[default]
    Keep,
    /// Does not start those that are late by more than this, and counts them as dropped.
    DropAfter {
        /// In ns.
        late_ns: u64,
    },
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
    /// Open loads: what happens at the window.
    pub at_cap: AtCap,
    /// Open loads: what happens to flows that are late.
    pub debt: Debt,
    /// Closed loads: each of the flows under way belongs to a user, who thinks for [`Start::after_ns`] before the next.
    pub thinks: bool,
}

impl LoadPlan {
    /// So many flows under way, `extent` long: no warm-up, no think time, five seconds until a flow is written off.
    #[must_use]
    pub const fn closed(in_flight: u64, extent: Extent) -> Self {
        Self {
            pace: Pace::Closed { in_flight },
            warmup_ns: 0,
            extent,
            flow_timeout_ns: 5_000_000_000,
            at_cap: AtCap::Block,
            debt: Debt::Keep,
            thinks: false,
        }
    }

    /// Whether flows are due at times, so that a lane has to wait for them.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        self.thinks || matches!(self.pace, Pace::Open { .. })
    }
}

#[cfg(test)]
mod tests;
