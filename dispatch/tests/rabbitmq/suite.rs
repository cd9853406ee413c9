//! The suite for brokers. Its checks take turns at a few servers, which they kill and start again.

use crate::{
    NAME,
    support_rabbitmq::{MOST_BYTES, RabbitServer},
    trial::entry,
};
use drumpost_kit::suite::{PrivateServer, Suite};

/// The server as it is without drumpost: a line that stays silent leaves queues behind.
fn start() -> Box<dyn PrivateServer> {
    let server = RabbitServer::start();
    server.tools().remove_all();
    Box::new(server)
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn rabbitmq_passes_the_suite() {
    let entry = entry(NAME);
    let suite = Suite::new(&entry, start).too_large(2 * MOST_BYTES);
    suite.keeps_what_it_confirmed().check().assert();
}
