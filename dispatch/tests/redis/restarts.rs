//! Messages over a server that is killed and started again. The server writes what it confirms to a file (`appendonly`), in which every
//! message stands that it took. A server without that file forgets, and so does publish and subscribe: handlers alone count there.

use crate::{
    NAME,
    counted::{Count, Counted, Nobody, Row, assert_each, over_restart},
    logged::logged,
    support_redis::{DURABLE, RedisServer},
};
use drumpost_core::{outcome::Outcome, scenario::Style};
use std::path::PathBuf;

const EVERY_NS: u64 = 500_000;

const SOON: &[(&str, &str)] = &[("redis.claim-idle", "500ms")];
const POP: &[(&str, &str)] = &[("redis.take", "pop")];

const ROWS: [Row; 8] = [
    Row { options: SOON, ..durable(NAME, Style::Message) },
    Row { options: SOON, is_usual: true, ..durable(NAME, Style::Event) },
    Row { is_usual: true, ..durable("redis", Style::Message) },
    Row { options: POP, ..durable("redis", Style::Message) },
    Row { options: SOON, ..forgetful(NAME, Style::Event) },
    forgetful("redis", Style::Message),
    forgetful("redis-pubsub", Style::Message),
    forgetful("redis-pubsub", Style::Event),
];

const fn durable(transport: &'static str, style: Style) -> Row {
    Row { server: "appendonly yes", ..Row::of(transport, style, EVERY_NS) }
}

const fn forgetful(transport: &'static str, style: Style) -> Row {
    Row { server: "appendonly no", keeps: false, ..Row::of(transport, style, EVERY_NS) }
}

/// Every message in the log comes to its receiver, and so does no other. The log lies in this folder, and a message is added by this command.
struct Logged(PathBuf, &'static str);

impl Count for Logged {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        let stored = logged(&self.0, self.1);
        Counted::Stored(stored..=stored)
    }
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_server_that_is_killed_keeps_what_it_confirmed_and_its_log_counts_the_same() {
    assert_each(&ROWS, |row, flows| {
        let log = [&DURABLE[..], &["--auto-aof-rewrite-percentage", "0"][..]].concat();
        let mut server = RedisServer::start_with(if row.keeps { &log } else { &[] });
        let url = server.url();
        let command = if row.transport == "redis" { "RPUSH" } else { "XADD" };
        let count: Box<dyn Count> = match row.keeps {
            true => Box::new(Logged(server.folder.path().into(), command)),
            false => Box::new(Nobody),
        };
        over_restart(row, flows, (&mut server, &url), count)
    });
}
