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

mod connection;
mod login;
pub mod parse;
mod ports;

use super::{headers, login::OPTIONS};
use connection::Wire;
use drumpost_core::{
    dispatcher::Threaded,
    transport::{Endpoints, Reopen, Transport},
};
use drumpost_kit::{keeper::Keeper, prelude::*};
use login::Server;
use ports::{Inlet, Outlet};
use std::sync::Mutex;

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
    keeper: Keeper<Wire>,
}

impl Opener {
    /// The ports of one instance. Returns when the server knows the subscriptions.
    fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Outlet, Inlet>, OpenError> {
        let name = format!("drumpost {} {}", wiring.run_name, wiring.instance_name(me));
        let mut wire = self.server.connect(wiring, &name)?;
        for (index, heard) in Layout::new(wiring, '.').heard(me).enumerate() {
            // A queue group costs the server 2 % or more, and one instance has nobody to compete with.
            let group = if heard.is_alone { String::new() } else { format!(" {}", heard.group) };
            wire.socket
                .out
                .extend_from_slice(format!("SUB {}{group} {}\r\n", heard.place, index + 1).as_bytes());
            wire.apart.push(heard.is_apart);
        }
        let at = &self.server.at;
        wire.round_trip(PATIENCE).map_err(|error| match error {
            Some(error) => at.failed("subscribe", &error),
            None => at.failed("subscribe", &format_args!("no answer within {PATIENCE:?}")),
        })?;
        let has_inbox = !wire.apart.is_empty();
        let wire = Arc::new(Mutex::new(wire));
        self.keeper.add(&wire).map_err(|error| at.failed("look after a connection", &error))?;
        let headers_len = headers::len(&wiring.pool);
        let sends = wiring.sends_of(wiring.service_of(me));
        let sends = sends.map(|sent| Outlet::new(wiring, &wire, sent, me, headers_len)).collect();
        Ok(Endpoint { inbox: has_inbox.then(|| Inlet::new(wiring, &wire)), sends })
    }
}

impl Transport for NatsWire {
    type Send = Outlet;
    type Recv = Inlet;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<Outlet, Inlet>, OpenError> {
        (0..wiring.instance_count()).map(|me| self.0.open(wiring, me)).collect()
    }

    fn reopens(&self) -> Option<Reopen<Outlet, Inlet>> {
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
