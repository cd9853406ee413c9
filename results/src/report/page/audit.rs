//! The audit as a table: what was expected, what was delivered, and everything that went wrong.
//!
//! Does not live here: which counts are faults (`model::Promises`).

use super::super::audit as result;
use super::super::block::{Block, Cell, Column, Table, Tone};
use crate::model::{Audit, Run};
use crate::units;

type Count = (&'static str, fn(&Audit) -> u64);

/// Counts that always have a column.
const ALWAYS: [Count; 7] = [
    ("sent", |audit| audit.sent),
    ("expected", |audit| audit.expected),
    ("delivered", |audit| audit.delivered),
    ("lost", |audit| audit.lost),
    ("duplicated", |audit| audit.duplicated),
    ("reordered", |audit| audit.reordered),
    ("corrupted", |audit| audit.corrupted),
];

/// Counts that have one if any run has them.
const SOME: [Count; 9] = [
    ("unknown", |audit| audit.unknown),
    ("out of order", |audit| audit.out_of_order),
    ("not judged", |audit| audit.unjudged),
    ("dead letters", |audit| audit.dead),
    ("redelivered", |audit| audit.redelivered.unwrap_or(0)),
    ("given back", |audit| audit.rejected.unwrap_or(0)),
    ("refused", |audit| audit.refused.unwrap_or(0)),
    ("unconfirmed", |audit| audit.unconfirmed.unwrap_or(0)),
    ("rolled back", |audit| audit.rolled_back.unwrap_or(0)),
];

/// A row per run, under its name. Runs that sent nothing say so. `what` is what the names are of, such as dispatches.
pub(in crate::report) fn audit(runs: &[(String, &Run)], what: &'static str) -> Block {
    let audits: Vec<(&str, &Run, Audit)> =
        runs.iter().map(|(name, run)| (name.as_str(), *run, run.audit())).collect();
    let some = SOME.iter().filter(|(_, of)| audits.iter().any(|(_, _, audit)| of(audit) > 0));
    let counts: Vec<&Count> = ALWAYS.iter().chain(some).collect();
    let mut columns = vec![Column::left(what)];
    columns.extend(counts.iter().map(|(name, _)| Column::right("", *name)));
    columns.push(Column::left("audit"));
    let mut table = Table::new(0, 1, columns);
    for (name, run, audit) in &audits {
        let name = Cell::from(*name);
        if audit.sent == 0 && audit.expected == 0 {
            table.sentence(vec![name], "no message was sent");
            continue;
        }
        let count = |(name, of): &&Count| {
            let n = of(audit);
            let is_plain = n == 0 || ["sent", "expected", "delivered"].contains(name);
            Cell::new(if is_plain { Tone::Plain } else { Tone::Strong }, units::count(n))
        };
        let mut cells = vec![name];
        cells.extend(counts.iter().map(count));
        cells.push(result::audit(run, audit));
        table.row(cells);
    }
    Block::Table(table).only_on_page()
}
