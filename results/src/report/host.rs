//! The lines above a table that say how the machine disturbed its rows.

use super::{Layout, Tone, hanging};
use crate::model::{Record, Run};
use crate::verdict::{Machine, Thresholds, Verdict, host_reasons};

/// Each reason once, with the rows that it applies to.
pub(super) fn host(record: &Record, judged: &[(&Run, Verdict)], layout: Layout) -> String {
    let thresholds = Thresholds::from_settings(&record.thresholds);
    let held: Vec<&Run> =
        judged.iter().filter(|(_, verdict)| !verdict.host.is_empty()).map(|(run, _)| *run).collect();
    let mut text = String::new();
    for reason in host_reasons(&held, &Machine::of(&record.environment), &thresholds) {
        let rows = match (reason.runs.len(), judged.len()) {
            (_, 1) => String::new(),
            (some, all) if some == all => " (all rows)".to_owned(),
            (1, _) => format!(" ({})", held[reason.runs[0]].dispatch),
            (some, all) => format!(" ({some} of {all} rows)"),
        };
        let head = if text.is_empty() { "machine  " } else { "         " };
        let told = hanging(head, &format!("{}{rows}", reason.sentence), layout);
        text += &layout.paint(Tone::Warning, &told);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
