//! Messages over a server that is killed and started again. Of JetStream another client asks how many messages its streams ever stored. Core
//! NATS keeps nothing, and its own counters begin at zero when it is started, so handlers alone count there.

use crate::{
    counted::{Count, Counted, Nobody, Row, assert_each, over_restart},
    support::NatsServer,
};
use async_nats::jetstream::{self, stream::Info};
use drumpost_core::{outcome::Outcome, promise::Acks, scenario::Style};
use futures_util::TryStreamExt;

const EVERY_NS: u64 = 500_000;

/// Messages that an instance had when its connection was lost are delivered again after a second.
const SOON: &[(&str, &str)] = &[("jetstream.ack-wait", "1s")];

const STREAMS: [Row; 4] = [
    Row { options: SOON, is_usual: true, ..Row::of("jetstream", Style::Message, EVERY_NS) },
    Row { options: SOON, ..Row::of("jetstream", Style::Event, EVERY_NS) },
    Row { acks: Acks::Before, ..Row::of("jetstream", Style::Message, EVERY_NS) },
    Row { acks: Acks::Before, ..Row::of("jetstream", Style::Event, EVERY_NS) },
];

const CORE: [Row; 4] = [
    Row { keeps: false, is_usual: true, ..Row::of("nats", Style::Message, EVERY_NS) },
    Row { keeps: false, ..Row::of("nats", Style::Event, EVERY_NS) },
    Row { keeps: false, ..Row::of("nats-wire", Style::Message, EVERY_NS) },
    Row { keeps: false, is_usual: true, ..Row::of("nats-wire", Style::Event, EVERY_NS) },
];

/// Every message that a stream ever stored comes to its receiver, and so does no other. The number that a stream gave out last counts those
/// that it has deleted, too.
struct Numbers(String);

impl Count for Numbers {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let infos: Vec<Info> = runtime.block_on(async {
            let client = async_nats::connect(&self.0).await.expect("a connection");
            jetstream::new(client).streams().try_collect().await.expect("a list")
        });
        let stored = infos.iter().map(|info| info.state.last_sequence).sum();
        Counted::Stored(stored..=stored)
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_server_that_is_killed_keeps_what_it_confirmed_in_streams_and_counts_the_same() {
    assert_each(&STREAMS, |row, flows| {
        let mut server = NatsServer::start();
        let url = server.url();
        over_restart(row, flows, (&mut server, &url), Box::new(Numbers(url.clone())))
    });
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn what_core_nats_loses_with_a_server_that_is_killed_is_counted() {
    assert_each(&CORE, |row, flows| {
        let mut server = NatsServer::start();
        let url = server.url();
        over_restart(row, flows, (&mut server, &url), Box::new(Nobody))
    });
}
