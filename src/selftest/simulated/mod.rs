//! Rows in virtual time: arrivals, lanes, collector, percentiles, audit and verdict, against simulated targets whose
//! answer is known.

mod backlogs;
mod faults;
mod loops;
mod queues;
mod records;
mod schedule;
mod stalls;

use super::{rig::Rig, row::Row};
use std::thread;

const MS: f64 = 1e6;
const S: f64 = 1e9;

type Part = fn(&Rig<'_>) -> anyhow::Result<Vec<Row>>;

/// In the order of the table.
const PARTS: [Part; 8] = [
    queues::random_service,
    queues::fixed_service,
    loops::rows,
    stalls::rows,
    backlogs::rows,
    faults::rows,
    schedule::rows,
    records::rows,
];

/// All of them, each on a thread of its own: virtual time has no use for a quiet machine.
pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let parts = thread::scope(|scope| {
        let running = PARTS.map(|part| scope.spawn(move || part(rig)));
        running.map(|part| part.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a part panicked"))))
    });
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(part?);
    }
    Ok(rows)
}
