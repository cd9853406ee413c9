//! When a comparison of pairs is looked at, and by which margins and limits: as the command line says, or as a record says that is run again.

use super::rows::Row;
use crate::{args::CompareArgs, exit::usage, spec::RunSpec};
use drumpost_results::{
    compare::{GATES_AT_MOST, Margin, Margins, Options, Plan},
    model::Record,
    verdict::Thresholds,
};
use std::{collections::BTreeMap, path::Path};

/// The plan of looks for the pairs that are asked for.
pub(super) fn plan(args: &CompareArgs, rows: usize) -> anyhow::Result<Plan> {
    Plan::new(args.sides.pairs(), rows * GATES_AT_MOST, &Options::default())
        .map_err(|error| usage(format!("--pairs {}: {error}", args.sides.pairs())))
}

/// The margins of a record that is run again, with those that are asked for in their place.
pub(super) fn recorded_margins(record: &Record, given: &[Margin]) -> BTreeMap<String, f64> {
    let recorded = record.comparison.as_ref().map(|compared| Margins::from_changed(&compared.margins));
    recorded.unwrap_or_default().with(given).changed()
}

/// The limits by which runs are judged and pairs are repeated. Those before the `--` take the place of those after it or in a suite, and
/// of those of a record that is run again.
///
/// # Errors
/// A limit that cannot be set, or rows whose limits differ: a record has the same limits for all of its runs.
pub(super) fn limits(
    args: &CompareArgs,
    rows: &[Row],
    replayed: Option<&Record>,
) -> anyhow::Result<Thresholds> {
    if let Some(record) = replayed {
        return args.thresholds.over(Thresholds::from_settings(&record.thresholds));
    }
    let mut of_rows: Option<(&Row, Thresholds)> = None;
    for row in rows {
        let spec = RunSpec::from_document(row.base.clone()).map_err(usage)?;
        let limits = spec.measure.thresholds.resolve()?;
        match &of_rows {
            Some((first, known)) if *known != limits => {
                return Err(usage(format!(
                    "`threshold` differs between `{}` and `{}`: a comparison has the same limits for all rows; set it in [defaults], or \
                     give --threshold before the `--`",
                    first.name, row.name
                )));
            }
            Some(_) => {}
            None => of_rows = Some((row, limits)),
        }
    }
    args.thresholds.over(of_rows.map(|(_, limits)| limits).unwrap_or_default())
}

pub(super) fn recorded_plan(record: &Record, path: &Path) -> anyhow::Result<Plan> {
    let looks = record.comparison.as_ref().map_or(&[][..], |compared| &compared.looks);
    let is_upwards = looks.windows(2).all(|pair| pair[0] < pair[1]);
    let plan =
        Plan::recorded(looks).filter(|_| is_upwards && looks.iter().all(|look| (1..=10_000).contains(look)));
    plan.ok_or_else(|| usage(format!("--replay {}: its looks cannot be meant", path.display())))
}
