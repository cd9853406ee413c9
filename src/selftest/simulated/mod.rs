//! What virtual time shows: everything above the ports (arrivals, lanes, collector, percentiles, audit, verdict) against
//! simulated targets whose answer is known.

mod faults;
mod loops;
mod queues;
mod records;
mod schedule;
mod stalls;

use super::{rig::Rig, row::Row};

const MS: f64 = 1e6;
const S: f64 = 1e9;

/// All of them.
pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let parts = [queues::rows, loops::rows, stalls::rows, faults::rows, schedule::rows, records::rows];
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(part(rig)?);
    }
    Ok(rows)
}
