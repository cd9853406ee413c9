//! The suite for brokers, for both transports.

use crate::{misbehaving::streams, support::NatsServer};
use drumpost_core::registry::TransportEntry;
use drumpost_kit::suite::{PrivateServer, Suite};

impl PrivateServer for NatsServer {
    fn port(&self) -> u16 {
        self.port()
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn come_back(&mut self) {
        self.come_back();
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(streams(&self.url()).into_iter().map(|stream| stream.name).collect())
    }
}

fn start() -> Box<dyn PrivateServer> {
    Box::new(NatsServer::start())
}

fn entry(name: &str) -> TransportEntry {
    let known = drumpost_dispatch::transports();
    known.into_iter().find(|entry| entry.name == name).expect("it is registered")
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn nats_passes_the_suite() {
    Suite::new(&entry("nats"), start).too_large(2_000_000).check().assert();
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn nats_wire_passes_the_suite() {
    Suite::new(&entry("nats-wire"), start).too_large(2_000_000).check().assert();
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn jetstream_passes_the_suite() {
    let jetstream = entry("jetstream");
    // A busy machine must not be away for as long, or messages come twice.
    let suite = Suite::new(&jetstream, start).set("jetstream.ack-wait", "1s").too_large(2_000_000);
    suite.keeps_what_it_confirmed().check().assert();
}
