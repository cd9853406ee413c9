//! Series in documents.

use super::*;

/// Of an open load, each point has its service times in full.
#[test]
fn service_times_of_a_series_come_back_and_add_little() {
    let mut record = large();
    let closed = to_json(&record).unwrap();
    for trial in record.runs.iter_mut().flat_map(|run| &mut run.trials) {
        let points = trial.series.points().iter().map(|point| point.clone().with_service(&point.response));
        trial.series = crate::model::Series::from_points(points.collect());
    }
    let open = to_json(&record).unwrap();
    assert_eq!(from_json(&open).unwrap(), record);
    // 12 trials of 50 points.
    let of_point = (open.len() - closed.len()) / 600;
    assert!((1_000..1_800).contains(&of_point), "{of_point} bytes");
    let document: serde_json::Value = serde_json::from_str(&open).unwrap();
    let point = &document["runs"][0]["trials"][0]["series"][0];
    assert_eq!(point["service_ns"]["count"], 16_667);
    assert_eq!(point["service_ns"]["p99"], point["response_p99_ns"]);
    let broken = open.replacen("\"service_ns\":{\"count\":16667", "\"service_ns\":{\"count\":16668", 1);
    assert_error(&broken, &["runs[0].trials[0].series[0]", "service_ns.count"]);
}
