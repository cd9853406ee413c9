//! Messages over a server that is killed and started again, which counts what is in its streams.

use crate::{
    NAME, SELDOM, count,
    counted::{Count, Counted, Row, assert_each, over_restart},
    support_rabbitmq::{RabbitServer, Tools},
};
use drumpost_core::{outcome::Outcome, scenario::Style};

const EVERY_NS: u64 = 1_000_000;

/// How many readers there are. At the end the offset of each is stored, which may take a place in its stream.
const READERS: u64 = 2;

const NEXT: &[(&str, &str)] = &[SELDOM[0], ("rabbitmq-stream.from", "next")];

/// Offsets are stored at the end only, so a reader that comes back reads its stream from the beginning.
const ROWS: [Row; 2] = [
    Row { options: SELDOM, is_usual: true, ..Row::of(NAME, Style::Event, EVERY_NS) },
    Row { options: NEXT, ..Row::of(NAME, Style::Event, EVERY_NS) },
];

/// Every message that is in a stream comes to its reader, and so does no other.
struct Counts(Tools);

impl Count for Counts {
    fn counts(&mut self, outcome: &Outcome) -> Counted {
        let counted = count(&self.0, outcome);
        Counted::Stored(counted.saturating_sub(READERS)..=counted)
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_server_that_is_killed_keeps_what_it_confirmed_and_counts_the_same() {
    assert_each(&ROWS, |row, flows| {
        let mut server = RabbitServer::start();
        server.tools().remove_all();
        let (counts, url) = (Counts(server.tools()), server.stream_url());
        over_restart(row, flows, (&mut server, &url), Box::new(counts))
    });
}
