//! Notes on a row of a comparison: what its two runs say of themselves beside their figures, and the settings in which they differ.
//!
//! Does not live here: judging a run (`crate::verdict`), and notes on how the measuring went (`course`).

use super::{lacking, promise};
use crate::model::{self, Run, Setting, Trial, Validity, Verdict};
use crate::verdict::{Thresholds, bound};

/// A setting that differs: its name, and its value in A and in B.
pub(super) type Difference = (String, Option<Setting>, Option<Setting>);

/// The notes on two runs with their verdicts. `sides` are the names of the runs. What makes a run suspect, and a server or a load generator
/// that was the limit, decide nothing here, but whoever reads a verdict has to know them.
pub(super) fn of(
    [a, b]: [&Run; 2],
    sides: [&str; 2],
    verdicts: &[Verdict; 2],
    pairs: &[(&Trial, &Trial)],
    limits: &Thresholds,
) -> Vec<String> {
    let mut notes = Vec::from_iter(lacking::dead_pairs(pairs, sides));
    for ((side, run), verdict) in sides.into_iter().zip([a, b]).zip(verdicts) {
        if verdict.status != Validity::Valid {
            notes.push(format!("{side} is {}: {}", verdict.status.word(), verdict.reasons.join("; ")));
        }
        if run.audit_failed() {
            notes.push(format!("the audit of {side} failed: {}", promise::faults(run)));
        }
        notes.extend(bound(run, limits).map(|bound| format!("{side} is {bound}")));
    }
    if has_told(a) && has_told(b) && a.load != b.load {
        let (a, b) = (a.load.word(), b.load.word());
        notes.push(format!(
            "A has a {a} load and B a {b} load, so their response times mean different things"
        ));
    }
    notes
}

/// The settings in which two runs differ.
pub(super) fn differences(a: &Run, b: &Run) -> Vec<Difference> {
    if !has_told(a) || !has_told(b) {
        return Vec::new();
    }
    let all = model::differences(&a.settings, &b.settings);
    all.map(|(key, a, b)| (key.to_owned(), a.cloned(), b.cloned())).collect()
}

/// Whether the settings of a run are known. A side whose program never answered has told none, which is no difference.
fn has_told(run: &Run) -> bool {
    run.side.is_none() || !run.settings.is_empty()
}
