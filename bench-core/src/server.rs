//! Facts that a transport knows about its server. Does not live here: finding the server's process and reading its CPU
//! time and memory, which the caller that watches the trial does.

use std::net::SocketAddr;

/// A server outside of this process, as the transport knows it once it is connected. A transport fills in what it can
/// tell; an empty field means that it cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// What kind of server it is: `nats-server`.
    pub product: String,
    /// The version that the server told over the connection: `2.15.2`.
    pub version: Option<String>,
    /// The addresses that the transport connects to. A process of this machine that listens on one of them is the server.
    pub addresses: Vec<SocketAddr>,
}
