//! Counts of a lane that are kept apart, because they belong to neither side of a cost: messages of the warm-up, the time
//! that a load polls the clock, and ends of flows that had ended before.

use super::{Lane, LaneSpec};
use crate::{
    handler::{Out, Reactor},
    load::Load,
    message::Message,
    recorder::Recorder,
};

impl Lane {
    /// Whether its load waited for a due time when it was last asked for flows.
    #[must_use]
    pub fn waits_for_due(&self) -> bool {
        self.spec.load.as_ref().is_some_and(Load::is_early)
    }

    /// Whether the end of a flow may let its load start another one. A load that is over, and one with a schedule and room in its
    /// window, start nothing for that. As of when the load was last asked for flows; a lane that is held up waits for room in any case.
    pub(crate) fn waits_for_ends(&self) -> bool {
        !self.load_over && self.spec.load.as_ref().is_some_and(Load::waits_for_ends)
    }

    /// Notes that its load waited awake for a due time, in ns.
    pub fn waited_awake(&mut self, for_ns: u64) {
        self.spec.out.recorder.local.awake_ns += for_ns;
        self.spec.counters.publish_awake(&self.spec.out.recorder.local);
    }

    /// How many flows it has started, and how many messages it has emitted.
    pub(crate) fn done(&self) -> (u64, u64) {
        (self.spec.out.recorder.local.started, self.spec.out.emitted())
    }

    /// What it records into and publishes by itself, unless its thread does that for many lanes.
    pub(crate) const fn recorder(&mut self) -> &mut Recorder {
        &mut self.spec.out.recorder
    }

    /// Flows are measured that were due from here on, in ns on the run's clock.
    #[must_use]
    pub(crate) const fn measure_from_ns(&self) -> u64 {
        self.spec.out.recorder.measure_from_ns()
    }

    /// Publishes how many messages each send port has taken, and what the transport said of them.
    pub(crate) fn note_taken(&mut self, taken: impl Fn(usize) -> u64) {
        let local = &mut self.spec.out.recorder.local;
        (0..).zip(&mut local.confirms).for_each(|(port, confirms)| confirms.taken = taken(port));
        self.spec.counters.publish_confirms(local);
    }

    /// Takes what waits in its outbox away, as if it had been sent, and says how many messages that are of which send port.
    pub(crate) fn withdraw_unsent(&mut self) -> Vec<(usize, u64)> {
        let unsent = self.spec.out.unsent().into_iter().map(|(_, count)| count).enumerate();
        let unsent = unsent.filter(|(_, count)| *count > 0).collect();
        self.spec.out.take_emitted();
        self.refused_since_ns = None;
        unsent
    }

    /// When it last started flows or received something, in ns on the run's clock.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.spec.out.now_ns
    }

    /// Has the handler react to a batch in which not every message is as most are: of the warm-up, delivered before, or
    /// damaged. What is damaged does not reach the handler.
    #[cold]
    #[inline(never)]
    pub(super) fn react_to_unusual(&mut self, batch: &[Message]) {
        let LaneSpec { reactor, out, pool, replies, awaits, .. } = &mut self.spec;
        let unusual = out.recorder.take_unusual();
        if unusual.is_empty() {
            out.recorder.give_unusual(unusual);
            return react_in_warmup(&mut **reactor, batch, out);
        }
        let now_ns = out.now_ns;
        for (at, message) in batch.iter().enumerate() {
            if !out.recorder.is_sound(message, pool) {
                continue;
            }
            let only = std::slice::from_ref(message);
            if !unusual.is_again(at) {
                react_in_warmup(&mut **reactor, only, out);
                continue;
            }
            // The handler reacts as it would to any message. A flow that it ends has ended before.
            out.recorder.close_ends(now_ns);
            react_in_warmup(&mut **reactor, only, out);
            out.recorder.discard_ends();
            let is_reply = *awaits && replies.get(usize::from(message.destination)) == Some(&true);
            self.replies_received -= u64::from(is_reply);
        }
        out.recorder.give_unusual(unusual);
    }
}

/// Has the handler react, and counts what it emits for flows that were due in the warm-up. Handlers emit for the
/// message they are handed, so it is counted by runs of messages, not message by message.
#[cold]
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
