//! A comparison as text: its verdict, a table with one row per metric, and notes on what would help to decide.
//!
//! Does not live here: the rule that decides (`compare`).

use super::grid::{Cell, Column, Grid};
use super::{Layout, Tone, hanging};
use crate::compare::{Basis, Comparison, Gate, Row, Verdict};
use crate::model::Setting;
use crate::units;

/// A comparison as text.
#[must_use]
pub fn comparison(comparison: &Comparison, layout: Layout) -> String {
    let verdict = layout.paint(tone(comparison.verdict), comparison.verdict.words());
    let mut text = format!("{verdict}\n");
    text += &hanging("A  ", &comparison.a, layout);
    text += &hanging("B  ", &comparison.b, layout);
    for note in &comparison.notes {
        text += &hanging("   ", note, layout);
    }
    for row in &comparison.rows {
        text.push('\n');
        text += &heading(row, comparison.basis, layout);
        text.push('\n');
        text += &grid(row, comparison.basis).render(layout);
        let notes = notes(row, layout);
        if !notes.is_empty() {
            text.push('\n');
            text += &notes;
        }
    }
    text.push('\n');
    text += &layout.paint(Tone::Faint, &hanging("", &rule(comparison), layout));
    text
}

/// A line that says what A, B and B/A are, and how they were judged.
fn rule(comparison: &Comparison) -> String {
    const OF_ALL: &str = "A and B are figures of all trials together, and B/A is their ratio.";
    const OF_PAIRS: &str =
        "A and B are medians over the pairs of trials, and B/A is the median of the pairs' ratios.";
    let mut gates = comparison.rows.iter().flat_map(|row| &row.gates);
    let is_any_paired = gates.any(|gate| gate.pairs > 0);
    let of_what = if is_any_paired { OF_PAIRS } else { OF_ALL };
    if comparison.basis == Basis::Unpaired {
        return of_what.to_owned();
    }
    let percent = format!("{:.2}", comparison.options.alpha_per_look() * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    format!(
        "{of_what} Judged by an exact sign test and the margin. The chance of any false verdict above is at most {percent} % \
         (Holm's correction)."
    )
}

fn heading(row: &Row, basis: Basis, layout: Layout) -> String {
    let sides = if row.dispatch_a == row.dispatch_b {
        row.dispatch_a.clone()
    } else {
        format!("A {}, B {}", row.dispatch_a, row.dispatch_b)
    };
    let pairs = if basis == Basis::Paired { format!(", {} pairs", row.pairs) } else { String::new() };
    super::headline(&row.scenario, &format!("{sides}{pairs}"), layout)
}

fn grid(row: &Row, basis: Basis) -> Grid {
    let mut headings = vec![
        Column::left("verdict"),
        Column::left("metric"),
        Column::right("", "A"),
        Column::right("", "B"),
        Column::right("", "B/A"),
    ];
    if basis == Basis::Paired {
        headings.push(Column::right("", "95 % interval"));
        headings.push(Column::right("", "p (Holm)"));
        headings.push(Column::right("", "margin"));
    }
    let mut grid = Grid::new(2, headings);
    for gate in &row.gates {
        let mut cells = vec![
            Cell::new(tone(gate.verdict), gate.verdict.words()),
            gate.metric.label().into(),
            gate.metric.format(gate.a).into(),
            gate.metric.format(gate.b).into(),
            units::ratio(gate.ratio).into(),
        ];
        if basis == Basis::Paired {
            let none = || units::NONE.to_owned();
            let interval = gate
                .interval
                .map(|it| format!("{} to {}", units::change(it.low - 1.0), units::change(it.high - 1.0)));
            cells.push(interval.unwrap_or_else(none).into());
            cells.push(gate.p_holm.map_or_else(none, probability).into());
            cells.push(gate.margin.map_or_else(none, |margin| format!("{:.0} %", margin * 100.0)).into());
        }
        grid.row(cells);
    }
    if row.gates.is_empty() {
        let verdict = if basis == Basis::Paired { Verdict::Inconclusive } else { Verdict::NotJudged };
        grid.sentence(vec![Cell::new(tone(verdict), verdict.words()), "".into()], "one side has no figures");
    }
    grid
}

fn notes(row: &Row, layout: Layout) -> String {
    let mut text = String::new();
    let mut said: Vec<(&str, Vec<&Gate>)> = Vec::new();
    for gate in &row.gates {
        let Some(note) = gate.note.as_deref() else { continue };
        match said.iter_mut().find(|(known, _)| *known == note) {
            Some((_, gates)) => gates.push(gate),
            None => said.push((note, vec![gate])),
        }
    }
    for (note, gates) in said {
        let labels: Vec<&str> = gates.iter().map(|gate| gate.metric.label()).collect();
        let which = if gates.len() == row.gates.len() { "all".to_owned() } else { labels.join(", ") };
        text += &hanging("- ", &format!("{which}: {note}"), layout);
    }
    let contrary: Vec<&str> =
        row.gates.iter().filter(|gate| is_contrary(gate)).map(|gate| gate.metric.label()).collect();
    if !contrary.is_empty() {
        let why = "B/A points in the other direction than the medians A and B, because the pairs differ more among themselves than A and B do";
        text += &hanging("- ", &format!("{}: {why}", contrary.join(", ")), layout);
    }
    for note in &row.notes {
        text += &hanging("- ", note, layout);
    }
    if !row.differences.is_empty() {
        let shown = |key: &str, value: &Option<Setting>| {
            value.as_ref().map_or_else(|| units::NONE.to_owned(), |value| units::setting(key, value))
        };
        let one = |(key, a, b): &(String, _, _)| {
            format!("{} A {}, B {}", super::without_unit(key), shown(key, a), shown(key, b))
        };
        let all: Vec<String> = row.differences.iter().map(one).collect();
        text += &hanging("- ", &format!("settings that differ: {}", all.join("; ")), layout);
    }
    text
}

/// True if the medians shown and the ratio shown point in different directions. The median of ratios is not the ratio of
/// medians, so both may be right.
fn is_contrary(gate: &Gate) -> bool {
    let [a, b] = [gate.a, gate.b].map(|value| gate.metric.format(value));
    let is_shown = a != b && units::ratio(gate.ratio) != units::ratio(1.0);
    is_shown && (gate.b > gate.a) != (gate.ratio > 1.0)
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Regression => Tone::Bad,
        Verdict::Improvement | Verdict::NoChange => Tone::Good,
        Verdict::Inconclusive => Tone::Warning,
        Verdict::NotJudged => Tone::Faint,
    }
}
