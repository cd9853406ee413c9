//! Shared by the tests of feeds: taking flows from a feed, and testing whether gaps are exponential.

#![allow(dead_code, reason = "each test is a program of its own and uses some")]

use drumpost_core::load::{Feed, Start};
use drumpost_workloads::{ArrivalSpec, Rate, WorkloadSpec};

pub(crate) fn rate(per_s: f64) -> Rate {
    Rate::per_s(per_s).unwrap()
}

pub(crate) fn spec(seed: u64, arrivals: Option<ArrivalSpec>, payload: &str, keys: &str) -> WorkloadSpec {
    WorkloadSpec {
        seed,
        arrivals,
        think: None,
        senders: 1,
        payload: payload.parse().unwrap(),
        keys: keys.parse().unwrap(),
    }
}

/// The first `count` flows, asked for in vectors of `batch`, as a load does.
pub(crate) fn take(mut feed: Box<dyn Feed>, count: usize, batch: usize) -> Vec<Start> {
    let mut all = Vec::with_capacity(count);
    let mut starts = Vec::with_capacity(batch);
    while all.len() < count {
        starts.clear();
        feed.fill(&mut starts);
        all.extend_from_slice(&starts);
    }
    all.truncate(count);
    all
}

pub(crate) fn due_ns(spec: &WorkloadSpec, member: usize, of: usize, count: usize) -> Vec<u64> {
    take(spec.feed(member, of), count, 512).iter().map(|start| start.after_ns).collect()
}

/// Due times of all members together, in order, up to where the first of them ends.
pub(crate) fn merged_ns(spec: &WorkloadSpec, of: usize, count: usize) -> Vec<u64> {
    let members: Vec<Vec<u64>> = (0..of).map(|member| due_ns(spec, member, of, count)).collect();
    let end_ns = members.iter().filter_map(|member| member.last()).min().copied().unwrap();
    let mut all: Vec<u64> = members.into_iter().flatten().filter(|at_ns| *at_ns <= end_ns).collect();
    all.sort_unstable();
    all
}

pub(crate) fn gaps_ns(due_ns: &[u64]) -> Vec<f64> {
    due_ns.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Anderson-Darling's statistic for exponential gaps of unknown mean, corrected for n; above [`CRITICAL`] it is rejected.
/// D'Agostino and Stephens, "Goodness-of-Fit Techniques" (1986), table 4.14.
pub(crate) fn anderson_darling(gaps: &[f64]) -> f64 {
    let mean = mean(gaps);
    // Half a ns more, as gaps are whole ns: one of 0 would make the logarithm infinite.
    let mut scaled: Vec<f64> = gaps.iter().map(|gap| (gap + 0.5) / mean).collect();
    scaled.sort_by(f64::total_cmp);
    let n = scaled.len() as f64;
    let pairs = scaled.iter().zip(scaled.iter().rev());
    let sum: f64 = pairs
        .enumerate()
        .map(|(i, (low, high))| (2.0 * i as f64 + 1.0) * ((-(-low).exp_m1()).ln() - high))
        .sum();
    (-n - sum / n) * (1.0 + 0.6 / n)
}

/// At 1 %.
pub(crate) const CRITICAL: f64 = 1.959;
