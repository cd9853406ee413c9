//! The rule on numbers alone: the worsenings of each gate in, a verdict for each gate out.
//!
//! Lives here: the sign test with Holm's correction, the margin, and the intervals that a verdict needs. Does not live
//! here: where the worsenings come from and the notes on a gate (`decide`), and when to stop (`looks`).

use super::Verdict;
use crate::stats;

/// How many margins an interval may reach and still be no change.
pub(super) const NO_CHANGE_MARGINS: f64 = 1.5;
/// Confidence of the interval shown and used for "no change".
pub(super) const CONFIDENCE: f64 = 0.95;
/// A firm verdict asks that the change is beyond this share of the margin ...
const FIRM_MARGINS: f64 = 0.5;
/// ... with this confidence.
const FIRM_CONFIDENCE: f64 = 0.99;

/// The pairs of one gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs<'a> {
    /// `ln(B/A)` of each pair, signed so that above zero is worse.
    pub worsenings: &'a [f64],
    /// `ln(1 + margin)`.
    pub margin: f64,
}

/// The levels of a judgement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// Chance of any false verdict over all gates in this judgement.
    pub alpha: f64,
    /// Whether a verdict also needs the 99 % interval to lie beyond half the margin.
    pub firm: bool,
}

/// What the rule says of one gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// p-value of the sign test.
    pub p: f64,
    /// The same after Holm over all gates.
    pub p_holm: f64,
    /// Regression, improvement, no change or inconclusive.
    pub verdict: Verdict,
}

/// Judges all gates together. With too few pairs for the level, a gate is inconclusive whatever its pairs say.
pub(super) fn judge(gates: &[Pairs<'_>], level: Level) -> Vec<Judged> {
    let p_values: Vec<f64> = gates.iter().map(|gate| stats::sign_test(gate.worsenings)).collect();
    let adjusted = stats::holm(&p_values);
    let needed = stats::pairs_needed(level.alpha, gates.len());
    let mut ranks = Ranks::of(0);
    let judged = gates.iter().zip(p_values).zip(adjusted).map(|((gate, p), p_holm)| {
        let pairs = gate.worsenings.len();
        if ranks.pairs != pairs {
            ranks = Ranks::of(pairs);
        }
        let verdict =
            if pairs < needed { Verdict::Inconclusive } else { verdict(gate, p_holm, ranks, level) };
        Judged { p, p_holm, verdict }
    });
    judged.collect()
}

fn verdict(gate: &Pairs<'_>, p_holm: f64, ranks: Ranks, level: Level) -> Verdict {
    if p_holm <= level.alpha
        && let Some(median) = stats::median(gate.worsenings)
        && median.abs() >= gate.margin
        && (!level.firm || ranks.is_beyond(gate, median.signum()))
    {
        return if median > 0.0 { Verdict::Regression } else { Verdict::Improvement };
    }
    if ranks.is_within(gate) { Verdict::NoChange } else { Verdict::Inconclusive }
}

/// The smallest worsening that [`judge`] would call a regression in four of five comparisons of `together` gates, if their pairs scatter as those
/// of this gate do. `None` with too few pairs.
///
/// Each condition of a regression asks for a number of pairs beyond a limit: the sign test beyond zero, the median, which is more than half of them,
/// beyond the margin, and the end of the firm interval beyond half the margin. The condition that needs the largest worsening counts.
pub(super) fn detectable(gate: &Pairs<'_>, level: Level, together: usize) -> Option<f64> {
    let n = gate.worsenings.len();
    let beyond = |limit: f64, pairs: usize| Some(limit + stats::shift_needed(gate.worsenings, n, pairs)?);
    let signs = stats::minimum_detectable(gate.worsenings, level.alpha / together.max(1) as f64)?;
    let median = beyond(gate.margin, n / 2 + 1)?;
    let firm = if level.firm { beyond(FIRM_MARGINS * gate.margin, n + 1 - Ranks::of(n).firm?)? } else { 0.0 };
    Some(signs.max(median).max(firm))
}

/// The ranks of the intervals that a verdict needs, for one number of pairs. Gates with equally many pairs share them.
#[derive(Debug, Clone, Copy)]
struct Ranks {
    pairs: usize,
    /// Rank of the lower end of the 95 % interval; `None` with too few pairs.
    usual: Option<usize>,
    /// Rank of the lower end of the 99 % interval; `None` likewise.
    firm: Option<usize>,
}

impl Ranks {
    fn of(pairs: usize) -> Self {
        let low = |confidence| stats::median_interval(pairs, confidence).map(|interval| interval.low);
        Self { pairs, usual: low(CONFIDENCE), firm: low(FIRM_CONFIDENCE) }
    }

    /// Whether the 95 % interval lies within one and a half margins on both sides. The end at rank k lies within a limit if
    /// fewer than k values lie beyond the limit, so nothing has to be sorted.
    fn is_within(self, gate: &Pairs<'_>) -> bool {
        let limit = NO_CHANGE_MARGINS * gate.margin;
        let beyond = |side: f64| gate.worsenings.iter().filter(|d| side * **d > limit).count();
        self.usual.is_some_and(|rank| beyond(1.0) < rank && beyond(-1.0) < rank)
    }

    /// Whether the 99 % interval lies beyond half the margin, on the side of a sign.
    fn is_beyond(self, gate: &Pairs<'_>, side: f64) -> bool {
        let limit = FIRM_MARGINS * gate.margin;
        let short = gate.worsenings.iter().filter(|d| side * **d < limit).count();
        self.firm.is_some_and(|rank| short < rank)
    }
}
