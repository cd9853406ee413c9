//! The report on assertions: a table with one row per term and row of the result, then reasons; and the same as JSON for scripts.
//!
//! FORMAT.md describes the fields. Does not live here: the check itself (`assertion`).

use serde_json::{Value, json};

use super::block::{Block, Cell, Column, Head, Heading, Item, Level, List, OnPage, Report, Table, Tone};
use crate::assertion::{Asserted, Checked, CheckedRow, Outcome};
use crate::goal::Reply;
use crate::units;

/// A report with what came of assertions. The verdict line of a page says it, too.
#[must_use]
pub fn with_assertions(mut report: Report, outcome: &Outcome) -> Report {
    let terms = || outcome.asserted.iter().flat_map(|asserted| &asserted.rows).flat_map(|row| &row.terms);
    let lead = report.groups.iter_mut().flatten().find_map(|block| match block {
        Block::Page(OnPage::Lead(lead)) => Some(lead),
        _ => None,
    });
    if let Some(lead) = lead.filter(|_| terms().count() > 0) {
        let kept = terms().filter(|checked| checked.answer.reply() == Reply::Kept).count();
        let said = format!("goals {}: {kept} of {} terms kept", outcome.reply().words(), terms().count());
        lead.goals = Some((tone(outcome.reply()), said));
    }
    report.append(assertions(outcome));
    report
}

/// The report on assertions; empty without one.
#[must_use]
pub fn assertions(outcome: &Outcome) -> Report {
    let mut report = Report::default();
    let rows: Vec<&CheckedRow> = outcome.asserted.iter().flat_map(|asserted| &asserted.rows).collect();
    if rows.is_empty() {
        return report;
    }
    let terms = || rows.iter().flat_map(|row| &row.terms);
    let kept = terms().filter(|checked| checked.answer.reply() == Reply::Kept).count();
    let facts = format!("{kept} of {} terms kept", terms().count());
    let heading = Heading::new(Level::Part, "assertions", facts);
    report.group([Block::Heading(Heading { tone: tone(outcome.reply()), ..heading })]);
    report.group([Block::Table(table(&rows))]);
    report.group(reasons(&rows));
    report
}

fn table(rows: &[&CheckedRow]) -> Table {
    let columns = vec![
        Column::left("assertion"),
        Column::left("row"),
        Column::left("term"),
        Column::right("", "figure"),
        Column::left("missed by"),
    ];
    let mut table = Table::new(1, 2, columns);
    for row in rows {
        for checked in &row.terms {
            let reply = checked.answer.reply();
            let value = checked.answer.value();
            let miss = value.filter(|_| reply == Reply::Missed).map(|value| checked.term.miss(value));
            table.row(vec![
                Cell::new(tone(reply), reply.words()),
                row.name.as_str().into(),
                checked.term.to_string().into(),
                value.map_or_else(|| units::NONE.to_owned(), |value| checked.term.text(value)).into(),
                miss.unwrap_or_default().into(),
            ]);
        }
    }
    table
}

/// Why terms cannot be told, row by row. A reason that several terms of a row share is given once.
fn reasons(rows: &[&CheckedRow]) -> Vec<Block> {
    let of_row = |row: &&CheckedRow| {
        let mut reasons: Vec<String> = Vec::new();
        for reason in row.terms.iter().filter_map(Checked::why_not) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let head = Head { tone: Tone::Warning, word: Reply::CannotTell.words(), about: row.name.clone() };
        let items: Vec<Item> = reasons.into_iter().map(Item::Reason).collect();
        (!items.is_empty()).then_some(Block::List(List { head: Some(head), items }))
    };
    rows.iter().filter_map(of_row).collect()
}

fn tone(reply: Reply) -> Tone {
    match reply {
        Reply::Kept => Tone::Good,
        Reply::CannotTell => Tone::Warning,
        Reply::Missed => Tone::Bad,
    }
}

/// A JSON document, which is an object, with the outcome as its last field `assertions`. Without an assertion it stays as it is.
///
/// The field is added to the text: a record that was read and written again would lose its layout.
#[must_use]
pub fn json_with_assertions(document: String, outcome: &Outcome) -> String {
    if outcome.asserted.is_empty() {
        return document;
    }
    let Some(fields) = document.trim_end().strip_suffix('}') else { return document };
    let value = format!("{:#}", assertions_json(outcome)).replace('\n', "\n  ");
    format!("{},\n  \"assertions\": {value}\n}}\n", fields.trim_end())
}

/// The outcome as a JSON value, to be printed by itself or as a field of another document.
#[must_use]
pub fn assertions_json(outcome: &Outcome) -> Value {
    let asserted: Vec<Value> = outcome.asserted.iter().map(asserted_json).collect();
    json!({ "kept": outcome.is_kept(), "answer": outcome.reply().words(), "assertions": asserted })
}

fn asserted_json(asserted: &Asserted) -> Value {
    json!({
        "assertion": asserted.assertion.to_string(),
        "selector": asserted.assertion.selector,
        "answer": asserted.reply().words(),
        "rows": asserted.rows.iter().map(row_json).collect::<Vec<_>>(),
    })
}

fn row_json(row: &CheckedRow) -> Value {
    json!({
        "row": row.name,
        "scenario": row.scenario,
        "dispatch": row.dispatch,
        "answer": row.reply().words(),
        "terms": row.terms.iter().map(term_json).collect::<Vec<_>>(),
    })
}

fn term_json(checked: &Checked) -> Value {
    let term = &checked.term;
    let value = checked.answer.value();
    json!({
        "term": term.to_string(),
        "answer": checked.answer.reply().words(),
        "figure": term.figure(),
        "unit": term.unit(),
        "limit": term.limit(),
        "value": value,
        "beyond": value.and_then(|value| term.beyond(value)),
        "reason": checked.why_not(),
    })
}
