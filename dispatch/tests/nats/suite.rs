//! The suite for brokers, for both transports.

use crate::{misbehaving::streams, support::NatsServer, trial::entry};
use drumpost_kit::suite::{PrivateServer, Process, Suite};

impl PrivateServer for NatsServer {
    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(streams(&self.url()).into_iter().map(|stream| stream.name).collect())
    }
}

fn start() -> Box<dyn PrivateServer> {
    Box::new(NatsServer::start())
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
