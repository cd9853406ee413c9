//! Simulated targets with a known answer, measured by the whole program in virtual time.
//!
//! The formulas and the chance error of a measured figure are in `drumpost::oracle`, which `drumpost selftest` uses,
//! too. Each limit follows from the number of flows and holds for any seed.

mod audit;
mod queues;
mod records;
mod stall;

use crate::support::{Place, Record, assert_clean, number};
use drumpost::oracle::{BUCKET, ERRORS, QUANTILES};
use serde_json::Value;

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

/// A response quantile in ms, by the name it has in tables.
#[track_caller]
fn response_ms(run: &Value, quantile: &str) -> f64 {
    number(run, &format!("/response_ns/{}", quantile.replace('.', "_"))) / 1e6
}
