//! Times per destination and receiver.
//!
//! Lives here: the table of hops. Does not live here: times of whole flows (`run`).

use super::Layout;
use super::grid::{Column, Grid};
use crate::model::Record;
use crate::units;

/// Hop times (received − sent) of every run, one row per destination and receiver. Empty without hops.
#[must_use]
pub fn hops(record: &Record, layout: Layout) -> String {
    let hop = |heading: &str| Column::right("hop time", heading);
    let headings = vec![
        Column::left("dispatch"),
        Column::left("destination → receiver"),
        Column::right("", "received"),
        hop("p50"),
        hop("p99"),
        hop("p99.9"),
        hop("max"),
    ];
    let mut grid = Grid::new(2, headings);
    let mut empty = true;
    for run in &record.runs {
        for (i, hop) in run.hops().iter().enumerate() {
            empty = false;
            let quantile = |q| units::duration_or_none(hop.time.quantile_ns(q)).into();
            grid.row(vec![
                if i == 0 { run.dispatch.as_str() } else { "" }.into(),
                format!("{} → {}", hop.destination, hop.receiver).into(),
                units::count(hop.time.count()).into(),
                quantile(0.5),
                quantile(0.99),
                quantile(0.999),
                units::duration_or_none(hop.time.max_ns()).into(),
            ]);
        }
    }
    if empty { String::new() } else { grid.render(layout) }
}
