//! `nats` and `jetstream`: the two ways in which nats-server carries messages. Each service instance has one
//! connection.
//!
//! `nats` is publish and subscribe without storage, at most once. `jetstream` stores messages in streams, confirms them
//! to the publisher, and delivers them until a consumer acknowledges them. Both share the connection and the encoding of
//! headers. The client does not connect again by itself, because a reconnect would be hidden in the figures.
//!
//! The options for server, login and TLS are in `login`, and those of streams in `jetstream`.

mod connection;
mod core_nats;
mod headers;
mod jetstream;
mod login;
pub mod wire;

use drumpost_core::registry::TransportEntry;

/// The entry for the registry.
#[must_use]
pub fn entries() -> Vec<TransportEntry> {
    vec![core_nats::entry(), jetstream::entry(), wire::entry()]
}
