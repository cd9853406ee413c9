//! The suite for brokers. Its checks take turns at a few servers, which they kill and start again.

use crate::{
    NAME,
    support_rabbitmq::{MOST_BYTES, RabbitServer},
};
use drumpost_kit::suite::{PrivateServer, Suite};

impl PrivateServer for RabbitServer {
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
        Some(self.tools().objects())
    }
}

/// The server as it is without drumpost: a line that stays silent leaves queues behind.
fn start() -> Box<dyn PrivateServer> {
    let server = RabbitServer::start();
    server.tools().remove_all();
    Box::new(server)
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn rabbitmq_passes_the_suite() {
    let known = drumpost_dispatch::transports();
    let entry = known.iter().find(|entry| entry.name == NAME).expect("it is registered");
    let suite = Suite::new(entry, start).too_large(2 * MOST_BYTES);
    suite.keeps_what_it_confirmed().check().assert();
}
