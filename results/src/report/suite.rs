//! The report on a suite: a table for each scenario of each matrix with a row per cell, then the reasons of cells that are not
//! valid.
//!
//! Does not live here: the rows in full, on a page (`page/rows.rs`).

use std::path::Path;

use super::audit::audit;
use super::block::{Block, Cell, Column, Heading, Level, Report, Saved, Table, Tone};
use super::host::host;
use super::page::{self, ResponseTimes};
use super::run::{explanation, partial, state};
use crate::format::suite as plan;
use crate::model::{Run, Verdict};
use crate::stats::Derived;
use crate::suite::Suite;
use crate::units;

/// A column that tells the rows of a table apart.
type Part = (&'static str, fn(&plan::Cell) -> String);

const PARTS: [Part; 4] = [
    ("dispatch", |cell| cell.dispatch.clone()),
    ("load", |cell| cell.load.clone()),
    ("payload", |cell| cell.payload.clone()),
    ("differs", |cell| {
        let pairs: Vec<String> = cell.differs.iter().map(|(key, value)| format!("{key} {value}")).collect();
        pairs.join(", ")
    }),
];

/// The report on a suite, from its files alone. `saved` is its folder, `None` if that does not hold all that is told.
#[must_use]
pub fn suite(suite: &Suite, saved: Option<&Path>) -> Report {
    let mut report = Report::default();
    report.group([lead(suite)]);
    report.group(partial(suite.partial().as_deref()));
    let cells = suite.plan.cells.len();
    report.group([Block::Heading(Heading::new(Level::Report, &suite.plan.name, facts(suite)))]);
    if let Some(record) = suite.records.iter().flatten().next() {
        let judged: Vec<(&Run, Verdict)> =
            (0..cells).filter_map(|i| suite.run(i)).map(|run| (run, run.judged())).collect();
        report.group(host(record, &judged));
    }
    let all: Vec<usize> = (0..cells).collect();
    let place = |i: &usize| (&suite.plan.cells[*i].matrix, &suite.plan.cells[*i].scenario);
    for group in all.chunk_by(|a, b| place(a) == place(b)) {
        let (heading, table) = table(suite, group);
        report.group([Block::Heading(heading)]);
        report.group([Block::Table(table)]);
        report.group(percentiles(suite, group));
    }
    report.group(explanations(suite));
    let remark = " (one record per cell; `drumpost show FILE` draws it in full)";
    report.group(saved.map(|folder| Saved::block(folder, remark)));
    report.end([page::rows(suite)]);
    report.end(page::of_suite(&suite.plan));
    report
}

/// `12 cells, 36 trials, seed 42`
fn facts(suite: &Suite) -> String {
    let (cells, trials) = (suite.plan.cells.len(), suite.plan.order.len());
    format!("{}, {}, seed {}", many(cells, "cell"), many(trials, "trial"), suite.plan.seed)
}

/// The verdict in one line.
fn lead(suite: &Suite) -> Block {
    let mut judged: Vec<(&str, &Run, Verdict)> = Vec::new();
    for (i, cell) in suite.plan.cells.iter().enumerate() {
        if let Some(run) = suite.run(i).filter(|run| !run.trials.is_empty()) {
            judged.push((&cell.name, run, run.judged()));
        }
    }
    let refused =
        suite.plan.cells.iter().filter_map(|cell| Some((cell.name.as_str(), cell.refused.as_deref()?)));
    let refused: Vec<(&str, &str)> = refused.collect();
    let left = suite.plan.cells.len().saturating_sub(judged.len() + refused.len());
    page::lead_of_suite(suite.plan.name.clone(), facts(suite), &judged, &refused, left)
}

/// Percentiles of the cells of a group, so many in one plot that lines can be told apart.
fn percentiles(suite: &Suite, group: &[usize]) -> Vec<Block> {
    const LINES: usize = 12;
    let responses = group.iter().filter_map(|i| {
        let name = suite.plan.cells[*i].name.clone();
        Some(ResponseTimes { name, times: suite.run(*i)?.response() })
    });
    let responses: Vec<ResponseTimes> = responses.filter(|response| !response.times.is_empty()).collect();
    responses.chunks(LINES).map(page::percentiles).collect()
}

fn many(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// The cells of a matrix with one scenario.
fn table(suite: &Suite, group: &[usize]) -> (Heading, Table) {
    let cells: Vec<&plan::Cell> = group.iter().map(|i| &suite.plan.cells[*i]).collect();
    let (shared, own): (Vec<Part>, Vec<Part>) = PARTS.into_iter().partition(|(name, part)| {
        *name != "dispatch" && cells.iter().all(|cell| part(cell) == part(cells[0]))
    });
    let facts: Vec<String> = shared
        .iter()
        .map(|(name, part)| (name, part(cells[0])))
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| if *name == "payload" { format!("payload {text}") } else { text })
        .collect();
    let facts = [vec![cells[0].scenario.clone()], facts].concat().join(", ");
    let response = |heading: &str| Column::right("response", heading);
    let mut columns = vec![Column::left("verdict")];
    columns.extend(own.iter().map(|(name, _)| Column::left(*name)));
    columns.extend([
        Column::right("", "throughput"),
        response("p50"),
        response("p99"),
        response("p99.9"),
        Column::right("CPU per", "message"),
        Column::left("audit"),
    ]);
    let mut table = Table::new(1, own.len(), columns);
    for (i, cell) in group.iter().zip(&cells) {
        row(&mut table, suite, *i, own.iter().map(|(_, part)| part(cell).into()));
    }
    (Heading::new(Level::Part, &cells[0].matrix, facts), table)
}

fn row(table: &mut Table, suite: &Suite, i: usize, names: impl Iterator<Item = Cell>) {
    let keys = |verdict: Cell| std::iter::once(verdict).chain(names).collect::<Vec<_>>();
    if let Some(reason) = &suite.plan.cells[i].refused {
        return table.sentence(keys(Cell::new(Tone::Bad, "refused")), reason.as_str());
    }
    let Some(run) = suite.run(i).filter(|run| !run.trials.is_empty()) else {
        let keys = keys(Cell::new(Tone::Warning, "not run"));
        return table.sentence(keys, "no trial of this cell was run");
    };
    let keys = keys(state(run, &run.judged()));
    let derived = Derived::of(run);
    if derived.trials == 0 {
        return table.sentence(keys, run.error().unwrap_or("no trial was completed"));
    }
    let mut cells = keys;
    cells.push(derived.throughput_per_s.map_or_else(|| units::NONE.to_owned(), units::rate).into());
    let response = run.response();
    cells.extend([0.5, 0.99, 0.999].map(|q| Cell::from(units::duration_or_none(response.quantile_ns(q)))));
    let cost = derived.cpu_ns_per_message.map(|ns| ns.round() as u64);
    cells.push(units::duration_or_none(cost).into());
    cells.push(audit(run, &run.audit()));
    table.row(cells);
}

/// The reasons of cells that are not valid.
fn explanations(suite: &Suite) -> Vec<Block> {
    let of_cell = |(i, cell): (usize, &plan::Cell)| {
        let run = suite.run(i).filter(|run| run.counted_trials().next().is_some())?;
        explanation(&cell.name, run, &run.judged(), &[])
    };
    suite.plan.cells.iter().enumerate().filter_map(of_cell).collect()
}
