//! The suite for brokers. Its checks take turns at a few servers, which they kill and start again.

use crate::{NAME, support_rabbitmq::RabbitServer, trial::entry};
use drumpost_kit::suite::{PrivateServer, Suite};

/// The server as it is without drumpost: a line that stays silent leaves streams behind.
fn start() -> Box<dyn PrivateServer> {
    let server = RabbitServer::start_for_streams();
    server.tools().remove_all();
    Box::new(server)
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn rabbitmq_stream_passes_the_suite() {
    let entry = entry(NAME);
    // A frame has 1 MiB at most.
    let suite = Suite::new(&entry, start).too_large(2 << 20);
    suite.keeps_what_it_confirmed().check().assert();
}
