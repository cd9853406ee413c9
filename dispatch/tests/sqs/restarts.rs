//! Messages over an emulator that is killed and started again. Emulators keep everything in memory, so what waited is lost. It is counted
//! by handlers alone, as queues and their counters are gone, too.

use crate::{
    NAME,
    counted::{Nobody, Row, assert_each, over_restart},
    support_sqs::{Emulator, SqsServer},
};
use drumpost_core::{promise::Acks, scenario::Style};

/// A fraction of the rate that other tests ask of ElasticMQ.
const EVERY_NS: u64 = 5_000_000;

/// ElasticMQ has no events, and moto has them. moto is slow, so it gets fewer than are asked for, at the rate of another test.
const EVENTS: Row =
    Row { keeps: false, most: 2_000, server: "moto", ..Row::of(NAME, Style::Event, 40_000_000) };

const ROWS: [Row; 3] = [Row { is_usual: true, ..elasticmq(Acks::After) }, elasticmq(Acks::Before), EVENTS];

const fn elasticmq(acks: Acks) -> Row {
    Row { acks, keeps: false, server: "ElasticMQ", ..Row::of(NAME, Style::Message, EVERY_NS) }
}

#[test]
#[ignore = "needs an ElasticMQ and a moto server: scripts/test starts them"]
fn what_an_emulator_that_is_killed_had_is_lost_and_counted() {
    assert_each(&ROWS, |row, flows| {
        let emulator = if row.server == EVENTS.server { Emulator::Moto } else { Emulator::ElasticMq };
        let mut server = SqsServer::fresh(emulator);
        let url = server.url();
        over_restart(row, flows, (&mut server, &url), Box::new(Nobody))
    });
}
