//! The report on a proof: a row for each cost that was put in.
//!
//! Does not live here: the counts (`compare::proof`).

use serde::Serialize;

use super::block::{Block, Cell, Column, Heading, Item, Level, List, Paragraph, Report, Table, Tone};
use crate::compare::{Case, Counted, Injected, Metric, Proof, ProofRow, Said};
use crate::format::FormatError;
use crate::units;

/// What is said of the columns.
const ABOUT: &str = "Each comparison is counted once, as the first of these that fits: regression, improvement, invalid, inconclusive, no change. Figures \
                     are those that were judged in all comparisons together, and changed are those of them that were a regression or an improvement. \
                     The 95 % interval is about the chance that a comparison finds a regression (Clopper-Pearson). CPU is the CPU time per message of the head against that of the base, in the median. \
                     drumpost measures first how much CPU time a cost takes. That is not the cost itself: a processor overlaps work, and each service that receives a message pays the cost. \
                     It may still take more or less: a change of pace wakes threads at other times. \
                     Time is how long a comparison took, in the median.";

/// The report on a proof.
#[must_use]
pub fn proof(proof: &Proof) -> Report {
    let mut report = Report::default();
    report.group(super::run::partial(proof.partial.as_deref()));
    let facts = format!(
        "{}; up to {} pairs each",
        proof.rows.iter().map(cost).collect::<Vec<_>>().join(", "),
        proof.pairs,
    );
    report.group([Block::Heading(Heading::new(
        Level::Report,
        "what comparisons find on this machine",
        facts,
    ))]);
    report.group([Block::Table(table(proof))]);
    let items: Vec<Item> = proof.cases.iter().filter_map(found_by).map(Item::Reason).collect();
    report.group((!items.is_empty()).then_some(Block::List(List { head: None, items })));
    report.group([Block::Paragraph(Paragraph { tone: Tone::Faint, text: ABOUT.into() })]);
    report
}

/// A row and what a message costs in it.
fn cost(row: &ProofRow) -> String {
    format!("{} with {} CPU per message", row.name, units::duration(row.message_ns.round() as u64))
}

fn table(proof: &Proof) -> Table {
    let right = |heading: &str| Column::right("", heading);
    let columns = vec![
        Column::left("put in"),
        right("comparisons"),
        right("figures"),
        right("changed"),
        right("regression"),
        right("95 % interval"),
        right("improvement"),
        right("no change"),
        right("inconclusive"),
        right("invalid"),
        right("CPU"),
        right("time"),
    ];
    let mut table = Table::new(0, 1, columns);
    for case in &proof.cases {
        let (found, (low, high)) = case.regressions();
        let (gates, changed) = case.gates();
        let is_equal = case.injected == Injected::Nothing;
        let wrong = |count: usize| {
            Cell::new(if count > 0 && is_equal { Tone::Bad } else { Tone::Plain }, count.to_string())
        };
        table.row(vec![
            case.injected.words().into(),
            case.said.len().to_string().into(),
            gates.to_string().into(),
            wrong(changed),
            wrong(found),
            format!("{:.0} to {:.0} %", low * 100.0, high * 100.0).into(),
            wrong(case.count(Counted::Improvement)),
            case.count(Counted::NoChange).to_string().into(),
            case.count(Counted::Inconclusive).to_string().into(),
            wrong(case.count(Counted::Invalid)),
            case.cpu_ratio()
                .map_or_else(|| units::NONE.to_owned(), |ratio| units::change(ratio - 1.0))
                .into(),
            case.took_s()
                .map_or_else(|| units::NONE.to_owned(), |s| units::duration((s * 1e9) as u64))
                .into(),
        ]);
    }
    table
}

fn found_by(case: &Case) -> Option<String> {
    let found = case.found_by();
    let found: Vec<String> =
        found.iter().map(|(metric, count)| format!("{} in {count}", metric.label())).collect();
    (!found.is_empty()).then(|| format!("{}: found by {}", case.injected.words(), found.join(", ")))
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    partial: Option<&'a str>,
    rows: Vec<RowJson<'a>>,
    pairs_at_most: usize,
    cases: Vec<CaseJson>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    name: &'a str,
    cpu_ns_per_message: f64,
}

#[derive(Serialize)]
struct CaseJson {
    injected: String,
    comparisons: usize,
    gates: usize,
    gates_changed: usize,
    regression: usize,
    regression_chance_low: f64,
    regression_chance_high: f64,
    improvement: usize,
    no_change: usize,
    inconclusive: usize,
    invalid: usize,
    cpu_ratio: Option<f64>,
    found_by: Vec<(&'static str, usize)>,
    said: Vec<SaidJson>,
}

#[derive(Serialize)]
struct SaidJson {
    counted: &'static str,
    gates: usize,
    regressions: Vec<&'static str>,
    improvements: Vec<&'static str>,
    pairs: usize,
    cpu_ratio: Option<f64>,
    took_s: f64,
}

impl SaidJson {
    fn of(said: &Said) -> Self {
        let names = |metrics: &[Metric]| metrics.iter().map(|metric| metric.name()).collect();
        Self {
            counted: said.counted.name(),
            gates: said.gates,
            regressions: names(&said.regressions),
            improvements: names(&said.improvements),
            pairs: said.pairs,
            cpu_ratio: said.cpu_ratio,
            took_s: said.took_s,
        }
    }
}

/// A proof as an indented JSON document with a final line end. FORMAT.md describes the fields.
///
/// # Errors
/// None is known; a failure of the encoder would be passed on.
pub fn proof_json(proof: &Proof) -> Result<String, FormatError> {
    let case = |case: &Case| {
        let (regression, (low, high)) = case.regressions();
        let (gates, gates_changed) = case.gates();
        CaseJson {
            injected: case.injected.words(),
            comparisons: case.said.len(),
            gates,
            gates_changed,
            regression,
            regression_chance_low: low,
            regression_chance_high: high,
            improvement: case.count(Counted::Improvement),
            no_change: case.count(Counted::NoChange),
            inconclusive: case.count(Counted::Inconclusive),
            invalid: case.count(Counted::Invalid),
            cpu_ratio: case.cpu_ratio(),
            found_by: case.found_by().into_iter().map(|(metric, count)| (metric.name(), count)).collect(),
            said: case.said.iter().map(SaidJson::of).collect(),
        }
    };
    let document = Document {
        schema_version: 2,
        partial: proof.partial.as_deref(),
        rows: proof
            .rows
            .iter()
            .map(|row| RowJson { name: &row.name, cpu_ns_per_message: row.message_ns })
            .collect(),
        pairs_at_most: proof.pairs,
        cases: proof.cases.iter().map(case).collect(),
    };
    let mut json = serde_json::to_string_pretty(&document)?;
    json.push('\n');
    Ok(json)
}
