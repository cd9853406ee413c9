//! The rows of a suite in full, each with what the page of its record has: figures with their ranges, charts, checks, audit and settings.
//!
//! Does not live here: the parts of a record (`run`), and the tables above (`suite`).

use super::super::block::{Block, OnPage, RowPart, Rows, Tone};
use super::super::run::{heading, parts, state};
use super::super::settings::limits;
use super::figures;
use crate::format::suite::Cell;
use crate::model::{Record, Run};
use crate::suite::Suite;

/// More rows than this are not drawn in full: a row takes up to 100 kB, and a browser has to hold all of them. Each has a record of
/// its own, whose page shows the same.
const MOST: usize = 200;

/// All rows of a suite. The figures of each are in the data of the page, in full or not.
pub(in crate::report) fn rows(suite: &Suite) -> Block {
    let mut drawn = 0;
    let mut all = Rows::default();
    for (i, cell) in suite.plan.cells.iter().enumerate() {
        let record = suite.records.get(i).and_then(Option::as_ref);
        let run = suite.run(i).filter(|run| !run.trials.is_empty());
        all.rows.push(match (record, run) {
            (Some(record), Some(run)) => {
                drawn += 1;
                row(cell, record, run, drawn <= MOST)
            }
            _ => without_trials(cell),
        });
    }
    all.about = match drawn {
        0 => "No row has a trial yet.".into(),
        _ if drawn > MOST => format!(
            "The first {MOST} of {drawn} rows with trials follow in full. For the others, `drumpost show FILE --html PAGE` makes a page of their record."
        ),
        _ => "Each row follows in full. Its record in the folder of the suite holds the same.".into(),
    };
    Block::Page(OnPage::Rows(all))
}

fn row(cell: &Cell, record: &Record, run: &Run, is_drawn: bool) -> RowPart {
    let judged = [(run, run.judged())];
    let verdict = state(run, &judged[0].1);
    let mut groups = match is_drawn {
        true => [parts(record, &judged), vec![Vec::from_iter(limits(record))]].concat(),
        false => vec![vec![figures(run, &judged[0].1, None)]],
    };
    // Its line looks as in the plot of all rows, and the legend of either switches both.
    for block in groups.iter_mut().flatten() {
        if let Block::Page(OnPage::Plot(plot)) = block
            && let [line] = &mut plot.lines[..]
        {
            line.name.clone_from(&cell.name);
        }
    }
    let facts = format!("{}, record {}", heading(&run.scenario, &judged, record.seed).facts, cell.record);
    RowPart { name: cell.name.clone(), tone: verdict.tone, word: verdict.text, facts, groups }
}

fn without_trials(cell: &Cell) -> RowPart {
    let (tone, word) = match cell.refused {
        Some(_) => (Tone::Bad, "refused"),
        None => (Tone::Warning, "not run"),
    };
    RowPart { name: cell.name.clone(), tone, word: word.into(), ..RowPart::default() }
}
