//! `nats-wire`: core NATS without a client library. drumpost speaks the protocol itself, on threads, so what is measured is the
//! server and not a client. Subjects, queue groups, native reply subjects and headers are those of `nats`.
//!
//! An instance has one connection. What a lane sends in a step is one write; what comes is parsed where it was read, so neither
//! way allocates memory for a message. A lane that has nothing to do sleeps on its socket. At the end of a run, and before the
//! load begins, a ping is answered, so the server has read what came before it. A thread beside the lanes notices a server that
//! is silent.
//!
//! Back-pressure: a server that reads more slowly holds up the sender. It holds what a slow receiver does not read, up to its own
//! limit (64 MiB), and then ends the connection, which ends the run with its words.

mod login;
pub mod parse;
mod protocol;

use super::login::OPTIONS;
use drumpost_core::{
    dispatcher::Threaded,
    transport::{Endpoints, Reopen, Transport},
};
use drumpost_kit::{
    keeper::Keeper,
    prelude::*,
    spoken::{Inlet, Outlet, Spoken},
};
use login::Server;
use protocol::Nats;

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "nats-wire",
        summary: "core NATS spoken on threads without a client library, to measure the server; at most once",
        runs_on: RunsOn::Threads,
        promise: Promise { delivery: promise::Delivery::AtMostOnce, ..BROKER.promise },
        options: &OPTIONS,
        make: |options| {
            let server = Server::from_options(options)?;
            Ok(Box::new(Threaded(NatsWire(Arc::new(Opener { server, keeper: Keeper::default() })))))
        },
        ..BROKER
    }
}

/// See the module.
#[derive(Debug)]
struct NatsWire(Arc<Opener>);

#[derive(Debug)]
struct Opener {
    server: Server,
    keeper: Keeper<Spoken<Nats>>,
}

impl Opener {
    /// The ports of one instance. Returns when the server knows the subscriptions.
    fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Outlet<Nats>, Inlet<Nats>>, OpenError> {
        let name = format!("drumpost {} {}", wiring.run_name, wiring.instance_name(me));
        let mut socket = self.server.connect(wiring, &name)?;
        let (layout, mut nats) = (Layout::new(wiring, '.'), Nats::new(&wiring.pool));
        layout.heard(me).for_each(|heard| nats.subscribe(&heard, &mut socket.out));
        Spoken::open(socket, nats, wiring, (layout, me), &self.keeper)
    }
}

impl Transport for NatsWire {
    type Send = Outlet<Nats>;
    type Recv = Inlet<Nats>;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Self::Send, Self::Recv>, OpenError> {
        (0..wiring.instance_count()).map(|me| self.0.open(wiring, me)).collect()
    }

    fn reopens(&self) -> Option<Reopen<Self::Send, Self::Recv>> {
        let opener = Arc::clone(&self.0);
        Some(Arc::new(move |wiring, me| opener.open(wiring, me)))
    }

    fn server(&self) -> Option<ServerFacts> {
        self.0.server.facts()
    }

    fn close(&mut self) -> Result<(), String> {
        self.0.keeper.end();
        Ok(())
    }
}
