//! The suite for brokers. Kafka tells its clients where to connect, so the line that is cut is one that the server tells.

use crate::{
    NAME,
    support_kafka::{KafkaServer, MOST_BYTES},
    trial::entry,
};
use drumpost_core::{contract::Verdict, options::Options};
use drumpost_kit::suite::{PrivateServer, Suite};

fn start() -> Box<dyn PrivateServer> {
    Box::new(KafkaServer::start())
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn kafka_passes_the_suite() {
    let entry = entry(NAME);
    let suite = Suite::new(&entry, start).too_large(2 * MOST_BYTES);
    suite.keeps_what_it_confirmed().check().assert();
}

/// A server that runs already tells its own address, so a line that the suite puts in front of it proves nothing.
#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn checks_of_a_line_are_left_out_at_a_server_whose_clients_go_past_it() {
    let (server, entry) = (KafkaServer::start(), entry(NAME));
    let mut options = Options::default();
    options.set("kafka.url", server.url());
    let suite = Suite::at(&entry, &options).expect("an address").only(&["line-reset", "line-slow"]);
    let verdicts: Vec<Verdict> = suite.check().lines.into_iter().map(|line| line.verdict).collect();
    let is_left_out =
        |verdict: &Verdict| matches!(verdict, Verdict::NotApplicable(why) if why.contains("its own address"));
    assert!(verdicts.len() == 2 && verdicts.iter().all(is_left_out), "{verdicts:?}");
}
