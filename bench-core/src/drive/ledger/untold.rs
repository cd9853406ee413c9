//! The messages of a lane that the transport never told it of, by their numbers. Those of them that did not arrive had not been
//! confirmed.

use super::{Ledger, Unconfirmed};
use crate::recorder::Untold;

impl Unconfirmed {
    /// Ports take messages in the order of their numbers and tell of them in that order, so that what was not told of is the rest.
    pub(super) fn untold(&self, port: usize) -> Option<Untold> {
        (self.told < self.taken).then_some(Untold { port, from: self.told, to: self.taken })
    }
}

impl Ledger {
    /// The messages of which the transport told nothing, at the end of the run.
    pub(crate) fn untold(&self) -> Vec<Untold> {
        let now = self.ports.iter().enumerate().filter_map(|(at, port)| port.untold(at));
        self.untold.iter().copied().chain(now).collect()
    }
}
