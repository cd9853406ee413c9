//! The transports of drumpost, one file each, and the list of them.
//!
//! Each transport carries the intents for which it has native support. It refuses the others when it is opened.

pub mod crossbeam;
pub mod listeners;
#[cfg(feature = "nats")]
pub mod nats;
pub mod rtrb;
mod shared;
pub mod sim;
pub mod tokio_broadcast;
pub mod tokio_mpsc;

use drumpost_core::registry::TransportEntry;

/// All transports, in the order they are listed.
#[must_use]
pub fn transports() -> Vec<TransportEntry> {
    let all = vec![
        rtrb::entry(),
        crossbeam::entry(),
        tokio_mpsc::entry(),
        tokio_broadcast::entry(),
        listeners::entry(),
        sim::entry(),
    ];
    #[cfg(feature = "nats")]
    let all = [all, nats::entries()].concat();
    all
}
