//! When a comparison of pairs is looked at, and by which margins: as the command line says, or as a record says that is run again.

use crate::{args::CompareArgs, exit::usage};
use drumpost_results::{
    compare::{GATES_AT_MOST, Margin, Margins, Options, Plan},
    model::Record,
};
use std::{collections::BTreeMap, path::Path};

/// The plan of looks for the pairs that are asked for.
pub(super) fn plan(args: &CompareArgs, rows: usize) -> anyhow::Result<Plan> {
    Plan::new(args.sides.pairs as usize, rows * GATES_AT_MOST, &Options::default())
        .map_err(|error| usage(format!("--pairs {}: {error}", args.sides.pairs)))
}

/// The margins of a record that is run again, with those that are asked for in their place.
pub(super) fn recorded_margins(record: &Record, given: &[Margin]) -> BTreeMap<String, f64> {
    let recorded = record.comparison.as_ref().map(|compared| Margins::from_changed(&compared.margins));
    recorded.unwrap_or_default().with(given).changed()
}

pub(super) fn recorded_plan(record: &Record, path: &Path) -> anyhow::Result<Plan> {
    let looks = record.comparison.as_ref().map_or(&[][..], |compared| &compared.looks);
    let is_upwards = looks.windows(2).all(|pair| pair[0] < pair[1]);
    let plan =
        Plan::recorded(looks).filter(|_| is_upwards && looks.iter().all(|look| (1..=10_000).contains(look)));
    plan.ok_or_else(|| usage(format!("--replay {}: its looks cannot be meant", path.display())))
}
