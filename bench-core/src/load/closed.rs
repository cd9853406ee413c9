//! Closed loads: a flow starts when another one ends, at once or after the user's think time.

use super::{
    Start, Starts,
    starter::{Due, Load},
};
use crate::counters::Local;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Users who think: when each will be ready, with key and payload length of what they will start. Never more than the
/// window.
#[derive(Debug, Default)]
pub(super) struct Users {
    thinking: BinaryHeap<Reverse<(u64, u32, u32)>>,
}

impl Load {
    /// Starts `room` flows, which are due now; fewer if fewer are left.
    #[inline(always)]
    pub(super) fn start_at_once(
        &mut self,
        room: u64,
        now_ns: u64,
        local: &mut Local,
        starts: &mut Starts,
    ) -> Due {
        let measured = now_ns >= self.measure_from_ns;
        let most = if measured { room.min(self.left) } else { room };
        // Most often it is one, which then goes without what several at once need.
        if most == 1
            && let Some(start) = self.peek()
        {
            starts.add(start, now_ns);
            self.advance(1);
            self.count_started(1, measured, local);
            return Due::Started;
        }
        let count = self.start_several(most, now_ns, starts);
        self.count_started(count, measured, local);
        if count > 0 { Due::Started } else { Due::Over }
    }

    /// Starts `most` flows; fewer if fewer are left. Says how many.
    fn start_several(&mut self, most: u64, now_ns: u64, starts: &mut Starts) -> u64 {
        let mut count = 0;
        while count < most {
            let supply = self.supply();
            let some = supply.len().min((most - count) as usize);
            if some == 0 {
                self.left = 0;
                break;
            }
            starts.add_all(&supply[..some], now_ns);
            self.advance(some);
            count += some as u64;
        }
        count
    }

    #[inline(always)]
    fn count_started(&mut self, count: u64, measured: bool, local: &mut Local) {
        self.note_started(count, local);
        if measured {
            self.left = self.left.saturating_sub(count);
            local.measured_started += count;
        }
    }

    /// Has the users of all `free` places think, and starts up to `room` flows of those who are ready, due when they were.
    pub(super) fn start_after_thinking(
        &mut self,
        free: u64,
        room: u64,
        now_ns: u64,
        local: &mut Local,
        starts: &mut Starts,
    ) -> Due {
        while (self.users.thinking.len() as u64) < free
            && let Some(start) = self.peek()
        {
            let ready_ns = now_ns.saturating_add(start.after_ns);
            self.users.thinking.push(Reverse((ready_ns, start.key, start.payload_len)));
            self.advance(1);
        }
        let mut count = 0;
        while count < room
            && self.left > 0
            && let Some(Reverse((ready_ns, key, payload_len))) = self.users.thinking.peek().copied()
            && ready_ns <= now_ns
        {
            self.users.thinking.pop();
            starts.add(Start { after_ns: 0, key, payload_len }, ready_ns);
            self.note_late(ready_ns, now_ns, local);
            let measured = u64::from(ready_ns >= self.measure_from_ns);
            self.left -= measured;
            local.measured_started += measured;
            count += 1;
        }
        self.note_started(count, local);
        match self.users.thinking.peek() {
            _ if count > 0 => Due::Started,
            Some(Reverse((ready_ns, _, _))) => Due::At((*ready_ns).min(self.ends_ns)),
            None => {
                self.left = 0;
                Due::Over
            }
        }
    }
}
