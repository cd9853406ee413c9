//! The table of hop times: one row for each destination and receiver. Does not live here: times of whole flows (`run`).

use super::Layout;
use super::grid::{Column, Grid};
use crate::model::{Record, Run};
use crate::units;

/// Hop times (received − sent) of every run, one row per destination and receiver. Empty without hops.
#[must_use]
pub fn hops(record: &Record, layout: Layout) -> String {
    let tables: Vec<String> = record.runs.iter().filter_map(|run| of_run(run, layout)).collect();
    tables.join("\n")
}

fn of_run(run: &Run, layout: Layout) -> Option<String> {
    let hop = |heading: &str| Column::right("hop time", heading);
    let headings = vec![
        Column::left("destination → receiver"),
        Column::right("", "received"),
        hop("p50"),
        hop("p99"),
        hop("p99.9"),
        hop("max"),
    ];
    let mut grid = Grid::new(1, headings);
    let hops = run.hops();
    for hop in &hops {
        let quantile = |q| units::duration_or_none(hop.time.quantile_ns(q)).into();
        grid.row(vec![
            format!("{} → {}", hop.destination, hop.receiver).into(),
            units::count(hop.time.count()).into(),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            units::duration_or_none(hop.time.max_ns()).into(),
        ]);
    }
    let name = super::headline(&run.dispatch, &run.scenario, layout);
    (!hops.is_empty()).then(|| format!("{name}\n{}", grid.render(layout)))
}
