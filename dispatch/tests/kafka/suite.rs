//! The suite for brokers. Kafka tells its clients where to connect, so the line that is cut is one that the server tells.

use crate::{
    NAME,
    support_kafka::{KafkaServer, MOST_BYTES},
};
use drumpost_core::{contract::Verdict, options::Options};
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

/// A server that runs already tells its own address, so a line that the suite puts in front of it proves nothing.
#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn checks_of_a_line_are_left_out_at_a_server_whose_clients_go_past_it() {
    let (server, known) = (KafkaServer::start(), drumpost_dispatch::transports());
    let entry = known.iter().find(|entry| entry.name == NAME).expect("it is registered");
    let mut options = Options::default();
    options.set("kafka.url", server.url());
    let suite = Suite::at(entry, &options).expect("an address").only(&["line-reset", "line-slow"]);
    let verdicts: Vec<Verdict> = suite.check().lines.into_iter().map(|line| line.verdict).collect();
    let is_left_out =
        |verdict: &Verdict| matches!(verdict, Verdict::NotApplicable(why) if why.contains("its own address"));
    assert!(verdicts.len() == 2 && verdicts.iter().all(is_left_out), "{verdicts:?}");
}
