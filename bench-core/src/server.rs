//! Facts that a transport knows about its server, and how many messages wait there. Does not live here: finding the server's process and reading its CPU
//! time and memory, which the caller that watches the trial does.

use std::net::SocketAddr;

/// A server, as the transport knows it once it is connected. A transport fills in what it can
/// tell; an empty field means that it cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// What kind of server it is: `nats-server`.
    pub product: String,
    /// The version that the server told over the connection: `2.15.2`.
    pub version: Option<String>,
    /// The addresses that the transport connects to. A process of this machine that listens on one of them is the server.
    pub addresses: Vec<SocketAddr>,
    /// It runs in this process: its CPU time and memory are part of the process's.
    pub is_embedded: bool,
}

/// How many messages of one destination wait at the server, as the server counts them. Those of an event are the sum over its
/// subscribing services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The destination ([`crate::wiring::Destination::id`]).
    pub destination: u16,
    /// Stored and not handed out.
    pub ready: u64,
    /// Handed out and not acknowledged.
    pub unacknowledged: u64,
}

impl Depth {
    /// All destinations together, without the name of one.
    #[must_use]
    pub fn total(depths: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> u64| depths.iter().map(of).sum();
        Self {
            destination: 0,
            ready: sum(|depth| depth.ready),
            unacknowledged: sum(|depth| depth.unacknowledged),
        }
    }
}
