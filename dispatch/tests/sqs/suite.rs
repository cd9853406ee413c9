//! The suite for brokers, over ElasticMQ. A server that is killed has lost everything.

use crate::{NAME, support_sqs::SqsServer, trial::entry};
use drumpost_core::scenario::Style;
use drumpost_kit::suite::{PrivateServer, Suite};

/// One that other checks had, and that is empty again. The checks that kill theirs keep it from others.
fn start() -> Box<dyn PrivateServer> {
    Box::new(SqsServer::start())
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn sqs_passes_the_suite() {
    let entry = entry(NAME);
    let suite = Suite::new(&entry, start).too_large(2_000_000).set("sqs.visibility", "1s").at_once(2);
    // ElasticMQ has no topics, and so no events.
    suite.style(Style::Message).check().assert();
}
