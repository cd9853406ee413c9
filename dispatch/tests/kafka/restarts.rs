//! Messages over a server that is killed and started again, which another consumer counts: it reads every topic from its beginning.

use crate::{
    NAME,
    counted::{Count, Counted, Row, assert_each, over_restart},
    support_kafka::{KafkaServer, Plain},
};
use drumpost_core::{outcome::Outcome, promise::Acks, scenario::Style};

const EVERY_NS: u64 = 1_000_000;

/// The server keeps what it has confirmed, because it was written to a file. With one replica nothing else can lose it but the machine.
const ROWS: [Row; 6] = [
    Row { is_usual: true, ..Row::of(NAME, Style::Message, EVERY_NS) },
    Row::of(NAME, Style::Event, EVERY_NS),
    Row { acks: Acks::Transaction, ..Row::of(NAME, Style::Message, EVERY_NS) },
    Row { acks: Acks::Transaction, is_usual: true, ..Row::of(NAME, Style::Event, EVERY_NS) },
    Row { options: &[("kafka.acks", "0")], ..Row::of(NAME, Style::Message, EVERY_NS) },
    Row { options: &[("kafka.acks", "0")], ..Row::of(NAME, Style::Event, EVERY_NS) },
];

/// Every message that is in a topic comes to its receiver, and so does no other.
struct Reads(Plain);

impl Count for Reads {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        let messages = self.0.messages();
        Counted::Stored(messages..=messages)
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_server_that_is_killed_keeps_what_it_confirmed_and_another_consumer_counts_the_same() {
    assert_each(&ROWS, |row, flows| {
        let mut server = KafkaServer::start();
        let (reads, url) = (Reads(server.plain()), server.url());
        over_restart(row, flows, (&mut server, &url), Box::new(reads))
    });
}
