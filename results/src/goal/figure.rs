//! The figures that a goal may name, and their values in a run.
//!
//! All figures are those of all trials together: percentiles come from merged histograms and never from percentiles of single
//! trials. Does not live here: operators and limits (the parent module).

use super::counts::Count;
use super::lists::{COUNTS, STATISTICS, TIMES};
use crate::compare::Metric;
use crate::model::{Distribution, LoadKind, Run, samples_needed};
use crate::similar::closest;
use crate::stats::Derived;
use crate::units;

/// A figure of a run, or of the answer of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure {
    Time(Times, Statistic),
    Count(&'static Count),
    /// Flows started ÷ flows due.
    Achieved,
    /// Flows ended per second.
    Throughput,
    /// The highest rate at which a search found its goal kept.
    Kept,
    /// CPU time per message or flow.
    Cost(Metric),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Response,
    Service,
    Lag,
    Confirm,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    Quantile(f64, &'static str),
    Mean,
    Max,
}

/// Figures that are neither times nor counts.
const OTHERS: [(&str, Figure); 5] = [
    ("achieved", Figure::Achieved),
    ("throughput_per_s", Figure::Throughput),
    ("kept_per_s", Figure::Kept),
    ("cpu_ns_per_message", Figure::Cost(Metric::CpuPerMessage)),
    ("cpu_ns_per_flow", Figure::Cost(Metric::CpuPerFlow)),
];

/// The value of a figure, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// The figure lies between these two, which are mostly the same.
    Between(f64, f64),
    /// There are too few samples.
    TooFew {
        /// Samples there are.
        count: u64,
        /// Samples that are needed.
        needed: u64,
    },
    /// There is no such figure, and why.
    Unknown(String),
}

impl Figure {
    /// The figure of this name. `confirm_p99` is the same as `confirm.p99`, `p99` the same as `response.p99`, and `dead_letters` the
    /// same as `dead`.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let name = if name == "dead_letters" { "dead" } else { name };
        let figure = OTHERS.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure);
        let count = COUNTS.iter().find(|count| count.name == name).map(Self::Count);
        figure.or(count).or_else(|| of_times(name)).ok_or_else(|| unknown(name))
    }

    /// Whether only a transport that confirms messages has this figure.
    pub(super) fn needs_confirms(self) -> bool {
        match self {
            Self::Time(times, _) => times == Times::Confirm,
            Self::Count(count) => count.needs_confirms,
            _ => false,
        }
    }

    /// The figure of a run; `kept_per_s` is the answer of the search whose holds are the trials of the run.
    pub(super) fn of(self, run: &Run, kept_per_s: Option<f64>) -> Value {
        match self {
            Self::Time(times, statistic) => of_time(run, times, statistic),
            Self::Count(count) => count.of(run),
            Self::Achieved => achieved(run),
            Self::Throughput => known(Derived::of(run).throughput_per_s, "the run has no measured time"),
            Self::Kept => known(kept_per_s, "only a search that found a rate has it"),
            Self::Cost(metric) => known(metric.of_run(run), "the CPU time was not measured"),
        }
    }

    /// The name in its usual form.
    pub(super) fn name(self) -> String {
        match self {
            Self::Time(times, statistic) => match TIMES.iter().find(|(_, known)| *known == times) {
                Some((name, _)) if times != Times::Response => format!("{name}.{}", statistic.name()),
                _ => statistic.name().to_owned(),
            },
            Self::Count(count) => count.name.to_owned(),
            Self::Achieved | Self::Throughput | Self::Kept | Self::Cost(_) => {
                let name = OTHERS.iter().find(|(_, known)| *known == self).map(|(name, _)| *name);
                name.unwrap_or_default().to_owned()
            }
        }
    }

    /// The unit of its values in documents: `ns`, `per_s`, `share`, or `count`.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Time(..) | Self::Cost(_) => "ns",
            Self::Throughput | Self::Kept => "per_s",
            Self::Achieved => "share",
            Self::Count(_) => "count",
        }
    }

    /// A value of the figure for people, with its unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Time(..) => units::duration(value as u64),
            Self::Cost(_) => units::duration(value.round() as u64),
            Self::Count(_) => units::count_exact(value as u64),
            Self::Achieved => units::percent(value),
            Self::Throughput | Self::Kept => units::rate(value),
        }
    }
}

fn of_times(name: &str) -> Option<Figure> {
    let (of, statistic) = name
        .split_once(['.', '_'])
        .filter(|(of, _)| TIMES.iter().any(|(known, _)| known == of))
        .unwrap_or(("response", name));
    let (_, times) = TIMES.iter().find(|(known, _)| *known == of)?;
    let (_, statistic) = STATISTICS.iter().find(|(known, _)| *known == statistic)?;
    Some(Figure::Time(*times, *statistic))
}

/// Why a name is none of a figure: the known name that is most like it, and all known names.
fn unknown(name: &str) -> String {
    let statistics = STATISTICS.map(|(name, _)| name);
    let of_times: Vec<String> = TIMES
        .iter()
        .flat_map(|(times, _)| statistics.map(|statistic| format!("{times}.{statistic}")))
        .collect();
    let counts = COUNTS.iter().map(|count| count.name);
    let others: Vec<&str> = counts.chain(OTHERS.map(|(name, _)| name)).collect();
    let short: Vec<&str> = statistics.into_iter().chain(others.iter().copied()).collect();
    let long = of_times.iter().map(String::as_str);
    let all: Vec<&str> = short.iter().copied().chain(long).collect();
    let hint = closest(name, &all).map(|known| format!(", did you mean `{known}`?")).unwrap_or_default();
    format!(
        "unknown figure `{name}`{hint}; figures are {} (also service.p99, lag.p99, confirm.p99), {}",
        statistics.join(", "),
        others.join(", ")
    )
}

/// A figure that may be missing. A figure that is negative or no number is not known either.
fn known(figure: Option<f64>, why_not: &str) -> Value {
    match figure {
        Some(value) if value.is_finite() && value >= 0.0 => Value::Between(value, value),
        Some(_) => Value::Unknown("it is negative or no number".to_owned()),
        None => Value::Unknown(why_not.to_owned()),
    }
}

fn of_time(run: &Run, times: Times, statistic: Statistic) -> Value {
    match times.of(run) {
        Some(of_run) => statistic.value(&of_run),
        None => Value::Unknown("the transport confirms nothing".to_owned()),
    }
}

/// All figures with the values that are known of a run. Times are merged once for all of their statistics.
pub(super) fn all_known(run: &Run, kept_per_s: Option<f64>) -> Vec<(Figure, f64)> {
    let mut values: Vec<(Figure, Value)> = Vec::new();
    for (_, times) in TIMES {
        let Some(of_run) = times.of(run) else { continue };
        let of =
            |(_, statistic): (&str, Statistic)| (Figure::Time(times, statistic), statistic.value(&of_run));
        values.extend(STATISTICS.map(of));
    }
    let others = COUNTS.iter().map(Figure::Count).chain(OTHERS.map(|(_, figure)| figure));
    values.extend(others.map(|figure| (figure, figure.of(run, kept_per_s))));
    let exact = |(figure, value)| match value {
        Value::Between(low, high) if low == high => Some((figure, low)),
        Value::Between(..) | Value::TooFew { .. } | Value::Unknown(_) => None,
    };
    values.into_iter().filter_map(exact).collect()
}

/// All figures.
pub(super) fn all() -> impl Iterator<Item = Figure> {
    let times = TIMES
        .into_iter()
        .flat_map(|(_, times)| STATISTICS.map(|(_, statistic)| Figure::Time(times, statistic)));
    times.chain(COUNTS.iter().map(Figure::Count)).chain(OTHERS.map(|(_, figure)| figure))
}

impl Times {
    /// The times of a run; `None` for confirms where the transport has none.
    fn of(self, run: &Run) -> Option<Distribution> {
        match self {
            Self::Response => Some(run.response()),
            Self::Service => Some(run.service()),
            Self::Lag => Some(run.lag()),
            Self::Confirm => run.audit().confirmed.is_some().then(|| run.confirm()),
        }
    }
}

fn achieved(run: &Run) -> Value {
    let flows = Derived::of(run).flows;
    match (run.load, flows.due) {
        (LoadKind::Closed, _) => Value::Unknown("a closed load has no rate to achieve".to_owned()),
        (LoadKind::Open, 0) => Value::TooFew { count: 0, needed: 1 },
        (LoadKind::Open, due) => known(Some(flows.started as f64 / due as f64), ""),
    }
}

impl Statistic {
    fn value(self, times: &Distribution) -> Value {
        match self.of(times) {
            Ok(ns) => known(Some(ns), ""),
            Err(needed) => Value::TooFew { count: times.count(), needed },
        }
    }

    /// The figure in ns, or how many samples it needs.
    fn of(self, times: &Distribution) -> Result<f64, u64> {
        let whole = |ns: Option<u64>| ns.map(|ns| ns as f64);
        match self {
            Self::Quantile(quantile, _) => {
                whole(times.quantile_ns(quantile)).ok_or_else(|| samples_needed(quantile))
            }
            Self::Mean => times.mean_ns().ok_or(1),
            Self::Max => whole(times.max_ns()).ok_or(1),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Quantile(_, name) => name,
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }
}
