//! The suite for brokers, over ElasticMQ. A server that is killed has lost everything.

use crate::{NAME, support_sqs::SqsServer};
use drumpost_core::scenario::Style;
use drumpost_kit::suite::{PrivateServer, Suite};

impl PrivateServer for SqsServer {
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
        Some(self.tools().queues())
    }
}

fn start() -> Box<dyn PrivateServer> {
    Box::new(SqsServer::start())
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn sqs_passes_the_suite() {
    let known = drumpost_dispatch::transports();
    let entry = known.iter().find(|entry| entry.name == NAME).expect("it is registered");
    let suite = Suite::new(entry, start).too_large(2_000_000).set("sqs.visibility", "1s").at_once(2);
    // ElasticMQ has no topics, and so no events.
    suite.style(Style::Message).check().assert();
}
