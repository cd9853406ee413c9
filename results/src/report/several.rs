//! Several records side by side: one table and the charts of all their runs, and then each record in full.
//!
//! Nothing is judged between them: records of different times are a trend, and `compare` says what may be compared.

use super::block::{Block, Heading, Item, Level, List, Report};
use super::run::{charts, figures, table};
use super::search::search;
use super::{names, page};
use crate::model::{Record, Run, Verdict};
use std::collections::BTreeMap;

/// The report on several records, each with the name by which readers know it, such as its file.
#[must_use]
pub fn several(records: &[(String, &Record)]) -> Report {
    let mut report = Report::default();
    let mut scenarios: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for (name, record) in records.iter().filter(|(_, record)| record.search.is_none()) {
        for run in &record.runs {
            scenarios.entry(run.scenario.clone()).or_default().push(named(run, name));
        }
    }
    let all: Vec<(&Run, Verdict)> = scenarios.values().flatten().map(|run| (run, run.judged())).collect();
    let title = format!("{} records", records.len());
    let names: Vec<&str> = records.iter().map(|(name, _)| name.as_str()).collect();
    report.group([page::of_runs(title.clone(), names.join(", "), &all, true)]);
    report.group([Block::Heading(Heading::new(Level::Report, &title, names.join(", ")))]);
    let note = "the records were made at different times, so a difference between them is not judged; drumpost compare says what can be";
    report.group([Block::List(List { head: None, items: vec![Item::Note(note.into())] })]);
    for (scenario, runs) in &scenarios {
        let judged: Vec<(&Run, Verdict)> = runs.iter().map(|run| (run, run.judged())).collect();
        report.group([Block::Heading(Heading::new(Level::Part, scenario, ""))]);
        report.group([Block::Table(figures(&judged))]);
        report.group(charts(&judged));
    }
    for (_, record) in records {
        report.append(if record.search.is_some() { search(record, None) } else { table(record, None) });
    }
    report
}

/// The run under a name that says its record, too.
fn named(run: &Run, record: &str) -> Run {
    let verdict = Some(run.judged());
    Run { dispatch: format!("{} ({record})", names::run(run)), verdict, side: None, ..run.clone() }
}
