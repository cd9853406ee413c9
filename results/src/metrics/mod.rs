//! Metrics as OpenMetrics text: of a record that is exported, and of a run that goes on.
//!
//! Lives here: families of metrics and how they are written. Counts and times that add up while a run goes on are in `totals`, families
//! that records and live figures share in `shared`. Does not live here: which figures of a record are exported (`export`), and the live
//! ones of a command (the command line).
//!
//! The specification is <https://prometheus.io/docs/specs/om/open_metrics_spec/>. Times are in seconds, as it asks.

mod shared;
mod totals;

pub use shared::{flows, messages};
pub use totals::{BOUNDS, Times, Totals};

use std::fmt::Write as _;

/// The media type of the text, for HTTP.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What kind of metric a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count that only grows.
    Counter,
    /// Quantiles, count and sum.
    Summary,
    /// Counts of values up to bounds, count and sum.
    Histogram,
    /// Facts as labels.
    Info,
}

/// Names and values that tell the points of a family apart, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(&'static str, String)>);

impl Labels {
    /// These and one more.
    #[must_use]
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut own = self.clone();
        own.0.push((name, value.to_owned()));
        own
    }

    /// Names and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// As they stand between braces.
    fn text(&self) -> String {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        let all: Vec<String> =
            self.pairs().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        all.join(",")
    }
}

impl<const N: usize> From<[(&'static str, &str); N]> for Labels {
    fn from(pairs: [(&'static str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name, value.to_owned())).into())
    }
}

/// What a family has under some labels.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// Of a gauge, a counter or an info.
    Number(f64),
    /// Of a histogram.
    Histogram(Box<Times>),
    /// Of a summary.
    Summary {
        /// Each as a number and as its label says it, with its value.
        quantiles: Vec<(f64, &'static str, f64)>,
        /// How many values there are.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

/// A family: its points stand together, below its type, unit and help.
#[derive(Debug, Clone)]
pub struct Family {
    /// Without `_total`. Ends in the unit if there is one.
    pub name: &'static str,
    /// What its points are.
    pub kind: Kind,
    /// May be empty.
    pub unit: &'static str,
    /// One sentence or two.
    pub help: &'static str,
    points: Vec<(Labels, Point)>,
}

impl Family {
    /// A family without points.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, help, points: Vec::new() }
    }

    /// Adds a value. What is no number is left out.
    pub fn add(&mut self, labels: &Labels, value: f64) {
        if value.is_finite() {
            self.points.push((labels.clone(), Point::Number(value)));
        }
    }

    /// Adds a point of any kind.
    pub fn add_point(&mut self, labels: &Labels, point: Point) {
        self.points.push((labels.clone(), point));
    }

    /// The points so far.
    #[must_use]
    pub fn points(&self) -> &[(Labels, Point)] {
        &self.points
    }

    /// Nothing is written without a point.
    fn write(&self, to: &mut String) {
        if self.points.is_empty() {
            return;
        }
        let Self { name, kind, unit, help, points } = self;
        let (kind, suffix) = match kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Counter => ("counter", "_total"),
            Kind::Summary => ("summary", ""),
            Kind::Histogram => ("histogram", ""),
            Kind::Info => ("info", "_info"),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(to, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(to, "# UNIT {name} {unit}");
        }
        let _ = writeln!(to, "# HELP {name} {help}");
        let mut sample = |suffix: &str, labels: &Labels, value: f64| {
            let _ = writeln!(to, "{name}{suffix}{{{}}} {value}", labels.text());
        };
        for (labels, point) in points {
            match point {
                Point::Number(value) => sample(suffix, labels, *value),
                Point::Histogram(times) => {
                    let mut below = 0;
                    for ((_, bound), count) in BOUNDS.iter().zip(times.counts) {
                        below += count;
                        sample("_bucket", &labels.with("le", bound), below as f64);
                    }
                    sample("_bucket", &labels.with("le", "+Inf"), times.count as f64);
                    sample("_count", labels, times.count as f64);
                    sample("_sum", labels, times.sum_ns as f64 / 1e9);
                }
                Point::Summary { quantiles, count, sum } => {
                    for (_, text, value) in quantiles {
                        sample("", &labels.with("quantile", text), *value);
                    }
                    sample("_count", labels, *count as f64);
                    sample("_sum", labels, *sum);
                }
            }
        }
    }
}

/// A whole text of families.
#[must_use]
pub fn text<'a>(families: impl IntoIterator<Item = &'a Family>) -> String {
    let mut text = String::new();
    families.into_iter().for_each(|family| family.write(&mut text));
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Distribution;

    #[test]
    fn a_histogram_is_written_with_counts_that_add_up() {
        let times = Times::of(&Distribution::of([900, 2_000_000, 2_000_000, 30_000_000_000]));
        let mut family = Family::new(Kind::Histogram, "waiting_seconds", "seconds", "How long.");
        family.add_point(&Labels::from([("of", "a\"b")]), Point::Histogram(Box::new(times)));
        let written = text([&family, &Family::new(Kind::Gauge, "nothing", "", "No sample.")]);
        assert!(written.starts_with("# TYPE waiting_seconds histogram\n# UNIT waiting_seconds seconds\n"));
        for line in [
            "waiting_seconds_bucket{of=\"a\\\"b\",le=\"0.000001\"} 1\n",
            "waiting_seconds_bucket{of=\"a\\\"b\",le=\"0.001\"} 1\n",
            "waiting_seconds_bucket{of=\"a\\\"b\",le=\"0.0025\"} 3\n",
            "waiting_seconds_bucket{of=\"a\\\"b\",le=\"10.0\"} 3\n",
            "waiting_seconds_bucket{of=\"a\\\"b\",le=\"+Inf\"} 4\n",
            "waiting_seconds_count{of=\"a\\\"b\"} 4\n",
            "waiting_seconds_sum{of=\"a\\\"b\"} 30.0040009\n",
        ] {
            assert!(written.contains(line), "{line}{written}");
        }
        assert!(written.ends_with("# EOF\n") && !written.contains("nothing"));
    }
}
