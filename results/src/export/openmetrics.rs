//! OpenMetrics 1.0 as text, for Prometheus and what reads its formats.
//!
//! The specification is <https://prometheus.io/docs/specs/om/open_metrics_spec/>. Times are in seconds, as it asks. Samples have no
//! time of their own, because Prometheus's collector of text files refuses those that have. Does not live here: the figures
//! themselves (`model`, `stats`).

use std::fmt::Write as _;

use super::{ExportError, Expresses, Format, OfRecord, Source, Text};
use crate::model::{Audit, Distribution, Flows, Run};
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
        let labelled: Vec<(String, &Row<'_>)> = rows.iter().map(|row| (labels(row), row)).collect();
        let mut text = String::new();
        for family in families(&of, &labelled) {
            family.write(&mut text);
        }
        text.push_str("# EOF\n");
        Ok(text.into())
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
    Summary,
}

/// A family: its samples stand together, below its type, unit and help.
struct Family {
    /// Without `_total`. Ends in the unit if there is one.
    name: &'static str,
    kind: Kind,
    /// May be empty.
    unit: &'static str,
    help: &'static str,
    /// Each begins with what follows the family's name.
    samples: Vec<String>,
}

impl Family {
    fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, help, samples: Vec::new() }
    }

    fn add(&mut self, suffix: &str, labels: &str, value: f64) {
        if value.is_finite() {
            self.samples.push(format!("{suffix}{{{labels}}} {value}"));
        }
    }

    /// Nothing is written without a sample.
    fn write(&self, to: &mut String) {
        if self.samples.is_empty() {
            return;
        }
        let Self { name, kind, unit, help, samples } = self;
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Summary => "summary",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(to, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(to, "# UNIT {name} {unit}");
        }
        let _ = writeln!(to, "# HELP {name} {help}");
        for sample in samples {
            let _ = writeln!(to, "{name}{sample}");
        }
    }
}

fn families(of: &OfRecord<'_>, rows: &[(String, &Row<'_>)]) -> Vec<Family> {
    let mut families = vec![start(of), good(rows)];
    let runs: Vec<(&str, &Run)> =
        rows.iter().filter_map(|(labels, row)| Some((labels.as_str(), row.measured()?))).collect();
    families.extend(gauges(rows, &runs));
    families.extend([flows(&runs), messages(&runs)]);
    families.extend(summaries(&runs));
    families
}

/// When the record was started, with its name and the version of drumpost. Nothing in virtual time.
fn start(of: &OfRecord<'_>) -> Family {
    let help = "When the record was started, in seconds since 1970.";
    let mut family = Family::new(Kind::Gauge, "drumpost_started_timestamp_seconds", "seconds", help);
    let record = of.record;
    let mut labels = vec![label(("record", &record.id)), label(("version", &record.tool_version))];
    labels.extend(of.revision.map(|revision| label(("revision", revision))));
    if of.started_s > 0.0 {
        family.add("", &labels.join(","), of.started_s);
    }
    family
}

fn good(rows: &[(String, &Row<'_>)]) -> Family {
    let help = "1 if the row was run to its end, is valid and passes the audit, else 0.";
    let mut family = Family::new(Kind::Gauge, "drumpost_good", "", help);
    for (labels, row) in rows {
        family.add("", labels, if row.faults().is_empty() { 1.0 } else { 0.0 });
    }
    family
}

/// A figure of a run that may be missing.
type Figure = fn(&Derived) -> Option<f64>;

fn gauges(rows: &[(String, &Row<'_>)], runs: &[(&str, &Run)]) -> Vec<Family> {
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
            figure(&Derived::of(run)).into_iter().for_each(|value| family.add("", labels, value));
        }
        families.push(family);
    }
    let help = "Highest rate at which a search found its goal kept, in flows per second.";
    let mut kept = Family::new(Kind::Gauge, "drumpost_kept_flows_per_second", "", help);
    for (labels, row) in rows {
        row.kept_per_s.into_iter().for_each(|rate| kept.add("", labels, rate));
    }
    families.push(kept);
    families
}

fn flows(runs: &[(&str, &Run)]) -> Family {
    let mut family = Family::new(Kind::Counter, "drumpost_flows", "", "Flows by how far they came.");
    for (labels, run) in runs {
        let Flows { due, started, ended, unfinished, lost, refused, dead, shed, dropped, .. } =
            Derived::of(run).flows;
        let states = [
            ("due", due),
            ("started", started),
            ("ended", ended),
            ("unfinished", unfinished),
            ("lost", lost),
            ("refused", refused),
            ("dead", dead),
            ("shed", shed),
            ("dropped", dropped),
        ];
        for (state, n) in states {
            family.add("_total", &format!("{labels},{}", label(("state", state))), n as f64);
        }
    }
    family
}

fn messages(runs: &[(&str, &Run)]) -> Family {
    let mut family =
        Family::new(Kind::Counter, "drumpost_messages", "", "Messages as the audit counts them.");
    for (labels, run) in runs {
        let audit = run.audit();
        let Audit {
            sent,
            expected,
            delivered,
            unique,
            lost,
            unknown,
            duplicated,
            reordered,
            corrupted,
            dead,
            ..
        } = audit;
        let states = [
            ("sent", Some(sent)),
            ("expected", Some(expected)),
            ("delivered", Some(delivered)),
            ("unique", Some(unique)),
            ("lost", Some(lost)),
            ("unknown", Some(unknown)),
            ("duplicated", Some(duplicated)),
            ("reordered", Some(reordered)),
            ("corrupted", Some(corrupted)),
            ("dead", Some(dead)),
            ("redelivered", audit.redelivered),
            ("confirmed", audit.confirmed),
            ("refused", audit.refused),
            ("unconfirmed", audit.unconfirmed),
        ];
        for (state, n) in states.into_iter().filter_map(|(state, n)| Some((state, n?))) {
            family.add("_total", &format!("{labels},{}", label(("state", state))), n as f64);
        }
    }
    family
}

/// Times of a run.
type Times = fn(&Run) -> Distribution;

fn summaries(runs: &[(&str, &Run)]) -> Vec<Family> {
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
            for (quantile, text) in QUANTILES {
                if let Some(ns) = times.quantile_ns(quantile) {
                    family.add("", &format!("{labels},{}", label(("quantile", text))), ns as f64 / 1e9);
                }
            }
            family.add("_count", labels, times.count() as f64);
            family.add("_sum", labels, times.sum_ns() as f64 / 1e9);
        }
        family
    };
    all.into_iter().map(of_times).collect()
}

/// The labels of a row. `row` is there to tell rows apart that have the same scenario and dispatch.
fn labels(row: &Row<'_>) -> String {
    let mut labels = vec![label(("scenario", row.scenario)), label(("dispatch", row.dispatch))];
    if row.name != format!("{} {}", row.scenario, row.dispatch) {
        labels.push(label(("row", &row.name)));
    }
    labels.join(",")
}

/// A label with its value escaped.
fn label((name, value): (&str, &str)) -> String {
    let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}
