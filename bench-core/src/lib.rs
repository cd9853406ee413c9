//! The engine of drumpost: messages, ports, lanes, drivers, clock, collector, audit.
//!
//! It knows no transport and no scenario: transports implement [`port`] and [`transport`], scenarios are values of
//! [`scenario::Scenario`].

pub mod act;
mod aftermath;
pub mod audit;
pub mod bell;
pub mod blame;
pub mod clock;
mod collector;
pub mod contract;
pub mod control;
pub mod cost;
mod counters;
mod credit;
mod digest;
pub mod dispatcher;
pub mod drive;
pub mod gaps;
pub mod guarantee;
pub mod handler;
pub mod headers;
pub mod hist;
pub mod lane;
mod latencies;
pub mod load;
pub mod message;
#[cfg(all(test, loom))]
mod models;
pub mod monitor;
pub mod options;
pub mod outcome;
pub mod overhead;
pub mod payload;
pub mod plan;
pub mod port;
pub mod promise;
mod recorder;
pub mod registry;
pub mod scenario;
pub mod server;
pub mod session;
mod sync;
pub mod transport;
pub mod wire;
pub mod wiring;
mod work;
