//! Searches in documents.

use super::*;

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
