//! OpenMetrics 1.0 as text, for Prometheus and what reads its formats.
//!
//! Samples have no time of their own, because Prometheus's collector of text files refuses those that have. Does not live here: the figures
//! themselves (`model`, `stats`), and how families are written (`metrics`).

use super::{ExportError, Expresses, Format, OfRecord, Source, Text};
use crate::metrics::{self, Family, Kind, Labels, Point};
use crate::model::{Distribution, Run};
use crate::rows::Row;
use crate::stats::Derived;

/// The format `openmetrics`.
#[derive(Debug)]
pub(super) struct OpenMetrics;

/// The quantiles of summaries, and their labels. A quantile with too few samples is left out.
const QUANTILES: [(f64, &str); 5] =
    [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99"), (0.999, "0.999"), (0.9999, "0.9999")];

impl Format for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn extension(&self) -> &'static str {
        "prom"
    }

    fn expresses(&self) -> Expresses {
        Expresses { failures: true, ..Expresses::default() }
    }

    /// Families of metrics with a sample for each row. `drumpost_good` tells rows that failed, are invalid or break a promise.
    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let of = source.of_record(self.name())?;
        let rows = of.rows()?;
        let labelled: Vec<(Labels, &Row<'_>)> = rows.iter().map(|row| (labels(row), row)).collect();
        Ok(metrics::text(&families(&of, &labelled)).into())
    }
}

fn families(of: &OfRecord<'_>, rows: &[(Labels, &Row<'_>)]) -> Vec<Family> {
    let mut families = vec![start(of), good(rows)];
    let runs: Vec<(&Labels, &Run)> =
        rows.iter().filter_map(|(labels, row)| Some((labels, row.measured()?))).collect();
    families.extend(gauges(rows, &runs));
    families.push(metrics::flows(runs.iter().map(|(labels, run)| (*labels, Derived::of(run).flows))));
    families.push(metrics::messages(runs.iter().map(|(labels, run)| (*labels, run.audit()))));
    families.extend(summaries(&runs));
    families
}

/// When the record was started, with its name and the version of drumpost. Nothing in virtual time.
fn start(of: &OfRecord<'_>) -> Family {
    let help = "When the record was started, in seconds since 1970.";
    let mut family = Family::new(Kind::Gauge, "drumpost_started_timestamp_seconds", "seconds", help);
    let record = of.record;
    let mut labels =
        Labels::from([("record", record.id.as_str()), ("version", record.tool_version.as_str())]);
    if let Some(revision) = of.revision {
        labels = labels.with("revision", revision);
    }
    if of.started_s > 0.0 {
        family.add(&labels, of.started_s);
    }
    family
}

fn good(rows: &[(Labels, &Row<'_>)]) -> Family {
    let help = "1 if the row was run to its end, is not invalid and passes the audit, else 0.";
    let mut family = Family::new(Kind::Gauge, "drumpost_good", "", help);
    for (labels, row) in rows {
        family.add(labels, if row.faults().is_empty() { 1.0 } else { 0.0 });
    }
    family
}

/// A figure of a run that may be missing.
type Figure = fn(&Derived) -> Option<f64>;

fn gauges(rows: &[(Labels, &Row<'_>)], runs: &[(&Labels, &Run)]) -> Vec<Family> {
    let of_run: [(&str, &str, &str, Figure); 4] = [
        ("drumpost_trials", "", "Trials whose figures count.", |of| Some(of.trials as f64)),
        ("drumpost_throughput_flows_per_second", "", "Flows ended per second.", |of| of.throughput_per_s),
        ("drumpost_cpu_per_message_seconds", "seconds", "CPU time of the process per message sent.", |of| {
            of.cpu_ns_per_message.map(|ns| ns / 1e9)
        }),
        ("drumpost_cpu_per_flow_seconds", "seconds", "CPU time of the process per flow ended.", |of| {
            of.cpu_ns_per_flow.map(|ns| ns / 1e9)
        }),
    ];
    let mut families = Vec::new();
    for (name, unit, help, figure) in of_run {
        let mut family = Family::new(Kind::Gauge, name, unit, help);
        for (labels, run) in runs {
            figure(&Derived::of(run)).into_iter().for_each(|value| family.add(labels, value));
        }
        families.push(family);
    }
    let help = "Highest rate at which a search found its goal kept, in flows per second.";
    let mut kept = Family::new(Kind::Gauge, "drumpost_kept_flows_per_second", "", help);
    for (labels, row) in rows {
        row.kept_per_s.into_iter().for_each(|rate| kept.add(labels, rate));
    }
    families.push(kept);
    families
}

/// Times of a run.
type Times = fn(&Run) -> Distribution;

fn summaries(runs: &[(&Labels, &Run)]) -> Vec<Family> {
    let all: [(&str, &str, Times); 4] = [
        ("drumpost_response_seconds", "Time from when a flow was due until it ended.", Run::response),
        ("drumpost_service_seconds", "Time from the first message of a flow until it ended.", Run::service),
        ("drumpost_lag_seconds", "Time from when a flow was due until its first message.", Run::lag),
        ("drumpost_confirm_seconds", "Time from sending a message until it was confirmed.", Run::confirm),
    ];
    let of_times = |(name, help, times): (&'static str, &'static str, Times)| {
        let mut family = Family::new(Kind::Summary, name, "seconds", help);
        for (labels, run) in runs {
            let times = times(run);
            if times.is_empty() {
                continue;
            }
            let known = |(quantile, text)| Some((quantile, text, times.quantile_ns(quantile)? as f64 / 1e9));
            let quantiles = QUANTILES.into_iter().filter_map(known).collect();
            let (count, sum) = (times.count(), times.sum_ns() as f64 / 1e9);
            family.add_point(labels, Point::Summary { quantiles, count, sum });
        }
        family
    };
    all.into_iter().map(of_times).collect()
}

/// The labels of a row. `row` is there to tell rows apart that have the same scenario and dispatch, and `side` in a record of two sides.
fn labels(row: &Row<'_>) -> Labels {
    let mut labels = Labels::from([("scenario", row.scenario), ("dispatch", row.dispatch)]);
    let mut name = row.name.as_str();
    if let Some(role) = row.role() {
        let side = role.told();
        labels = labels.with("side", side);
        name = name.strip_prefix(side).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(name);
    }
    if name == format!("{} {}", row.scenario, row.dispatch) { labels } else { labels.with("row", name) }
}
