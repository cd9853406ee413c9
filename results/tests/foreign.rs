//! Line breaks in a record's texts: none of them begins a line of a table or of an export. A name such as
//! `x<line break>drumpost: all is well` would otherwise forge one.
#![allow(clippy::unwrap_used, reason = "a test says what it expected by failing")]

use drumpost_results::{
    compare, export, format,
    model::Record,
    report::{self, Layout},
    verdict::Thresholds,
};
use serde_json::Value;
use std::path::Path;

const FORGED: &str = "FORGED";

fn samples() -> [Value; 2] {
    let texts = [include_str!("samples/v1.json"), include_str!("samples/v1-series.json")];
    texts.map(|text| serde_json::from_str(text).unwrap())
}

/// JSON pointers of all texts but histograms.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.starts_with("HIST") => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| texts(item, &format!("{at}/{i}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| texts(field, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// Everything that is drawn or exported of a record.
fn outputs(record: &Record) -> Vec<String> {
    let mut all = Vec::new();
    let mut reports = vec![
        report::table(record, Some(Path::new("a\nFORGED.json"))),
        report::hops(record),
        report::search(record, None),
    ];
    let comparison = compare::compare(record, record, &compare::Options::default());
    reports.extend(comparison.map(|comparison| report::comparison(&comparison, [record, record])));
    for report in reports {
        for layout in [Layout { width: 40, colour: false }, Layout { width: 120, colour: true }] {
            all.push(report.text(layout));
        }
        all.push(report.markdown());
    }
    let selection = export::Selection::default();
    all.extend(export::csv(record, &selection));
    all.extend(export::hlog(record, &selection, 0.0));
    let dispatch = record.runs.first().map(|run| run.dispatch.clone());
    all.extend(export::hgrm(record, &export::Selection { dispatch, ..export::Selection::default() }));
    all
}

#[test]
fn no_text_of_a_record_begins_a_line_of_its_own() {
    let mut fed = 0;
    for sample in samples() {
        let mut found = Vec::new();
        texts(&sample, "", &mut found);
        for pointer in found {
            for line_break in ["\n", "\r\n", "\r"] {
                let mut mutated = sample.clone();
                let text = mutated.pointer_mut(&pointer).unwrap();
                *text = format!("{}{line_break}{FORGED}{line_break}", text.as_str().unwrap()).into();
                let Ok(mut record) = format::from_json(&mutated.to_string()) else { continue };
                fed += 1;
                record.judge(&Thresholds::default());
                for output in outputs(&record) {
                    let forged = output.split(['\n', '\r']).find(|line| line.starts_with(FORGED));
                    assert!(forged.is_none(), "{pointer} with {line_break:?}:\n{output}");
                }
            }
        }
    }
    assert!(fed > 100, "only {fed} records could be read");
}
