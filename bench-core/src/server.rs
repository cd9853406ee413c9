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
    /// Handed out and not acknowledged; `None` if the server does not tell. What is ready may then include these.
    pub unacknowledged: Option<u64>,
}

impl Depth {
    /// Adds messages that were handed out and are not acknowledged, for a server that tells their number.
    pub fn add_unacknowledged(&mut self, count: u64) {
        *self.unacknowledged.get_or_insert(0) += count;
    }

    /// All destinations together, without the name of one.
    #[must_use]
    pub fn total(depths: &[Self]) -> Self {
        let mut all = Self::default();
        for depth in depths {
            all.ready += depth.ready;
            if let Some(count) = depth.unacknowledged {
                all.add_unacknowledged(count);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: it was 0, which looked measured.
    #[test]
    fn a_number_that_no_server_told_is_none() {
        let mut told = Depth { destination: 1, ready: 3, ..Depth::default() };
        let silent = Depth { destination: 2, ready: 4, ..Depth::default() };
        let total = Depth::total(&[told, silent]);
        assert_eq!((total.ready, total.unacknowledged), (7, None));
        told.add_unacknowledged(0);
        assert_eq!(Depth::total(&[told, silent]).unacknowledged, Some(0));
        told.add_unacknowledged(5);
        assert_eq!(Depth::total(&[silent, told, told]).unacknowledged, Some(10));
    }
}
