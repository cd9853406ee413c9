//! Which lanes share a thread, and how a thread that has nothing to do waits.

use super::TrialPlan;
use std::{fmt, str::FromStr};

/// A thread with more lanes than this steps those that were called. Measured at 10,000 flows/s: a round over 64 lanes takes
/// 3 µs, and each lane more adds 50 ns to every hop.
pub(crate) const CROWD: usize = 64;

/// Which lanes share a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A thread for each lane (tasks: as many workers as there are cores).
    Each,
    /// So many threads; the lanes of one are stepped in turn (tasks: so many workers).
    Threads(usize),
}

impl Placement {
    /// A thread for each core. With fewer lanes than that each lane has its own; with more, threads that take cores from
    /// each other would make the system's scheduler part of what is measured.
    #[must_use]
    pub fn cores() -> Self {
        Self::Threads(cores())
    }

    /// The usual placement of so many lanes. Very many lanes of a paced load keep their threads awake, as one of them is always due
    /// soon. So they leave a core to the threads of the harness and of a server: measured with 10,000 pairs at 10,000 flows/s on 2
    /// cores, two threads had each other's work to wait for (p50 15 µs, and 3 µs with one thread).
    #[must_use]
    pub fn usual(lanes: usize) -> Self {
        let cores = cores();
        let are_many = lanes > CROWD * cores;
        Self::Threads(if are_many { cores.saturating_sub(1).max(1) } else { cores })
    }

    /// How many threads so many lanes have.
    #[must_use]
    pub fn threads(self, lanes: usize) -> usize {
        match self {
            Self::Each => lanes,
            Self::Threads(count) => count.min(lanes),
        }
    }

    /// How many worker threads a runtime of tasks has for it.
    #[must_use]
    pub fn workers(self) -> usize {
        match self {
            Self::Each => cores(),
            Self::Threads(count) => count,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("each"),
            Self::Threads(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "each" => Ok(Self::Each),
            _ if text == "cores" => Ok(Self::cores()),
            Ok(count @ 1..=1024) => Ok(Self::Threads(count)),
            _ => Err(format!(
                "`{text}` is no placement: `cores`, `each`, or a number of threads from 1 to 1024"
            )),
        }
    }
}

/// Whether a trial on threads has so many lanes that its threads step those which have something to do, and not all of them
/// in turn. Their histograms are then those of the threads.
#[must_use]
pub fn is_crowded(plan: &TrialPlan) -> bool {
    let lanes = usize::from(plan.wiring.instance_count());
    lanes > CROWD * plan.placement.threads(lanes)
}

/// How an idle thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Looks again at once.
    Spin,
    /// Lets another thread run, then looks again.
    Yield,
    /// Sleeps until it is woken.
    Park,
    /// Sleeps the transport's own way; lanes on a thread of their own only.
    Native,
}

impl Wait {
    /// All strategies.
    pub const ALL: [Self; 4] = [Self::Spin, Self::Yield, Self::Park, Self::Native];

    /// `spin`, `yield`, `park` or `native`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Park => "park",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|wait| wait.name() == text);
        found.ok_or_else(|| format!("`{text}` is no wait strategy: spin, yield, park or native"))
    }
}
