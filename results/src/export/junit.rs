//! JUnit XML, which servers for continuous integration show as a list of tests.
//!
//! A test case is a row of a record or of a suite, a gate of a comparison, the control of a comparison, or an assertion on a row.
//! There is no standard; the elements and attributes are those of the schema of the Jenkins plugin xUnit, `junit-10.xsd`
//! (<https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd>),
//! against which `scripts/formats` validates. Does not live here: escaping (`xml`), verdicts (`compare`) and answers (`assertion`).

use std::collections::HashSet;

use super::xml::Element;
use super::{ExportError, Expresses, Format, Of, OfRecord, Source, Text};
use crate::assertion::{Asserted, Checked, CheckedRow, Outcome};
use crate::compare::{self, Comparison, Control, ControlState, Gate, Metric, Verdict};
use crate::goal::Reply;
use crate::model::{Run, Validity, Verdict as Verdicts};
use crate::rows::{self, Fault, Row};
use crate::suite;

/// The format `junit`.
#[derive(Debug)]
pub(super) struct Junit;

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn extension(&self) -> &'static str {
        "xml"
    }

    fn expresses(&self) -> Expresses {
        Expresses { comparisons: true, suites: true, assertions: true, failures: true, times: false }
    }

    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let mut suites = match source.of {
            Of::Record(of) => vec![of_record(&of)?],
            Of::Comparison { comparison, is_strict, tolerates_machine } => {
                of_comparison(comparison, is_strict, tolerates_machine)
            }
            Of::Suite(suite) => vec![of_suite(suite)],
        };
        suites.extend(source.assertions.map(of_assertions));
        suites.extend(source.fail_on_suspect.map(of_suspects));
        tell_apart(&mut suites);
        Ok(document(&suites).into())
    }
}

/// A `testsuite`.
struct Suite {
    name: String,
    /// When it was run, RFC 3339.
    timestamp: Option<String>,
    properties: Vec<(&'static str, String)>,
    cases: Vec<Case>,
}

/// A `testcase`.
struct Case {
    class: String,
    name: String,
    time_ns: Option<u128>,
    result: Outcomes,
    /// What is said of it in any case.
    output: String,
}

enum Outcomes {
    Passed,
    /// A type and a message.
    Failed(&'static str, String),
    /// It is not known whether it passes.
    Skipped(String),
}

fn of_record(of: &OfRecord<'_>) -> Result<Suite, ExportError> {
    let rows = of.rows()?;
    let record = of.record;
    let mut properties = vec![("seed", record.seed.to_string()), ("version", record.tool_version.clone())];
    properties.extend(record.partial.iter().map(|reason| ("partial", reason.clone())));
    properties.extend(of.revision.map(|revision| ("revision", revision.to_owned())));
    Ok(Suite {
        name: record.id.clone(),
        timestamp: record.started_at.clone(),
        properties,
        cases: rows.iter().map(of_row).collect(),
    })
}

/// A test case for each cell.
fn of_suite(suite: &suite::Suite) -> Suite {
    let plan = &suite.plan;
    let mut properties = vec![("seed", plan.seed.to_string()), ("version", plan.tool_version.clone())];
    properties.extend(suite.partial().map(|reason| ("partial", reason)));
    Suite {
        name: plan.id.clone(),
        timestamp: plan.started_at.clone(),
        properties,
        cases: rows::of_suite(suite).iter().map(of_row).collect(),
    }
}

/// Numbers the test cases that have the same class and name, from the second on: a server that reads them would make one of them, and
/// could hide that one fails.
fn tell_apart(suites: &mut [Suite]) {
    let mut known: HashSet<(String, String)> = HashSet::new();
    for case in suites.iter_mut().flat_map(|suite| &mut suite.cases) {
        let name = case.name.clone();
        let mut number = 1;
        while !known.insert((case.class.clone(), case.name.clone())) {
            number += 1;
            case.name = format!("{name} ({number})");
        }
    }
}

fn of_row(row: &Row<'_>) -> Case {
    let faults = row.faults();
    let result = match faults.first() {
        None => Outcomes::Passed,
        Some((worst, _)) => {
            let all: Vec<String> =
                faults.iter().map(|(fault, reason)| format!("{}: {reason}", fault.words())).collect();
            Outcomes::Failed(worst.words(), all.join("; "))
        }
    };
    let run = row.run();
    Case {
        class: row.scenario.to_owned(),
        // The name of a row begins with its scenario, which is the class, unless it is that of a cell.
        name: without_class(row).to_owned(),
        time_ns: run.map(|run| run.trials.iter().map(|trial| u128::from(trial.elapsed_ns)).sum()),
        result,
        output: run.map(output).unwrap_or_default(),
    }
}

fn without_class<'a>(row: &'a Row<'_>) -> &'a str {
    row.name.strip_prefix(row.scenario).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(&row.name)
}

/// The figures of a run in a line, and what makes it suspect.
fn output(run: &Run) -> String {
    let figure = |metric: &Metric| Some(format!("{} {}", metric.label(), metric.format(metric.of_run(run)?)));
    let figures: Vec<String> = Metric::ALL.iter().filter_map(figure).collect();
    let verdict = run.judged();
    let mut lines = Vec::new();
    if !figures.is_empty() {
        lines.push(figures.join(", "));
    }
    if verdict.status == Validity::Suspect {
        lines.extend(verdict.reasons.iter().map(|reason| format!("suspect: {reason}")));
    }
    lines.join("\n")
}

fn of_comparison(comparison: &Comparison, is_strict: bool, tolerates_machine: bool) -> Vec<Suite> {
    // The command fails then, whatever is tolerated, because nothing was judged.
    let is_unjudged = comparison.verdict == Verdict::NotJudged;
    let skips_machine = tolerates_machine && !is_strict && !is_unjudged;
    // A figure that is not judged beside others that are fails neither the command nor a test case. Where none is judged, the command never
    // ends with 0.
    let fails = |verdict| match verdict {
        Verdict::Regression => true,
        Verdict::Inconclusive => is_strict,
        Verdict::NotJudged => is_unjudged,
        Verdict::NoChange | Verdict::Improvement => false,
    };
    let properties = vec![("a", comparison.a.clone()), ("b", comparison.b.clone())];
    let of_row = |row: &compare::Row| {
        let class = row.label();
        let case = |name: &str, result| Case {
            class: class.clone(),
            name: name.to_owned(),
            time_ns: None,
            result,
            output: String::new(),
        };
        let output = row.broken_in_words().filter(|_| row.broken_promise.is_none()).unwrap_or_default();
        let mut cases = vec![
            Case { output, ..case("B keeps the promises that A keeps", promises(row)) },
            case("both runs are valid", validity(row, skips_machine)),
        ];
        // A gate that passes says so, too, so that an improvement is seen.
        let of_gate = |gate: &Gate| {
            let result = result(gate.verdict, gate.sentence(), fails(gate.verdict));
            let is_passed = matches!(result, Outcomes::Passed);
            let output = if is_passed { gate.sentence() } else { String::new() };
            Case { output, ..case(gate.metric.label(), result) }
        };
        cases.extend(row.gates.iter().map(of_gate));
        if row.gates.is_empty() {
            let none = "inconclusive: one side has no figures".to_owned();
            cases.push(case("figures", result(Verdict::Inconclusive, none, is_strict || is_unjudged)));
        }
        Suite { name: class, timestamp: None, properties: properties.clone(), cases }
    };
    let control = comparison.control.as_ref().map(|control| Suite {
        name: "control".to_owned(),
        timestamp: None,
        properties: properties.clone(),
        cases: vec![of_control(control, skips_machine)],
    });
    let measuring = of_measuring(comparison).map(|case| Suite {
        name: "measuring".to_owned(),
        timestamp: None,
        properties: properties.clone(),
        cases: vec![case],
    });
    measuring.into_iter().chain(control).chain(comparison.rows.iter().map(of_row)).collect()
}

/// Pairs that failed and a comparison that was cut off end the command with an error, so something has to fail here, too. `None`: all
/// was measured.
fn of_measuring(comparison: &Comparison) -> Option<Case> {
    let course = &comparison.course;
    let cut = course.cut.as_ref().map(|cut| cut.why().to_owned());
    let whys: Vec<String> = cut.into_iter().chain(course.failed_pairs_in_words()).collect();
    (!whys.is_empty()).then(|| Case {
        class: "measuring".to_owned(),
        name: "every pair was measured".to_owned(),
        time_ns: None,
        result: Outcomes::Failed(Fault::Failed.words(), whys.join("; ")),
        output: String::new(),
    })
}

/// If a copy of A differs from A, the whole comparison is invalid, and its gates are withdrawn.
fn of_control(control: &Control, skips_machine: bool) -> Case {
    let sentence = || control.sentence.clone();
    let (result, output) = match control.state {
        ControlState::NoneFound => (Outcomes::Passed, sentence()),
        ControlState::Differs if skips_machine => (Outcomes::Skipped(sentence()), String::new()),
        ControlState::Differs => (Outcomes::Failed(Fault::Invalid.words(), sentence()), String::new()),
        ControlState::TooShort => (Outcomes::Skipped(sentence()), String::new()),
    };
    let name = "a copy of A does not differ from A".to_owned();
    Case { class: "control".to_owned(), name, time_ns: None, result, output }
}

/// The audit comes before the times: a side that loses messages may well be the faster one.
fn promises(row: &compare::Row) -> Outcomes {
    match (&row.broken_promise, &row.broken_by_both) {
        (None, _) => Outcomes::Passed,
        (Some(faults), None) => {
            Outcomes::Failed(Fault::AuditFailed.words(), format!("the audit of B failed: {faults}"))
        }
        (Some(_), Some(_)) => {
            Outcomes::Failed(Fault::AuditFailed.words(), row.broken_in_words().unwrap_or_default())
        }
    }
}

/// Unless the trials of the head are invalid in clearly more pairs, the machine may be the reason.
fn validity(row: &compare::Row, skips_machine: bool) -> Outcomes {
    match row.is_invalid() {
        true if skips_machine && !row.is_b_to_blame => Outcomes::Skipped(row.notes.join("; ")),
        true => Outcomes::Failed(Fault::Invalid.words(), row.notes.join("; ")),
        false => Outcomes::Passed,
    }
}

/// An inconclusive gate that does not fail is skipped, so that a noisy machine blocks nobody. It is never passed.
fn result(verdict: Verdict, sentence: String, fails: bool) -> Outcomes {
    match verdict {
        _ if fails => Outcomes::Failed(verdict.words(), sentence),
        Verdict::Improvement | Verdict::NoChange => Outcomes::Passed,
        Verdict::Regression | Verdict::Inconclusive | Verdict::NotJudged => Outcomes::Skipped(sentence),
    }
}

fn of_assertions(outcome: &Outcome) -> Suite {
    let of_row = |asserted: &Asserted, row: &CheckedRow| {
        let said = |wanted: &dyn Fn(Reply) -> bool| {
            let terms = row.terms.iter().filter(|checked| wanted(checked.answer.reply()));
            terms.map(Checked::sentence).collect::<Vec<_>>().join("; ")
        };
        let reply = row.reply();
        let result = match reply {
            Reply::Kept => Outcomes::Passed,
            Reply::CannotTell | Reply::Missed => {
                Outcomes::Failed(reply.words(), said(&|reply| reply != Reply::Kept))
            }
        };
        Case {
            class: row.name.clone(),
            name: asserted.assertion.goal.to_string(),
            time_ns: None,
            result,
            output: said(&|reply| reply == Reply::Kept),
        }
    };
    let of_one =
        |asserted: &Asserted| asserted.rows.iter().map(|row| of_row(asserted, row)).collect::<Vec<_>>();
    Suite {
        name: "assertions".to_owned(),
        timestamp: None,
        properties: Vec::new(),
        cases: outcome.asserted.iter().flat_map(of_one).collect(),
    }
}

/// A test case for each row, which fails if the row is not valid without a doubt.
fn of_suspects(rows: &[Row<'_>]) -> Suite {
    let of_row = |row: &Row<'_>| {
        let verdict = row.run().map(Run::judged).filter(|verdict| verdict.status != Validity::Valid);
        let failed = |verdict: Verdicts| Outcomes::Failed(verdict.status.word(), verdict.reasons.join("; "));
        Case {
            class: row.name.clone(),
            name: "is not suspect".to_owned(),
            time_ns: None,
            result: verdict.map_or(Outcomes::Passed, failed),
            output: String::new(),
        }
    };
    Suite {
        name: "fail-on suspect".to_owned(),
        timestamp: None,
        properties: Vec::new(),
        cases: rows.iter().map(of_row).collect(),
    }
}

impl Outcomes {
    fn element(&self) -> Option<Element> {
        match self {
            Self::Passed => None,
            Self::Failed(kind, message) => {
                let failure = Element::new("failure").with("type", *kind).with("message", message.clone());
                Some(failure.text(message.clone()))
            }
            Self::Skipped(message) => Some(Element::new("skipped").with("message", message.clone())),
        }
    }
}

fn document(suites: &[Suite]) -> String {
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let whole = counted(Element::new("testsuites").with("name", "drumpost"), cases());
    whole.children(suites.iter().map(suite_element)).document()
}

/// The element with the numbers of its cases and their time. The schema knows no skipped cases of all suites together.
fn counted<'a>(element: Element, cases: impl Iterator<Item = &'a Case>) -> Element {
    let (mut tests, mut failures, mut time_ns) = (0u64, 0u64, 0u128);
    for case in cases {
        tests += 1;
        failures += u64::from(matches!(case.result, Outcomes::Failed(..)));
        time_ns += case.time_ns.unwrap_or(0);
    }
    let element = element.with("tests", tests.to_string()).with("failures", failures.to_string());
    element.with("errors", "0").with("time", seconds(time_ns))
}

fn suite_element(suite: &Suite) -> Element {
    let skipped = suite.cases.iter().filter(|case| matches!(case.result, Outcomes::Skipped(_))).count();
    let element = counted(Element::new("testsuite").with("name", suite.name.clone()), suite.cases.iter());
    let mut element = element.with("skipped", skipped.to_string());
    if let Some(timestamp) = &suite.timestamp {
        element = element.with("timestamp", timestamp.clone());
    }
    if !suite.properties.is_empty() {
        let property = |(name, value): &(&'static str, String)| {
            Element::new("property").with("name", *name).with("value", value.clone())
        };
        let all = suite.properties.iter().map(property);
        element = element.children([Element::new("properties").children(all)]);
    }
    element.children(suite.cases.iter().map(case_element))
}

fn case_element(case: &Case) -> Element {
    let mut element =
        Element::new("testcase").with("classname", case.class.clone()).with("name", case.name.clone());
    if let Some(time_ns) = case.time_ns {
        element = element.with("time", seconds(time_ns));
    }
    let output = (!case.output.is_empty()).then(|| Element::new("system-out").text(case.output.clone()));
    element.children(case.result.element()).children(output)
}

/// Seconds with three decimals and without an exponent.
fn seconds(ns: u128) -> String {
    format!("{:.3}", ns as f64 / 1e9)
}
