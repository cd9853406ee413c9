//! Tests that run the binary. This file is their table of contents.
//!
//! A module's own tests stand beside it. These tests check the whole program as a user sees it: command line, exit
//! code, output and files.
#![allow(clippy::unwrap_used, reason = "a test says what it expected by failing")]

mod support;
#[path = "../dispatch/tests/support/secured.rs"]
mod support_secured;

mod asserts;
mod backlog;
mod broker;
mod catch_up;
mod cli;
mod contract;
mod crowds;
mod dashboard;
#[cfg(feature = "defects")]
mod defects;
mod doctor;
mod faults;
mod flows;
mod formats;
mod found;
mod gate;
mod history;
mod interrupt;
mod isolate;
mod live;
mod loads;
mod markdown;
mod memory;
mod merge;
mod nats;
mod oracles;
mod pages;
mod relayed;
mod reports;
mod search;
mod selftest;
mod sides;
mod spec;
mod suites;

/// Says in every run without them that there are tests with defects put in.
#[cfg(not(feature = "defects"))]
#[test]
#[ignore = "left out: defects of other harnesses; they are put in with --features defects, as scripts/test does"]
fn defects() {
    unreachable!("it is a sign, not a test");
}

/// Says in every run without them that there are tests with a real broker.
#[cfg(not(feature = "nats"))]
#[test]
#[ignore = "left out: nats and jetstream; scripts/test builds them in and starts a server"]
fn nats_and_jetstream() {
    unreachable!("it is a sign, not a test");
}

/// The same, of another broker.
#[cfg(not(feature = "redis"))]
#[test]
#[ignore = "left out: redis-stream, redis and redis-pubsub; scripts/test builds them in and starts a server"]
fn redis() {
    unreachable!("it is a sign, not a test");
}

/// The same, of MQTT.
#[cfg(not(feature = "mqtt"))]
#[test]
#[ignore = "left out: mqtt; scripts/test builds it in and starts a server"]
fn mqtt() {
    unreachable!("it is a sign, not a test");
}

/// The same, of RabbitMQ's streams.
#[cfg(not(feature = "rabbitmq-stream"))]
#[test]
#[ignore = "left out: rabbitmq-stream; scripts/test builds it in and starts a server"]
fn rabbitmq_stream() {
    unreachable!("it is a sign, not a test");
}

/// The same, of a third.
#[cfg(not(feature = "rabbitmq"))]
#[test]
#[ignore = "left out: rabbitmq; scripts/test builds it in and starts a server"]
fn rabbitmq() {
    unreachable!("it is a sign, not a test");
}
