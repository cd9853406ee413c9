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
const PATIENCE: Duration = Duration::from_secs(20);
/// The same over a server, which may share a busy machine with others.
const PATIENCE_WITH_SERVER: Duration = Duration::from_secs(60);
/// A run in which nothing happens for that long is interrupted. Long, as one that only pauses must not fail.
const QUIET: Duration = Duration::from_secs(2);
/// The same over a server. Its client may look for what it lacks only now and then: that of Kafka asks anew for the leader of a
/// partition every 2 s, and a group of consumers may give its partitions out again, which takes seconds on a busy machine.
const QUIET_WITH_SERVER: Duration = Duration::from_secs(6);
/// The same once the transport has lost messages in an earlier run: the contract is broken, and messages that are lost do not come.
const QUIET_AFTER_LOSS: Duration = Duration::from_millis(150);
/// At most so much of the time between two samples counts as quiet: on a busy machine, or in a process that was suspended, lanes
/// had no chance to move something.
const QUIET_PER_SAMPLE: Duration = Duration::from_millis(40);
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

    /// When the run was last looked after; `None` before the first time.
    fn looked_ns(&self) -> Option<u64> {
        Some(self.looked_ns.load(Ordering::Relaxed)).filter(|ns| *ns != NEVER)
    }
}

/// For how long nobody has looked after a run. Counted in looks at its pulse: a process that was suspended did not wait.
#[derive(Default)]
pub(super) struct Deaf {
    looked_ns: Option<u64>,
    time: Duration,
}

impl Deaf {
    /// Whether the run has stopped without coming back, or never began, at a look `every` so often.
    pub(super) fn hangs(&mut self, pulse: &Pulse, every: Duration) -> bool {
        let looked_ns = pulse.looked_ns();
        if self.looked_ns != looked_ns {
            *self = Self { looked_ns, time: Duration::ZERO };
        }
        self.time += every;
        self.time > if looked_ns.is_some() { DEAF } else { PATIENCE }
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
    sampled_ns: u64,
    quiet_ns: u64,
    /// Interrupts when it is quiet for longer.
    quiet_at_most_ns: u64,
    /// Interrupts when the load takes longer.
    patience: Duration,
}

impl Follow {
    pub(super) fn new(pulse: &Arc<Pulse>, interrupts: bool, in_real_time: bool, has_server: bool) -> Self {
        let pulse = Arc::clone(pulse);
        let quiet_at_most_ns = as_ns(if has_server { QUIET_WITH_SERVER } else { QUIET });
        let patience = if has_server { PATIENCE_WITH_SERVER } else { PATIENCE };
        let sampled_ns = NEVER;
        Self {
            pulse,
            interrupts,
            in_real_time,
            sampled: false,
            seen: [0; 6],
            sampled_ns,
            quiet_ns: 0,
            quiet_at_most_ns,
            patience,
        }
    }

    /// For a transport that has lost messages before, in a run that waited for them in full.
    pub(super) fn after_a_loss(self) -> Self {
        Self { quiet_at_most_ns: as_ns(QUIET_AFTER_LOSS), ..self }
    }
}

impl Follow {
    /// How long the load may take before it is interrupted.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether nothing has moved for so long that the run is not worth waiting for.
    pub(super) fn stood_still(&self) -> bool {
        self.in_real_time && self.quiet_ns > self.quiet_at_most_ns
    }
}

impl Watch for Follow {
    fn sample(&mut self, snapshot: &Snapshot) {
        let Snapshot { started, ended, audit, .. } = snapshot;
        let seen = [*started, *ended, audit.sent, audit.delivered, audit.corrupted, audit.lagged];
        let now_ns = self.pulse.clock.now_ns();
        let since_ns = now_ns.saturating_sub(self.sampled_ns);
        let moved = std::mem::replace(&mut self.seen, seen) != seen;
        self.quiet_ns = if moved { 0 } else { self.quiet_ns + since_ns.min(as_ns(QUIET_PER_SAMPLE)) };
        self.sampled_ns = now_ns;
        self.sampled |= *started > 0;
    }

    fn is_interrupted(&self) -> bool {
        let now_ns = self.pulse.clock.now_ns();
        self.pulse.looked_ns.store(now_ns, Ordering::Relaxed);
        let asked = self.interrupts && self.sampled;
        let interrupted = asked || self.stood_still() || now_ns > as_ns(self.patience);
        if interrupted {
            self.pulse.interrupted_ns.fetch_min(now_ns, Ordering::Relaxed);
        }
        interrupted
    }
}
