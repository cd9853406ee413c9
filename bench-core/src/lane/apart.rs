//! Counts of a lane that are kept apart, because they belong to neither side of a cost: messages of the warm-up, and
//! the time that a load polls the clock.

use super::Lane;
use crate::{
    handler::{Out, Reactor},
    load::Load,
    message::Message,
};

impl Lane {
    /// Whether its load waited for a due time when it was last asked for flows.
    #[must_use]
    pub fn waits_for_due(&self) -> bool {
        self.spec.load.as_ref().is_some_and(Load::is_early)
    }

    /// Notes that its load waited awake for a due time, in ns.
    pub fn waited_awake(&mut self, for_ns: u64) {
        self.spec.out.recorder.local.awake_ns += for_ns;
        self.spec.counters.publish_awake(&self.spec.out.recorder.local);
    }

    /// When it last started flows or received something, in ns on the run's clock.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.spec.out.now_ns
    }
}

/// Has the handler react, and counts what it emits for flows that were due in the warm-up. Handlers emit for the message
/// they are handed, so it is counted by runs of messages, not message by message.
#[inline(never)]
pub(super) fn react_in_warmup(reactor: &mut dyn Reactor, batch: &[Message], out: &mut Out) {
    let measure_from_ns = out.recorder.measure_from_ns();
    let is_warmup = |message: &Message| message.due_ns() < measure_from_ns;
    for run in batch.chunk_by(|a, b| is_warmup(a) == is_warmup(b)) {
        let before = out.emitted();
        reactor.react(run, out);
        if run.first().is_some_and(is_warmup) {
            out.recorder.local.warmup_emitted += out.emitted() - before;
        }
    }
}
