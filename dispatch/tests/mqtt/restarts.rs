//! Messages over a mosquitto that is killed and started again, of which another client gets copies: `mosquitto_sub` with a session of its
//! own. Mosquitto writes its store after it has confirmed, so it has lost confirmed messages when it comes back, at every quality of
//! service. What the handlers count has to agree all the same, and copies are some of the messages that were sent.

use crate::{
    LEVELS, NAME,
    counted::{Count, Counted, Row, assert_each, over_restart},
    native::Counter,
    suite::saving,
};
use drumpost_core::{outcome::Outcome, scenario::Style};

/// A server that writes its store after every change takes about a thousand messages a second. At QoS 0 it has nothing to write.
const EVERY_NS: [u64; 3] = [1_000_000, 4_000_000, 4_000_000];

const ROWS: [Row; 6] = [
    row(0, Style::Message),
    row(0, Style::Event),
    Row { is_usual: true, ..row(1, Style::Message) },
    row(1, Style::Event),
    row(2, Style::Message),
    row(2, Style::Event),
];

const fn row(level: usize, style: Style) -> Row {
    Row { options: LEVELS[level], keeps: false, ..Row::of(NAME, style, EVERY_NS[level]) }
}

impl Count for Counter {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        Counted::Copied(self.distinct())
    }
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn what_a_server_that_is_killed_had_not_written_is_lost_and_counted() {
    assert_each(&ROWS, |row, flows| {
        let mut server = saving();
        let (copies, url) = (Counter::start(&server), server.url());
        over_restart(row, flows, (&mut server, &url), Box::new(copies))
    });
}
