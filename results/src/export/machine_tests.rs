//! Formats for machines, each read back by a reader that shares nothing with the writer: an XML parser, a JSON parser, a CSV parser,
//! and a parser of OpenMetrics in `openmetrics`. Records of two sides are in `sides`, suites in `suites`, and
//! comparisons as JUnit in `comparisons`.

mod comparisons;
mod openmetrics;
mod sides;
mod suites;

use super::*;
use crate::assertion::{Assertion, Outcome, evaluate};
use crate::compare::{self, Comparison, Options};
use crate::model::{Pairing, Record, Run, Status, Trial, Validity, Verdict};
use crate::{rows, sample};
use insta::assert_snapshot;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Three rows: one that is valid, one that lost messages, and one that was refused.
fn record() -> Record {
    let mut record = sample::record();
    record.runs.iter_mut().for_each(|run| run.verdict = Some(Verdict::default()));
    record
}

/// The same made once, as it takes a while.
static ONE: LazyLock<Record> = LazyLock::new(one);
static COMPARED: LazyLock<Comparison> = LazyLock::new(|| compared(1.0));

/// A record of one valid row.
fn one() -> Record {
    let mut run = sample::run("message/crossbeam", 3, 9_000.0);
    run.verdict = Some(Verdict::default());
    Record { runs: vec![run], ..record() }
}

fn text(format: &str, record: &Record, selection: &Selection) -> Result<Text, ExportError> {
    let of = OfRecord { record, selection, started_s: 1_795_255_200.0, revision: Some("3f2a91c") };
    write(named(format).unwrap(), &Source::record(of))
}

#[track_caller]
fn exported(format: &str, record: &Record) -> Text {
    text(format, record, &Selection::default()).unwrap()
}

fn asserted(record: &Record, assertions: &[&str]) -> Outcome {
    let assertions: Vec<Assertion> = assertions.iter().map(|text| text.parse().unwrap()).collect();
    evaluate(&assertions, &rows::of_record(record)).unwrap()
}

/// 40 pairs; B takes `factor` times as long.
fn compared(factor: f64) -> Comparison {
    let mut runs =
        vec![sample::run("message/a", 40, 9_000.0), sample::run("message/b", 40, 9_000.0 * factor)];
    for run in &mut runs {
        run.verdict = Some(Verdict::default());
        run.trials.iter_mut().for_each(|trial| trial.seed = u64::from(trial.number));
    }
    let pairing = Some(Pairing { id: "p".into(), order: Vec::new() });
    let record = Record { runs, pairing, ..record() };
    compare::compare_within(&record, "message/a", "message/b", &Options::default()).unwrap()
}

fn junit(of: Of<'_>, assertions: Option<&Outcome>) -> String {
    write(named("junit").unwrap(), &Source { of, assertions, fail_on_suspect: None }).unwrap().text
}

#[test]
fn a_record_as_junit() {
    let record = record();
    let selection = Selection::default();
    let of = OfRecord { record: &record, selection: &selection, started_s: 0.0, revision: Some("3f2a91c") };
    let outcome = asserted(
        &record,
        &["crossbeam: p99<100us, lost=0", "message/nats: p50<1s", "message/crossbeam: p50<1s"],
    );
    let xml = junit(Of::Record(of), Some(&outcome));
    assert_snapshot!(xml);
    assert_eq!(cases(&xml), [(7, 4, 0)]);
}

#[test]
fn a_comparison_as_junit() {
    let comparison = compared(1.3);
    let of = |is_strict| Of::Comparison { comparison: &comparison, is_strict, tolerates_machine: false };
    let xml = junit(of(false), None);
    assert_snapshot!(xml);
    assert_eq!(cases(&xml), [(8, 5, 0)]);
    // What cannot be told is no failure unless it is asked to be.
    let mut few = compared(1.0);
    few.rows[0].gates.iter_mut().for_each(|gate| gate.verdict = compare::Verdict::Inconclusive);
    let of = |is_strict| Of::Comparison { comparison: &few, is_strict, tolerates_machine: false };
    let (lax, strict) = (junit(of(false), None), junit(of(true), None));
    let n = few.rows[0].gates.len();
    assert_eq!((cases(&lax), cases(&strict)), (vec![(n + 2, 0, n)], vec![(n + 2, n, 0)]));
    assert!(lax.contains("<skipped message=\"inconclusive") && !lax.contains("passed"), "{lax}");
    // Nor is a figure that is not judged beside others that are. Where none is judged, the command fails, and so do they.
    few.rows[0].gates.iter_mut().for_each(|gate| gate.verdict = compare::Verdict::NotJudged);
    let unjudged = Comparison { verdict: compare::Verdict::NotJudged, ..few.clone() };
    for is_strict in [false, true] {
        let of = |comparison| Of::Comparison { comparison, is_strict, tolerates_machine: false };
        let (beside, none) = (junit(of(&few), None), junit(of(&unjudged), None));
        assert_eq!((cases(&beside), cases(&none)), (vec![(n + 2, 0, n)], vec![(n + 2, n, 0)]));
    }
    let mut empty = unjudged.clone();
    empty.rows[0].gates.clear();
    let of = Of::Comparison { comparison: &empty, is_strict: false, tolerates_machine: false };
    assert_eq!(cases(&junit(of, None)), [(3, 1, 0)], "a row without figures");
    few.rows[0].invalid_sides = [false, true];
    few.rows[0].notes.push("B is invalid: late".into());
    let invalid =
        junit(Of::Comparison { comparison: &few, is_strict: false, tolerates_machine: false }, None);
    assert!(invalid.contains("<failure type=\"invalid\" message=\"B is invalid: late\">"), "{invalid}");
}

/// Attributes and children that `junit-10.xsd` allows for an element.
fn schema(element: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match element {
        "testsuites" => (&["name", "time", "tests", "failures", "errors"], &["testsuite"]),
        "testsuite" => (
            &["name", "tests", "failures", "errors", "time", "skipped", "timestamp"],
            &["properties", "testcase"],
        ),
        "properties" => (&[], &["property"]),
        "property" => (&["name", "value"], &[]),
        "testcase" => (&["name", "time", "classname"], &["failure", "skipped", "system-out"]),
        "failure" | "skipped" => (&["type", "message"], &[]),
        "system-out" => (&[], &[]),
        _ => panic!("{element} is not in the schema"),
    }
}

/// Reads JUnit. For each suite, that of assertions included in the whole: cases, failures, and skipped cases. Numbers in attributes
/// have to agree with what is there.
#[track_caller]
fn cases(xml: &str) -> Vec<(usize, usize, usize)> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let (attributes, children) = schema(node.tag_name().name());
        assert!(node.attributes().all(|it| attributes.contains(&it.name())), "{node:?}");
        let mut elements = node.children().filter(roxmltree::Node::is_element);
        assert!(elements.all(|it| children.contains(&it.tag_name().name())), "{node:?}");
    }
    let count = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.descendants().filter(|it| it.has_tag_name(name)).count()
    };
    let number =
        |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<usize>().unwrap();
    for suite in document.descendants().filter(|node| node.has_tag_name("testsuite")) {
        for (attribute, name) in [("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")] {
            assert_eq!(number(suite, attribute), count(suite, name), "{xml}");
        }
    }
    let whole = document.root_element();
    assert_eq!(number(whole, "tests"), count(whole, "testcase"));
    vec![(count(whole, "testcase"), count(whole, "failure"), count(whole, "skipped"))]
}

#[test]
fn a_record_as_bencher_metrics() {
    let Text { text, left_out } = exported("bencher", &record());
    assert_snapshot!(text);
    assert_eq!(left_out.len(), 2);
    assert!(
        left_out[0].starts_with("order-authorization event/crossbeam (audit failed: 12 lost"),
        "{left_out:?}"
    );
    assert!(
        left_out[1].starts_with("order-authorization message/nats (refused: failed to connect"),
        "{left_out:?}"
    );
    assert_eq!(benchmarks(&text), ["order-authorization message/crossbeam"]);
}

/// Reads Bencher Metric Format as its JSON schema has it, and returns the names of the benchmarks.
#[track_caller]
fn benchmarks(text: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let benchmarks = json.as_object().unwrap();
    for (name, measures) in benchmarks {
        assert!((1..=1_024).contains(&name.chars().count()), "{name}");
        for (measure, metric) in measures.as_object().unwrap() {
            let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!((1..=64).contains(&measure.len()) && measure.chars().all(is_slug), "{measure}");
            let metric = metric.as_object().unwrap();
            let number = |key: &str| metric.get(key).map(|value| value.as_f64().unwrap());
            let value = number("value").unwrap();
            assert!(number("lower_value").is_none_or(|low| low <= value), "{name} {measure}");
            assert!(number("upper_value").is_none_or(|high| value <= high), "{name} {measure}");
            assert!(metric.keys().all(|key| ["value", "lower_value", "upper_value"].contains(&key.as_str())));
        }
    }
    benchmarks.keys().cloned().collect()
}

#[test]
fn a_row_as_csv_for_otava() {
    let Text { text, .. } = exported("otava", &one());
    assert_snapshot!(text);
    let fields = line(&text);
    let number = |name: &str| fields.iter().find(|(head, _)| head == name).unwrap().1.parse::<f64>().unwrap();
    assert_eq!(number("response_ns_p99"), one().runs[0].response().quantile_ns(0.99).unwrap() as f64);
    assert_eq!((number("trials"), number("lost")), (3.0, 0.0));
    let searched = Selection { dispatch: Some("message/crossbeam".into()), ..Selection::default() };
    let mut search = sample::searched();
    search.runs.iter_mut().for_each(|run| run.verdict = Some(Verdict::default()));
    let found = line(&super::machine_tests::text("otava", &search, &searched).unwrap().text);
    assert!(found.contains(&("kept_per_s".into(), "2400".into())), "{found:?}");
}

/// The line below the head, as pairs of a column and a field.
#[track_caller]
fn line(text: &str) -> Vec<(String, String)> {
    let mut reader = csv_core::Reader::new();
    let (mut input, mut rows, mut row) = (text.as_bytes(), Vec::new(), Vec::new());
    let mut field = vec![0; text.len() + 16];
    loop {
        let (result, read, written) = reader.read_field(input, &mut field);
        input = &input[read..];
        match result {
            csv_core::ReadFieldResult::Field { record_end } => {
                row.push(String::from_utf8(field[..written].to_vec()).unwrap());
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
            csv_core::ReadFieldResult::End => break,
            csv_core::ReadFieldResult::InputEmpty => {}
            csv_core::ReadFieldResult::OutputFull => panic!("a field is longer than the text"),
        }
    }
    let [head, line] = &rows[..] else { panic!("a head and a line: {text}") };
    assert_eq!(head.len(), line.len(), "{text}");
    head.iter().cloned().zip(line.iter().cloned()).collect()
}

#[test]
fn what_a_format_cannot_express_is_refused() {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
    assert_eq!(names, ["hlog", "hgrm", "csv", "junit", "bencher", "otava", "openmetrics"]);
    assert!(named("xml").is_none() && FORMATS.iter().all(|format| !format.extension().contains('.')));
    let (record, comparison) = (record(), compared(1.0));
    let says = |result: Result<Text, ExportError>, words: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    for name in names.into_iter().filter(|name| *name != "junit") {
        let of = Of::Comparison { comparison: &comparison, is_strict: false, tolerates_machine: false };
        let source = Source { of, assertions: None, fail_on_suspect: None };
        says(write(named(name).unwrap(), &source), &format!("--format {name} cannot express a comparison"));
    }
    let lag = Selection { times: Times::Lag, ..Selection::default() };
    says(text("bencher", &record, &lag), "leave --times lag out");
    says(text("csv", &record, &lag), "--format csv has the response time");
    let select = |dispatch: Option<&str>, trial| Selection {
        dispatch: dispatch.map(str::to_owned),
        trial,
        ..Selection::default()
    };
    says(
        text("junit", &record, &select(Some("message/x"), None)),
        "it has message/crossbeam, event/crossbeam",
    );
    says(
        text("openmetrics", &record, &select(None, Some(7))),
        "trial 7 has no figures (numbers begin at 0); trials with figures: 0, 1, 2",
    );
    says(
        text("otava", &record, &select(None, None)),
        "choose one with --dispatch; this record has message/crossbeam, ",
    );
    says(text("otava", &record, &select(Some("event/crossbeam"), None)), "(audit failed: 12 lost)");
    says(
        text("bencher", &record, &select(Some("message/nats"), None)),
        "left out: order-authorization message/nats (refused",
    );
    says(
        text("otava", &Record { started_at: None, ..one() }, &select(None, None)),
        "in virtual time has none",
    );
    says(
        text("junit", &Record { runs: Vec::new(), ..record.clone() }, &select(None, None)),
        "nothing was measured",
    );
    let single = text("openmetrics", &record, &select(Some("message/crossbeam"), Some(1))).unwrap().text;
    let trial = &record.runs[0].trials[1];
    assert!(single.contains(&format!("state=\"ended\"}} {}\n", trial.flows.ended)), "{single}");
}

/// A record in which every foreign text is this one: a row with figures and one that failed.
fn hostile(foreign: &str) -> Record {
    let mut record = ONE.clone();
    let text = || foreign.to_owned();
    (record.id, record.tool_version) = (text(), text());
    record.runs[0].scenario = text();
    record.runs[0].dispatch = text();
    let verdict = Verdict { status: Validity::Suspect, reasons: vec![text()], ..Verdict::default() };
    record.runs[0].verdict = Some(verdict.clone());
    let failed = Trial { status: Status::Failed, error: Some(text()), ..Trial::default() };
    record.runs.push(Run { trials: vec![failed], ..record.runs[0].clone() });
    record
}

/// Texts with what each of the formats gives a meaning to.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("]]>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("&#10;&lt;".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("\\\"\\n\\".to_owned()),
        Just("\n# EOF\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0\x01\x1b[31m\x7f\u{9b}\u{fffe}\u{ffff}".to_owned()),
        Just("{}=,".to_owned()),
        Just(",\",\"".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// The text with what XML cannot hold replaced.
fn in_xml(text: &str) -> String {
    let is_held =
        |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_held(c) { c } else { '\u{fffd}' }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_stays_in_its_place(foreign in any_text()) {
        let record = hostile(&foreign);
        let selection = Selection::default();
        let of = OfRecord { record: &record, selection: &selection, started_s: 1.0, revision: Some(&foreign) };
        let outcome = asserted(&record, &["p50<1s, lost=0"]);
        let xml = junit(Of::Record(of), Some(&outcome));
        prop_assert_eq!(cases(&xml), [(4, 2, 0)]);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let classes: Vec<&str> = document.descendants().filter_map(|node| node.attribute("classname")).collect();
        prop_assert_eq!(classes[0], in_xml(&foreign));
        let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
        let message = failure.attribute("message").unwrap();
        prop_assert_eq!(message, format!("failed: {}", in_xml(&foreign)));
        prop_assert_eq!(failure.text().unwrap(), message);

        let source = Source::record(of);
        let bencher = write(named("bencher").unwrap(), &source).unwrap();
        let name: String = format!("{foreign} {foreign}").chars().take(1_024).collect();
        prop_assert_eq!(benchmarks(&bencher.text), [name]);

        let metrics = write(named("openmetrics").unwrap(), &source).unwrap().text;
        let families = openmetrics::read(&metrics).map_err(TestCaseError::fail)?;
        let good = families.iter().find(|family| family.name == "drumpost_good").unwrap();
        let label = |at: usize, name: &str| good.samples[at].labels.iter().find(|(key, _)| key == name).cloned();
        prop_assert_eq!(good.samples.len(), 2);
        prop_assert_eq!(label(0, "scenario"), Some(("scenario".to_owned(), foreign.clone())));
        prop_assert_eq!(label(1, "dispatch"), Some(("dispatch".to_owned(), foreign.clone())));

        let mut alone = record.clone();
        alone.runs.truncate(1);
        let of = OfRecord { record: &alone, ..of };
        let fields = line(&write(named("otava").unwrap(), &Source::record(of)).unwrap().text);
        prop_assert_eq!(&fields[1], &("commit".to_owned(), foreign.clone()));
        prop_assert_eq!(&fields[4], &("dispatch".to_owned(), foreign));
    }

    #[test]
    fn any_comparison_is_well_formed(foreign in any_text()) {
        let mut comparison = COMPARED.clone();
        (comparison.a, comparison.b) = (foreign.clone(), foreign.clone());
        let row = &mut comparison.rows[0];
        (row.scenario, row.dispatch_a, row.invalid_sides) = (foreign.clone(), foreign.clone(), [false, true]);
        row.notes.push(foreign.clone());
        row.gates[0].note = Some(foreign);
        row.gates[0].verdict = compare::Verdict::Inconclusive;
        let xml = junit(Of::Comparison { comparison: &comparison, is_strict: false, tolerates_machine: false }, None);
        let failures = cases(&xml)[0].1;
        prop_assert!(failures >= 1);
    }
}
