//! Rows about recorded times: the histogram's error, merging, and the samples that a percentile needs.

use crate::{
    oracle,
    selftest::{
        rig::Rig,
        row::{Reason, Row, Unit},
    },
};
use drumpost_core::hist::{Distribution, Hist, MAX_TRACKED_NS};
use drumpost_results::stats;
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = vec![bucket_error(rig.seed), merging(rig.seed)];
    rows.extend(averaging());
    for (name, share, needed) in
        [("p90", 0.9, 29), ("p99", 0.99, 299), ("p99.9", 0.999, 2_995), ("p99.99", 0.9999, 29_956)]
    {
        let shows = |flows: u64| -> anyhow::Result<bool> {
            let line = format!("stream --sim service=exp:1ms --in-flight 1 --count {flows}");
            Ok(!rig.run(&line)?.response_ns(share).is_nan())
        };
        let (enough, fewer) = (shows(needed)?, shows(needed - 1)?);
        let found = if enough && !fewer { needed } else { 0 };
        rows.push(Row::exact(format!("samples before a {name} is shown"), needed, found));
    }
    rows.extend(settling());
    Ok(rows)
}

/// MSER-5 on a series of 100 that falls to its level within the first 20, and on one that never settles, of which it cuts
/// all it may: everything but five batches of 20.
fn settling() -> [Row; 2] {
    let ripple = |at: u32| f64::from(at % 2);
    let warmed: Vec<f64> =
        (0..100).map(|at| 10.0 + f64::from(20_u32.saturating_sub(at)) + ripple(at)).collect();
    let growing: Vec<f64> = (0..100).map(|at| f64::from(at) + ripple(at)).collect();
    let cut = |values: &[f64]| stats::mser(values, 5).map_or(0, |cut| (cut.share * 100.0).round() as u64);
    [
        Row::exact("MSER-5  % cut off a warm-up", 20, cut(&warmed)),
        Row::exact("MSER-5  % cut off if never steady", 75, cut(&growing)),
    ]
}

/// A million values of all magnitudes, as the measured path records them, against what is read back.
fn bucket_error(seed: u64) -> Row {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut hist, mut worst) = (Hist::default(), 0.0_f64);
    let bits = 64 - MAX_TRACKED_NS.leading_zeros();
    for _ in 0..if crate::environment::is_debug_build() { 300 } else { 3_000 } {
        let value: u64 = (random.random::<u64>() & MAX_TRACKED_NS) >> random.random_range(0..bits - 1);
        hist.record_n(value, 1);
        let mut read = Distribution::default();
        read.add(&hist);
        hist.clear();
        let off = read.histogram.value_at_quantile(1.0) as f64 - value as f64;
        // One that is too low is worse than any that is too high.
        worst = worst.max(if off < 0.0 { f64::INFINITY } else { off / (value.max(1) as f64) });
    }
    Row::at_most("histogram  worst error", Unit::Share, (oracle::BUCKET, worst), Reason::Bucket)
}

/// Seven histograms merged, last first, against one.
fn merging(seed: u64) -> Row {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut parts, mut whole) = (vec![Hist::default(); 7], Hist::default());
    for at in 0..70_000 {
        let unit: f64 = random.random();
        let value = (-(1.0 - unit).ln() * 1e6) as u64;
        parts[at % 7].record_n(value, 1);
        whole.record_n(value, 1);
    }
    let (mut merged, mut one) = (Distribution::default(), Distribution::default());
    parts.iter().rev().for_each(|part| merged.add(part));
    one.add(&whole);
    let differ = merged.histogram.iter_recorded().zip(one.histogram.iter_recorded()).filter(|(a, b)| a != b);
    let differ = differ.count() as u64 + merged.histogram.len().abs_diff(one.histogram.len());
    Row::exact("histogram  buckets moved by merging", 0, differ)
}

/// Two workers, one ten times as slow: the p99 of both is that of their merged times, not the mean of their p99.
fn averaging() -> [Row; 2] {
    const VALUES: u32 = 100_000;
    let worker = |mean_us: f64| {
        let mut hist = Hist::default();
        for i in 0..VALUES {
            let beyond = 1.0 - (f64::from(i) + 0.5) / f64::from(VALUES);
            hist.record_n((-beyond.ln() * mean_us * 1e3) as u64, 1);
        }
        hist
    };
    let p99 = |parts: &[&Hist]| {
        let mut all = Distribution::default();
        parts.iter().for_each(|part| all.add(part));
        all.histogram.value_at_quantile(0.99) as f64
    };
    let (fast, slow) = (worker(1_000.0), worker(10_000.0));
    let expected = oracle::mixture_quantile(0.99, [1e6, 10e6]);
    // The values lie at the quantiles, so beside the bucket there is only the step between two of them.
    let share = oracle::BUCKET + 0.001;
    let average = f64::midpoint(p99(&[&fast]), p99(&[&slow]));
    let wrong = f64::midpoint(oracle::mm1_response(0.99, 0.0), 10.0 * oracle::mm1_response(0.99, 0.0)) * 1e6;
    [
        Row::near(
            "exp(1) and exp(10)  merged p99",
            Unit::Ns,
            (expected, p99(&[&fast, &slow])),
            share,
            Reason::Bucket,
        ),
        Row::near("  averaged p99s, which is wrong", Unit::Ns, (wrong, average), share, Reason::Bucket),
    ]
}
