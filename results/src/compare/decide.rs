//! A gate, and how the rule is applied to all gates of a comparison.
//!
//! A regression needs a p-value after Holm of at most alpha and a median of at least the margin. An improvement is the
//! mirror image. No change needs a 95 % interval of the median within one and a half margins. Everything else is
//! inconclusive. An invalid run cannot show that nothing became worse, and neither can a disturbed machine. A percentile that
//! too many pairs lack is not judged. Does not live here: why pairs lack a figure (`lacking`), the rule on numbers (`rule`), the tests themselves (`stats`), and sentences for people (`sentence`).

use super::rule::{self, CONFIDENCE, Judged, Level, NO_CHANGE_MARGINS, Pairs};
use super::{Metric, Options, Row, Verdict, lacking};
use crate::model::{Run, Trial};
use crate::stats;
use crate::units;

/// A change beyond this, as a share of one, is seen without a comparison. Pairs that can show only such changes show nothing.
const USEFUL: f64 = 1.0;
/// Beyond this factor, more pairs are not the first advice: the machine or the trials have to change.
const TOO_MANY_TIMES: usize = 10;
/// A gate that is undecided although its pairs should do is told to take at least this many times as many.
const MORE_AT_LEAST: f64 = 1.25;

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
    /// Smallest worsening that four of five comparisons like this would call a regression, as a share of one: for the throughput how
    /// much less, else how much more.
    pub detectable: Option<f64>,
    /// What this machine can tell apart in this metric, as a share of one, from A and a copy of A; `None` without a control
    /// arm, or with one that differs or was too short. See [`super::Control`].
    pub floor: Option<f64>,
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
        let known = figures(metric, pairs);
        let paired = |(a, b): (f64, f64)| Some((a, (b, metric.worsening(a, b)?)));
        let (of_a, (of_b, worsenings)): (Vec<f64>, (Vec<f64>, Vec<f64>)) =
            known.into_iter().filter_map(paired).unzip();
        let note = (worsenings.is_empty() && !pairs.is_empty()).then(|| lacking::note(metric, pairs));
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
            floor: None,
            verdict: Verdict::NotJudged,
            note,
            worsenings,
        })
    }

    /// Takes a verdict back: the pairs may say what they want, something else speaks against them.
    pub(super) fn withdraw(&mut self, note: impl Into<String>) {
        self.verdict = Verdict::Inconclusive;
        self.note = Some(note.into());
    }
}

/// The figures of the pairs that have them on both sides. None if too many pairs lack samples for a percentile.
fn figures(metric: Metric, pairs: &[(&Trial, &Trial)]) -> Vec<(f64, f64)> {
    let of_pair = |(a, b): &(&Trial, &Trial)| metric.of_trial(a).zip(metric.of_trial(b));
    let known: Vec<(f64, f64)> = pairs.iter().filter_map(of_pair).collect();
    let lacking = pairs.len() - known.len();
    if metric.is_judged_without(lacking, pairs.len()) { known } else { Vec::new() }
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
    decide_beside(rows, options, Row::is_invalid);
}

/// The same for A and a copy of A. A run that is invalid cannot show that B is better, but that a copy differs in either direction.
pub(super) fn decide_copies(rows: &mut [Row], options: &Options) {
    decide_beside(rows, options, |_| false);
}

/// `is_invalid`: whether the validity of its runs speaks against a row.
fn decide_beside(rows: &mut [Row], options: &Options, is_invalid: fn(&Row) -> bool) {
    let mut gates: Vec<(Beside, &mut Gate)> = Vec::new();
    for row in rows {
        let is_invalid = is_invalid(row);
        let Row { pairs, disturbed, is_busy, .. } = *row;
        let beside = Beside { is_invalid, pairs, disturbed, is_busy };
        for gate in &mut row.gates {
            // A figure that the pairs lack is not judged. Its note says why they do.
            if beside.pairs == 0 || gate.pairs > 0 {
                gates.push((beside, gate));
            }
        }
    }
    let level = Level { alpha: options.alpha_per_look(), firm: options.firm };
    let pairs =
        |(_, gate): &(Beside, &mut Gate)| (gate.worsenings.clone(), options.margin(gate.metric).ln_1p());
    let pairs: Vec<(Vec<f64>, f64)> = gates.iter().map(pairs).collect();
    let pairs: Vec<Pairs<'_>> =
        pairs.iter().map(|(worsenings, margin)| Pairs { worsenings, margin: *margin }).collect();
    let judged = rule::judge(&pairs, level);
    let together = gates.len();
    for (((beside, gate), judged), pairs) in gates.iter_mut().zip(judged).zip(pairs) {
        gate.margin = Some(options.margin(gate.metric));
        apply(gate, judged, pairs, level, together);
        beside.weigh(gate);
    }
}

/// What speaks against the pairs of a row beside their numbers.
#[derive(Debug, Clone, Copy)]
struct Beside {
    is_invalid: bool,
    pairs: usize,
    disturbed: usize,
    is_busy: bool,
}

impl Beside {
    /// An invalid run may show a regression, but never the lack of one. On a machine that was disturbed in most pairs, times
    /// are mostly those of the disturbance. Two such times being equal says nothing about A and B, even where they scatter
    /// little. CPU time is not affected in this way.
    fn weigh(self, gate: &mut Gate) {
        if self.is_invalid && matches!(gate.verdict, Verdict::NoChange | Verdict::Improvement) {
            gate.withdraw("one of the runs is invalid. A comparison of valid runs would decide it");
        } else if gate.verdict == Verdict::NoChange
            && !gate.metric.is_cpu()
            && let Some(disturbed) = self.disturbance()
        {
            gate.withdraw(format!(
                "{disturbed}, so equal times say nothing about A and B. A quieter machine would decide it"
            ));
        }
    }

    /// What the machine did in most pairs, or over all of them together.
    fn disturbance(self) -> Option<String> {
        let Self { pairs, disturbed, is_busy, .. } = self;
        if disturbed * 2 > pairs {
            Some(format!("the machine was disturbed in {disturbed} of {pairs} pairs"))
        } else {
            is_busy.then(|| {
                "other processes used too much of the cores' time over all pairs together".to_owned()
            })
        }
    }
}

fn apply(gate: &mut Gate, judged: Judged, pairs: Pairs<'_>, level: Level, together: usize) {
    (gate.p, gate.p_holm, gate.verdict) = (Some(judged.p), Some(judged.p_holm), judged.verdict);
    let detectable = rule::detectable(&pairs, level, together);
    gate.detectable = detectable.map(|worsening| gate.metric.change_of(worsening));
    if gate.verdict == Verdict::Inconclusive {
        gate.note = Some(undecided(gate, pairs, Family { alpha: level.alpha, together }));
    }
}

/// The gates that are judged together, and the level of all of them.
#[derive(Debug, Clone, Copy)]
struct Family {
    alpha: f64,
    together: usize,
}

/// What these pairs cannot show, and what would decide it.
fn undecided(gate: &Gate, pairs: Pairs<'_>, family: Family) -> String {
    let needed = stats::pairs_needed(family.alpha, family.together);
    // The smallest change that the sign test alone would show falls with more pairs, and the margin does not.
    let of_signs = stats::minimum_detectable(pairs.worsenings, family.alpha / family.together as f64);
    let (Some(detectable), Some(change)) = (of_signs, gate.detectable) else {
        let pairs = units::counted(gate.pairs as u64, "pair", "pairs");
        let are = if gate.pairs == 1 { "is" } else { "are" };
        return format!("there {are} {pairs}, and at least {needed} are needed");
    };
    // Beside an interval of +3 % to +4 %, a reader takes "cannot show a change below 20 %" for a mistake.
    if gate.interval.is_some_and(|it| it.low > 1.0 || it.high < 1.0) {
        return leaning(gate, pairs, enough(pairs, detectable, needed), family);
    }
    if detectable > USEFUL.ln_1p() {
        // The uncertainty of a median falls with the square root of the number of pairs.
        let times = detectable / USEFUL.ln_1p();
        let enough = ((gate.pairs as f64 * times * times).ceil() as usize).max(needed);
        let (pairs, enough) = (units::count(gate.pairs as u64), about(enough));
        return format!(
            "these {pairs} pairs differ too much from each other to show any useful change. About {enough} such pairs would \
             show a doubling; fewer are enough with longer trials or on a quieter machine"
        );
    }
    let help = help(gate, enough(pairs, detectable, needed));
    let (n, change) = (units::count(gate.pairs as u64), units::percent(change));
    format!("these {n} pairs cannot show a change below {change}. {help}")
}

/// Why a gate is undecided although its interval lies on one side of no change: the pairs may point one way by chance, or what they
/// show may be less than the margin.
fn leaning(gate: &Gate, pairs: Pairs<'_>, enough: usize, family: Family) -> String {
    let n = units::count(gate.pairs as u64);
    let Some(p) = gate.p_holm.filter(|p| *p > family.alpha) else {
        let margin = gate.margin_text().unwrap_or_default();
        let help = help(gate, enough);
        return format!(
            "A and B differ, but these {n} pairs do not show whether by the margin of {margin} or more. {help}"
        );
    };
    let above = pairs.worsenings.iter().filter(|worsening| **worsening > 0.0).count();
    let below = pairs.worsenings.iter().filter(|worsening| **worsening < 0.0).count();
    let (agree, [p, level]) =
        (units::count(above.max(below) as u64), [p, family.alpha].map(units::probability));
    let which = if above >= below { "worse" } else { "better" };
    let help = help(gate, enough_signs(above, below, family));
    format!(
        "B was {which} in {agree} of {n} pairs, which may be chance: p is {p}, and at most {level} is enough. {help}"
    )
}

/// About how many pairs would be enough for the sign test, if as large a share of them pointed one way; `None`: far more.
fn enough_signs(above: usize, below: usize, family: Family) -> Option<usize> {
    /// In quarters.
    const STEP: usize = 4;
    let (n, rarer) = (above + below, above.min(below));
    let is_enough = |pairs: &usize| {
        let against = (pairs * rarer).div_ceil(n.max(1));
        stats::sign_test_of(pairs - against, against) <= family.alpha / family.together as f64
    };
    let mut numbers = (STEP + 1..=STEP * TOO_MANY_TIMES).map(|quarters| (n * quarters).div_ceil(STEP));
    numbers.find(is_enough)
}

/// An estimated number of pairs in two digits, rounded up: more would say that it is exact.
fn about(pairs: usize) -> String {
    let mut unit = 1;
    while pairs / unit >= 100 {
        unit *= 10;
    }
    units::count(pairs.div_ceil(unit).saturating_mul(unit) as u64)
}

/// Advice to a gate that about so many pairs would decide.
fn help(gate: &Gate, enough: impl Into<Option<usize>>) -> String {
    let Some(enough) = enough.into() else {
        return "Longer trials or a quieter machine would decide it".to_owned();
    };
    let is_far = enough > gate.pairs * TOO_MANY_TIMES;
    let enough = about(enough);
    if is_far {
        return format!(
            "Longer trials or a quieter machine would decide it. With pairs like these, about {enough} are needed"
        );
    }
    format!(
        "About {enough} such pairs would decide it; fewer are enough with longer trials or on a quieter machine"
    )
}

/// About how many pairs that scatter like these would decide. A median beyond the margin has to become detectable. One
/// within the margin needs an interval within one and a half margins. Both fall with the square root of the number.
fn enough(pairs: Pairs<'_>, detectable: f64, needed: usize) -> usize {
    let median = stats::median(pairs.worsenings).unwrap_or(0.0);
    let (low, high) = worsening_interval(pairs.worsenings).unwrap_or((median, median));
    let times = if median.abs() >= pairs.margin {
        detectable / median.abs()
    } else {
        (high - median).max(median - low) / (NO_CHANGE_MARGINS * pairs.margin - median.abs())
    };
    let times = (times * times).max(MORE_AT_LEAST);
    ((pairs.worsenings.len() as f64 * times).ceil() as usize).max(needed)
}
