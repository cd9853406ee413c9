//! The control arm: a copy of A that runs in some of the pairs, and what it says about this machine.
//!
//! Lives here: the comparison of A with its copy, and the noise floor of each gate. Does not live here: making the copy and
//! running it (the command line).

use super::decide::decide_copies;
use super::sentence::moved;
use super::{Basis, Comparison, Judging, Options, Row, Verdict, row};
use crate::model::{Record, Run};
use crate::stats;
use crate::units;
use crate::verdict::Thresholds;

/// What the control arm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlState {
    /// No difference beyond the margins was found.
    NoneFound,
    /// They differ, so the comparison of A with B is invalid.
    Differs,
    /// The copy ran in too few pairs to say either.
    TooShort,
}

impl ControlState {
    /// The words in documents.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoneFound => "no difference found",
            Self::Differs => "differs",
            Self::TooShort => "too short",
        }
    }
}

/// A against A′, a copy of A that ran in some of the pairs.
///
/// **The test.** The same rule as for A and B: exact sign test of ln(A′/A), Holm over the gates of the control, the margin of
/// each metric. Its level is that of one look, so that all looks together call a sound machine unsound at most with a chance
/// of alpha. A and A′ are the same program. A difference is therefore the machine's, such as a copy that lies elsewhere in
/// memory and is slower for good, or the harness's. Either could also be the difference between A and B.
///
/// **The noise floor** of a gate is what this machine can tell apart in its metric, with as many pairs as the gate has. It is
/// the larger of two figures:
/// - the smallest change that the sign test of the comparison would find four times out of five if its pairs scattered as
///   those of A and A′ do, from [`stats::minimum_detectable_in`] with the pairs of the gate and the level of one look
///   divided by the gates of the comparison;
/// - |median ln(A′/A)|: a difference that a copy shows, too, is not the change's.
///
/// The first falls with more pairs, the second does not. Both are logarithms; the floor is `exp(x) − 1`, and for the throughput,
/// where less is worse, `1 − exp(−x)`. A control that differs or was too short gives no floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// The answer.
    pub state: ControlState,
    /// Pairs of A and its copy, in the row that has the fewest.
    pub pairs: usize,
    /// The fewest pairs that could show a difference.
    pub needed: usize,
    /// A and its copy, row by row: here side B is the copy.
    pub rows: Vec<Row>,
    /// The answer in a sentence.
    pub sentence: String,
}

impl Comparison {
    /// Adds the control arm: the record of the copy of A, whose trials have the numbers and seeds of the pairs in which it
    /// ran. `a` is the record that holds side A. If A and its copy differ, the comparison becomes invalid, and its gates
    /// inconclusive. A comparison without pairs is returned as it is.
    #[must_use]
    pub fn with_control<'a>(self, a: &'a Record, copy: &'a Record) -> Self {
        let is_one_job =
            a.pairing.as_ref().zip(copy.pairing.as_ref()).is_some_and(|(a, copy)| a.id == copy.id);
        let of = |record: &'a Record, row: &Row| {
            record.runs.iter().find(|run| run.scenario == row.scenario && run.dispatch == row.dispatch_a)
        };
        let runs: Vec<_> = self.rows.iter().map(|row| of(a, row).zip(of(copy, row))).collect();
        self.controlled(&runs, is_one_job, &Thresholds::from_settings(&a.thresholds))
    }

    /// The same with the run of A and that of its copy for each row, where there are both.
    pub(super) fn controlled(
        mut self,
        runs: &[Option<(&Run, &Run)>],
        is_one_job: bool,
        limits: &Thresholds,
    ) -> Self {
        if self.basis == Basis::Unpaired {
            return self;
        }
        // The control has to notice more than what may block, so it is not firm.
        let options = Options { firm: false, ..self.options.clone() };
        let judging = Judging { options: &options, limits, is_paired: is_one_job };
        let both = self.rows.iter().zip(runs).filter_map(|(own, runs)| Some((own, (*runs)?)));
        let mut rows: Vec<Row> = both.map(|(own, runs)| control_row(own, runs, judging)).collect();
        if is_one_job {
            decide_copies(&mut rows, &options);
        }
        let control = Control::of(rows, self.rows.len(), &options);
        if control.state == ControlState::NoneFound {
            self.set_floors(&control.rows);
        }
        if control.state == ControlState::Differs {
            let judged = |gate: &&mut super::Gate| gate.verdict != Verdict::NotJudged;
            for gate in self.rows.iter_mut().flat_map(|row| &mut row.gates).filter(judged) {
                gate.withdraw(
                    "a copy of A differs from A here, so a difference between A and B says nothing. Fresh copies or a quieter \
                     machine would decide it",
                );
            }
            self.verdict = Verdict::Inconclusive;
        }
        self.control = Some(control);
        self
    }

    /// True if a control arm ran and a copy of A differs from A.
    #[must_use]
    pub fn is_control_different(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.state == ControlState::Differs)
    }

    fn set_floors(&mut self, control: &[Row]) {
        let together = self.rows.iter().flat_map(|row| &row.gates).filter(|gate| gate.p.is_some()).count();
        let alpha = self.options.alpha_per_look() / together.max(1) as f64;
        for row in &mut self.rows {
            let same = |other: &&Row| {
                other.name == row.name && other.scenario == row.scenario && other.dispatch_a == row.dispatch_a
            };
            let Some(control) = control.iter().find(same) else { continue };
            for gate in row.gates.iter_mut().filter(|gate| gate.p.is_some()) {
                let copy = control.gates.iter().find(|copy| copy.metric == gate.metric);
                let floor = copy.and_then(|copy| floor(&copy.worsenings, gate.pairs, alpha));
                gate.floor = floor.map(|worsening| gate.metric.change_of(worsening));
            }
        }
    }
}

/// The noise floor as a logarithm; see [`Control`].
fn floor(worsenings: &[f64], pairs: usize, alpha: f64) -> Option<f64> {
    let detectable = stats::minimum_detectable_in(worsenings, pairs, alpha)?;
    let lasting = stats::median(worsenings)?.abs();
    Some(detectable.max(lasting))
}

/// A and its copy, in the metrics of a row of the comparison.
fn control_row(own: &Row, runs: (&Run, &Run), judging: Judging<'_>) -> Row {
    let metrics: Vec<_> = own.gates.iter().map(|gate| gate.metric).collect();
    Row { name: own.name.clone(), ..row(runs, ["A", "the copy of A"], metrics, judging) }
}

impl Control {
    fn of(rows: Vec<Row>, expected: usize, options: &Options) -> Self {
        let gates = || rows.iter().flat_map(|row| &row.gates).filter(|gate| gate.p.is_some());
        let needed = stats::pairs_needed(options.alpha_per_look(), gates().count());
        let of_row =
            |row: &Row| row.gates.iter().filter(|gate| gate.p.is_some()).map(|gate| gate.pairs).min();
        let fewest = rows.iter().map(|row| of_row(row).unwrap_or(0)).min().unwrap_or(0);
        let pairs = if rows.len() < expected { 0 } else { fewest };
        let is_different = |verdict| matches!(verdict, Verdict::Regression | Verdict::Improvement);
        let differing: Vec<String> = gates()
            .filter(|gate| is_different(gate.verdict))
            .map(|gate| format!("{} {}", gate.metric.label(), moved(gate)))
            .collect();
        let said = units::counted(pairs as u64, "pair", "pairs");
        let (state, sentence) = if !differing.is_empty() {
            let differing = differing.join("; ");
            (
                ControlState::Differs,
                format!(
                    "the comparison is invalid, because a copy of A differs from A on this machine: {differing}"
                ),
            )
        } else if pairs < needed {
            let sentence = format!("the copy of A ran in {said} only; {needed} are needed for a noise floor");
            (ControlState::TooShort, sentence)
        } else {
            (
                ControlState::NoneFound,
                format!("a copy of A ran in {said}, and no difference from A was found"),
            )
        };
        Self { state, pairs, needed, rows, sentence }
    }
}
