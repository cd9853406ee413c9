//! Suites as JUnit, and which formats take them.

use super::*;
use crate::format::suite::{Cell, Plan, Slot};
use crate::suite::Suite;

/// Two cells of one scenario and dispatch. One of them was refused.
fn suite() -> Suite {
    let cell = |batch: u32, refused: Option<&str>| Cell {
        name: format!("m/order-authorization/message/crossbeam batch={batch}"),
        matrix: "m".into(),
        scenario: "order-authorization".into(),
        dispatch: "message/crossbeam".into(),
        load: "closed".into(),
        payload: "128B".into(),
        differs: Default::default(),
        command: Vec::new(),
        trials: 3,
        record: format!("{batch}.json"),
        refused: refused.map(str::to_owned),
    };
    let mut suite = Suite::new(Plan {
        schema_version: 1,
        id: "suite-42".into(),
        name: "suite".into(),
        tool_version: "0.1.0".into(),
        started_at: Some("2026-11-21T10:00:00Z".into()),
        seed: 42,
        host: Default::default(),
        only: None,
        command: Vec::new(),
        file: "suite.toml".into(),
        text: String::new(),
        goals: Vec::new(),
        fail_on: None,
        cells: vec![cell(1, None), cell(64, Some("no server"))],
        order: (0..3).map(|trial| Slot { cell: 0, trial, seed: 1 }).collect(),
    });
    suite.records[0] = Some(one());
    suite
}

#[test]
fn a_suite_as_junit() {
    let suite = suite();
    let goals = ["lost=0".parse().unwrap()];
    let outcome = evaluate(&goals, &rows::of_suite(&suite)).unwrap();
    let xml = junit(Of::Suite(&suite), Some(&outcome));
    assert_snapshot!(xml);
    // The refused cell, and its goal, which cannot be told.
    assert_eq!(cases(&xml), [(4, 2, 0)]);
}

/// A command with `--fail-on suspect` ends with 6 if a row is suspect, so that something has to fail here, too.
#[test]
fn a_suspect_row_fails_if_that_is_asked_for() {
    let mut record = one();
    let reasons = vec!["it was late".to_owned()];
    record.runs[0].verdict = Some(Verdict { status: Validity::Suspect, reasons, ..Verdict::default() });
    let rows = rows::of_record(&record);
    let selection = Selection::default();
    let of = OfRecord { record: &record, selection: &selection, started_s: 0.0, revision: None };
    let source = Source::record(of);
    let junit = named("junit").unwrap();
    let lax = write(junit, &source).unwrap().text;
    assert_eq!(cases(&lax), [(1, 0, 0)]);
    let source = Source { fail_on_suspect: Some(&rows), ..source };
    let xml = write(junit, &source).unwrap().text;
    assert_eq!(cases(&xml), [(2, 1, 0)]);
    assert!(xml.contains("<failure type=\"suspect\" message=\"it was late\">"), "{xml}");
    assert!(write(named("bencher").unwrap(), &source).is_err());
}

#[test]
fn other_formats_have_no_suites() {
    let suite = suite();
    for format in FORMATS.into_iter().filter(|format| format.name() != "junit") {
        let source = Source { of: Of::Suite(&suite), assertions: None, fail_on_suspect: None };
        let error = write(format, &source).unwrap_err().to_string();
        assert!(error.contains(&format!("--format {} cannot express a suite", format.name())), "{error}");
    }
}
