//! The suite for brokers. Its checks take turns at a few servers, which they kill and start again.

use crate::{NAME, support_rabbitmq::RabbitServer};
use drumpost_kit::suite::{PrivateServer, Suite};

/// A server, at the port for streams.
pub(crate) struct Streams(pub(crate) RabbitServer);

impl PrivateServer for Streams {
    fn port(&self) -> u16 {
        self.0.stream_port()
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn come_back(&mut self) {
        self.0.come_back();
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.0.tools().objects())
    }
}

/// The server as it is without drumpost: a line that stays silent leaves streams behind.
fn start() -> Box<dyn PrivateServer> {
    let server = RabbitServer::start();
    server.tools().remove_all();
    Box::new(Streams(server))
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn rabbitmq_stream_passes_the_suite() {
    let known = drumpost_dispatch::transports();
    let entry = known.iter().find(|entry| entry.name == NAME).expect("it is registered");
    // A frame has 1 MiB at most.
    let suite = Suite::new(entry, start).too_large(2 << 20);
    suite.keeps_what_it_confirmed().check().assert();
}
