//! What the page of a comparison has of the runs that were compared: percentiles and the course over time of both sides over each
//! other, and their audit.
//!
//! Does not live here: the verdicts (`lead`, `comparison`) and the ratios of the pairs (`pairs`).

use super::super::block::{Block, OnPage, RowPart, Rows};
use super::super::comparison::tone;
use super::{Overlaid, audit, figures};
use crate::compare::{Basis, Comparison, Row, Verdict};
use crate::model::{Record, Role, Run};

/// More rows than this are not drawn in full, as on the page of a suite.
const MOST: usize = 200;

/// The runs of all rows. Several rows have an index. `records` are those that A and B are from, which may be the same.
pub(in crate::report) fn sides(comparison: &Comparison, records: [&Record; 2]) -> Vec<Block> {
    if let [row] = &comparison.rows[..] {
        return parts(&runs(row, records), true);
    }
    let part = |(i, row): (usize, &Row)| {
        let none = if comparison.basis == Basis::Paired { Verdict::Inconclusive } else { Verdict::NotJudged };
        let verdict = row.gates.iter().map(|gate| gate.verdict).max().unwrap_or(none);
        RowPart {
            name: row.label(),
            tone: tone(verdict),
            word: verdict.words().to_owned(),
            facts: match comparison.basis {
                Basis::Paired => row.pairs_in_words(),
                Basis::Unpaired => String::new(),
            },
            groups: vec![parts(&runs(row, records), i < MOST)],
        }
    };
    let rows: Vec<RowPart> = comparison.rows.iter().enumerate().map(part).collect();
    let about = match rows.len() {
        all if all > MOST => format!("The first {MOST} of {all} rows follow with the charts of their sides."),
        _ => "Each row follows with the charts of its sides. The verdicts are above.".to_owned(),
    };
    vec![Block::Page(OnPage::Rows(Rows { about, rows }))]
}

/// The runs of a row that have a trial, each with its side.
fn runs<'a>(row: &Row, [a, b]: [&'a Record; 2]) -> Vec<(&'static str, &'a Run)> {
    let is_of_row = |run: &&Run| run.side.as_ref().is_some_and(|side| Some(&side.row) == row.name.as_ref());
    let found: Vec<(&'static str, &Run)> =
        if a.comparison.is_some() && a.runs.iter().any(|run| is_of_row(&run)) {
            let of = |role: Role| {
                let is_of_side = |run: &&Run| run.side.as_ref().is_some_and(|side| side.role == role);
                a.runs.iter().filter(is_of_row).find(is_of_side).map(|run| (role.told(), run))
            };
            [Role::Base, Role::Head, Role::Control].into_iter().filter_map(of).collect()
        } else {
            // Two comparisons against each other have a row for each side.
            let is_its = |run: &Run| run.side.as_ref().is_none_or(|side| row.name == Some(side.called()));
            let of = |record: &'a Record, dispatch: &str| {
                let mut runs = record.runs.iter();
                runs.find(|run| run.scenario == row.scenario && run.dispatch == dispatch && is_its(run))
            };
            let both = [("A", of(a, &row.dispatch_a)), ("B", of(b, &row.dispatch_b))];
            both.into_iter().filter_map(|(side, run)| Some((side, run?))).collect()
        };
    found.into_iter().filter(|(_, run)| !run.trials.is_empty()).collect()
}

/// Everything about the runs of a row, or only their numbers for programs.
fn parts(runs: &[(&'static str, &Run)], is_drawn: bool) -> Vec<Block> {
    let mut blocks = Vec::new();
    if is_drawn && !runs.is_empty() {
        let over = overlaid(runs);
        blocks = over.charts(about(runs));
        blocks.extend([Block::section("Audit", ""), audit(&over.runs, over.words.0)]);
    }
    blocks.extend(runs.iter().map(|(side, run)| figures(run, &run.judged(), Some(*side))));
    blocks
}

/// A side has the same name in all rows, so that its lines look alike and are switched together. Two dispatches are named, too.
fn overlaid<'a>(runs: &[(&'static str, &'a Run)]) -> Overlaid<'a> {
    let are_ours = runs.iter().all(|(_, run)| run.side.is_some());
    let is_same = runs.windows(2).all(|pair| pair[0].1.dispatch == pair[1].1.dispatch);
    let named = |(side, run): &(&'static str, &'a Run)| {
        let name = if are_ours || is_same { (*side).to_owned() } else { format!("{side} {}", run.dispatch) };
        (name, *run)
    };
    Overlaid { runs: runs.iter().map(named).collect(), words: Overlaid::SIDES }
}

fn about(runs: &[(&'static str, &Run)]) -> String {
    let is_there = |word: &str| runs.iter().any(|(side, _)| *side == word);
    if !is_there(Role::Base.told()) {
        return String::new();
    }
    let copy = " The copy is the base once more, in some of the pairs: what it differs in is noise.";
    format!(
        "Base is A, and head is B.{} The lines are of all trials of a side together; the verdicts are of pairs.",
        if is_there(Role::Control.told()) { copy } else { "" }
    )
}
