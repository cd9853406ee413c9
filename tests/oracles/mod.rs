//! Simulated targets whose answer is known, measured by the whole program in virtual time.
//!
//! A random target gives another answer for each seed, so what is allowed follows from how far the answer strays: each
//! limit is five standard errors of what is measured, at the number of flows measured, and holds for any seed.

mod audit;
mod queues;
mod records;
mod stall;

use crate::support::{Place, Record, assert_clean, number};
use serde_json::Value;

/// Standard errors that nothing strays by chance.
const ERRORS: f64 = 5.0;

/// The histogram's own error: a value is at most this share too high.
const BUCKET: f64 = 0.000_977;

/// A thousand flows last a second of virtual time in most of these; so many are worth their time in this build.
const fn flows(debug: u64, release: u64) -> u64 {
    if cfg!(debug_assertions) { debug } else { release }
}

/// Runs a simulated stream that nothing is wrong with.
#[track_caller]
fn sound(line: &str) -> Record {
    let record = Place::new().record(&format!("stream {line}")).with_code(0);
    assert_clean(record.only());
    record
}

/// A response quantile in ms.
#[track_caller]
fn response_ms(run: &Value, quantile: &str) -> f64 {
    number(run, &format!("/response_ns/{quantile}")) / 1e6
}

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999)];
