//! `nats` and `jetstream`: the two ways nats-server carries messages, over one connection per service instance.
//!
//! `nats` is publish and subscribe without memory, at most once. `jetstream` keeps what is published in streams, confirms
//! it to the publisher and hands it out again until a consumer acknowledges it. What they share is the connection (its
//! loss, room to publish), the subjects, and the bytes. A connection that is lost in the middle of a run stays lost: the
//! run fails and says so, nothing reconnects behind the measurement.
//!
//! Options: where the server is, who connects and TLS are in `login`; those of streams in `jetstream`.

mod address;
mod connection;
mod core_nats;
mod drops;
mod encode;
mod jetstream;
mod login;

use drumpost_core::registry::TransportEntry;

/// What the registry lists.
#[must_use]
pub fn entries() -> Vec<TransportEntry> {
    vec![core_nats::entry(), jetstream::entry()]
}
