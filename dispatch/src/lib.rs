//! The transports of drumpost, one file each, behind one list.
//!
//! Each file realises the intents its transport has native means for, and refuses the others when it is opened.

pub mod listeners;
pub mod sim;

use drumpost_core::registry::TransportEntry;

/// All transports, in the order they are listed.
#[must_use]
pub fn transports() -> Vec<TransportEntry> {
    vec![listeners::entry(), sim::entry()]
}
