//! The ratios of the pairs of a comparison, with the margin of each metric and the noise floor.
//!
//! Does not live here: the judgement (`compare`).

use super::super::block::{Block, OnPage};
use super::super::draw::{Strip, Strips};
use crate::compare::{Gate, Row};
use crate::units;

/// A strip per metric that was judged; a sentence if there is none.
pub(in crate::report) fn pairs(row: &Row) -> Block {
    const TITLE: &str = "Ratios of the pairs";
    let rows: Vec<Strip> = row.gates.iter().filter_map(strip).collect();
    if rows.is_empty() {
        let sentence = if row.pairs == 0 {
            "No ratios are drawn: there are no pairs of trials that were measured next to each other."
        } else {
            "No ratios are drawn: single trials have too few samples."
        };
        let sentence = sentence.to_owned();
        return Block::Page(OnPage::Missing { title: TITLE, sentence, is_half: false });
    }
    let is_floored = rows.iter().any(|row| row.floor.is_some());
    let floor =
        if is_floored { " Grey: the noise floor, which is what this machine can tell apart." } else { "" };
    let without: Vec<&str> = row
        .gates
        .iter()
        .filter(|gate| !rows.iter().any(|row| row.name == gate.metric.label()))
        .map(|gate| gate.metric.label())
        .collect();
    let notes = (!without.is_empty())
        .then(|| format!("Not drawn, because single trials have too few samples: {}.", without.join(", ")));
    Block::Page(OnPage::Strips(Strips {
        title: TITLE.into(),
        about: format!(
            "A dot is a pair, the bar is the 95 % interval of the median, and the dashed lines are the margin of each metric. \
             Pairs beyond the axis lie at its ends.{floor}"
        ),
        rows,
        notes: notes.into_iter().collect(),
    }))
}

fn strip(gate: &Gate) -> Option<Strip> {
    let margin = gate.margin.filter(|margin| *margin > 0.0)?;
    if gate.worsenings.is_empty() {
        return None;
    }
    let unit = margin.ln_1p();
    let sign = if gate.metric.higher_is_better() { -1.0 } else { 1.0 };
    let in_margins = |ratio: f64| sign * ratio.ln() / unit;
    let interval = gate.interval.map(|it| {
        let (a, b) = (in_margins(it.low), in_margins(it.high));
        (a.min(b), a.max(b))
    });
    let said = gate.interval.map_or_else(String::new, |it| {
        format!(" ({} to {})", units::change(it.low - 1.0), units::change(it.high - 1.0))
    });
    Some(Strip {
        name: gate.metric.label().to_owned(),
        said: format!("{}{said}", units::change(gate.ratio - 1.0)),
        margin: format!("margin {}", gate.margin_text().unwrap_or_default()),
        values: gate.worsenings.iter().map(|worsening| worsening / unit).collect(),
        middle: in_margins(gate.ratio),
        interval,
        floor: gate.floor.filter(|floor| *floor > 0.0).map(|floor| floor.ln_1p() / unit),
    })
}
