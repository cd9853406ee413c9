//! Round trips, the committed sample of each schema version, names others rely on, and errors.

use super::*;
use crate::model::{Distribution, Run, Setting, Trial};
use crate::sample;
use proptest::collection::vec;
use proptest::prelude::*;

fn judged() -> Record {
    let mut record = sample::record();
    record.judge(&crate::verdict::Thresholds::default());
    record
}

#[test]
fn a_record_survives_its_document() {
    let record = judged();
    let json = to_json(&record).unwrap();
    assert_eq!(from_json(&json).unwrap(), record);
    assert_eq!(to_json(&from_json(&json).unwrap()).unwrap(), json);
}

/// Written by the first release of version 1. It must never be written again, only read.
#[test]
fn version_1_stays_readable() {
    let record = from_json(include_str!("../../tests/samples/v1.json")).unwrap();
    assert_eq!(record.id, "sample-v1");
    assert_eq!(record.runs.len(), 2);
    let run = &record.runs[0];
    assert_eq!((run.dispatch.as_str(), run.trials.len()), ("message/crossbeam", 2));
    assert_eq!(run.response().count(), 400);
    assert_eq!(run.response().quantile_ns(0.5), Some(6_483));
    assert_eq!(run.settings["batch"], Setting::Integer(1));
    assert_eq!(run.judged().status.word(), "valid");
    assert_eq!(record.runs[1].status().word(), "refused");
    assert_eq!(record.pairing.unwrap().order.len(), 2);
}

#[test]
fn names_that_others_rely_on() {
    let document: serde_json::Value = serde_json::from_str(&to_json(&judged()).unwrap()).unwrap();
    assert_eq!(document["schema_version"], 1);
    let run = &document["runs"][0];
    for name in [
        "/dispatch",
        "/scenario",
        "/throughput_per_s",
        "/response_ns/p50",
        "/response_ns/p90",
        "/response_ns/p99",
        "/response_ns/p99_9",
        "/response_ns/max",
        "/response_ns/min",
        "/response_ns/mean",
        "/response_ns/count",
        "/response_ns/histogram",
        "/service_ns/p99",
        "/lag_ns/p99",
        "/hops/0/hop_ns/p50",
        "/audit/sent",
        "/audit/delivered",
        "/audit/lost",
        "/audit/duplicated",
        "/audit/reordered",
        "/audit/corrupted",
        "/verdict/status",
        "/verdict/reasons",
        "/cpu_ns_per_message",
        "/status",
        "/settings/batch",
        "/trials/0/response_ns/histogram",
    ] {
        assert!(run.pointer(name).is_some_and(|value| !value.is_null()), "{name}");
    }
    assert!(run["error"].is_null());
    assert_eq!(document["runs"][2]["status"], "refused");
    assert!(document["runs"][2]["response_ns"]["p99"].is_null());
    assert!(document["runs"][2]["cpu_ns_per_message"].is_null());
}

#[test]
fn merged_figures_are_of_the_merged_histogram() {
    let record = judged();
    let document = v1::Document::try_from(&record).unwrap();
    let (run, times) = (&record.runs[0], &document.runs[0].response_ns);
    assert_eq!(times.p99, run.response().quantile_ns(0.99));
    assert_eq!(times.count, run.trials.iter().map(|trial| trial.response.count()).sum::<u64>());
    let totals =
        run.trials.iter().fold((0, 0), |(n, ns), trial| (n + trial.flows.ended, ns + trial.elapsed_ns));
    assert_eq!(document.runs[0].throughput_per_s, Some(totals.0 as f64 * 1e9 / totals.1 as f64));
}

/// Every field has its line in FORMAT.md.
#[test]
fn every_field_is_described() {
    fn check(value: &serde_json::Value, page: &str) {
        match value {
            serde_json::Value::Array(items) => items.iter().for_each(|item| check(item, page)),
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    assert!(
                        page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}[]`")),
                        "{name}"
                    );
                    if name != "settings" && name != "environment" {
                        check(value, page);
                    }
                }
            }
            _ => {}
        }
    }
    let document: serde_json::Value = serde_json::from_str(&to_json(&judged()).unwrap()).unwrap();
    check(&document, include_str!("../../../FORMAT.md"));
}

#[track_caller]
fn assert_error(json: &str, words: &[&str]) {
    let error = from_json(json).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn errors_say_where_and_what_to_do() {
    let json = to_json(&judged()).unwrap();
    assert_error("{ \"schema_version\": 7 }", &["schema version 7", "up to 1", "later"]);
    assert_error("{ \"schema_version\": 0 }", &["schema_version", "never was"]);
    assert_error("{}", &["schema_version", "line 1", "drumpost record"]);
    assert_error("not json", &["line 1 column 2"]);
    assert_error(&json[..json.len() / 2], &["EOF", "line", "column"]);
    assert_error(&json.replacen("\"seed\": 42", "\"seed\": \"42\"", 1), &["expected u64", "line", "column"]);
    let (head, trials) = json.split_at(json.find("\"trials\": [").unwrap());
    let broken = [head, &trials.replacen("\"histogram\": \"", "\"histogram\": \"????", 1)].concat();
    assert_error(&broken, &["runs[0].trials[0].response_ns", "histogram"]);
}

#[test]
fn a_count_that_contradicts_its_histogram_is_found() {
    let mut document = v1::Document::try_from(&judged()).unwrap();
    document.runs[1].trials[2].lag_ns.count += 1;
    let error = Record::try_from(document).unwrap_err().to_string();
    assert!(error.contains("runs[1].trials[2].lag_ns"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_times_and_settings_survive(
        values in vec(0..u64::MAX, 0..50),
        n in 1u64..1 << 60,
        texts in vec("\\PC{0,12}", 0..4),
        number: f64,
        seed: u64,
    ) {
        let mut response = Distribution::of(values);
        response.record(u64::from(seed as u32), n);
        let trials = vec![Trial { response, seed, notes: texts.clone(), ..Trial::default() }];
        let mut run = Run { trials, ..Run::default() };
        run.settings = texts.into_iter().map(|text| (text.clone(), Setting::Text(text))).collect();
        if number.is_finite() {
            run.settings.insert("number".into(), Setting::Number(number));
        }
        let mut record = Record { seed, runs: vec![run], ..Record::default() };
        record.judge(&crate::verdict::Thresholds::default());
        let json = to_json(&record).unwrap();
        prop_assert_eq!(from_json(&json).unwrap(), record);
    }
}

#[test]
fn a_search_is_read_back_and_absent_from_other_records() {
    let record = sample::searched();
    let json = to_json(&record).unwrap();
    assert_eq!(from_json(&json).unwrap(), record);
    assert_eq!(to_json(&from_json(&json).unwrap()).unwrap(), json);
    let mut run = sample::record();
    run.judge(&crate::verdict::Thresholds::default());
    assert!(!to_json(&run).unwrap().contains("\"search\""));
}

#[test]
fn a_search_that_contradicts_its_document_is_refused() {
    let json = to_json(&sample::searched()).unwrap();
    for (from, to, says) in [
        ("\"run\": 8", "\"run\": 9", "search.dispatches[1].holds: there is no run 9"),
        ("\"goal\": \"p99 <", "\"goal\": \"p98 <", "search.goal"),
    ] {
        let damaged = json.replacen(from, to, 1);
        assert_ne!(damaged, json, "{from}");
        let error = from_json(&damaged).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
