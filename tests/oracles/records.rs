//! The times in a record: quantiles match the histogram, trials add up to the run, percentiles need samples, and the
//! same seed gives the same bytes.

use super::{BUCKET, sound};
use crate::support::{Place, count, number, seeds};
use base64::{Engine, prelude::BASE64_STANDARD};
use hdrhistogram::{Histogram, serialization::Deserializer};
use serde_json::Value;

/// A histogram of the document.
pub(super) fn histogram(text: &Value) -> Histogram<u64> {
    let bytes = BASE64_STANDARD.decode(text.as_str().expect("a histogram")).expect("base64");
    Deserializer::new().deserialize(&mut &bytes[..]).expect("an HdrHistogram in V2")
}

const FIELDS: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999)];

const THREE_TRIALS: &str =
    "--sim service=exp:1ms --rate 500/s --arrivals poisson --count 20k --trials 3 --keys zipf:1000,1.1";

#[test]
fn quantiles_are_those_of_the_histogram() {
    let record = sound(THREE_TRIALS);
    let run = record.only();
    let trials = run["trials"].as_array().unwrap();
    for times in trials.iter().chain([run]).flat_map(|of| [&of["response_ns"], &of["service_ns"]]) {
        let decoded = histogram(&times["histogram"]);
        assert_eq!(decoded.len(), count(times, "/count"));
        for (field, share) in FIELDS {
            let Some(printed) = times[field].as_u64() else { continue };
            let max = count(times, "/max");
            assert_eq!(printed, decoded.value_at_quantile(share).min(max), "{field}");
        }
        assert!(
            number(times, "/max") <= decoded.max() as f64
                && decoded.max() as f64 <= number(times, "/max") * (1.0 + BUCKET)
        );
    }
}

#[test]
fn trials_add_up_to_the_run() {
    let record = sound(THREE_TRIALS);
    let run = record.only();
    let trials = run["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 3);
    let mut sum = Histogram::<u64>::new_with_bounds(1, (1 << 44) - 1, 3).unwrap();
    for trial in trials.iter().rev() {
        sum.add(histogram(&trial["response_ns"]["histogram"])).unwrap();
    }
    let merged = histogram(&run["response_ns"]["histogram"]);
    assert!(sum.iter_recorded().eq(merged.iter_recorded()), "the histograms differ");
    for field in [
        "/response_ns/count",
        "/response_ns/sum",
        "/flows/ended",
        "/audit/sent",
        "/audit/delivered",
        "/elapsed_ns",
    ] {
        let total: u64 = trials.iter().map(|trial| count(trial, field)).sum();
        assert_eq!(count(run, field), total, "{field}");
    }
    // Other seeds, other times.
    assert_ne!(trials[0]["response_ns"]["sum"], trials[1]["response_ns"]["sum"]);
    assert_ne!(trials[0]["seed"], trials[1]["seed"]);
}

/// A value is at most 0.0977 % too high, wherever it lies.
#[test]
fn a_value_is_at_most_a_bucket_too_high() {
    for nanos in [1_u64, 999, 2_047, 2_049, 123_456, 7_654_321, 999_999_999, 4_321_000_001] {
        let record = sound(&format!("--sim service=fixed:{nanos}ns --in-flight 1 --count 300"));
        let times = &record.only()["response_ns"];
        assert_eq!((count(times, "/min"), count(times, "/max")), (nanos, nanos));
        let decoded = histogram(&times["histogram"]).value_at_quantile(0.99);
        let off = decoded as f64 / nanos as f64 - 1.0;
        assert!((0.0..=BUCKET).contains(&off), "{nanos}: {decoded}");
    }
}

#[test]
fn a_percentile_needs_samples() {
    let needs = [("p50", 1), ("p90", 29), ("p99", 299), ("p99_9", 2_995), ("p99_99", 29_956)];
    for (_, enough) in &needs[1..] {
        for flows in [enough - 1, *enough] {
            let place = Place::new();
            let line =
                format!("run stream --sim service=exp:1ms --in-flight 1 --count {flows} --out record.json");
            let table = place.run(&line).with_code(0);
            let record = crate::support::Record::from_file(&place.path("record.json"));
            for (field, needed) in needs {
                let shown = !record.only()["response_ns"][field].is_null();
                assert_eq!(shown, flows >= needed, "{field} of {flows}");
            }
            assert_eq!(table.stdout.contains("too few for a p99"), flows < 299, "{}", table.stdout);
        }
    }
}

#[test]
fn the_table_shows_a_dash_for_what_has_too_few_samples() {
    let table = Place::new().run("run stream --sim service=fixed:1ms --in-flight 1 --count 100").with_code(0);
    let row = table.stdout.lines().find(|line| line.contains("message/sim")).unwrap();
    let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(&cells[3..7], ["1.00 ms", "-", "-", "1.00 ms"], "{row}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let line = "stream --sim service=lognormal:1ms,0.8,stall=1s/15s,loss=1/1000 --rate 500/s --arrivals poisson \
                --duration 30s --keys zipf:1000,1.1 --payload lognormal:1KiB,0.5 --trials 2";
    for seed in seeds(&[42]) {
        let run = |seed: u64, file: &str| {
            let place = Place::new();
            let record = place.record(&format!("{line} --seed {seed} --out {file}"));
            (record.text, std::fs::read_to_string(place.path(file)).unwrap())
        };
        let (first, second) = (run(seed, "first.json"), run(seed, "second.json"));
        assert!(first == second, "seed {seed} gave two answers");
        assert!(first.0 == first.1, "what is printed is not what is saved");
        let (other, _) = run(seed ^ 1, "first.json");
        let times = |text: &str| {
            let document: Value = serde_json::from_str(text).unwrap();
            document["runs"][0]["response_ns"]["histogram"].clone()
        };
        assert_ne!(times(&first.0), times(&other), "another seed gave the same times");
    }
}

/// In one record all dispatches get the same arrivals, so a style over the same target differs by nothing but its routes.
#[test]
fn both_styles_of_a_single_hop_agree_to_the_byte() {
    let line = "stream --dispatch message/sim,event/sim --sim service=exp:1ms --rate 500/s --arrivals poisson --count 5k";
    let record = Place::new().record(line).with_code(0);
    let times = |dispatch: &str| record.of(dispatch)["response_ns"]["histogram"].clone();
    assert_eq!(times("message/sim"), times("event/sim"));
}
