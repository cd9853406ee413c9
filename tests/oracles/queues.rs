//! Queues with a closed formula: random and even arrivals, random and fixed service times, several servers, closed
//! loads.

use super::{BUCKET, ERRORS, QUANTILES, flows, response_ms, sound};
use crate::support::{Place, assert_all_recorded, count, number, seeds, within};
use drumpost::oracle::{self, Strays};
use serde_json::Value;

fn limit(strays: f64, run: &Value) -> f64 {
    oracle::tolerance(strays, count(run, "/flows/ended"))
}

/// Response quantiles of a queue in ms, at 1 ms of service.
#[track_caller]
fn assert_quantiles(run: &Value, expected: impl Fn(f64) -> f64, strays: &Strays) {
    for ((name, share), strays) in QUANTILES.iter().zip(strays.response) {
        within(name, response_ms(run, name), expected(*share), limit(strays, run));
    }
}

/// Exponential arrivals and service: the response is exponential with mean s/(1-ρ).
fn random_arrivals_random_service(rho: f64, thousands: u64, strays: &Strays) {
    for seed in seeds(&[1, 2]) {
        let rate = rho * 1000.0;
        let line = format!(
            "--sim service=exp:1ms --rate {rate}/s --arrivals poisson --count {thousands}k --seed {seed}"
        );
        let record = sound(&line);
        assert_quantiles(record.only(), |share| oracle::mm1_response(share, rho), strays);
    }
}

#[test]
fn random_arrivals_and_service_at_half_load() {
    // In a release build long enough for all quantiles to be within 2 % whatever the seed.
    random_arrivals_random_service(0.5, flows(500, 12_000), &oracle::MM1_HALF);
}

#[test]
fn random_arrivals_and_service_at_four_fifths() {
    // Two per cent of p99.9 whatever the seed would take 90 million flows.
    random_arrivals_random_service(0.8, flows(400, 10_000), &oracle::MM1_FOUR_FIFTHS);
}

/// Exponential arrivals, fixed service of 1 ms: waits, and the share that did not wait at all.
fn random_arrivals_fixed_service(rho: f64, strays: &Strays) {
    for seed in seeds(&[1, 2]) {
        let (rate, thousands) = (rho * 1000.0, flows(300, 4_000));
        let line = format!(
            "--sim service=fixed:1ms --rate {rate}/s --arrivals poisson --count {thousands}k --seed {seed}"
        );
        let record = sound(&line);
        let run = record.only();
        assert_quantiles(run, |share| 1.0 + oracle::md1_wait(share, rho), strays);
        let histogram = super::records::histogram(&run["response_ns"]["histogram"]);
        // The bucket of 1 ms also holds the few that waited for less than its width, 512 ns.
        let free = histogram.count_between(0, 1_000_000) as f64 / histogram.len() as f64;
        within("share without a wait", free, 1.0 - rho, limit(strays.no_wait, run));
        let mean = number(run, "/response_ns/mean") / 1e6 - 1.0;
        within("mean wait", mean, oracle::md1_wait_mean(rho), limit(strays.wait_mean, run));
        assert_eq!(run["response_ns"]["min"], 1_000_000);
    }
}

#[test]
fn random_arrivals_fixed_service_at_half_load() {
    random_arrivals_fixed_service(0.5, &oracle::MD1_HALF);
}

#[test]
fn random_arrivals_fixed_service_at_four_fifths() {
    random_arrivals_fixed_service(0.8, &oracle::MD1_FOUR_FIFTHS);
}

#[test]
fn even_arrivals_never_wait() {
    for rate in ["500", "800", "999"] {
        let line = format!("--sim service=fixed:1ms --rate {rate}/s --arrivals constant --count 20k");
        let record = sound(&line);
        let times = &record.only()["response_ns"];
        assert_eq!((&times["min"], &times["max"]), (&1_000_000.into(), &1_000_000.into()), "{rate}");
    }
}

#[test]
fn two_servers_share_a_queue() {
    for seed in seeds(&[1]) {
        let thousands = flows(300, 4_000);
        let line = format!(
            "--sim service=exp:1ms,servers=2 --rate 1000/s --arrivals poisson --count {thousands}k --seed {seed}"
        );
        // Who is served faster overtakes, which is no fault of a target with several servers.
        let record = Place::new().record(&format!("stream {line}")).with_code(0);
        let mean = number(record.only(), "/response_ns/mean") / 1e6;
        within("mean response", mean, oracle::mmc_response_mean(2, 0.5), limit(0.004, record.only()));
    }
}

#[test]
fn log_normal_service_without_a_queue() {
    const SIGMA: f64 = 0.5;
    // Standard normal quantiles, and the density there.
    const NORMAL: [(f64, f64); 4] =
        [(0.0, 0.398_942), (1.281_552, 0.175_498), (2.326_348, 0.026_652), (3.090_232, 0.003_367)];
    for seed in seeds(&[1, 2]) {
        let line = format!("--sim service=lognormal:1ms,{SIGMA} --rate 10/s --count 100k --seed {seed}");
        let record = sound(&line);
        for ((name, share), (z, density)) in QUANTILES.iter().zip(NORMAL) {
            let error = SIGMA * (share * (1.0 - share) / 100e3).sqrt() / density;
            within(name, response_ms(record.only(), name), (SIGMA * z).exp(), BUCKET + ERRORS * error);
        }
    }
}

#[test]
fn a_closed_loop_of_four_keeps_the_server_busy() {
    let record = sound("--sim service=fixed:1ms --in-flight 4 --duration 20s");
    let run = record.only();
    within("throughput", number(run, "/throughput_per_s"), 1000.0, 0.001);
    for quantile in ["p50", "p99", "p99.9"] {
        within(quantile, response_ms(run, quantile), 4.0, BUCKET);
    }
    for seed in seeds(&[1, 2]) {
        let record = sound(&format!("--sim service=exp:1ms --in-flight 4 --count 100k --seed {seed}"));
        let run = record.only();
        let limit = ERRORS / 100e3_f64.sqrt();
        let (throughput, response) = oracle::closed_loop(4, 0.0);
        within("throughput", number(run, "/throughput_per_s") / 1e3, throughput, limit);
        within("mean response", number(run, "/response_ns/mean") / 1e6, response, limit + 0.001);
        // The sum of four services.
        within("p50", response_ms(run, "p50"), 3.672, 2.0 * limit);
        within("p99", response_ms(run, "p99"), 10.045, 4.0 * limit);
    }
}

#[test]
fn littles_law_holds() {
    for (line, cut_off) in [
        ("--sim service=exp:1ms --rate 500/s --arrivals poisson --count 100k", 0.01),
        ("--sim service=exp:1ms --rate 800/s --arrivals poisson --count 200k", 0.01),
        ("--sim service=exp:1ms --in-flight 9 --count 100k", 0.001),
    ] {
        let record = sound(line);
        let run = record.only();
        let by_law = number(run, "/throughput_per_s") * number(run, "/response_ns/mean") / 1e9;
        within(line, number(run, "/counted_in_flight"), by_law, cut_off);
        within(line, number(run, "/mean_in_flight"), by_law, 1e-6);
    }
}

/// Little's law is checked by the program too, and what it is checked with must not depend on when it looks: even arrivals
/// come at the same moments as even looks.
#[test]
fn regression_even_looks_at_even_arrivals_see_what_is_in_flight() {
    for load in [
        "--rate 500/s --sim service=fixed:1ms",
        "--rate 10/s --sim service=exp:1ms",
        "--rate 1000/s --sim service=fixed:100us",
        "--rate 500/s --arrivals poisson --sim service=fixed:1ms",
    ] {
        let record = sound(&format!("{load} --count 50k"));
        let run = record.only();
        let by_law = number(run, "/throughput_per_s") * number(run, "/response_ns/mean") / 1e9;
        within(load, number(run, "/counted_in_flight"), by_law, 0.01);
        assert_eq!(run["verdict"]["status"], "valid", "{load}: {}", run["verdict"]);
    }
}

/// Response is lag and service together, flow by flow, so their sums add up to the last nanosecond.
#[test]
fn response_is_lag_and_service() {
    let line = "--sim service=exp:1ms,stall=200ms/10s --rate 300/s --arrivals poisson --count 60k";
    let record = Place::new().record(&format!("stream {line}"));
    let run = record.only();
    let sum = |times: &str| run[times]["sum"].as_u64().unwrap();
    assert!(sum("lag_ns") > 0);
    assert_eq!(sum("response_ns"), sum("lag_ns") + sum("service_ns"));
}

/// 1.2 times what the target can take for 10 s: the flow due at t waits 0.2 t.
#[test]
fn an_overload_is_called_not_steady() {
    let line = "stream --sim service=fixed:1ms --rate 1200/s --duration 10s";
    // Without the check for growth from quarter to quarter it is found by MSER-5.
    let by_mser = Place::new().record(&format!("{line} --threshold growth=none"));
    let reasons = by_mser.only()["verdict"]["reasons"].to_string();
    assert!(reasons.contains("not steady: MSER-5"), "{reasons}");
    let record = Place::new().record(line);
    let run = record.only();
    within("the last response", response_ms(run, "max"), 2_000.0, 0.002);
    within("the median response", response_ms(run, "p50"), 1_000.0, 0.003);
    assert_ne!(run["verdict"]["status"], "valid");
    let reasons = run["verdict"]["reasons"].to_string();
    assert!(reasons.contains("not steady"), "{reasons}");
    assert!(!reasons.contains("were asked"), "the schedule was kept, whatever the target did: {reasons}");
    within("the rate that was due", number(run, "/due_per_s"), 1_200.0, 0.001);
    assert_all_recorded(run);
}

/// What does not end before the drain deadline is counted, not dropped.
#[test]
fn what_does_not_end_is_unfinished() {
    let record = Place::new()
        .record("stream --sim service=fixed:1ms --rate 1200/s --duration 10s --drain 500ms")
        .with_code(5);
    let run = record.only();
    let [started, ended, unfinished] =
        ["started", "ended", "unfinished"].map(|flows| run["flows"][flows].as_u64());
    assert_eq!(started, Some(12_000));
    assert_eq!(ended.unwrap() + unfinished.unwrap(), 12_000);
    within("unfinished", unfinished.unwrap() as f64, 1_500.0, 0.01);
    assert_eq!(run["verdict"]["status"], "invalid");
}
