//! The suite for brokers. Its servers write what they confirm to a file, so that a server that is killed has it when it comes back.

use crate::{NAME, support_redis::RedisServer};
use drumpost_core::registry::TransportEntry;
use drumpost_kit::suite::{PrivateServer, Suite};
use tempfile::TempDir;

struct Durable {
    server: RedisServer,
    /// Removed after the server has ended.
    _folder: TempDir,
}

impl PrivateServer for Durable {
    fn port(&self) -> u16 {
        self.server.port()
    }

    fn kill(&mut self) {
        self.server.kill();
    }

    fn come_back(&mut self) {
        self.server.come_back();
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.server.keys().into_iter().filter(|key| !key.starts_with("drumpost:owners")).collect())
    }
}

fn start() -> Box<dyn PrivateServer> {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display().to_string();
    let arguments =
        ["--dir", &at, "--appendonly", "yes", "--appendfsync", "always", "--proto-max-bulk-len", "1mb"];
    Box::new(Durable { server: RedisServer::start_with(&arguments), _folder: folder })
}

fn suite(entry: &TransportEntry) -> Suite<'_> {
    Suite::new(entry, start).too_large(2_000_000).keeps_what_it_confirmed()
}

fn entry(name: &str) -> TransportEntry {
    let known = drumpost_dispatch::transports();
    known.into_iter().find(|entry| entry.name == name).expect("it is registered")
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn redis_stream_passes_the_suite() {
    suite(&entry(NAME)).set("redis.claim-idle", "500ms").check().assert();
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn redis_passes_the_suite() {
    suite(&entry("redis")).check().assert();
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn redis_that_pops_passes_the_checks_in_which_that_matters() {
    let faults =
        ["server-killed", "line-cut-and-back", "server-restarted", "consumer-killed", "connection-killed"];
    suite(&entry("redis")).set("redis.take", "pop").only(&faults).check().assert();
}

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn redis_pubsub_passes_the_suite() {
    suite(&entry("redis-pubsub")).check().assert();
}
