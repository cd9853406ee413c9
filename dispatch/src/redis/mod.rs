//! `redis-stream`, `redis` and `redis-pubsub`: the three ways in which a redis-server carries messages.
//!
//! `redis-stream` stores messages in streams, from which consumer groups read. `redis` stores messages in lists, which consumers take
//! from. `redis-pubsub` passes messages on to those who are subscribed. They share the address, the login, writing by pipelines and the removal of
//! keys (`connection`). Each instance has a connection for commands, and one for each read that waits. The client does not connect
//! again by itself, because a reconnect would be hidden in the figures. A line on which the server says nothing counts as lost (`silence`).

mod connection;
mod lists;
mod pubsub;
mod silence;
mod streams;
#[cfg(test)]
mod tests;

use drumpost_core::registry::TransportEntry;

/// The entries for the registry.
pub(super) fn entries() -> Vec<TransportEntry> {
    vec![streams::entry(), lists::entry(), pubsub::entry()]
}
