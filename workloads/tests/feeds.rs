//! Tests of feeds: they are repeatable, independent between members, and have the right distribution.
//!
//! Seeds are fixed, so a test that passes always passes. Limits are those of a test at 1 % or wider.

#![expect(clippy::unwrap_used, reason = "the lint lets tests unwrap, but not what they share")]

mod common;

use common::*;
use drumpost_core::load::Start;
use drumpost_workloads::{ArrivalSpec, KeySpec, PayloadSpec, WorkloadSpec};
use proptest::prelude::*;

#[test]
fn poisson_gaps_are_exponential() {
    for seed in 0..5 {
        let spec = spec(seed, Some(ArrivalSpec::Poisson(rate(1e4))), "0", "uniform:1");
        let statistic = anderson_darling(&gaps_ns(&due_ns(&spec, 0, 1, 20_000)));
        assert!(statistic < CRITICAL, "seed {seed}: {statistic}");
    }
}

#[test]
fn members_of_a_poisson_process_are_one_together() {
    let whole = spec(7, Some(ArrivalSpec::Poisson(rate(1e4))), "0", "uniform:1");
    let merged = merged_ns(&whole, 3, 10_000);
    let gaps = gaps_ns(&merged);
    assert!(anderson_darling(&gaps) < CRITICAL, "{}", anderson_darling(&gaps));
    assert!((mean(&gaps) / 1e5 - 1.0).abs() < 0.02, "{}", mean(&gaps));
}

#[test]
fn the_test_rejects_what_is_no_poisson_process() {
    let poisson = spec(1, Some(ArrivalSpec::Poisson(rate(1e4))), "0", "uniform:1");
    let gaps = gaps_ns(&due_ns(&poisson, 0, 1, 20_000));
    let floored: Vec<f64> = gaps.iter().map(|gap| gap.max(50_000.0)).collect();
    assert!(anderson_darling(&floored) > CRITICAL, "a floor of half a gap");
    let slightly: Vec<f64> = gaps.iter().map(|gap| gap.max(5_000.0)).collect();
    assert!(anderson_darling(&slightly) > CRITICAL, "a floor of a twentieth of a gap");
    let constant = spec(1, Some(ArrivalSpec::Constant(rate(1e4))), "0", "uniform:1");
    assert!(anderson_darling(&gaps_ns(&due_ns(&constant, 0, 1, 1_000))) > CRITICAL, "even pacing");
}

#[test]
fn both_processes_keep_their_rate() {
    for per_s in [0.3, 7.0, 12_345.6, 3e6, 1e9] {
        let mean_gap_ns = 1e9 / per_s;
        let constant = spec(1, Some(ArrivalSpec::Constant(rate(per_s))), "0", "uniform:1");
        let last_ns = due_ns(&constant, 0, 1, 100_001)[100_000] as f64;
        assert!((last_ns - 100_000.0 * mean_gap_ns).abs() <= 1.0 + last_ns * 1e-12, "constant at {per_s}/s");
        // The mean of 100,000 gaps has a standard error of 0.32 %.
        let poisson = spec(1, Some(ArrivalSpec::Poisson(rate(per_s))), "0", "uniform:1");
        let last_ns = due_ns(&poisson, 0, 1, 100_000)[99_999] as f64;
        assert!((last_ns / (100_000.0 * mean_gap_ns) - 1.0).abs() < 0.01, "poisson at {per_s}/s");
    }
}

#[test]
fn the_slowest_rate_stays_in_range() {
    for arrivals in [ArrivalSpec::Constant(rate(1e-12)), ArrivalSpec::Poisson(rate(1e-12))] {
        let due = due_ns(&spec(1, Some(arrivals), "0", "uniform:1"), 0, 1, 1_000);
        assert!(due.is_sorted() && due.iter().all(|at_ns| *at_ns <= u64::MAX / 2));
    }
}

#[test]
fn a_closed_load_has_no_due_times() {
    let closed = spec(3, None, "lognormal:1KiB,0.5", "uniform:10");
    let open = WorkloadSpec { arrivals: Some(ArrivalSpec::Poisson(rate(1e6))), ..closed.clone() };
    let (closed, open) = (take(closed.feed(0, 1), 1_000, 512), take(open.feed(0, 1), 1_000, 512));
    for (closed, open) in closed.iter().zip(&open) {
        assert_eq!(closed, &Start { after_ns: 0, ..*open }, "arrivals draw from a stream of their own");
    }
}

#[test]
fn uniform_keys_are_all_as_likely() {
    let starts = take(spec(1, None, "0", "uniform:100").feed(0, 1), 100_000, 512);
    let mut counts = [0.0; 100];
    starts.iter().for_each(|start| counts[start.key as usize] += 1.0);
    let chi_squared: f64 = counts.iter().map(|count: &f64| (count - 1_000.0).powi(2) / 1_000.0).sum();
    // 1 % and 99 % of chi squared with 99 degrees of freedom.
    assert!((69.2..134.6).contains(&chi_squared), "{chi_squared}");
}

#[test]
fn zipf_keys_are_as_likely_as_their_rank_says() {
    // Below and above the number of keys up to which they are drawn from a table.
    for (keys, exponent) in [(10_000_u32, 1.1), (10_000, 0.0), (10_000, 2.5), (300_000, 1.1), (300_000, 1.0)]
    {
        let spec = spec(1, None, "0", &format!("zipf:{keys},{exponent}"));
        let starts = take(spec.feed(0, 1), 200_000, 512);
        assert!(starts.iter().all(|start| start.key < keys));
        let weight = |key: u32| f64::from(key + 1).powf(-exponent);
        let total: f64 = (0..keys).map(weight).sum();
        for below in [1, 2, 10, 100, 1_000] {
            let expected = (0..below).map(weight).sum::<f64>() / total;
            let share = starts.iter().filter(|start| start.key < below).count() as f64 / starts.len() as f64;
            let standard_error = (expected * (1.0 - expected) / starts.len() as f64).sqrt();
            assert!(
                (share - expected).abs() < 4.0 * standard_error + 1e-9,
                "zipf:{keys},{exponent}: {share} of the keys below {below}, expected {expected}"
            );
        }
    }
}

#[test]
fn payload_sizes_have_the_quantiles_of_their_distribution() {
    let quantile = |lens: &[u32], p: f64| f64::from(lens[(p * lens.len() as f64) as usize]);
    let sorted = |payload: &str| {
        let starts = take(spec(1, None, payload, "uniform:1").feed(0, 1), 200_000, 512);
        let mut lens: Vec<u32> = starts.iter().map(|start| start.payload_len).collect();
        lens.sort_unstable();
        lens
    };
    let lens = sorted("lognormal:16KiB,0.5");
    for (p, z) in [(0.01, -2.3263), (0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816), (0.99, 2.3263)] {
        let expected = 16_384.0 * (0.5_f64 * z).exp();
        assert!((quantile(&lens, p) / expected - 1.0).abs() < 0.02, "p{p}: {}", quantile(&lens, p));
    }
    // Cut off at the median, the quantiles are those of the lower half: its middle is the 25th percentile.
    let lens = sorted("lognormal:16KiB,0.5,16KiB");
    let expected = 16_384.0 * (0.5_f64 * -0.6745).exp();
    assert!((quantile(&lens, 0.5) / expected - 1.0).abs() < 0.02, "{}", quantile(&lens, 0.5));
    assert_eq!(lens.last(), Some(&16_384));
    assert!(sorted("lognormal:1KiB,0").iter().all(|len| *len == 1024));
}

#[test]
fn uniform_and_pareto_sizes_are_as_long_as_they_say() {
    let lens = |payload: &str| {
        let starts = take(spec(1, None, payload, "uniform:1").feed(0, 1), 200_000, 512);
        starts.into_iter().map(|start| f64::from(start.payload_len)).collect::<Vec<_>>()
    };
    let uniform = lens("uniform:100,299");
    for below in [101.0, 150.0, 200.0, 299.0] {
        let share = uniform.iter().filter(|len| **len < below).count() as f64 / 2e5;
        assert!((share - (below - 100.0) / 200.0).abs() < 0.0045, "{share} below {below}");
    }
    assert!(uniform.contains(&100.0) && uniform.contains(&299.0));
    for (payload, alpha, max) in
        [("pareto:1000,1.2,1MiB", 1.2, 1_048_576.0), ("pareto:1000,0.5,4000", 0.5, 4_000.0)]
    {
        let pareto = lens(payload);
        let within = 1.0 - (1_000.0_f64 / max).powf(alpha);
        for below in [1_010.5, 1_500.5, 2_000.5, 3_999.5_f64] {
            let expected = (1.0 - (1_000.0 / below).powf(alpha)) / within;
            let share = pareto.iter().filter(|len| **len < below).count() as f64 / 2e5;
            assert!(
                (share - expected).abs() < 0.0045,
                "{payload}: {share} below {below}, expected {expected}"
            );
        }
        assert!(pareto.iter().all(|len| (1_000.0..=max).contains(len)));
    }
}

#[test]
fn sizes_from_a_file_are_as_often_as_it_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sizes, all.txt");
    std::fs::write(
        &path,
        "# a day
64B 700
1KiB 299 # more
7 0
1MiB 1
",
    )
    .unwrap();
    let text = format!("file:{}", path.display());
    let spec = spec(1, None, &text, "uniform:1");
    assert_eq!((spec.payload.to_string(), spec.max_payload_len()), (text.clone(), 1 << 20));
    let starts = take(spec.feed(0, 1), 100_000, 512);
    for (len, expected) in [(64, 0.7), (1_024, 0.299), (1 << 20, 0.001), (7, 0.0)] {
        let share = starts.iter().filter(|start| start.payload_len == len).count() as f64 / 1e5;
        let standard_error = (expected * (1.0 - expected) / 1e5_f64).sqrt();
        assert!(
            (share - expected).abs() <= 4.0 * standard_error,
            "{share} of {len} bytes, expected {expected}"
        );
    }
    std::fs::write(
        &path, "64 0
",
    )
    .unwrap();
    let error = text.parse::<PayloadSpec>().unwrap_err().to_string();
    assert!(error.contains("it has no size with a count above zero"), "{error}");
    std::fs::write(
        &path,
        "64 1

many 3
",
    )
    .unwrap();
    let error = text.parse::<PayloadSpec>().unwrap_err().to_string();
    assert!(
        error.contains("sizes, all.txt:3: \"many\" is no size: it does not start with a number"),
        "{error}"
    );
}

#[test]
fn keys_go_round_and_hot_keys_get_their_share() {
    let keys = |text: &str, member, of| {
        let starts = take(spec(1, None, "0", text).feed(member, of), 100_000, 512);
        starts.into_iter().map(|start| start.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("roundrobin:3", 0, 1)[..7], [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(keys("roundrobin:5", 1, 2)[..6], [1, 3, 0, 2, 4, 1]);
    assert_eq!(keys("roundrobin:3", 4, 6)[..3], [1, 1, 1]);
    let hot = keys("hot:100,4,0.9", 0, 1);
    let share = |of: std::ops::Range<u32>| hot.iter().filter(|key| of.contains(key)).count() as f64 / 1e5;
    assert!((share(0..4) - 0.9).abs() < 0.004, "{}", share(0..4));
    assert!((share(2..3) - 0.225).abs() < 0.006, "{}", share(2..3));
    assert!((share(4..52) - 0.05).abs() < 0.003, "{}", share(4..52));
    assert!(hot.contains(&99) && hot.contains(&4) && hot.iter().all(|key| *key < 100));
}

fn any_spec() -> impl Strategy<Value = WorkloadSpec> {
    let arrivals = prop_oneof![
        Just(None),
        (1e-3..1e9).prop_map(|per_s| Some(ArrivalSpec::Constant(rate(per_s)))),
        (1e-3..1e9).prop_map(|per_s| Some(ArrivalSpec::Poisson(rate(per_s)))),
    ];
    let payload = prop_oneof![
        (0..100_000_u64).prop_map(|len| PayloadSpec::fixed(len).unwrap()),
        (1..10_000_u64, 0.0..2.0).prop_map(|(median, s)| PayloadSpec::log_normal(median, s, None).unwrap()),
        (0..10_000_u64, 0..10_000_u64)
            .prop_map(|(min, more)| format!("uniform:{min},{}", min + more).parse().unwrap()),
        (1..10_000_u64, 1e-3..9.0, 0..10_000_u64).prop_map(|(min, alpha, more)| format!(
            "pareto:{min},{alpha},{}",
            min + more
        )
        .parse()
        .unwrap()),
        (1..10_000_u64, 0.0..9.0, 0..10_000_u64).prop_map(|(median, s, more)| PayloadSpec::log_normal(
            median,
            s,
            Some(median + more)
        )
        .unwrap()),
    ];
    let keys = prop_oneof![
        (1..=u64::from(u32::MAX)).prop_map(|keys| KeySpec::uniform(keys).unwrap()),
        (1..=u32::MAX).prop_map(|keys| format!("roundrobin:{keys}").parse().unwrap()),
        (2..=u32::MAX, any::<u32>(), 0.0..=1.0).prop_map(|(keys, hot, share)| {
            format!("hot:{keys},{},{share}", 1 + hot % (keys - 1)).parse().unwrap()
        }),
        (1..5_000_u64, 0.0..3.0).prop_map(|(keys, s)| KeySpec::zipf(keys, s).unwrap()),
        (300_000..=u64::from(u32::MAX), 0.0..3.0).prop_map(|(keys, s)| KeySpec::zipf(keys, s).unwrap()),
    ];
    (any::<u64>(), arrivals, payload, keys).prop_map(|(seed, arrivals, payload, keys)| WorkloadSpec {
        seed,
        arrivals,
        think: None,
        senders: 1,
        payload,
        keys,
    })
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_flows_however_they_are_asked_for(
        spec in any_spec(), member in 0..4_usize, batch in 1..600_usize,
    ) {
        let made = spec.feeds();
        let first = take(made(member, 4), 700, 512);
        prop_assert_eq!(&first, &take(made(member, 4), 700, batch));
        prop_assert_eq!(&first, &take(spec.clone().feed(member, 4), 700, batch));
    }

    #[test]
    fn flows_are_in_order_and_within_what_was_said(spec in any_spec(), member in 0..4_usize) {
        let starts = take(spec.feed(member, 4), 1_000, 512);
        prop_assert!(starts.is_sorted_by_key(|start| start.after_ns));
        for start in starts {
            prop_assert!(start.payload_len <= spec.max_payload_len());
            prop_assert!(start.key < spec.keys.count());
        }
    }

    #[test]
    fn a_fill_keeps_what_is_there_and_does_not_grow(spec in any_spec(), held in 0..50_usize) {
        let marker = Start { after_ns: 1, key: 2, payload_len: 3 };
        let mut starts = Vec::with_capacity(50);
        starts.resize(held, marker);
        let capacity = starts.capacity();
        spec.feed(0, 1).fill(&mut starts);
        prop_assert_eq!((starts.len(), starts.capacity()), (capacity, capacity));
        prop_assert!(starts[..held].iter().all(|start| *start == marker));
    }

    #[test]
    fn members_and_seeds_draw_differently(seed in any::<u64>(), member in 1..50_usize) {
        let spec = |seed| spec(seed, Some(ArrivalSpec::Poisson(rate(1e5))), "lognormal:1KiB,1", "uniform:1M");
        let other = take(spec(seed).feed(member, 50), 100, 512);
        for same in [take(spec(seed).feed(0, 50), 100, 512), take(spec(seed ^ 1).feed(member, 50), 100, 512)] {
            prop_assert_ne!(column(&same, |start| start.after_ns), column(&other, |start| start.after_ns));
            prop_assert_ne!(column(&same, |start| start.key), column(&other, |start| start.key));
            prop_assert_ne!(column(&same, |start| start.payload_len), column(&other, |start| start.payload_len));
        }
    }

    #[test]
    fn members_of_a_constant_process_are_as_even_as_one(per_s in 1.0..1e9, of in 1..20_usize) {
        let spec = spec(1, Some(ArrivalSpec::Constant(rate(per_s))), "0", "uniform:1");
        let merged = merged_ns(&spec, of, 200);
        prop_assert_eq!(&merged[..], &due_ns(&spec, 0, 1, merged.len())[..]);
        for gap_ns in gaps_ns(&merged) {
            prop_assert!((gap_ns - 1e9 / per_s).abs() <= 1.0, "{} at {}/s", gap_ns, per_s);
        }
    }

    #[test]
    fn a_specification_is_read_back_as_it_is_written(spec in any_spec()) {
        prop_assert_eq!(spec.payload.to_string().parse(), Ok(spec.payload.clone()));
        prop_assert_eq!(spec.keys.to_string().parse(), Ok(spec.keys));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,24}", name in "(fixed|lognormal|uniform|pareto|zipf|roundrobin|hot)[:,0-9.a-zA-Z]{0,16}") {
        for text in [text, name] {
            let _ = text.parse::<PayloadSpec>();
            let _ = text.parse::<KeySpec>();
            let _ = ArrivalSpec::parse(&text, Some(rate(1.0)));
        }
    }
}

fn column<T>(starts: &[Start], field: impl Fn(&Start) -> T) -> Vec<T> {
    starts.iter().map(field).collect()
}
