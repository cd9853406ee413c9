//! The metrics of a comparison: one number per trial and metric, and what a comparison decides by.
//!
//! Does not live here: the margins of the metrics (`margins`), and the decision (`decide`).

use super::Margins;
use crate::model::{Distribution, Run, Trial};
use crate::stats::Derived;
use crate::units;

/// One number per trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Flows ended per second; higher is better, for all others lower is.
    Throughput,
    /// CPU time of the process per message sent; for two runs of one style.
    CpuPerMessage,
    /// CPU time of the process per flow ended; for two styles, which send different numbers of messages.
    CpuPerFlow,
    /// Median response time.
    P50,
    /// 90th percentile of the response time.
    P90,
    /// 99th percentile of the response time.
    P99,
    /// 99.9th percentile of the response time, with at least ten samples beyond it.
    P999,
    /// 99th percentile of the confirm time, all destinations together; for two runs over transports that confirm.
    ConfirmP99,
}

/// The most gates that one row of a comparison can have. A plan that is made before the first trial counts with it.
pub const GATES_AT_MOST: usize = 7;

/// A percentile is judged if the trials of at most one pair in so many lack the samples for it.
const LACKING_AT_MOST_ONE_IN: usize = 20;

/// Samples that must lie beyond p99.9 before it is compared.
const SAMPLES_BEYOND: u64 = 10;

impl Metric {
    /// All metrics, in the order of the tables.
    pub const ALL: [Self; 8] = [
        Self::Throughput,
        Self::CpuPerMessage,
        Self::CpuPerFlow,
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::ConfirmP99,
    ];

    /// The metrics for a pair of runs, in the order of the tables.
    #[must_use]
    pub fn for_runs(a: &Run, b: &Run) -> Vec<Self> {
        let style = |run: &'_ Run| run.dispatch.split('/').next().map(str::to_owned);
        let cpu = if style(a) == style(b) { Self::CpuPerMessage } else { Self::CpuPerFlow };
        let confirm = [a, b].iter().all(|run| !run.confirm().is_empty()).then_some(Self::ConfirmP99);
        [Self::Throughput, cpu, Self::P50, Self::P90, Self::P99, Self::P999]
            .into_iter()
            .chain(confirm)
            .collect()
    }

    /// The name in documents, with its unit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput_per_s",
            Self::CpuPerMessage => "cpu_ns_per_message",
            Self::CpuPerFlow => "cpu_ns_per_flow",
            Self::P50 => "response_ns_p50",
            Self::P90 => "response_ns_p90",
            Self::P99 => "response_ns_p99",
            Self::P999 => "response_ns_p99_9",
            Self::ConfirmP99 => "confirm_ns_p99",
        }
    }

    /// The name in tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::CpuPerMessage => "CPU per message",
            Self::CpuPerFlow => "CPU per flow",
            Self::P50 => "response p50",
            Self::P90 => "response p90",
            Self::P99 => "response p99",
            Self::P999 => "response p99.9",
            Self::ConfirmP99 => "confirm p99",
        }
    }

    /// True if more is better.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        self == Self::Throughput
    }

    /// True for a figure of processor time, false for one that is read off a clock on the wall. Other work on the machine
    /// lengthens the second kind directly.
    #[must_use]
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::CpuPerMessage | Self::CpuPerFlow)
    }

    /// Whether a percentile is judged where `lacking` of `pairs` pairs have too few samples for it. The pairs that have it are not like the
    /// others: theirs are the trials with more flows. Whether a pair lacks it does not depend on which trial was A.
    pub(super) fn is_judged_without(self, lacking: usize, pairs: usize) -> bool {
        !self.is_percentile() || lacking * LACKING_AT_MOST_ONE_IN <= pairs
    }

    pub(super) fn is_percentile(self) -> bool {
        self != Self::Throughput && !self.is_cpu()
    }

    /// The change that a worsening, `ln(B/A)` with the sign of worse, stands for, as a share of one: how much more, or for a
    /// figure of which more is better, how much less.
    #[must_use]
    pub fn change_of(self, worsening: f64) -> f64 {
        if self.higher_is_better() { -(-worsening).exp_m1() } else { worsening.exp_m1() }
    }

    /// The worsening that a change stands for, the other way round.
    #[must_use]
    pub fn worsening_of(self, change: f64) -> f64 {
        if self.higher_is_better() { -(-change).ln_1p() } else { change.ln_1p() }
    }

    /// A value of it, with its unit.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        if self == Self::Throughput {
            units::rate(value)
        } else {
            units::duration(value.round().max(0.0) as u64)
        }
    }

    /// The figure of one trial.
    #[must_use]
    pub fn of_trial(self, trial: &Trial) -> Option<f64> {
        match self {
            Self::Throughput => trial.throughput_per_s(),
            Self::CpuPerMessage => trial.cpu_ns_per_message(),
            Self::CpuPerFlow => trial.cpu_ns_per_flow(),
            Self::ConfirmP99 => confirm_p99(&trial.confirm()),
            _ => self.of_response(&trial.response),
        }
    }

    /// The figure of a whole run.
    #[must_use]
    pub fn of_run(self, run: &Run) -> Option<f64> {
        match self {
            Self::Throughput => Derived::of(run).throughput_per_s,
            Self::CpuPerMessage => Derived::of(run).cpu_ns_per_message,
            Self::CpuPerFlow => Derived::of(run).cpu_ns_per_flow,
            Self::ConfirmP99 => confirm_p99(&run.confirm()),
            _ => self.of_response(&run.response()),
        }
    }

    fn of_response(self, response: &Distribution) -> Option<f64> {
        let quantile = match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            _ => 0.999,
        };
        let enough = self != Self::P999 || response.samples_beyond(quantile) >= SAMPLES_BEYOND;
        response.quantile_ns(quantile).filter(|_| enough).map(|ns| ns as f64)
    }

    /// `ln(B/A)`, signed so that above zero is worse. `None` unless both are above zero.
    #[must_use]
    pub fn worsening(self, a: f64, b: f64) -> Option<f64> {
        // A zero on either side makes the logarithm infinite. Two negative figures have a ratio, so a sign is asked for.
        let log = (b / a).ln();
        (a.is_sign_positive() && log.is_finite()).then_some(if self.higher_is_better() { -log } else { log })
    }
}

fn confirm_p99(confirm: &Distribution) -> Option<f64> {
    confirm.quantile_ns(0.99).map(|ns| ns as f64)
}

/// What a comparison decides by.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Chance of any false verdict over all gates of the comparison. 0.01.
    pub alpha: f64,
    /// How often the comparison may be looked at while pairs are added; each look has `alpha/looks`. 1.
    pub looks: u32,
    /// Whether a regression or an improvement also needs the 99 % interval to lie beyond half the margin. For a comparison
    /// that blocks a change: see [`super::Plan::options`]. False.
    pub firm: bool,
    /// The smallest change of each metric that counts.
    pub margins: Margins,
}

impl Default for Options {
    fn default() -> Self {
        Self { alpha: 0.01, looks: 1, firm: false, margins: Margins::default() }
    }
}

impl Options {
    /// The margin of a metric, as a share of one.
    #[must_use]
    pub fn margin(&self, metric: Metric) -> f64 {
        self.margins.of(metric)
    }

    /// The level of one look.
    #[must_use]
    pub fn alpha_per_look(&self) -> f64 {
        self.alpha / f64::from(self.looks.max(1))
    }
}
