//! What a lane records of dead letters.

use super::Recorder;
use crate::{audit::Seen, message::Message, payload::Pool};

impl Recorder {
    /// Notes a dead letter. Says whether its message had neither been handled nor died before.
    pub(crate) fn bury(&mut self, message: &Message, pool: &Pool) -> bool {
        self.rarely = true;
        let place = self.heard.place(message).filter(|_| message.intact(pool));
        let Some((slot, stream)) = place else {
            self.local.corrupted += 1;
            return false;
        };
        let seen = self.audit.note_dead(stream, message.seq);
        self.local.dead[slot] += u64::from(seen == Seen::New);
        self.local.dead_again += u64::from(seen == Seen::Again);
        seen == Seen::New
    }

    /// Notes that a message died at `now_ns` that would have ended its flow so often. The flow is over for the load, which may start
    /// another one, and is in no time.
    pub(crate) fn end_dead(&mut self, message: &Message, ends: u32, now_ns: u64) {
        if ends == 0 {
            return;
        }
        self.ends_unpublished = true;
        self.local.dead_ends += u64::from(ends);
        if message.due_ns() >= self.measure_from_ns {
            self.local.measured_dead_ends += u64::from(ends);
            self.local.last_end_ns = self.local.last_end_ns.max(now_ns);
        }
        let number = self.origins.get(usize::from(message.origin())).copied().unwrap_or(u16::MAX);
        if let Some(ended) = self.ended.get_mut(usize::from(number)) {
            *ended += u64::from(ends);
        } else if number != u16::MAX {
            self.note_ended_now(number, ends);
        }
        self.credit.note_dead(ends);
    }
}
