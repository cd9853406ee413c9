//! The suite for brokers. Kafka tells its clients where to connect, so the line that is cut is one that the server tells.

use crate::{
    NAME,
    support_kafka::{KafkaServer, MOST_BYTES},
};
use drumpost_kit::suite::{PrivateServer, Proxy, Suite};

impl PrivateServer for KafkaServer {
    fn port(&self) -> u16 {
        self.port()
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn come_back(&mut self) {
        self.come_back();
    }

    fn line(&self) -> Option<Proxy> {
        Some(self.line())
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.plain().names())
    }
}

/// The server and its line as they are without drumpost: a line that stays silent leaves topics behind.
fn start() -> Box<dyn PrivateServer> {
    let server = KafkaServer::start();
    server.line().mend();
    server.plain().remove_all();
    Box::new(server)
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn kafka_passes_the_suite() {
    let known = drumpost_dispatch::transports();
    let entry = known.iter().find(|entry| entry.name == NAME).expect("it is registered");
    let suite = Suite::new(entry, start).too_large(2 * MOST_BYTES);
    suite.keeps_what_it_confirmed().check().assert();
}
