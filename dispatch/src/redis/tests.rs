//! Tests of the options; those with a server are in `dispatch/tests/redis`.

use super::{
    lists,
    streams::{OPTIONS, RedisStream},
};
use drumpost_core::{
    options::Options,
    promise::{Asked, Delivery},
};
use std::time::Duration;

fn made(set: &[(&str, &str)]) -> Result<RedisStream, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    RedisStream::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn a_password_is_never_shown() {
    let all = made(&[("redis.url", "redis://me:s3cret@broker:7000/2")]).unwrap();
    assert_eq!(all.server.at.address(), "redis://broker:7000");
    assert_eq!(made(&[("redis.url", "broker")]).unwrap().server.at.address(), "redis://broker:6379");
    for url in ["redis://me:s3cret@broker?x", "rediss://me:s3cret@broker", "redis://me:s3cret@broker/x"] {
        let error = made(&[("redis.url", url)]).unwrap_err();
        assert!(error.starts_with("option redis.url") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn the_time_to_claim_has_a_default_and_a_least() {
    assert_eq!(made(&[]).unwrap().claim_idle, Duration::from_secs(5));
    assert_eq!(made(&[("redis.claim-idle", "1ns")]).unwrap().claim_idle, Duration::from_millis(2));
}

/// Regression: `--backlog` was refused, because what is popped may be lost.
#[test]
fn a_list_stores_what_waits_whichever_way_it_is_taken() {
    let entry = lists::entry();
    for (take, delivery) in [("move", Delivery::AtLeastOnce), ("pop", Delivery::AtMostOnce)] {
        let mut options = Options::default();
        options.set("redis.take", take);
        let promise = entry.made(&options).unwrap().promise(entry.promise, &Asked::default()).unwrap();
        assert_eq!((promise.delivery, promise.stores), (delivery, true), "{take}");
    }
}
