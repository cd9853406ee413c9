//! What is fed in, through the whole program: arrivals whose rate goes with time, many senders, traces, payloads. In virtual
//! time, so figures are exact.

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
