//! A suite as text: a table for each scenario of each matrix with a row per cell, then the reasons of cells that are not
//! valid.
//!
//! Does not live here: the record of one cell in full (`run`).

use std::path::Path;

use super::audit::audit;
use super::grid::{Cell, Column, Grid};
use super::host::host;
use super::run::state;
use super::{Layout, Tone, columns, hanging, headline};
use crate::format::suite as plan;
use crate::model::Run;
use crate::plain::{NAME_LEN, line};
use crate::stats::Derived;
use crate::suite::Suite;
use crate::units;
use crate::verdict::{Validity, Verdict};

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

/// A suite as text, from its files alone. `saved` is its folder, `None` if that does not hold all that is told.
#[must_use]
pub fn suite(suite: &Suite, saved: Option<&Path>, layout: Layout) -> String {
    let mut text = String::new();
    if let Some(reason) = suite.partial() {
        text += &layout.paint(Tone::Bad, &hanging("partial  ", &reason, layout));
        text.push('\n');
    }
    let (cells, trials) = (suite.plan.cells.len(), suite.plan.order.len());
    let facts = format!("{}, {}, seed {}", many(cells, "cell"), many(trials, "trial"), suite.plan.seed);
    text += &headline(&suite.plan.name, &facts, layout);
    if let Some(record) = suite.records.iter().flatten().next() {
        let judged: Vec<(&Run, Verdict)> =
            (0..cells).filter_map(|i| suite.run(i)).map(|run| (run, run.judged())).collect();
        text += &host(record, &judged, layout);
    }
    let all: Vec<usize> = (0..cells).collect();
    let place = |i: &usize| (&suite.plan.cells[*i].matrix, &suite.plan.cells[*i].scenario);
    for group in all.chunk_by(|a, b| place(a) == place(b)) {
        text.push('\n');
        text += &table(suite, group, layout);
    }
    let explanations = explanations(suite, layout);
    if !explanations.is_empty() {
        text.push('\n');
        text += &explanations;
    }
    if let Some(folder) = saved {
        let folder = folder.to_string_lossy();
        text += &format!(
            "\nsaved    {} (one record per cell; `drumpost show FILE` draws it in full)\n",
            line(&folder)
        );
    }
    text
}

fn many(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn table(suite: &Suite, group: &[usize], layout: Layout) -> String {
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
    let widths: Vec<usize> = own
        .iter()
        .map(|(name, part)| cells.iter().map(|cell| columns(&part(cell))).fold(name.len(), usize::max))
        // A longer text stands out of its column, as in every table.
        .map(|width| width.min(NAME_LEN))
        .collect();
    let line = |texts: Vec<String>| {
        let padded = texts.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let response = |heading: &str| Column::right("response", heading);
    let headings = vec![
        Column::left("verdict"),
        Column::left(line(own.iter().map(|(name, _)| (*name).to_owned()).collect())),
        Column::right("", "throughput"),
        response("p50"),
        response("p99"),
        response("p99.9"),
        Column::right("CPU per", "message"),
        Column::left("audit"),
    ];
    let mut grid = Grid::new(2, headings);
    for (i, cell) in group.iter().zip(&cells) {
        row(&mut grid, suite, *i, line(own.iter().map(|(_, part)| part(cell)).collect()));
    }
    format!("{}\n{}", headline(&cells[0].matrix, &facts, layout), grid.render(layout))
}

fn row(grid: &mut Grid, suite: &Suite, i: usize, label: String) {
    if let Some(reason) = &suite.plan.cells[i].refused {
        return grid.sentence(vec![Cell::new(Tone::Bad, "refused"), label.into()], reason.as_str());
    }
    let Some(run) = suite.run(i).filter(|run| !run.trials.is_empty()) else {
        let keys = vec![Cell::new(Tone::Warning, "not run"), label.into()];
        return grid.sentence(keys, "no trial of this cell was run");
    };
    let keys = vec![state(run, &run.judged()), label.into()];
    let derived = Derived::of(run);
    if derived.trials == 0 {
        return grid.sentence(keys, run.error().unwrap_or("no trial was completed"));
    }
    let mut cells = keys;
    cells.push(derived.throughput_per_s.map_or_else(|| units::NONE.to_owned(), units::rate).into());
    let response = run.response();
    cells.extend([0.5, 0.99, 0.999].map(|q| Cell::from(units::duration_or_none(response.quantile_ns(q)))));
    let cost = derived.cpu_ns_per_message.map(|ns| ns.round() as u64);
    cells.push(units::duration_or_none(cost).into());
    cells.push(audit(run, &run.audit()));
    grid.row(cells);
}

/// The reasons of cells that are not valid. Reasons about the machine stand above all tables and are not repeated.
fn explanations(suite: &Suite, layout: Layout) -> String {
    let mut text = String::new();
    for (i, cell) in suite.plan.cells.iter().enumerate() {
        let Some(run) = suite.run(i).filter(|run| run.counted_trials().next().is_some()) else { continue };
        let verdict = run.judged();
        if verdict.own_reasons().is_empty() {
            continue;
        }
        let tone = match verdict.status {
            _ if run.audit_failed() => Tone::Bad,
            Validity::Valid => Tone::Faint,
            Validity::Suspect => Tone::Warning,
            Validity::Invalid => Tone::Bad,
        };
        text += &format!(
            "{}  {}\n",
            layout.paint(tone, &format!("{:<7}", verdict.status.word())),
            line(&cell.name)
        );
        for reason in verdict.own_reasons() {
            text += &hanging("         - ", reason, layout);
        }
    }
    text
}
