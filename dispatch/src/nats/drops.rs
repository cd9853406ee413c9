//! Counts the messages that the client dropped for a slow receiver.
//!
//! The client reports that it drops, but not for each message. It also counts messages that arrive. So when the
//! subscriptions are empty, every message that arrived and was not handed over has been dropped. One message may just
//! be on its way into its subscription; it counts as dropped only after a while in which nothing happened.

use async_nats::Statistics;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Looks at which nothing may have happened before the last message is believed dropped. With nothing arriving, a lane
/// looks twice whenever its bell is rung, which is some ten times a second: some tenths of a second together.
const QUIET_LOOKS: u8 = 8;

/// The messages that arrived over one connection.
#[derive(Debug)]
pub(super) struct Tally {
    client: Arc<Statistics>,
    /// Handed over, dropped, or no message of a port.
    accounted: AtomicU64,
}

impl Tally {
    pub(super) fn new(client: Arc<Statistics>) -> Self {
        Self { client, accounted: AtomicU64::new(0) }
    }

    /// The messages that have arrived so far.
    pub(super) fn arrived(&self) -> u64 {
        self.client.in_messages.load(Ordering::Acquire)
    }

    /// Nothing that arrived before now was meant for a port.
    pub(super) fn begin(&self) {
        self.accounted.store(self.arrived(), Ordering::Relaxed);
    }

    /// So many were handed over, or are reported as dropped.
    pub(super) fn account(&self, count: u64) {
        self.accounted.fetch_add(count, Ordering::Relaxed);
    }

    /// Of `arrived`, what is not accounted for.
    pub(super) fn missing(&self, arrived: u64) -> u64 {
        arrived.saturating_sub(self.accounted.load(Ordering::Relaxed))
    }
}

/// Whether the last missing message may still come.
#[derive(Debug, Default)]
pub(super) struct Doubt(Option<(u64, u8)>);

impl Doubt {
    /// Whether there is a message that may still come, or may have been dropped.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Of `missing` messages, how many were certainly dropped. `arrived` is what had arrived before the subscriptions
    /// were found empty; `dropping`: the client said that it dropped some since the last look.
    pub(super) fn certain(&mut self, missing: u64, arrived: u64, dropping: bool) -> u64 {
        if missing == 0 {
            self.0 = None;
            return 0;
        }
        let looks = match self.0 {
            Some((at, looks)) if at == arrived && missing == 1 => looks + u8::from(!dropping),
            _ => 0,
        };
        if looks >= QUIET_LOOKS {
            self.0 = None;
            return 1;
        }
        self.0 = Some((arrived, looks));
        missing - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_is_believed_dropped_after_quiet_looks_only() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.certain(10, 100, true), 9);
        assert_eq!(doubt.certain(1, 100, false), 0);
        assert_eq!(doubt.certain(1, 100, true), 0, "no quiet look");
        assert_eq!(doubt.certain(1, 100, false), 0);
        assert_eq!(doubt.certain(1, 101, false), 0, "something arrived: from the beginning");
        for _ in 1..QUIET_LOOKS {
            assert_eq!(doubt.certain(1, 101, false), 0);
        }
        assert_eq!(doubt.certain(1, 101, false), 1);
        assert!(!doubt.is_some());
    }

    #[test]
    fn a_message_that_comes_after_all_was_not_dropped() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.certain(1, 100, true), 0);
        assert!(doubt.is_some());
        assert_eq!(doubt.certain(0, 100, false), 0);
        assert!(!doubt.is_some());
    }
}
