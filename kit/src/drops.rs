//! Counts the messages that a client dropped for a slow receiver, for clients that say that they drop and count only what
//! arrives.
//!
//! When the subscriptions are empty, every message that arrived and was not handed over has been dropped. One message may
//! just be on its way into its subscription; it counts as dropped only after a while in which nothing happened.

use crate::link::Link;
use drumpost_core::port::PortError;

/// Looks at which nothing may have happened before the last message is believed dropped. With nothing arriving, a lane
/// looks twice whenever its bell is rung, which is some ten times a second: some tenths of a second together.
const QUIET_LOOKS: u8 = 8;

/// What is known of the messages that one connection dropped. The client says so with [`Link::drop_some`].
pub struct Drops {
    /// Messages that have arrived over the connection so far.
    arrived: Box<dyn Fn() -> u64 + Send>,
    /// Handed over, dropped, or no message of a port.
    accounted: u64,
    doubt: Doubt,
    /// Before the subscriptions were looked into: what had arrived, and whether the client was dropping.
    before: (u64, bool),
}

impl std::fmt::Debug for Drops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drops").field("accounted", &self.accounted).finish_non_exhaustive()
    }
}

impl Drops {
    /// For a client that counts by `arrived` what arrives over a connection. Nothing that arrived before now was meant for a port.
    #[must_use]
    pub fn new(arrived: impl Fn() -> u64 + Send + 'static) -> Self {
        Self { accounted: arrived(), arrived: Box::new(arrived), doubt: Doubt::default(), before: (0, false) }
    }

    /// Called before a look at everything: whether the look has to find out what was dropped.
    #[inline]
    pub(crate) fn begin(&mut self, link: &Link) -> bool {
        let is_dropping = link.take_dropped();
        if !is_dropping && !self.doubt.is_some() {
            return false;
        }
        self.before = ((self.arrived)(), is_dropping);
        true
    }

    /// Something was there.
    #[inline]
    pub(crate) fn handed(&mut self, count: usize, link: &Link) {
        self.accounted += count as u64;
        if std::mem::take(&mut self.before.1) {
            link.drop_some();
        }
    }

    /// Nothing was there.
    pub(crate) fn found_nothing(&mut self) -> Result<(), PortError> {
        let (arrived, is_dropping) = (self.before.0, std::mem::take(&mut self.before.1));
        match self.doubt.certain(arrived.saturating_sub(self.accounted), arrived, is_dropping) {
            0 => Ok(()),
            dropped => {
                self.accounted += dropped;
                Err(PortError::Lagged(dropped))
            }
        }
    }
}

/// Whether the last missing message may still come.
#[derive(Debug, Default)]
struct Doubt(Option<(u64, u8)>);

impl Doubt {
    /// Whether there is a message that may still come, or may have been dropped.
    const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Of `missing` messages, how many were certainly dropped. `arrived` is what had arrived before the subscriptions
    /// were found empty; `dropping`: the client said that it dropped some since the last look.
    fn certain(&mut self, missing: u64, arrived: u64, dropping: bool) -> u64 {
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
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

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

    #[test]
    fn what_arrived_and_was_not_handed_over_is_dropped() {
        let counter = Arc::new(AtomicU64::new(7));
        let client = Arc::clone(&counter);
        let (link, mut drops) = (Link::default(), Drops::new(move || client.load(Ordering::Relaxed)));
        assert!(!drops.begin(&link), "the client dropped nothing");
        counter.store(7 + 100, Ordering::Relaxed);
        link.drop_some();
        assert!(drops.begin(&link));
        drops.handed(60, &link);
        assert!(drops.begin(&link), "more was there, so nothing is known yet");
        assert_eq!(drops.found_nothing(), Err(PortError::Lagged(39)));
        let mut looks = 0;
        while drops.begin(&link) {
            looks += 1;
            if let Err(error) = drops.found_nothing() {
                assert_eq!((error, looks), (PortError::Lagged(1), usize::from(QUIET_LOOKS)));
            }
        }
        assert_eq!(looks, usize::from(QUIET_LOOKS));
    }
}
