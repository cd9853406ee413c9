//! The verdict on a gate in one plain sentence.
//!
//! Lives here: the words, and the name of a row. A sentence names the test, the number of pairs and the p-value, so that a reader can weigh it.
//! Does not live here: the notes that say what would decide a gate (`decide`).

use super::{Gate, Interval, Metric, Row, Verdict, margins};
use crate::units;

/// The resolution of recorded times, as a share of one. An interval that is nearer to no change than this reaches it.
const RESOLUTION: f64 = 0.001;

impl Row {
    /// A name that tells the row from others: that of a suite's cell, or else the scenario and what is compared in it.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.name {
            // A row that is called after its dispatch may be there for several scenarios.
            Some(cell) if *cell != self.dispatch_a => cell.clone(),
            _ if self.dispatch_a == self.dispatch_b => format!("{} {}", self.scenario, self.dispatch_a),
            _ => format!("{} {} to {}", self.scenario, self.dispatch_a, self.dispatch_b),
        }
    }

    /// `20 pairs`, or `10 pairs, 9 can be compared`. A pair in which no flow of a side ended has no throughput to compare, and no
    /// times.
    #[must_use]
    pub fn pairs_in_words(&self) -> String {
        let all = units::counted(self.pairs as u64, "pair", "pairs");
        let of_throughput = self.gates.iter().find(|gate| gate.metric == Metric::Throughput);
        match of_throughput.map(|gate| gate.pairs) {
            Some(0) if self.pairs > 0 => format!("{all}, none can be compared"),
            Some(some) if some < self.pairs => {
                format!("{all}, {} can be compared", units::count(some as u64))
            }
            _ => all,
        }
    }
}

impl Gate {
    /// The verdict in one sentence without a full stop: `worse by 3.1 % (95 % interval 2.4 to 3.9 %), 40 pairs, exact sign
    /// test, p < 0.0001 after Holm's correction`, `same within 1.2 % ...`, `worse by 1.2 % ..., which is within the margin of
    /// 2 %`, `inconclusive: ...`. With a control arm it ends with the noise floor. Percentages are those of B/A as the table
    /// shows it.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.floor_text() {
            Some(floor) => format!("{}; noise floor {floor}", self.brief_sentence()),
            None => self.brief_sentence(),
        }
    }

    /// The same without the noise floor, for a reader who sees the floor beside it.
    #[must_use]
    pub fn brief_sentence(&self) -> String {
        let note = |words: &str| match &self.note {
            Some(note) => format!("{words}: {note}"),
            None => words.to_owned(),
        };
        match self.verdict {
            Verdict::Regression | Verdict::Improvement => moved(self),
            Verdict::NoChange => match self.small_change() {
                Some(how_small) => format!("{} over {} pairs, {how_small}", shift(self), self.pairs),
                None => same(self),
            },
            Verdict::Inconclusive => note("inconclusive"),
            Verdict::NotJudged => note("not judged"),
        }
    }

    /// How a change that is called *no change* compares with the margin: `which is within the margin of 2 %`. `None` if the
    /// 95 % interval reaches from worse to better, so that there may be no change at all, and for other verdicts.
    fn small_change(&self) -> Option<String> {
        let Interval { low, high } = self.interval.filter(|_| self.verdict == Verdict::NoChange)?;
        if low - 1.0 < RESOLUTION && 1.0 - high < RESOLUTION {
            return None;
        }
        let margin = self.margin?;
        // The rule compares logarithms, too.
        let is_within = self.ratio.ln().abs() < margin.ln_1p();
        let limit = if is_within { "within" } else { "less than one and a half times" };
        Some(format!("which is {limit} the margin of {}", margins::text(margin)))
    }

    /// The margin as a percentage without needless zeros: `2 %`, `2.5 %`.
    #[must_use]
    pub fn margin_text(&self) -> Option<String> {
        self.margin.map(margins::text)
    }

    /// The noise floor as a percentage, rounded up, and at least the resolution of recorded times.
    #[must_use]
    pub fn floor_text(&self) -> Option<String> {
        self.floor.map(|floor| percent(up(floor).max(RESOLUTION)))
    }

    /// Whether the pairs show a change that is smaller than the noise floor. The floor says how often such a change is missed. How often
    /// a verdict is false is limited by the sign test, whatever the floor is.
    #[must_use]
    pub fn is_below_floor(&self) -> bool {
        let is_changed = matches!(self.verdict, Verdict::Regression | Verdict::Improvement);
        is_changed && self.floor.is_some_and(|floor| self.ratio.ln().abs() < self.metric.worsening_of(floor))
    }
}

/// A share rounded up to the digits that [`percent`] shows: a tenth of a percent, or a percent from 100 % on.
fn up(share: f64) -> f64 {
    let steps = if share >= 1.0 { 1e2 } else { 1e3 };
    // The last digits of a binary fraction are no reason to round up.
    (share * steps - 1e-9).ceil().max(0.0) / steps
}

/// By how much a gate moved, in which direction, and how that was tested.
pub(super) fn moved(gate: &Gate) -> String {
    let p = gate.p_holm.map_or_else(String::new, |p| format!(", p {} after Holm's correction", p_value(p)));
    format!("{}, {} pairs, exact sign test{p}", shift(gate), gate.pairs)
}

/// By how much a gate moved, and in which direction: `worse by 3.1 % (95 % interval 2.4 to 3.9 %)`.
fn shift(gate: &Gate) -> String {
    let is_worse = (gate.ratio < 1.0) == gate.metric.higher_is_better();
    // In the direction of the change, so that a figure with a minus points in the other direction.
    let side = if gate.ratio < 1.0 { -1.0 } else { 1.0 };
    let by = |ratio: f64| side * (ratio - 1.0);
    let interval = gate.interval.map_or_else(String::new, |Interval { low, high }| {
        let (near, far) = (by(low).min(by(high)), by(low).max(by(high)));
        format!(" (95 % interval {} to {})", digits(near), percent(far))
    });
    let which = if is_worse { "worse" } else { "better" };
    format!("{which} by {}{interval}", percent(by(gate.ratio)))
}

/// The end of the interval that is farther from no change. It is rounded up, because the interval may reach that far.
fn same(gate: &Gate) -> String {
    let Some(Interval { low, high }) = gate.interval else { return "same".to_owned() };
    let within = (low - 1.0).abs().max((high - 1.0).abs());
    let margin = gate.margin_text().map_or_else(String::new, |margin| format!(", margin {margin}"));
    format!("same within {} (95 % interval), {} pairs{margin}", percent(up(within)), gate.pairs)
}

/// With one digit after the point, and with none from 100 % on: `297.3 %` would be more exact than what it says.
fn percent(share: f64) -> String {
    format!("{} %", digits(share))
}

fn digits(share: f64) -> String {
    let decimals = usize::from(share.abs() < 1.0);
    format!("{:.decimals$}", share * 100.0)
}

/// With its sign: `= 0.0123`, `< 0.0001`.
fn p_value(p: f64) -> String {
    let text = units::probability(p);
    if text.starts_with('<') { text } else { format!("= {text}") }
}
