//! Broken promises of delivery: which side breaks one, and whether B has the larger share of faults in clearly more pairs.
//!
//! Where both sides break a promise in several rows, chance has a try in each of them, so the rows are judged together. A row in which A keeps
//! its promise and B breaks it needs no statistics.
//!
//! Does not live here: which counts of an audit are faults (`model`), and exit codes (the command line).

use super::{Comparison, Options, Row, Verdict};
use crate::model::{Run, Trial};
use crate::stats;

/// What the audits of the runs of a row say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Broken {
    /// See [`Row::broken_promise`].
    pub by_b: Option<String>,
    /// See [`Row::broken_by_both`].
    pub by_both: Option<String>,
}

/// Compares the audits of A and B. Where both failed, their shares of faults are compared pair by pair, by the sign test at `level`: a
/// base that loses one message excuses no head that loses many, and one fault more in one pair is no difference. This is about one row:
/// [`judge`] corrects it for several.
pub(super) fn broken((a, b): (&Run, &Run), pairs: &[(&Trial, &Trial)], level: f64) -> Broken {
    match (a.audit_failed(), b.audit_failed()) {
        (_, false) => Broken::default(),
        (false, true) => Broken { by_b: Some(faults(b)), by_both: None },
        (true, true) => {
            let (p, is_more) = more_faults((a, b), pairs);
            let is_worse = is_more && p <= level;
            Broken {
                by_b: is_worse.then(|| faults(b)),
                by_both: Some(format!("A {}; B {}", faults(a), faults(b))),
            }
        }
    }
}

/// The p-value of the sign test on the shares of faults, and whether B has the larger share in more pairs than A.
fn more_faults((a, b): (&Run, &Run), pairs: &[(&Trial, &Trial)]) -> (f64, bool) {
    let more = |(of_a, of_b): &(&Trial, &Trial)| share(b, of_b) - share(a, of_a);
    let more: Vec<f64> = pairs.iter().map(more).collect();
    let in_b = more.iter().filter(|more| **more > 0.0).count();
    let in_a = more.iter().filter(|more| **more < 0.0).count();
    (stats::sign_test(&more), in_b > in_a)
}

/// Judges the rows of these runs together: those in which both audits failed, with Holm's correction, at the level of one look. Takes back
/// improvements of a B whose audit failed.
pub(super) fn judge(rows: &mut [Row], runs: &[(&Run, &Run)], options: &Options) {
    let (mut both, mut p_values) = (Vec::new(), Vec::new());
    for (row, &(a, b)) in rows.iter_mut().zip(runs).filter(|(row, _)| row.broken_by_both.is_some()) {
        p_values.push(more_faults((a, b), &super::pairs(a, b)).0);
        both.push(row);
    }
    for (row, p) in both.into_iter().zip(stats::holm(&p_values)) {
        if p > options.alpha_per_look() {
            row.broken_promise = None;
        }
    }
    withdraw_improvements(rows);
}

/// What the audit of a run found against its promise: `3 lost, 2 duplicated`.
pub(super) fn faults(run: &Run) -> String {
    let faults = run.promises.faults(&run.audit());
    faults.iter().map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

/// Faults of a trial for each delivery that its audit expected.
fn share(run: &Run, trial: &Trial) -> f64 {
    let faults: u64 = run.promises.faults(&trial.audit).iter().map(|(n, _)| n).sum();
    faults as f64 / trial.audit.expected.max(1) as f64
}

/// Takes improvements back in rows where the audit of B failed: a message that is lost takes no time.
fn withdraw_improvements(rows: &mut [Row]) {
    let broken = rows.iter_mut().filter(|row| row.broken_promise.is_some() || row.broken_by_both.is_some());
    for gate in broken.flat_map(|row| &mut row.gates).filter(|gate| gate.verdict == Verdict::Improvement) {
        gate.withdraw(
            "B came out better, but its audit failed, and a side that loses or repeats messages is often the faster one. \
             Without the faults it can be judged",
        );
    }
}

impl Row {
    /// The promises that B breaks, in a sentence without a full stop; `None` if its audit passed.
    #[must_use]
    pub fn broken_in_words(&self) -> Option<String> {
        Some(match (&self.broken_promise, &self.broken_by_both) {
            (Some(_), Some(faults)) => {
                format!("both sides break their promise, and B has more faults: {faults}")
            }
            (None, Some(faults)) => format!("both sides break their promise: {faults}"),
            (Some(faults), None) => format!("B breaks a promise that A keeps: {faults}"),
            (None, None) => return None,
        })
    }
}

impl Comparison {
    /// The rows in which the audits of both sides failed.
    pub fn broken_by_both(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.broken_by_both.is_some())
    }
}
