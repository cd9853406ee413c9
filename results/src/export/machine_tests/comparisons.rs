//! Comparisons as JUnit: what fails, and what the test cases of several rows are called.

use super::sides::{five_rows, one_row};
use super::*;
use crate::rows::Sides;

/// The audit is the first case, and fails however good the times are.
#[test]
fn a_head_that_breaks_a_promise_fails() {
    let mut faster = compared(0.7);
    faster.rows[0].broken_promise = Some("3 lost".into());
    let xml = junit(Of::Comparison { comparison: &faster, is_strict: false, tolerates_machine: false }, None);
    assert_eq!(cases(&xml)[0].1, 1, "{xml}");
    let failure = "name=\"B keeps the promises that A keeps\"><failure type=\"audit failed\" message=\"the audit of B failed: 3 lost\">";
    let lines: Vec<&str> = xml.lines().map(str::trim).collect();
    assert!(lines.concat().contains(failure), "{xml}");
}

/// An improvement and no change pass, whatever `--strict` is.
#[test]
fn only_a_regression_fails() {
    for (factor, failures, says) in [
        (1.0, 0, "<system-out>same within 0"),
        (
            0.7,
            0,
            "<system-out>better by 30.0 % (95 % interval 30.0 to 30.0 %), 40 pairs, exact sign test, p &lt; 0.0001",
        ),
        (1.3, 5, "message=\"worse by 30.0 %"),
    ] {
        let comparison = compared(factor);
        for is_strict in [false, true] {
            let xml =
                junit(Of::Comparison { comparison: &comparison, is_strict, tolerates_machine: false }, None);
            assert_eq!(cases(&xml)[0].1, failures, "{factor} {xml}");
            assert!(xml.contains(says), "{factor} {xml}");
        }
    }
}

/// The comparison of a record of two sides, as the command makes it.
fn judged(record: &Record) -> Comparison {
    compare::compare_sides(record, &Options::default()).unwrap()
}

fn of_comparison(comparison: &Comparison, assertions: Option<&Outcome>) -> String {
    junit(Of::Comparison { comparison, is_strict: false, tolerates_machine: false }, assertions)
}

/// Class, name, and whether it failed, of each test case.
fn tests(xml: &str) -> Vec<(String, String, bool)> {
    let document = roxmltree::Document::parse(xml).unwrap();
    let text = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().to_owned();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let case = |node: roxmltree::Node<'_, '_>| {
        let has_failed = node.children().any(|child| child.has_tag_name("failure"));
        (text(node, "classname"), text(node, "name"), has_failed)
    };
    cases.map(case).collect()
}

/// A server that reads JUnit takes cases of one class and name for the same test, so that a failure could be hidden.
#[test]
fn each_cell_has_test_cases_of_its_own() {
    let record = five_rows();
    let comparison = judged(&record);
    let outcome = asserted_of(&record, &["p50<1s", "p50<1s", "event: p50<1s"]);
    let xml = of_comparison(&comparison, Some(&outcome));
    cases(&xml);
    let all = tests(&xml);
    let mut once: Vec<_> = all.iter().map(|(class, name, _)| (class, name)).collect();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), all.len(), "{xml}");
    let failed = |class: &str| all.iter().filter(|(of, _, failed)| of == class && *failed).count();
    for scenario in ["stream", "order-authorization", "payment-confirmation", "fan-out", "ping"] {
        assert!(failed(&format!("verdicts/{scenario}/event/listeners")) >= 4, "{scenario}: {xml}");
    }
    let document: serde_json::Value =
        serde_json::from_str(&crate::report::json(&comparison).unwrap()).unwrap();
    for rows in [&document["rows"], &document["control"]["rows"]] {
        let names: Vec<&str> =
            rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!((names.len(), names[4]), (5, "verdicts/ping/event/listeners"), "{names:?}");
    }
}

fn asserted_of(record: &Record, assertions: &[&str]) -> Outcome {
    let assertions: Vec<Assertion> = assertions.iter().map(|text| text.parse().unwrap()).collect();
    evaluate(&assertions, &rows::of_sides(record, Sides::default())).unwrap()
}

#[test]
fn a_comparison_of_two_sides_as_junit() {
    let outcome = asserted_of(&one_row(), &["p50<1s"]);
    assert_snapshot!(of_comparison(&judged(&one_row()), Some(&outcome)));
}

/// The command ends with 6 if a copy of A differs from A, so that something has to fail in JUnit, too.
#[test]
fn a_control_that_differs_fails() {
    const NAME: &str = "a copy of A does not differ from A";
    let of_control = |record: &Record| {
        let comparison = judged(record);
        let xml = of_comparison(&comparison, None);
        let failed: Vec<String> =
            tests(&xml).into_iter().filter(|(.., failed)| *failed).map(|(_, name, _)| name).collect();
        (comparison.is_invalid(), failed, xml)
    };
    let (is_invalid, failed, xml) = of_control(&one_row());
    assert!(!is_invalid && !failed.contains(&NAME.to_owned()), "{xml}");
    assert!(
        xml.contains("<system-out>a copy of A ran in 20 pairs, and no difference from A was found"),
        "{xml}"
    );
    let mut differs = one_row();
    differs.runs[2].trials = differs.runs[1].trials.clone();
    let (is_invalid, failed, xml) = of_control(&differs);
    assert_eq!((is_invalid, failed), (true, vec![NAME.to_owned()]), "{xml}");
    assert!(
        xml.contains("<failure type=\"invalid\" message=\"the comparison is invalid, because a copy"),
        "{xml}"
    );
    // The same where the machine may be the reason for it, and that is tolerated. A head that is to blame fails all the same.
    let mut comparison = judged(&differs);
    let tolerated = |comparison: &Comparison, is_strict| {
        tests(&junit(Of::Comparison { comparison, is_strict, tolerates_machine: true }, None))
            .into_iter()
            .filter(|(_, name, failed)| *failed && [NAME, "both runs are valid"].contains(&name.as_str()))
            .count()
    };
    comparison.rows[0].invalid_sides = [false, true];
    assert_eq!([tolerated(&comparison, false), tolerated(&comparison, true)], [0, 2]);
    comparison.rows[0].is_b_to_blame = true;
    assert_eq!(tolerated(&comparison, false), 1);
    let mut short = one_row();
    short.runs[2].trials.truncate(3);
    let (is_invalid, failed, xml) = of_control(&short);
    assert!(!is_invalid && !failed.contains(&NAME.to_owned()), "{xml}");
    assert!(xml.contains("<skipped message=\"the copy of A ran in 3 pairs only"), "{xml}");
}
