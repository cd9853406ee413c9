//! The suite for brokers. Its servers write what they confirm to a file, so that a server that is killed has it when it comes back.

use crate::{
    NAME,
    support_redis::{DURABLE, RedisServer},
    trial::entry,
};
use drumpost_core::registry::TransportEntry;
use drumpost_kit::suite::{PrivateServer, Suite};

fn start() -> Box<dyn PrivateServer> {
    Box::new(RedisServer::start_with(&[&DURABLE[..], &["--proto-max-bulk-len", "1mb"][..]].concat()))
}

fn suite(entry: &TransportEntry) -> Suite<'_> {
    Suite::new(entry, start).too_large(2_000_000).keeps_what_it_confirmed()
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
