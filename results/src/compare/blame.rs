//! Whether B is to blame that a comparison is invalid, or the machine may be.
//!
//! A run is judged over all of its trials together, so one trial that stalled, or a share of 1.01 % where 0.99 % would be valid, can make it
//! invalid. The machine does that to either side equally often. So each trial is judged by itself, and B is to blame if its trials are invalid in
//! clearly more pairs than those of A, by the sign test. A stalled trial of A excuses no B that stalls in every pair.
//!
//! Does not live here: what makes a trial or a run invalid (`crate::verdict`), and exit codes (the command line).

use super::{Comparison, Judging, Row, pairs};
use crate::model::{Run, Trial};
use crate::stats;
use crate::verdict::{Alone, Thresholds};

/// The pairs of a row of which one trial is invalid and the other is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Against {
    /// Pairs of which only the trial of A is invalid.
    a: usize,
    /// The same of B.
    b: usize,
    /// In every pair flows of A ended and none of B.
    is_b_dead: bool,
}

impl Against {
    fn of((a, b): (&Run, &Run), limits: &Thresholds) -> Self {
        let mut sum = Self::default();
        let pairs = pairs(a, b);
        let (mut alone_a, mut alone_b) = (Alone::of(a, limits), Alone::of(b, limits));
        for (of_a, of_b) in &pairs {
            match (alone_a.reason(of_a).is_some(), alone_b.reason(of_b).is_some()) {
                (true, false) => sum.a += 1,
                (false, true) => sum.b += 1,
                _ => {}
            }
        }
        let is_dead = |(a, b): &(&Trial, &Trial)| a.flows.ended > 0 && b.flows.ended == 0;
        Self { is_b_dead: !pairs.is_empty() && pairs.iter().all(is_dead), ..sum }
    }

    fn and(self, other: Self) -> Self {
        Self { a: self.a + other.a, b: self.b + other.b, is_b_dead: false }
    }

    fn p(self) -> f64 {
        stats::sign_test_of(self.b, self.a)
    }
}

/// Says of each row with an invalid B whether B is to blame.
///
/// The sign test is made for each row, and once more over the pairs of all rows together: where trials that wait for flows take long, there are
/// too few pairs of each row to tell. Holm's correction is over all of these tests, and the level is that of one look. If B is
/// invalid in any row, all rows are counted, because counting only rows that look bad would favour one answer. If no flow of B ended in any pair, and flows of A did in each,
/// B is to blame without a test, however few pairs there are: no machine does that.
pub(super) fn judge(rows: &mut [Row], runs: &[(&Run, &Run)], judging: Judging<'_>) {
    if !rows.iter().any(|row| row.invalid_sides[1]) {
        return;
    }
    let counts: Vec<Against> = runs.iter().map(|runs| Against::of(*runs, judging.limits)).collect();
    let all = counts.iter().fold(Against::default(), |sum, count| sum.and(*count));
    let together = (counts.len() > 1).then_some(all);
    let p_values: Vec<f64> = counts.iter().copied().chain(together).map(Against::p).collect();
    let adjusted = stats::holm(&p_values);
    let level = judging.options.alpha_per_look();
    let is_more = |count: &Against, p: Option<&f64>| count.b > count.a && p.is_some_and(|p| *p <= level);
    // With one row, this is the test of the row.
    let is_more_together = is_more(&all, adjusted.last());
    for ((row, count), p) in rows.iter_mut().zip(&counts).zip(&adjusted) {
        let is_clear = is_more(count, Some(p)) || is_more_together && count.b > count.a;
        row.is_b_to_blame = row.invalid_sides[1] && (is_clear || count.is_b_dead);
    }
}

impl Row {
    /// True if one of the runs is invalid, or both are.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.invalid_sides.contains(&true)
    }
}

impl Comparison {
    /// True if in a row B is invalid, and its trials are in clearly more pairs than those of A, or none of its flows ended in any pair and flows
    /// of A did in each: what changed is the likely reason, and not the machine.
    #[must_use]
    pub fn is_b_to_blame(&self) -> bool {
        self.rows.iter().any(|row| row.is_b_to_blame)
    }
}
