//! The rule that decides a gate from its pairs: exact sign test, Holm's correction over all gates, and a practical
//! margin.
//!
//! A regression needs a p-value after Holm of at most alpha and a median of at least the margin. An improvement is the
//! mirror image. No change needs a 95 % interval of the median within one and a half margins. Everything else is
//! inconclusive. Does not live here: the tests themselves (`stats`).

use super::{Metric, Options, Row, Verdict};
use crate::model::{Run, Trial};
use crate::stats;
use crate::units;

/// How many margins an interval may reach and still be no change.
const NO_CHANGE_MARGINS: f64 = 1.5;
/// A change beyond this, as a share of one, is seen without a comparison. Pairs that can show only such changes show nothing.
const USEFUL: f64 = 1.0;
/// Confidence of the interval shown and used for "no change".
const CONFIDENCE: f64 = 0.95;

/// An interval of the ratio B/A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One metric of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Which.
    pub metric: Metric,
    /// The figure of A in the metric's unit: the median over the pairs, without pairs that of the whole run.
    pub a: f64,
    /// The same of B.
    pub b: f64,
    /// B/A: the median of the pairs' ratios, without pairs that of the two figures. Below one is less, whether that is good or not.
    pub ratio: f64,
    /// 95 % interval of the median ratio by order statistics; `None` unpaired or with fewer than six pairs.
    pub interval: Option<Interval>,
    /// Pairs that have the figure on both sides.
    pub pairs: usize,
    /// p-value of the sign test; `None` unpaired.
    pub p: Option<f64>,
    /// The same after Holm over all gates.
    pub p_holm: Option<f64>,
    /// Smallest change that is of interest, as a share of one; `None` unpaired.
    pub margin: Option<f64>,
    /// Smallest worsening that would have been found in four of five comparisons like this, as a share of one.
    pub detectable: Option<f64>,
    /// The answer.
    pub verdict: Verdict,
    /// Why it is inconclusive, and what would help.
    pub note: Option<String>,
    /// `ln(B/A)` per pair, signed so that above zero is worse.
    pub worsenings: Vec<f64>,
}

impl Gate {
    /// A gate that is not judged yet; `None` if one of the runs lacks the figure.
    pub(super) fn of(metric: Metric, a: &Run, b: &Run, pairs: &[(&Trial, &Trial)]) -> Option<Self> {
        let paired = |(a, b): &(&Trial, &Trial)| {
            let (a, b) = (metric.of_trial(a)?, metric.of_trial(b)?);
            Some((a, (b, metric.worsening(a, b)?)))
        };
        let (of_a, (of_b, worsenings)): (Vec<f64>, (Vec<f64>, Vec<f64>)) =
            pairs.iter().filter_map(paired).unzip();
        // All three over the same pairs: a figure of the whole run beside a median of pairs may contradict it.
        let medians = stats::median(&of_a).zip(stats::median(&of_b)).zip(stats::median(&worsenings));
        let (a, b, ratio) = match medians {
            Some(((a, b), worsening)) => (a, b, ratio(metric, worsening)),
            None => {
                let (a, b) = (metric.of_run(a)?, metric.of_run(b)?);
                (a, b, b / a)
            }
        };
        Some(Self {
            metric,
            a,
            b,
            ratio,
            interval: interval(metric, &worsenings),
            pairs: worsenings.len(),
            p: None,
            p_holm: None,
            margin: None,
            detectable: None,
            verdict: Verdict::NotJudged,
            note: None,
            worsenings,
        })
    }
}

/// B/A from a worsening.
fn ratio(metric: Metric, worsening: f64) -> f64 {
    if metric.higher_is_better() { (-worsening).exp() } else { worsening.exp() }
}

fn interval(metric: Metric, worsenings: &[f64]) -> Option<Interval> {
    let (low, high) = worsening_interval(worsenings)?;
    let (low, high) = (ratio(metric, low), ratio(metric, high));
    Some(Interval { low: low.min(high), high: low.max(high) })
}

fn worsening_interval(worsenings: &[f64]) -> Option<(f64, f64)> {
    let ranks = stats::median_interval(worsenings.len(), CONFIDENCE)?;
    let mut sorted = worsenings.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some((sorted[ranks.low - 1], sorted[ranks.high - 1]))
}

/// Judges all gates of a comparison together.
pub(super) fn decide(rows: &mut [Row], options: &Options) {
    let mut gates: Vec<(bool, &mut Gate)> = Vec::new();
    for row in rows {
        for gate in &mut row.gates {
            if row.pairs > 0 && gate.pairs == 0 {
                gate.note = Some(
                    "single trials have too few samples, so this is the figure of all trials and is not judged".into(),
                );
            } else {
                gates.push((row.invalid, gate));
            }
        }
    }
    let p_values: Vec<f64> = gates.iter().map(|(_, gate)| stats::sign_test(&gate.worsenings)).collect();
    let adjusted = stats::holm(&p_values);
    let needed = stats::pairs_needed(options.alpha_per_look(), gates.len());
    let together = gates.len();
    for ((invalid, gate), (p, p_holm)) in gates.iter_mut().zip(p_values.into_iter().zip(adjusted)) {
        (gate.p, gate.p_holm) = (Some(p), Some(p_holm));
        gate.margin = Some(options.margin(gate.metric));
        judge(gate, p_holm, needed, together, options);
        if *invalid && matches!(gate.verdict, Verdict::NoChange | Verdict::Improvement) {
            gate.verdict = Verdict::Inconclusive;
            gate.note = Some("one of the runs is invalid".into());
        }
    }
}

fn judge(gate: &mut Gate, p_holm: f64, needed: usize, together: usize, options: &Options) {
    let margin = options.margin(gate.metric).ln_1p();
    let alpha = options.alpha_per_look();
    let detectable = stats::minimum_detectable(&gate.worsenings, alpha / together as f64);
    gate.detectable = detectable.map(|d| d.max(margin).exp_m1());
    let (Some(median), Some((low, high))) =
        (stats::median(&gate.worsenings), worsening_interval(&gate.worsenings))
    else {
        return too_few(gate, needed);
    };
    if gate.pairs < needed {
        return too_few(gate, needed);
    }
    gate.verdict = if p_holm <= alpha && median >= margin {
        Verdict::Regression
    } else if p_holm <= alpha && median <= -margin {
        Verdict::Improvement
    } else if low >= -NO_CHANGE_MARGINS * margin && high <= NO_CHANGE_MARGINS * margin {
        Verdict::NoChange
    } else {
        gate.note = Some(undecided(gate.pairs, gate.detectable, needed));
        Verdict::Inconclusive
    };
}

/// What these pairs cannot show, and what would help.
fn undecided(pairs: usize, detectable: Option<f64>, needed: usize) -> String {
    let Some(change) = detectable else { return "these pairs show no change".into() };
    if change <= USEFUL {
        let change = units::percent(change);
        return format!(
            "these pairs cannot show a change below {change}; to show a smaller one, run more or longer trials, or use a quieter machine"
        );
    }
    // The uncertainty of a median falls with the square root of the number of pairs.
    let times = change.ln_1p() / USEFUL.ln_1p();
    let enough = ((pairs as f64 * times * times).ceil() as usize).max(needed);
    let (pairs, enough) = (units::count(pairs as u64), units::count(enough as u64));
    format!(
        "these {pairs} pairs differ too much from each other to show any useful change. About {enough} such pairs would show a \
         doubling; fewer are enough with longer trials or on a quieter machine"
    )
}

fn too_few(gate: &mut Gate, needed: usize) {
    gate.verdict = Verdict::Inconclusive;
    gate.note = Some(format!("there are {} pairs, and at least {needed} are needed", gate.pairs));
}
