//! Messages over a server that is killed and started again. The server writes what it confirms to a file (`appendonly`), in which every
//! message stands that it took. A server without that file forgets, and so does publish and subscribe: handlers alone count there.

use crate::{
    NAME,
    counted::{Count, Counted, Nobody, Row, assert_each, over_restart},
    support_redis::{DURABLE, RedisServer},
};
use drumpost_core::{outcome::Outcome, scenario::Style};
use std::{
    fs,
    path::{Path, PathBuf},
};

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

/// How many messages the commands of this name in the server's own log have. An `RPUSH` has as many as it has arguments after its name and
/// the list.
fn logged(folder: &Path, command: &str) -> u64 {
    let wanted = format!("\r\n${}\r\n{command}\r\n", command.len()).into_bytes();
    let files = fs::read_dir(folder.join("appendonlydir")).expect("the log").flatten();
    let count = |file: fs::DirEntry| {
        let log = fs::read(file.path()).expect("a file of it");
        let found = log.windows(wanted.len()).enumerate().filter(|(_, part)| *part == wanted);
        let messages = |(at, _)| if command == "RPUSH" { parts(&log[..at]) - 2 } else { 1 };
        found.map(messages).sum::<u64>()
    };
    files.map(count).sum()
}

/// The number of a command's parts, which is the last of what stands before them.
fn parts(before: &[u8]) -> u64 {
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let number = str::from_utf8(&before[before.len() - digits..]).expect("digits");
    number.parse().expect("a command begins with the number of its parts")
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
