//! How a lane hears what its send ports say of messages, with one reading of the clock for all that they say at once.

use super::Ledger;
use crate::{
    act::Act,
    clock::Now,
    lane::Lane,
    port::{Confirmed, PortError},
};

/// Hears what the send ports of one lane say of confirms.
pub(crate) struct Hearing<'a, N> {
    lane: &'a mut Lane,
    ledger: &'a mut Ledger,
    clock: &'a N,
    /// Read when the first port tells something.
    now_ns: Option<u64>,
}

impl<'a, N: Now> Hearing<'a, N> {
    pub(crate) const fn new(lane: &'a mut Lane, ledger: &'a mut Ledger, clock: &'a N) -> Self {
        Self { lane, ledger, clock, now_ns: None }
    }

    /// Asks one port, by `ask`.
    pub(crate) fn hear(
        &mut self,
        port: usize,
        ask: impl FnOnce(&mut dyn FnMut(Confirmed)) -> Result<(), PortError>,
    ) -> Result<(), PortError> {
        let Self { lane, ledger, clock, now_ns } = self;
        lane.does(Act::Confirmed);
        let mut noted = Ok(());
        let asked = ask(&mut |told| {
            let now_ns = *now_ns.get_or_insert_with(|| clock.now_ns());
            noted = std::mem::replace(&mut noted, Ok(())).and(ledger.told(port, told, lane, now_ns));
        });
        lane.does(Act::Harness);
        asked.and(noted)
    }

    /// Whether a port told something.
    pub(crate) const fn was_told(&self) -> bool {
        self.now_ns.is_some()
    }
}
