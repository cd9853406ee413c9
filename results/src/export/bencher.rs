//! Bencher Metric Format: a JSON object for each benchmark, with an object for each measure.
//!
//! The shape is that of <https://bencher.dev/docs/reference/bencher-metric-format>: `value` is required, `lower_value` and
//! `upper_value` are optional. `latency` (ns) and `throughput` (per second) are measures that every project at Bencher has. Does not
//! live here: the metrics themselves (`compare`).

use serde_json::{Map, Value, json};

use super::formats::unfit;
use super::{ExportError, Expresses, Format, Source, Text};
use crate::compare::Metric;
use crate::model::Run;
use crate::rows::Row;

/// The format `bencher`.
#[derive(Debug)]
pub(super) struct Bencher;

/// The most characters of a benchmark's name.
const NAME_LEN: usize = 1_024;

impl Format for Bencher {
    fn name(&self) -> &'static str {
        "bencher"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn expresses(&self) -> Expresses {
        Expresses::default()
    }

    /// A benchmark for each row that was run to its end, is valid and passes the audit. A value is that of all trials together. Its
    /// bounds are the lowest and the highest value of single trials.
    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let mut benchmarks = Map::new();
        let mut left_out = Vec::new();
        for row in source.of_record(self.name())?.rows()? {
            match (unfit(&row), row.measured()) {
                (Some(reason), _) => left_out.push(reason),
                (None, None) => left_out.push(format!("{} (nothing was measured)", row.name)),
                (None, Some(run)) => {
                    benchmarks.insert(name(&row, &benchmarks), Value::Object(measures(run)));
                }
            }
        }
        if benchmarks.is_empty() {
            return Err(ExportError::Unfit { format: self.name(), left_out: left_out.join(", ") });
        }
        let mut text = format!("{:#}", Value::Object(benchmarks));
        text.push('\n');
        Ok(Text { text, left_out })
    }
}

/// The name of a benchmark, which is there once and is not too long.
fn name(row: &Row<'_>, known: &Map<String, Value>) -> String {
    let cut = |n: usize| row.name.chars().take(n).collect::<String>();
    let name = cut(NAME_LEN);
    if !known.contains_key(&name) {
        return name;
    }
    format!("{} ({})", cut(NAME_LEN - 30), known.len() + 1)
}

fn measures(run: &Run) -> Map<String, Value> {
    let of_metric = |metric: Metric| {
        let value = metric.of_run(run).filter(|value| value.is_finite())?;
        Some((measure(metric).to_owned(), with_bounds(value, metric, run)))
    };
    let mut measures: Map<String, Value> = Metric::ALL.into_iter().filter_map(of_metric).collect();
    let audit = run.audit();
    for (name, count) in [("lost", audit.lost), ("duplicated", audit.duplicated)] {
        measures.insert(name.to_owned(), json!({ "value": count as f64 }));
    }
    measures
}

/// Bounds are left out unless there are several trials and each of them has the figure.
fn with_bounds(value: f64, metric: Metric, run: &Run) -> Value {
    let of_trials: Option<Vec<f64>> =
        run.counted_trials().map(|trial| metric.of_trial(trial).filter(|it| it.is_finite())).collect();
    match of_trials {
        Some(of_trials) if of_trials.len() > 1 => {
            // The figure of all trials lies between those of the trials, but for the resolution of histograms.
            let low = of_trials.iter().copied().fold(value, f64::min);
            let high = of_trials.iter().copied().fold(value, f64::max);
            json!({ "value": value, "lower_value": low, "upper_value": high })
        }
        _ => json!({ "value": value }),
    }
}

/// The slug of a measure.
fn measure(metric: Metric) -> &'static str {
    match metric {
        Metric::Throughput => "throughput",
        Metric::CpuPerMessage => "cpu-per-message",
        Metric::CpuPerFlow => "cpu-per-flow",
        Metric::P50 => "latency",
        Metric::P90 => "latency-p90",
        Metric::P99 => "latency-p99",
        Metric::P999 => "latency-p99-9",
        Metric::ConfirmP99 => "confirm-latency-p99",
    }
}
