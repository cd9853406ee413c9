//! Arrival processes compared with theory: the number of flows due in each interval, for each shape and number of
//! senders.
//!
//! The theory is written again here, as a rate that is added up millisecond by millisecond. Seeds are fixed, so a test
//! that passes always passes. Limits are those of a test at 1 % or wider.

#![expect(clippy::unwrap_used, reason = "the lint lets tests unwrap, but not what they share")]

mod common;

use common::*;
use drumpost_core::load::Extent;
use drumpost_workloads::{ArrivalSpec, WorkloadSpec};
use proptest::prelude::*;
use std::f64::consts::PI;

const BASE_PER_S: f64 = 2_000.0;
const MS_NS: u64 = 1_000_000;

/// A rate in flows per second at a time in seconds.
type PerS = fn(f64) -> f64;

/// Shapes and their rates.
const SHAPES: [(&str, PerS); 7] = [
    ("ramp:to=20k/s,over=2s", |at_s| 2_000.0 + 18_000.0 * (at_s / 2.0).min(1.0)),
    ("ramp:to=200/s,over=2s", |at_s| 2_000.0 - 1_800.0 * (at_s / 2.0).min(1.0)),
    ("ramp:to=8k/s,over=1500ms,mirror", |at_s| 2_000.0 + 6_000.0 * (1.0 - (at_s / 1.5 - 1.0).abs()).max(0.0)),
    ("steps:5k/s,1k/s,every=700ms", |at_s| [2_000.0, 5_000.0, 1_000.0][(at_s / 0.7).min(2.0) as usize]),
    ("bursts:on=30ms,off=70ms", |at_s| if at_s % 0.1 < 0.03 { 2_000.0 } else { 0.0 }),
    ("spike:to=9k/s,at=1s,for=500ms", |at_s| if (1.0..1.5).contains(&at_s) { 9_000.0 } else { 2_000.0 }),
    ("sine:to=6k/s,period=1300ms", |at_s| 4_000.0 - 2_000.0 * (2.0 * PI * at_s / 1.3).cos()),
];

fn arrivals(text: &str) -> ArrivalSpec {
    ArrivalSpec::parse(text, Some(rate(BASE_PER_S))).unwrap()
}

fn workload(seed: u64, arrivals: ArrivalSpec, senders: u32) -> WorkloadSpec {
    WorkloadSpec { senders, ..spec(seed, Some(arrivals), "0", "uniform:1") }
}

fn due_of(text: &str, count: usize) -> Vec<u64> {
    due_ns(&workload(1, arrivals(text), 1), 0, 1, count)
}

/// Flows due by the end of each ms, by theory: the rate in the middle of each, added up.
fn theory(per_s: PerS, up_to_ms: usize) -> Vec<f64> {
    let mut flows = vec![0.0];
    for ms in 0..up_to_ms {
        flows.push(flows[ms] + per_s((ms as f64 + 0.5) / 1e3) / 1e3);
    }
    flows
}

fn counted(due_ns: &[u64], from_ms: usize, to_ms: usize) -> f64 {
    let before = |ms: usize| due_ns.partition_point(|at_ns| *at_ns < ms as u64 * MS_NS);
    (before(to_ms) - before(from_ms)) as f64
}

#[test]
fn evenly_paced_shapes_have_just_the_flows_of_their_theory() {
    for (text, per_s) in SHAPES {
        let theory = theory(per_s, 4_000);
        let due = due_of(text, 100_000);
        for ms in (0..=4_000).step_by(10) {
            let count = counted(&due, 0, ms);
            assert!(
                (count - theory[ms]).abs() < 1.001,
                "{text}: {count} by {ms} ms, {} by theory",
                theory[ms]
            );
        }
    }
}

#[test]
fn poisson_shapes_have_poisson_counts_in_every_interval() {
    for (text, per_s) in SHAPES {
        let theory = theory(per_s, 4_000);
        let due = due_of(&format!("{text},poisson"), 100_000);
        let (mut chi_squared, mut intervals) = (0.0, 0.0);
        for ms in (0..4_000).step_by(10) {
            let (expected, count) = (theory[ms + 10] - theory[ms], counted(&due, ms, ms + 10));
            if expected < 1e-9 {
                assert_eq!(count, 0.0, "{text}: silent from {ms} ms");
                continue;
            }
            assert!(
                (count - expected).abs() < 5.0 * expected.sqrt() + 5.0,
                "{text}: {count} from {ms} ms, {expected}"
            );
            chi_squared += (count - expected).powi(2) / expected;
            intervals += 1.0;
        }
        // Chi squared is about normal with so many intervals; their variance is twice their number, a little more where few
        // flows are expected.
        let off = (chi_squared - intervals) / (2.0 * intervals + intervals / 2.0_f64).sqrt();
        assert!(off.abs() < 2.6, "{text}: chi squared {chi_squared} of {intervals} intervals");
    }
}

/// A Poisson process in its own measure of time is one of rate one: Brown et al., "The time-rescaling theorem" (2002).
#[test]
fn poisson_on_a_sine_is_exponential_in_flows() {
    let due = due_of("sine:to=6k/s,period=1300ms,poisson", 20_000);
    let turn_per_s = 2.0 * PI / 1.3;
    let flows_by = |at_ns: u64| {
        let at_s = at_ns as f64 / 1e9;
        4_000.0 * at_s - 2_000.0 / turn_per_s * (turn_per_s * at_s).sin()
    };
    // Scaled up, as the test takes gaps for whole ns.
    let gaps: Vec<f64> = due.windows(2).map(|pair| (flows_by(pair[1]) - flows_by(pair[0])) * 1e6).collect();
    assert!(anderson_darling(&gaps) < CRITICAL, "{}", anderson_darling(&gaps));
    assert!(anderson_darling(&gaps_ns(&due)) > CRITICAL, "its times alone are not exponential");
}

#[test]
fn a_mirrored_ramp_is_symmetric() {
    let due = due_of("ramp:to=8k/s,over=1500ms,mirror", 20_000);
    // 15,000 flows in the two of them, the last of which is due when it is over.
    for n in 0..=15_000 {
        let both_ns = due[n] + due[15_000 - n];
        assert!(both_ns.abs_diff(3_000 * MS_NS) <= 1, "flow {n}: {both_ns}");
    }
    assert_eq!(counted(&due, 3_000, 4_000), 2_000.0, "then the base rate holds");
}

#[test]
fn bursts_are_silent_when_off() {
    for text in ["bursts:on=30ms,off=70ms", "bursts:on=30ms,off=70ms,poisson"] {
        for senders in [1, 40] {
            let due = due_ns(&workload(3, arrivals(text), senders), 0, 1, 50_000);
            let late = due.iter().find(|at_ns| **at_ns % (100 * MS_NS) >= 30 * MS_NS);
            assert_eq!(late, None, "{text} of {senders} senders");
            assert!(due.last() > Some(&(80_000 * MS_NS)), "some 833 bursts");
        }
    }
}

#[test]
fn what_is_asked_is_the_mean_over_the_measured_window() {
    for (text, per_s) in SHAPES {
        let theory = theory(per_s, 4_000);
        let (spec, due) = (arrivals(text), due_of(text, 100_000));
        for (from_ms, to_ms) in [(0, 1_000), (200, 1_234), (700, 3_900), (2_000, 2_050)] {
            let (from_ns, len_ms) = (from_ms as u64 * MS_NS, (to_ms - from_ms) as f64);
            let expected = (theory[to_ms] - theory[from_ms]) * 1e3 / len_ms;
            let asked = spec.mean_per_s(from_ns, Extent::Duration((to_ms - from_ms) as u64 * MS_NS));
            assert!(
                (asked / expected - 1.0).abs() < 1e-4,
                "{text} from {from_ms} to {to_ms} ms: {asked}, {expected}"
            );
            let first = due.partition_point(|at_ns| *at_ns < from_ns);
            let asked = spec.mean_per_s(from_ns, Extent::Count(1_500));
            let real = 1_500.0 * 1e9 / (due[first + 1_499] - from_ns) as f64;
            assert!(
                (asked / real - 1.0).abs() < 1e-4,
                "{text}, 1500 flows from {from_ms} ms: {asked}, {real}"
            );
        }
    }
    assert_eq!(arrivals("poisson").mean_per_s(5, Extent::Duration(7)), BASE_PER_S);
}

#[test]
fn members_of_a_shape_are_one_together() {
    let spec = workload(1, arrivals("ramp:to=20k/s,over=1s"), 1);
    assert_eq!(merged_ns(&spec, 3, 2_000)[..5_000], due_ns(&spec, 0, 1, 5_000)[..]);
    let bursts = workload(1, arrivals("ramp:to=20k/s,over=2s,poisson"), 1);
    let (merged, theory) = (merged_ns(&bursts, 3, 8_000), theory(SHAPES[0].1, 2_000));
    assert!((counted(&merged, 0, 1_500) - theory[1_500]).abs() < 3.0 * theory[1_500].sqrt());
}

#[test]
fn many_poisson_senders_are_one_poisson_process() {
    for senders in [2, 100, 10_000] {
        let spec = workload(4, arrivals("poisson"), senders);
        let due = due_ns(&spec, 0, 1, 40_000);
        let gaps = gaps_ns(&due);
        assert!(anderson_darling(&gaps) < CRITICAL, "{senders} senders: {}", anderson_darling(&gaps));
        assert!((mean(&gaps) * BASE_PER_S / 1e9 - 1.0).abs() < 0.015, "{senders} senders: {}", mean(&gaps));
        assert_eq!(due, due_ns(&spec, 0, 1, 40_000), "same seed, same stream");
        assert_ne!(due, due_ns(&workload(5, arrivals("poisson"), senders), 0, 1, 40_000));
    }
}

#[test]
fn many_even_senders_have_phases_of_their_own_and_keep_them() {
    let senders = 500;
    let due = due_ns(&workload(4, arrivals("constant"), senders), 0, 1, 400 * senders as usize);
    let round_ns = u64::from(senders) * 500_000;
    for (first, last) in due[..senders as usize].iter().zip(&due[399 * senders as usize..]) {
        assert!((last - first).abs_diff(399 * round_ns) <= 1, "{first} and then {last}");
    }
    let phases: Vec<f64> =
        due[..senders as usize].iter().map(|at_ns| *at_ns as f64 / round_ns as f64).collect();
    assert!((mean(&phases) - 0.5).abs() < 0.04, "{}", mean(&phases));
    // Phases are uniform: the gaps between those of one round are about exponential, not even.
    let gaps = gaps_ns(&due[..senders as usize]);
    assert!(anderson_darling(&gaps) < CRITICAL, "{}", anderson_darling(&gaps));
    assert!(due[senders as usize - 1] < round_ns && due.is_sorted());
}

#[test]
fn a_trace_is_replayed_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a,b.csv");
    std::fs::write(&path, "at_ms,key,size\n1000,7,10\n1000.5,8,20\n1003,9,30\n1003,1,5\n1010,2,6\n").unwrap();
    let text = format!("trace:{},scale=0.5", path.display());
    let arrivals = ArrivalSpec::parse(&text, None).unwrap();
    assert_eq!(arrivals.to_string(), text);
    let spec = WorkloadSpec { senders: 1, ..spec(1, Some(arrivals.clone()), "64KiB", "uniform:3") };
    assert_eq!(spec.max_payload_len(), 30);
    let all = |member: usize, of: usize| {
        let (mut feed, mut all) = (spec.feed(member, of), Vec::new());
        loop {
            let mut starts = Vec::with_capacity(2);
            feed.fill(&mut starts);
            if starts.is_empty() {
                return all;
            }
            all.extend(starts.iter().map(|start| (start.after_ns, start.key, start.payload_len)));
        }
    };
    let whole = vec![(0, 7, 10), (250_000, 8, 20), (1_500_000, 9, 30), (1_500_000, 1, 5), (5_000_000, 2, 6)];
    assert_eq!(all(0, 1), whole);
    assert_eq!(all(1, 2), [whole[1], whole[3]]);
    assert_eq!(all(0, 2), [whole[0], whole[2], whole[4]]);
    assert_eq!(all(7, 8), []);
    assert_eq!(arrivals.mean_per_s(0, Extent::Duration(2_500_000)), 1_600.0);
    assert_eq!(arrivals.mean_per_s(250_000, Extent::Count(3)), 3.0 / 0.001_25);
    assert_eq!(arrivals.mean_per_s(0, Extent::Count(99)), 1_000.0);
}

#[test]
fn what_a_trace_does_not_say_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    std::fs::write(&path, "{\"at_s\":1}\n{\"at_s\":2}\n{\"at_s\":2,\"what\":null}\n{\"at_us\":oops}\n")
        .unwrap();
    let parse = || ArrivalSpec::parse(&format!("trace:{}", path.display()), None);
    let error = parse().unwrap_err().to_string();
    assert!(error.contains(&format!("{}:4: it is no JSON object: expected", path.display())), "{error}");
    std::fs::write(&path, "{\"at_s\":1}\n{\"at_s\":2}\n").unwrap();
    let traced = spec(1, Some(parse().unwrap()), "lognormal:1KiB,0.5", "uniform:1000");
    let mut starts = Vec::with_capacity(100);
    traced.feed(0, 1).fill(&mut starts);
    let drawn = take(WorkloadSpec { arrivals: None, ..traced }.feed(0, 1), 2, 2);
    assert_eq!(starts.len(), 2);
    for (start, drawn) in starts.iter().zip(drawn) {
        assert_eq!((start.key, start.payload_len), (drawn.key, drawn.payload_len));
    }
}

fn any_shape() -> impl Strategy<Value = String> {
    let time = || (1..5_000_u64, prop_oneof![Just("ns"), Just("us"), Just("ms"), Just("s")]);
    let time = move || time().prop_map(|(n, unit)| format!("{n}{unit}"));
    let rate = || (1e-3..1e9_f64).prop_map(|per_s| format!("{per_s}/s"));
    let shape = prop_oneof![
        (rate(), time(), any::<bool>()).prop_map(|(to, over, back)| format!(
            "ramp:to={to},over={over}{}",
            if back { ",mirror" } else { "" }
        )),
        (prop::collection::vec(rate(), 1..5), time())
            .prop_map(|(rates, every)| format!("steps:{},every={every}", rates.join(","))),
        (time(), time()).prop_map(|(on, off)| format!("bursts:off={off},on={on}")),
        (rate(), time(), time()).prop_map(|(to, at, long)| format!("spike:for={long},at={at},to={to}")),
        (rate(), time()).prop_map(|(to, period)| format!("sine:to={to},period={period}")),
    ];
    (shape, any::<bool>()).prop_map(|(shape, poisson)| shape + if poisson { ",poisson" } else { "" })
}

proptest! {
    #[test]
    fn a_shape_is_read_back_as_it_is_written(text in any_shape(), per_s in 1e-3..1e9_f64) {
        let spec = ArrivalSpec::parse(&text, Some(rate(per_s))).unwrap();
        prop_assert_eq!(ArrivalSpec::parse(&spec.to_string(), Some(rate(per_s))).unwrap(), spec);
    }

    #[test]
    fn shapes_are_in_order_and_the_same_however_they_are_asked_for(
        text in any_shape(), per_s in 1e-3..1e9_f64, senders in 1..30_u32, member in 0..4_usize, batch in 1..600_usize,
    ) {
        let spec = workload(1, ArrivalSpec::parse(&text, Some(rate(per_s))).unwrap(), senders);
        let first = take(spec.feed(member, 4), 700, 512);
        prop_assert!(first.is_sorted_by_key(|start| start.after_ns));
        prop_assert!(first.iter().all(|start| start.after_ns <= u64::MAX / 2));
        prop_assert_eq!(first, take(spec.feed(member, 4), 700, batch));
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        text in ".{0,40}",
        name in "(constant|poisson|ramp|steps|bursts|spike|sine|trace)",
        rest in "[:,=.0-9a-z/µ]{0,30}",
        known in "(:|,)((to|over|on|off|at|for|every|period)=[0-9.]{0,4}(k/s|M|s|ms|h|),?){0,4}",
    ) {
        for text in [text, format!("{name}{rest}"), format!("{name}{known}"), format!("{name}:{known}")] {
            for rate in [None, Some(rate(1e3))] {
                let _ = ArrivalSpec::parse(&text, rate);
            }
        }
    }
}
