//! Tests of loads through the whole program: arrivals with a changing rate, many senders, traces, payloads. They run in
//! virtual time, so figures are exact.

use crate::support::{Place, Record, assert_clean, count, number, within};
use std::fs;

const TARGET: &str = "stream --sim service=fixed:1us";

/// A run in virtual time against a target that is never in the way: valid, with a clean audit.
#[track_caller]
fn valid(line: &str) -> Record {
    let record = Place::new().record(&format!("{TARGET} {line}")).with_code(0);
    assert_clean(record.only());
    assert_eq!(record.only()["verdict"]["status"], "valid", "{line}: {}", record.only()["verdict"]);
    record
}

fn asked_per_s(record: &Record) -> f64 {
    number(record.only(), "/trials/0/asked_per_s")
}

#[test]
fn the_rate_asked_for_is_the_mean_of_the_profile_over_the_measured_window() {
    for (arrivals, asked, due) in [
        ("ramp:to=3k/s,over=2s", 2_000.0, 4_000),
        ("ramp:to=3k/s,over=1s,mirror", 2_000.0, 4_000),
        ("steps:2k/s,6k/s,every=500ms", 3_750.0, 7_500),
        ("bursts:on=100ms,off=300ms", 250.0, 500),
        ("spike:to=9k/s,at=500ms,for=250ms", 2_000.0, 4_000),
        ("sine:to=5k/s,period=500ms", 3_000.0, 6_000),
        ("constant", 1_000.0, 2_000),
    ] {
        let record = valid(&format!("--rate 1k/s --arrivals {arrivals} --duration 2s"));
        within(arrivals, asked_per_s(&record), asked, 1e-6);
        assert!(count(record.only(), "/flows/due").abs_diff(due) <= 1, "{arrivals}");
        assert_eq!(record.only()["settings"]["arrivals"], arrivals);
    }
    // What is due in the warm-up is not asked for.
    let record = valid("--rate 1k/s --arrivals ramp:to=3k/s,over=2s --warmup 1s --duration 2s");
    within("after a warm-up", asked_per_s(&record), 2_750.0, 1e-6);
    assert!(count(record.only(), "/flows/due").abs_diff(5_500) <= 1);
    let record = valid("--rate 1k/s --arrivals sine:to=5k/s,period=500ms,poisson --count 60k");
    within("by count", asked_per_s(&record), 3_000.0, 1e-3);
    assert_eq!(count(record.only(), "/flows/ended"), 60_000);
}

/// The points add up to the trial. A closed load has none.
#[test]
fn an_open_load_has_its_service_times_over_time() {
    let record = valid("--rate 1k/s --warmup 100ms --duration 2s");
    let trial = &record.only()["trials"][0];
    let points = trial["series"].as_array().unwrap().iter();
    let points: Vec<_> = points.filter(|point| point["response_count"] != 0).collect();
    assert!(points.len() >= 10, "{} points", points.len());
    let recorded: u64 = points.iter().map(|point| count(point, "/service_ns/count")).sum();
    assert_eq!(recorded, count(trial, "/service_ns/count"));
    for point in points {
        assert_eq!(point["service_ns"]["count"], point["response_count"], "{point}");
        assert!(count(point, "/service_ns/p50") <= count(point, "/response_p50_ns"), "{point}");
    }
    let closed = Place::new().record("stream --sim service=fixed:1ms --in-flight 1 --duration 1s");
    let points = closed.only()["trials"][0]["series"].as_array().unwrap();
    assert!(!points.is_empty() && points.iter().all(|point| point.get("service_ns").is_none()));
}

#[test]
fn many_senders_are_one_load() {
    let record = valid("--rate 10k/s --senders 10k --duration 10s --instances producer=2");
    assert_eq!(
        (count(record.only(), "/flows/due"), count(record.only(), "/settings/senders")),
        (100_000, 10_000)
    );
    let record = valid("--rate 10k/s --arrivals poisson --senders 10k --duration 10s");
    within("Poisson", count(record.only(), "/flows/due") as f64, 1e5, 0.015);
}

#[test]
fn a_trace_is_the_load_from_its_first_flow_to_its_last() {
    let place = Place::new();
    let lines: String =
        (0..3_000).map(|n| format!("{},{},{}\n", f64::from(n) / 1e3 + 5.0, n % 500, n % 7)).collect();
    fs::write(place.path("t.csv"), lines).unwrap();
    let run = |line: &str| place.record(&format!("{TARGET} --arrivals trace:t.csv{line}")).with_code(0);
    let record = run("");
    assert_clean(record.only());
    assert_eq!((count(record.only(), "/flows/due"), count(record.only(), "/flows/ended")), (3_000, 3_000));
    assert_eq!(count(record.only(), "/settings/duration_ns"), 2_999_000_001);
    within("its mean", asked_per_s(&record), 1_000.3, 1e-4);
    assert_eq!(record.only()["settings"]["payload"], "by the trace");
    assert_eq!(record.only()["settings"]["keys"], "by the trace");
    let record = run(",scale=0.5 --duration 1h");
    assert_eq!(count(record.only(), "/flows/ended"), 3_000, "it ends, however long it might be measured");
    within("twice as fast", asked_per_s(&record), 2_000.7, 1e-4);
    let record = run(" --count 5000");
    assert_eq!(count(record.only(), "/flows/ended"), 3_000, "it ends, however much might be measured");
    let record = run(" --warmup 1s --count 500");
    assert_eq!((count(record.only(), "/flows/ended"), count(record.only(), "/flows/due")), (500, 500));
}

/// On a real clock the thread of the load comes some microseconds after the last line was due.
#[test]
fn the_last_line_of_a_trace_is_sent_on_a_real_clock() {
    let place = Place::new();
    fs::write(place.path("t.csv"), "0\n0.1\n0.2\n").unwrap();
    let line =
        "run stream --dispatch message/crossbeam --arrivals trace:t.csv --warmup 0s --trials 5 --out r.json";
    place.run(line);
    let record = Record::from_file(&place.path("r.json"));
    assert_eq!(count(record.only(), "/flows/due"), 15);
    // A busy machine may be later than the load waits, now and then.
    assert!(count(record.only(), "/flows/started") > 10, "{}", record.only()["flows"]);
}

#[test]
fn payloads_of_every_content_arrive_touched_or_not() {
    for line in
        ["--content zero", "--content compressible:4 --touch outside", "--touch outside --keys hot:100,3,0.9"]
    {
        let line = format!(
            "stream --dispatch message/crossbeam --payload pareto:64,1.2,64KiB {line} --trials 1 --count 2k"
        );
        let record = Place::new().record(&line);
        assert_clean(record.only());
        let touch = if line.contains("outside") { "outside" } else { "inside" };
        assert_eq!(record.only()["settings"]["touch"], touch);
    }
    let text = Place::new().run(&format!("run {TARGET} --rate 1k/s --touch outside")).with_code(0).stdout;
    assert!(text.contains("touch outside"), "{text}");
}

#[test]
fn headers_arrive_in_process_and_are_stated() {
    for dispatch in ["message", "event", "message/sim"] {
        for more in ["", "--touch outside", "--payload 0B --batch 16"] {
            let line = format!(
                "order-authorization --dispatch {dispatch} --headers 4x32 {more} --trials 1 --count 1k"
            );
            let record = Place::new().record(&line);
            // Where messages have no headers, these are refused.
            for run in record.runs().filter(|run| run["status"] != "refused") {
                assert_clean(run);
                assert_eq!(count(run, "/audit/corrupted"), 0);
                assert_eq!(run["settings"]["headers"], "4x32B");
            }
        }
    }
}

#[test]
fn headers_are_shown_where_there_are_any_and_compared() {
    let place = Place::new();
    let run =
        |more: &str| place.run(&format!("run {TARGET} --rate 1k/s --count 100 {more}")).with_code(0).stdout;
    let text = run("--headers 2x1KiB --out with.json");
    assert!(text.contains("headers 2x1KiB"), "{text}");
    let text = run("--out without.json");
    assert!(!text.contains("headers"), "{text}");
    let text = place.run("compare with.json without.json").stdout;
    assert!(text.contains("headers A 2x1KiB, B none"), "{text}");
}

/// Throughput and mean response of n users who think for z and are served for 1 each, both exponential, one at a time: exact
/// mean value analysis (Reiser and Lavenberg, 1980).
fn closed_queue(users: u32, think: f64) -> (f64, f64) {
    (1..=users).fold((0.0, 0.0), |(throughput, response), n| {
        let response = 1.0 + throughput * response;
        (f64::from(n) / (response + think), response)
    })
}

#[test]
fn users_who_think_make_the_load_that_theory_says() {
    for (users, think_ms) in [(4, 0), (10, 9), (20, 9)] {
        let (per_ms, response_ms) = closed_queue(users, f64::from(think_ms));
        let think = if think_ms > 0 { format!("--think exp:{think_ms}ms") } else { String::new() };
        let line = format!("stream --sim service=exp:1ms --in-flight {users} {think} --count 300k --seed 3");
        let record = Place::new().record(&line).with_code(0);
        // Five standard errors of the mean of 300,000 correlated times, found by simulation outside of this program.
        within("throughput", number(record.only(), "/throughput_per_s") / 1e3, per_ms, 0.012);
        within("response", number(record.only(), "/response_ns/mean") / 1e6, response_ms, 0.025);
    }
}

/// Twice what the target can do.
const OVERLOAD: &str = "stream --sim service=fixed:1ms --rate 2k/s --window 5 --duration 2s";

#[test]
fn what_finds_the_window_full_is_late_or_shed_or_ends_the_run() {
    let late = Place::new().record(OVERLOAD);
    assert_eq!(count(late.only(), "/flows/shed"), 0);
    assert!(number(late.only(), "/lag_ns/p99") > 5e8, "a second late at the end");
    let shed = Place::new().record(&format!("{OVERLOAD} --at-cap shed"));
    assert_eq!(count(shed.only(), "/flows/due"), 4_000);
    assert_eq!(count(shed.only(), "/flows/started") + count(shed.only(), "/flows/shed"), 4_000);
    assert!(number(shed.only(), "/lag_ns/max") < 1e6, "what is started is on time");
    assert_eq!(shed.code, 6, "half of what was asked is no valid load");
    let failed = Place::new().record(&format!("{OVERLOAD} --at-cap fail")).with_code(1);
    let error = failed.only()["error"].as_str().unwrap();
    assert!(error.contains("a flow was due while the window was full"), "{error}");
    assert_eq!(count(failed.only(), "/audit/lost"), 0, "what was under way is not lost");
}

#[test]
fn debt_is_kept_unless_it_is_to_be_dropped() {
    let dropped = Place::new().record(&format!("{OVERLOAD} --debt drop:10ms"));
    assert!(number(dropped.only(), "/lag_ns/max") <= 10_010_000.0);
    let started = count(dropped.only(), "/flows/started");
    assert!((1_900..2_100).contains(&started), "{started}");
    assert_eq!(count(dropped.only(), "/settings/debt_late_ns"), 10_000_000);
    for (line, says) in [
        ("--think 1ms --rate 10/s", "--think is for closed loads"),
        ("--at-cap shed", "--at-cap is for open loads"),
        ("--rate 1k/s --at-cap shed", "message/sim: --at-cap shed acts when the in-flight window is full"),
        ("--rate 1k/s --at-cap fail", "add --window, such as --window 1000"),
        ("--debt drop:1ms", "--debt is for open loads"),
        ("--rate 1k/s --debt later", "drop:1ms"),
    ] {
        let done = Place::new().run(&format!("run {TARGET} {line}")).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}
