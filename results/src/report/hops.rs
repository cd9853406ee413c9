//! The tables of `--hops`: hop times, one row for each destination and receiver, and confirm times, one row for each
//! destination, and dead letters. Does not live here: times of whole flows (`run`).

use super::block::{Block, Cell, Column, Heading, Level, Report, Table};
use super::names;
use crate::model::{DeadLetters, Distribution, Record, Run};
use crate::units;

/// Hop times (received − sent) of every run, one row per destination and receiver. Below them, if the transport confirms,
/// confirm times (confirmed − sent), one row per destination, and dead letters if there are any. Empty without any of it.
#[must_use]
pub fn hops(record: &Record) -> Report {
    let mut report = Report::default();
    for run in &record.runs {
        let tables: Vec<Table> =
            [hop_times(run), confirm_times(run), dead_letters(run)].into_iter().flatten().collect();
        if !tables.is_empty() {
            report.group([Block::Heading(Heading::new(
                Level::Part,
                &names::run(run),
                run.scenario.as_str(),
            ))]);
        }
        tables.into_iter().for_each(|table| report.group([Block::Table(table)]));
    }
    report
}

fn hop_times(run: &Run) -> Option<Table> {
    let mut headings = vec![Column::left("destination → receiver"), Column::right("", "received")];
    headings.extend(columns_of("hop time"));
    let mut table = Table::new(0, 1, headings);
    let hops = run.hops();
    for hop in &hops {
        let name = format!("{} → {}", hop.destination, hop.receiver);
        let mut cells = vec![name.into(), units::count(hop.time.count()).into()];
        cells.extend(cells_of(&hop.time));
        table.row(cells);
    }
    (!hops.is_empty()).then_some(table)
}

fn confirm_times(run: &Run) -> Option<Table> {
    let mut headings = vec![Column::left("destination"), Column::right("", "confirmed")];
    headings.extend(columns_of("confirm time"));
    headings.extend(["refused", "unconfirmed"].map(|heading| Column::right("", heading)));
    let mut table = Table::new(0, 1, headings);
    let all = run.confirms();
    for confirms in &all {
        let mut cells = vec![confirms.destination.as_str().into(), units::count(confirms.confirmed).into()];
        cells.extend(cells_of(&confirms.time));
        cells.extend([confirms.refused, confirms.unconfirmed].map(|n| Cell::from(units::count(n))));
        table.row(cells);
    }
    (!all.is_empty()).then_some(table)
}

fn dead_letters(run: &Run) -> Option<Table> {
    let letters = DeadLetters::merged(run.counted_trials().flat_map(|trial| &trial.dead_letters));
    let mut table =
        Table::new(0, 1, vec![Column::left("destination → receiver"), Column::right("", "dead letters")]);
    for one in &letters {
        let name = format!("{} → {}", one.destination, one.receiver);
        table.row(vec![name.into(), units::count(one.messages).into()]);
    }
    (!letters.is_empty()).then_some(table)
}

fn columns_of(times: &'static str) -> [Column; 4] {
    ["p50", "p99", "p99.9", "max"].map(|heading| Column::right(times, heading))
}

fn cells_of(times: &Distribution) -> [Cell; 4] {
    let quantile = |q| units::duration_or_none(times.quantile_ns(q)).into();
    let max = units::duration_or_none(times.max_ns()).into();
    [quantile(0.5), quantile(0.99), quantile(0.999), max]
}
