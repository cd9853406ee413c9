//! Follows a run of the contract kit. It interrupts the run when a check asks for it, when no more messages arrive, or
//! when the run takes too long. The checking thread can see whether the run still responds.

use crate::{
    clock::{Clock, Now, as_ns},
    monitor::Watch,
    outcome::Snapshot,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A load that is not over by then is interrupted.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// A run in which nothing happens for that long is interrupted.
const QUIET: Duration = Duration::from_secs(2);
/// A run that nobody has looked after for that long hangs.
pub(super) const DEAF: Duration = Duration::from_secs(8);
/// `Pulse` of what has not happened.
const NEVER: u64 = u64::MAX;

/// What both threads see of a run.
#[derive(Debug)]
pub(super) struct Pulse {
    clock: Clock,
    looked_ns: AtomicU64,
    interrupted_ns: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        let never = || AtomicU64::new(NEVER);
        Arc::new(Self { clock: Clock::start(), looked_ns: never(), interrupted_ns: never() })
    }

    /// Now.
    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.now_ns())
    }

    /// When the run was interrupted, if it was.
    pub(super) fn interrupted(&self) -> Option<Duration> {
        let ns = self.interrupted_ns.load(Ordering::Relaxed);
        (ns != NEVER).then(|| Duration::from_nanos(ns))
    }

    /// Whether it has stopped without coming back, or never began.
    pub(super) fn hangs(&self) -> bool {
        let (now, looked_ns) = (self.now(), self.looked_ns.load(Ordering::Relaxed));
        match looked_ns {
            NEVER => now > PATIENCE,
            _ => now > Duration::from_nanos(looked_ns) + DEAF,
        }
    }
}

/// The kit's only watch.
pub(super) struct Follow {
    pulse: Arc<Pulse>,
    /// Interrupts after the first sample with flows.
    interrupts: bool,
    /// Whether samples come in real time, so that quiet can be told.
    in_real_time: bool,
    sampled: bool,
    seen: [u64; 6],
    moved_ns: u64,
}

impl Follow {
    pub(super) fn new(pulse: &Arc<Pulse>, interrupts: bool, in_real_time: bool) -> Self {
        let pulse = Arc::clone(pulse);
        Self { pulse, interrupts, in_real_time, sampled: false, seen: [0; 6], moved_ns: NEVER }
    }
}

impl Watch for Follow {
    fn sample(&mut self, snapshot: &Snapshot) {
        let Snapshot { started, ended, audit, .. } = snapshot;
        let seen = [*started, *ended, audit.sent, audit.delivered, audit.corrupted, audit.lagged];
        if self.moved_ns == NEVER || self.seen != seen {
            (self.seen, self.moved_ns) = (seen, self.pulse.clock.now_ns());
        }
        self.sampled |= *started > 0;
    }

    fn is_interrupted(&self) -> bool {
        let now_ns = self.pulse.clock.now_ns();
        self.pulse.looked_ns.store(now_ns, Ordering::Relaxed);
        let asked = self.interrupts && self.sampled;
        let quiet = self.in_real_time && now_ns > self.moved_ns.saturating_add(as_ns(QUIET));
        let interrupted = asked || quiet || now_ns > as_ns(PATIENCE);
        if interrupted {
            self.pulse.interrupted_ns.fetch_min(now_ns, Ordering::Relaxed);
        }
        interrupted
    }
}
