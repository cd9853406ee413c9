//! A column of a feed: one field of its flows, such as the times at which they are due.

use drumpost_core::load::Start;

/// Fills in fields of flows, in order.
pub(crate) trait Column: Send {
    /// How many of the next `wanted` flows it has: fewer when it will be over.
    fn left(&self, wanted: usize) -> usize {
        wanted
    }

    /// Fills in its field of the next flows.
    fn fill(&mut self, starts: &mut [Start]);
}
