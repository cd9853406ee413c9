//! Dead letters: messages that the broker gave up on and hands to an instance of the service that they were meant for. They do
//! not reach the handler.

use super::{Lane, LaneSpec};
use crate::{act::Act, clock::Now, message::Message, port::Told};

impl Lane {
    /// As [`Lane::received`], for a batch with dead letters in it.
    #[cold]
    #[inline(never)]
    pub(super) fn received_with_dead(&mut self, batch: &[Message], told: &[Told], clock: &impl Now) {
        let mut rest = (batch, told);
        while let Some(at) = rest.1.iter().position(Told::is_dead) {
            let (alive, from) = (rest.0.split_at(at), rest.1.split_at(at));
            if at > 0 {
                self.received(alive.0, from.0, clock);
            }
            let ([dead, others @ ..], [_, told @ ..]) = (alive.1, from.1) else { return };
            self.bury(dead, clock.now_ns());
            rest = (others, told);
        }
        if !rest.0.is_empty() {
            self.received(rest.0, rest.1, clock);
        }
    }

    /// Counts a dead letter, and the ends and the reply that will not come because of it.
    fn bury(&mut self, message: &Message, now_ns: u64) {
        let LaneSpec { id, out, pool, counters, others, aftermath, control, .. } = &mut self.spec;
        out.now_ns = now_ns;
        if !out.recorder.bury(message, pool) {
            return;
        }
        counters.doing.set(Act::Handler);
        let missed = aftermath.of(*id, message);
        counters.doing.set(Act::Drain);
        out.recorder.end_dead(message, missed.ends, now_ns);
        if missed.reply
            && let Some(asker) = others.get(usize::from(message.reply_to()))
        {
            asker.note_unanswered();
            control.ring();
        }
    }
}
