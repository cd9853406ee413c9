//! How a lane keeps to the limit of a service that catches up with a backlog (`--catch-up`): it does not poll its inbox before a message is due by
//! the schedule that all instances of the service share.
//!
//! The transport is not asked for anything meanwhile, so the time is not the transport's. It is counted apart. Lanes of other services, and all
//! lanes where no limit is asked for, never come here.

use super::Lane;
use crate::{
    clock::Now,
    control::{Claim, Gate},
    plan::Limit,
};

/// A lane that is held back is woken when the next message is due, and a little later if the system is slow. That belongs to the limit as well. What
/// is more than this has another reason, such as a pause or a kill of the lane.
const WOKEN_LATE_NS: u64 = 50_000_000;

/// A message that is reserved for a lane and is not due yet.
#[derive(Clone, Copy, Debug)]
struct Held {
    since_ns: u64,
    due_ns: u64,
}

impl Held {
    /// For how long the limit has held the lane back by `now_ns`.
    fn lasted_ns(self, now_ns: u64) -> u64 {
        now_ns.min(self.due_ns.saturating_add(WOKEN_LATE_NS)).saturating_sub(self.since_ns)
    }
}

/// The state of a lane that has a limit.
#[derive(Debug)]
pub(super) struct Throttle {
    limit: Limit,
    /// How many messages the lane claimed for its last poll. Those that this poll did not find are given back.
    granted: u64,
    /// What the lane had received when it was last asked.
    received: u64,
    held: Option<Held>,
    /// For how long it was held back, without what lasts now.
    held_ns: u64,
}

/// The answer of a [`Throttle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// The limit does not hold yet.
    Everything,
    /// So many messages, at least one.
    Some(u64),
    /// Nothing yet.
    Nothing,
    /// The limit has ended.
    Ended,
}

impl Throttle {
    pub(super) const fn new(limit: Limit) -> Self {
        Self { limit, granted: 0, received: 0, held: None, held_ns: 0 }
    }

    /// What a lane may take that has `received` so much so far and takes at most `max` messages at once.
    fn allowed(&mut self, gate: &Gate, received: u64, max: u64, clock: &impl Now) -> Allowed {
        let taken = received.saturating_sub(std::mem::replace(&mut self.received, received));
        if !gate.has_begun() {
            return Allowed::Everything;
        }
        if gate.ended_ns().is_some() {
            self.end(gate, clock.now_ns());
            return Allowed::Ended;
        }
        // Its inbox had less than that. Others may receive it.
        let left = std::mem::take(&mut self.granted).saturating_sub(taken);
        if left > 0 {
            gate.give_back(self.limit, left);
        }
        let now_ns = clock.now_ns();
        match self.held {
            Some(held) if now_ns < held.due_ns => return Allowed::Nothing,
            Some(held) => {
                self.held_ns += held.lasted_ns(now_ns);
                (self.held, self.granted) = (None, 1);
            }
            None => match gate.claim(self.limit, now_ns, max) {
                Claim::Now(count) => self.granted = count,
                Claim::At(due_ns) => {
                    self.held = Some(Held { since_ns: now_ns, due_ns });
                    return Allowed::Nothing;
                }
            },
        }
        Allowed::Some(self.granted)
    }

    /// The limit or the trial has ended by `now_ns`. What a lane is held back after the limit does not count.
    fn end(&mut self, gate: &Gate, now_ns: u64) {
        let until_ns = gate.ended_ns().map_or(now_ns, |ended_ns| ended_ns.min(now_ns));
        self.held_ns += self.held.take().map_or(0, |held| held.lasted_ns(until_ns));
    }
}

impl Lane {
    /// How many of `max` messages a lane with a limit may take now; 0: it is held back.
    #[cold]
    #[inline(never)]
    pub(super) fn allowed(&mut self, max: usize, clock: &impl Now) -> usize {
        let Some(throttle) = &mut self.throttle else { return max };
        let recorder = &mut self.spec.out.recorder;
        let received: u64 = recorder.local.received.iter().sum();
        match throttle.allowed(&self.spec.control.backlog, received, max as u64, clock) {
            Allowed::Everything => max,
            Allowed::Nothing => 0,
            Allowed::Some(count) => {
                // What is granted is for one poll.
                self.batches_per_step = 1;
                count as usize
            }
            Allowed::Ended => {
                recorder.local.held_back_ns += throttle.held_ns;
                self.throttle = None;
                (self.is_plain, self.batches_per_step) = (!self.spec.awaits, self.spec.batches_per_step());
                max
            }
        }
    }

    /// When the next message is due for a lane that its limit holds back, in ns on the run's clock; `u64::MAX`: it is not held back.
    pub(crate) fn held_until_ns(&self) -> u64 {
        let held = self.throttle.as_ref().and_then(|throttle| throttle.held);
        held.map_or(u64::MAX, |held| held.due_ns)
    }

    /// Notes for how long it was held back, at the end of a trial that was stopped at `stopped_ns`.
    pub(super) fn end_throttle(&mut self, stopped_ns: u64) {
        if let Some(mut throttle) = self.throttle.take() {
            throttle.end(&self.spec.control.backlog, stopped_ns);
            self.spec.out.recorder.local.held_back_ns += throttle.held_ns;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    const MS: u64 = 1_000_000;

    /// A limit of a message every ms, which holds from 10 ms on, and a lane at 10 ms.
    fn begun() -> (Gate, Throttle, VirtualClock) {
        let (gate, clock) = (Gate::default(), VirtualClock::default());
        let mut throttle = Throttle::new(Limit::per_s(1_000.0).expect("a limit"));
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Everything, "it does not hold yet");
        clock.advance_to(10 * MS);
        gate.begin(10 * MS);
        (gate, throttle, clock)
    }

    #[test]
    fn a_lane_waits_for_the_next_message_and_the_time_is_counted() {
        let (gate, mut throttle, clock) = begun();
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Nothing);
        clock.advance_to(11 * MS - 1);
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Nothing);
        assert_eq!(throttle.held.map(|held| held.due_ns), Some(11 * MS));
        clock.advance_to(11 * MS);
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Some(1));
        assert_eq!((throttle.held_ns, throttle.held.is_none()), (MS, true));
        // It handles that message for 2.5 ms, so the next two are due.
        clock.advance_to(13 * MS + MS / 2);
        assert_eq!(throttle.allowed(&gate, 4, 8, &clock), Allowed::Some(2));
        assert_eq!(throttle.allowed(&gate, 6, 8, &clock), Allowed::Nothing, "until 14 ms");
        gate.end(13 * MS + 3 * MS / 4);
        clock.advance_to(20 * MS);
        assert_eq!(throttle.allowed(&gate, 6, 8, &clock), Allowed::Ended);
        assert_eq!(throttle.held_ns, MS + MS / 4, "after the end of the limit nothing is its time");
    }

    #[test]
    fn what_its_inbox_did_not_have_goes_to_another_lane() {
        let (gate, mut throttle, clock) = begun();
        let mut other = Throttle::new(throttle.limit);
        clock.advance_to(14 * MS);
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Some(4));
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Some(4), "there was nothing in it");
        assert_eq!(throttle.allowed(&gate, 6, 1, &clock), Allowed::Some(1), "there were three");
        assert_eq!(throttle.allowed(&gate, 7, 8, &clock), Allowed::Nothing);
        assert_eq!(other.allowed(&gate, 0, 8, &clock), Allowed::Nothing);
        let due_ms = [&throttle, &other].map(|lane| lane.held.map(|held| held.due_ns / MS));
        assert_eq!(due_ms, [Some(15), Some(16)], "both together receive one in a ms");
        assert_eq!((throttle.held_ns, other.held_ns), (0, 0));
    }

    #[test]
    fn a_pause_of_a_lane_that_was_held_back_is_not_the_limits() {
        let (gate, mut throttle, clock) = begun();
        assert_eq!(throttle.allowed(&gate, 3, 8, &clock), Allowed::Nothing);
        clock.advance_to(5_000 * MS);
        throttle.end(&gate, 5_000 * MS);
        assert_eq!(throttle.held_ns, MS + WOKEN_LATE_NS);
    }
}
