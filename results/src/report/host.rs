//! The facts above a table that say how the machine disturbed its rows.

use super::block::{Block, Fact, Facts, Tone};
use super::names;
use crate::model::{Record, Run, Verdict};
use crate::verdict::{HostReason, Machine, Thresholds, host_reasons};

/// Each reason once, with the rows that it applies to.
pub(super) fn host(record: &Record, judged: &[(&Run, Verdict)]) -> Option<Block> {
    let thresholds = Thresholds::from_settings(&record.thresholds);
    let held: Vec<&Run> =
        judged.iter().filter(|(_, verdict)| !verdict.host.is_empty()).map(|(run, _)| *run).collect();
    let reasons = host_reasons(&held, &Machine::of(&record.environment), &thresholds);
    let said = |reason: HostReason| {
        let rows = match (reason.runs.len(), judged.len()) {
            (_, 1) => String::new(),
            (some, all) if some == all => " (all rows)".to_owned(),
            (1, _) => format!(" ({})", names::run(held[reason.runs[0]])),
            (some, all) => format!(" ({some} of {all} rows)"),
        };
        Fact::from(format!("{}{rows}", reason.sentence))
    };
    let facts: Vec<Fact> = reasons.into_iter().map(said).collect();
    (!facts.is_empty()).then_some(Block::Facts(Facts { label: "machine", tone: Tone::Warning, facts }))
}
