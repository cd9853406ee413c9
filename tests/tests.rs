//! The binary driven from outside: a table of contents.
//!
//! What a module can show of itself is tested beside it; here is what only the whole program can show, through the same
//! door as a user: a command line, its exit code, what it prints and the file it leaves.
#![allow(clippy::unwrap_used, reason = "a test says what it expected by failing")]

mod support;

mod cli;
mod dashboard;
#[cfg(feature = "defects")]
mod defects;
mod flows;
mod formats;
mod found;
mod interrupt;
mod loads;
mod nats;
mod oracles;
mod reports;
mod search;
mod selftest;
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
