//! The schedule of a limit that several lanes share: it gives out the times at which messages may be received.
//!
//! The next message is due one gap after the last one that was given out. The times follow from the schedule and not from when a lane comes to
//! it, so a lane that wakes up late does not lower the rate. Nobody comes to this state unless a limit holds at the moment.

use crate::{
    plan::Limit,
    sync::atomic::{AtomicU64, Ordering},
};

/// How much of the schedule a lane that woke up late may catch up on, in picoseconds: 100 ms. So in any second at most 1.1 times the limit is received. A longer pause,
/// such as that of a transport without messages, leaves nothing to make up for.
const MADE_UP_FOR_PS: u64 = 100_000_000_000;
const PS_PER_NS: u64 = 1_000;

/// The messages of the schedule that a lane has claimed for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// So many messages now, at least one.
    Now(u64),
    /// One message, from this time on, in ns on the run's clock. Nobody else gets it.
    At(u64),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// When the last message that was given out is due, in picoseconds on the run's clock.
    last_ps: AtomicU64,
}

impl Slots {
    /// Gives out messages from now on. Called once, before any of them is claimed.
    pub(crate) fn begin(&self, now_ns: u64) {
        self.last_ps.store(now_ns.saturating_mul(PS_PER_NS), Ordering::Relaxed);
    }

    /// Claims what is due at `now_ns`, at most `max` messages; if nothing is, the next message.
    pub(crate) fn claim(&self, limit: Limit, now_ns: u64, max: u64) -> Claim {
        let (gap_ps, now_ps) = (limit.gap_ps(), now_ns.saturating_mul(PS_PER_NS));
        // At least one message stays due, however long the gap is.
        let oldest_ps = now_ps.saturating_sub(MADE_UP_FOR_PS.max(gap_ps));
        let mut seen_ps = self.last_ps.load(Ordering::Relaxed);
        loop {
            let from_ps = seen_ps.max(oldest_ps);
            let due = (now_ps.saturating_sub(from_ps) / gap_ps).min(max);
            let last_ps = from_ps.saturating_add(gap_ps * due.max(1));
            let swapped =
                self.last_ps.compare_exchange_weak(seen_ps, last_ps, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) if due > 0 => return Claim::Now(due),
                Ok(_) => return Claim::At(last_ps.div_ceil(PS_PER_NS)),
                Err(other_ps) => seen_ps = other_ps,
            }
        }
    }

    /// Gives back `count` messages that were claimed and not received.
    pub(crate) fn give_back(&self, limit: Limit, count: u64) {
        self.last_ps.fetch_sub(limit.gap_ps() * count, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A message every ms, from 10 ms on.
    fn slots() -> (Slots, Limit) {
        let slots = Slots::default();
        slots.begin(10 * MS);
        (slots, Limit::per_s(1_000.0).expect("a limit"))
    }

    #[test]
    fn messages_are_due_by_the_schedule_and_not_by_who_comes() {
        let (slots, limit) = slots();
        assert_eq!(slots.claim(limit, 10 * MS, 8), Claim::At(11 * MS));
        assert_eq!(slots.claim(limit, 10 * MS, 8), Claim::At(12 * MS), "another lane gets the next");
        assert_eq!(slots.claim(limit, 15 * MS + MS / 2, 8), Claim::Now(3), "13, 14 and 15 ms");
        assert_eq!(slots.claim(limit, 15 * MS + MS / 2, 8), Claim::At(16 * MS), "late, and without a drift");
        assert_eq!(slots.claim(limit, 40 * MS, 8), Claim::Now(8), "no more than asked for");
        assert_eq!(slots.claim(limit, 40 * MS, 99), Claim::Now(16));
    }

    #[test]
    fn what_was_not_received_is_given_to_others() {
        let (slots, limit) = slots();
        assert_eq!(slots.claim(limit, 20 * MS, 8), Claim::Now(8));
        slots.give_back(limit, 6);
        assert_eq!(slots.claim(limit, 20 * MS, 99), Claim::Now(8), "6 of them, and 2");
        assert_eq!(slots.claim(limit, 20 * MS, 99), Claim::At(21 * MS));
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let (slots, limit) = slots();
        assert_eq!(slots.claim(limit, 10_010 * MS, u64::MAX), Claim::Now(100), "those of 100 ms");
        assert_eq!(slots.claim(limit, 10_010 * MS, 1), Claim::At(10_011 * MS));
        // A gap that is longer than that: one message is due, and not those of all the time.
        let slow = Limit::per_s(2.0).unwrap();
        assert_eq!(slots.claim(slow, 60_000 * MS, 9), Claim::Now(1));
        assert_eq!(slots.claim(slow, 60_000 * MS, 9), Claim::At(60_500 * MS));
    }

    /// A third of a ms is no whole number of ns: after 300,000 messages the schedule is where it should be.
    #[test]
    fn a_schedule_does_not_drift() {
        let slots = Slots::default();
        slots.begin(0);
        let limit = Limit::per_s(3_000.0).unwrap();
        let (mut now_ns, mut received) = (0, 0);
        while received < 300_000 {
            match slots.claim(limit, now_ns, 1) {
                Claim::Now(count) => received += count,
                Claim::At(due_ns) => (now_ns, received) = (due_ns, received + 1),
            }
        }
        assert!((100_000 * MS - 1_000..=100_000 * MS + 1_000).contains(&now_ns), "{now_ns}");
    }
}
