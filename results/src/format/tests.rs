//! Tests of the file format: round trips, the stored sample of each schema version, names that others rely on, and
//! errors.

mod confirms;
mod rows;
mod search;
mod series;

use super::*;
use crate::model::{
    Backlog, ConfirmTimes, Distribution, Limit, Outage, OutageCause, Phase, Run, ServerSaid, Setting, Trial,
};
use crate::sample;
use proptest::collection::vec;
use proptest::prelude::*;

pub(super) fn judged() -> Record {
    let mut record = sample::record();
    let trial = &mut record.runs[0].trials[0];
    trial.flows.dropped = 2;
    (trial.audit.reordered, trial.audit.displacement_max, trial.audit.displacement_sum) =
        (4, Some(3), Some(6));
    trial.inter_send = Distribution::of([25_000, 26_000]);
    trial.arrival_check = Some(crate::model::ArrivalCheck {
        process: "Poisson".into(),
        planned_a2: Some(0.5),
        sent_a2: None,
        critical: 1.959,
        intervals: 2,
    });
    trial.flows.refused = 3;
    trial.confirms = vec![confirms("orders", &[1_000, 2_000]), confirms("stock", &[700])];
    trial.outages = outages();
    trial.backlog = Some(backlog());
    trial.disturbances = vec![crate::model::Disturbance {
        what: "worker#2".into(),
        before_per_s: 9.5,
        recover_ns: Some(6),
        ..crate::model::Disturbance::default()
    }];
    trial.link = Some(crate::model::Link { added_round_trip_ns: 4, bytes_back: 9, ..Default::default() });
    (trial.audit.confirmed_lost, trial.audit.rolled_back) = (Some(1), Some(5));
    trial.standstill = Some(crate::model::Standstill {
        window: 64,
        unfinished: 65,
        written_off: 1,
        from_ns: 7,
        longest_ns: 8,
    });
    let (service, kind) = ("order".into(), "OrderPlaced".into());
    trial.unrouted = vec![crate::model::Unrouted { service, kind, messages: 3 }];
    (trial.flows.dead, trial.audit.dead, trial.audit.dead_again) = (2, 3, 1);
    let (destination, receiver) = ("orders".into(), "stock".into());
    trial.dead_letters = vec![crate::model::DeadLetters { destination, receiver, messages: 3 }];
    let mut points = trial.series.points().to_vec();
    (points[1].unconfirmed, points[1].confirm_p99_ns) = (Some(12), Some(5_000));
    trial.series = crate::model::Series::from_points(points);
    record.runs[0].trials[1].confirms = vec![confirms("orders", &[4_000])];
    record.judge(&crate::verdict::Thresholds::default());
    record
}

fn confirms(destination: &str, times_ns: &[u64]) -> ConfirmTimes {
    let time = Distribution::of(times_ns.iter().copied());
    ConfirmTimes {
        destination: destination.into(),
        confirmed: time.count(),
        refused: 2,
        unconfirmed: 1,
        time,
    }
}

/// One that the load's end cut off, with figures that are all different.
fn backlog() -> Backlog {
    let phase = |from_ns, confirm: &[u64]| Phase {
        from_ns,
        until_ns: from_ns + 100,
        sent: 11,
        received: 12,
        waiting: 13,
        started: 14,
        late_ns: 19,
        blocked_ns: 15,
        lag: Distribution::of([16, 17]),
        confirm: Distribution::of(confirm.iter().copied()),
    };
    Backlog {
        service: "worker".into(),
        absent: 2,
        is_reached: true,
        joined_ns: Some(101),
        waiting: 3,
        server: Some(ServerSaid { ready: 4, unacknowledged: Some(5), counted: 6 }),
        level: 7,
        level_ns: None,
        left: 8,
        limit: Some(Limit { per_s: 5e8, held_back_ns: 20 }),
        phases: vec![phase(1, &[18]), phase(101, &[])],
    }
}

/// One of each cause.
fn outages() -> Vec<Outage> {
    let away = Outage { instance: "worker#2".into(), at_ns: 5, away_ns: 7, ..Outage::default() };
    vec![
        Outage { in_hand: Some(9), ..away.clone() },
        Outage {
            cause: OutageCause::ConnectionKilled,
            in_hand: Some(0),
            unconfirmed: Some(4),
            ..away.clone()
        },
        Outage { cause: OutageCause::Absent, ..away.clone() },
        Outage {
            cause: OutageCause::ConnectionLost,
            why: Some("the server stopped".into()),
            until_end: true,
            ..away
        },
    ]
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

/// Written when series got histograms, with everything that was added then. It must never be written again either.
#[test]
fn version_1_with_histograms_in_series_stays_readable() {
    let record = from_json(include_str!("../../tests/samples/v1-series.json")).unwrap();
    assert_eq!(record.thresholds["lag_share"], Setting::Number(0.2));
    let trial = &record.runs[0].trials[0];
    assert_eq!((trial.flows.dropped, trial.inter_send.count()), (2, 400));
    assert_eq!(
        trial.arrival_check.as_ref().map(|check| (check.planned_a2, check.sent_a2)),
        Some((Some(0.75), None))
    );
    assert_eq!((trial.hygiene.cores_ns, trial.hygiene.idle_ns), (Some(1_600_000_000), Some(400_000_000)));
    assert_eq!(trial.series.response(), trial.response.coarsened());
    assert_eq!(trial.response.count(), 400);
}

/// How far messages were out of order is known of some trials, not of others, and not where none was.
#[test]
fn displacements_are_written_where_something_was_reordered() {
    let document: serde_json::Value = serde_json::from_str(&to_json(&judged()).unwrap()).unwrap();
    let audit = &document["runs"][0]["audit"];
    assert_eq!(
        [&audit["displacement_max"], &audit["displacement_sum"], &audit["displacement_mean"]],
        [&serde_json::json!(3), &serde_json::json!(6), &serde_json::json!(1.5)]
    );
    assert!(document["runs"][1]["audit"]["displacement_mean"].is_null());
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
        "/audit/displacement_max",
        "/audit/displacement_mean",
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
    assert_error("not json", &["no JSON object", "line 1 begins with `n`", "drumpost record"]);
    assert_error("1732190000,64\n", &["it is no JSON object, as line 1 begins with `1`"]);
    assert_error("\n[]", &["no JSON object", "line 2 begins with `[`"]);
    assert_error(" \n", &["it is empty"]);
    assert_error(&json[..json.len() / 2], &["it was cut", "line", "column"]);
    assert_error(&json.replacen("\"seed\": 42", "\"seed\": \"42\"", 1), &["expected u64", "line", "column"]);
    let (head, trials) = json.split_at(json.find("\"trials\": [").unwrap());
    let broken = [head, &trials.replacen("\"histogram\": \"", "\"histogram\": \"????", 1)].concat();
    assert_error(&broken, &["runs[0].trials[0].response_ns", "histogram"]);
}

/// 10 million response times of 3 trials of 4 dispatches, in as many intervals as there may be.
fn large() -> Record {
    let mut noise = sample::Noise(5);
    let mut filled = |number: u32| {
        let mut trial = sample::trial(number, 50_000.0);
        let (mut series, mut response) = (crate::model::Series::default(), Distribution::default());
        for i in 1..=crate::model::POINTS_AT_MOST as u64 {
            // 10⁷ / (12 trials × 50 intervals)
            let times = noise.times(16_667, 50_000.0 + i as f64 * 50.0);
            response.merge(&times);
            let point = crate::model::Point {
                at_ns: i * 100_000_000,
                ended: 16_667,
                in_flight: 64,
                ..Default::default()
            };
            series.push(point.with_response(&times));
        }
        trial.flows.ended = response.count();
        (trial.service, trial.lag) = (response.clone(), noise.times(100_000, 2_000.0));
        trial.inter_send = noise.times(100_000, 25_000.0);
        trial.hops.iter_mut().for_each(|hop| hop.time = noise.times(300_000, 20_000.0));
        (trial.response, trial.series) = (response, series);
        trial
    };
    let mut record = sample::record();
    let names = ["message/crossbeam", "event/crossbeam", "message/flume", "event/flume"];
    record.runs = names.map(|name| sample::run(name, 0, 1.0)).into();
    record.runs.iter_mut().for_each(|run| run.trials = (0..3).map(&mut filled).collect());
    record.judge(&crate::verdict::Thresholds::default());
    record
}

/// FORMAT.md has the arithmetic, which comes to 2.0 MB. A twentieth is left for fields that are added.
#[test]
fn ten_million_messages_are_two_megabytes() {
    let record = large();
    let messages: u64 = record.runs.iter().map(|run| run.response().count()).sum();
    assert!(messages >= 9_999_000, "{messages}");
    let json = to_json(&record).unwrap();
    let of_series: usize =
        json.lines().filter(|line| line.contains("response_histogram")).map(str::len).sum();
    assert!(json.len() < 2_100_000, "{} bytes, {of_series} of them in series", json.len());
    assert!(json.len() > 1_900_000, "{} bytes: FORMAT.md says more", json.len());
    assert_eq!(from_json(&json).unwrap(), record);
}

/// What the first release wrote has none of the later fields.
#[test]
fn fields_that_came_later_have_a_meaning_where_they_are_missing() {
    let sample = include_str!("../../tests/samples/v1.json");
    for name in [
        "dropped",
        "inter_send_ns",
        "arrival_check",
        "thresholds",
        "cores_ns",
        "response_histogram",
        "displacement_max",
        "displacement_sum",
        "displacement_mean",
        "confirms",
        "outages",
        "disturbances",
        "link",
        "confirmed_lost",
        "confirm_p99_ns",
        "standstill",
        "backlog",
        "dead",
        "dead_letters",
    ] {
        assert!(!sample.contains(&format!("\"{name}\"")), "{name}");
    }
    let trial = &from_json(sample).unwrap().runs[0].trials[0];
    assert_eq!((trial.flows.refused, trial.confirms.len(), trial.outages.len()), (0, 0, 0));
    assert_eq!((trial.flows.dropped, trial.arrival_check.is_none()), (0, true));
    assert!(trial.inter_send.is_empty() && trial.hygiene.cores_ns.is_none());
    assert!(trial.series.points().iter().all(|point| point.response.is_empty()));
    assert_eq!((trial.audit.displacement_max, trial.audit.displacement_mean()), (None, None));
}

#[test]
fn a_count_that_contradicts_its_histogram_is_found() {
    let mut document = v1::Document::try_from(&judged()).unwrap();
    document.runs[0].trials[1].series[3].response_count += 1;
    let error = Record::try_from(document).unwrap_err().to_string();
    assert!(error.contains("runs[0].trials[1].series[3]"), "{error}");
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
