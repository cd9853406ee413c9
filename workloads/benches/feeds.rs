//! How many flows per second a feed makes. That has to take far less time than a hop.
//!
//! One batch is as large as a load's request. Figures are in flows ("elements") per second.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drumpost_workloads::{ArrivalSpec, Rate, WorkloadSpec};

const BATCH: usize = 512;

/// Arrivals of so many senders after a blank, as in `poisson 10000`.
fn spec(arrivals: Option<&str>, payload: &str, keys: &str) -> WorkloadSpec {
    let rate = Rate::per_s(1e6).ok();
    let (arrivals, senders) = match arrivals.and_then(|arrivals| arrivals.split_once(' ')) {
        Some((arrivals, senders)) => (Some(arrivals), senders.parse().expect("a number")),
        None => (arrivals, 1),
    };
    WorkloadSpec {
        seed: 1,
        think: None,
        senders,
        arrivals: arrivals.map(|name| ArrivalSpec::parse(name, rate).expect("a process")),
        payload: payload.parse().expect("a size"),
        keys: keys.parse().expect("a distribution"),
    }
}

fn feeds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("feed");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (arrivals, payload, keys) in [
        (None, "128B", "uniform:10000"),
        (Some("constant"), "128B", "uniform:10000"),
        (Some("poisson"), "128B", "uniform:10000"),
        (Some("ramp:to=2M/s,over=10s"), "128B", "uniform:10000"),
        (Some("bursts:on=100ms,off=900ms,poisson"), "128B", "uniform:10000"),
        (Some("sine:to=2M/s,period=10s"), "128B", "uniform:10000"),
        (Some("constant 10000"), "128B", "uniform:10000"),
        (Some("poisson 10000"), "128B", "uniform:10000"),
        (Some("poisson 100000"), "128B", "uniform:10000"),
        (Some("sine:to=2M/s,period=10s,poisson 10000"), "128B", "uniform:10000"),
        (Some("poisson"), "lognormal:1KiB,0.5", "uniform:10000"),
        (Some("constant"), "pareto:64B,1.2,1MiB", "hot:10000,10,0.9"),
        (Some("constant"), "128B", "zipf:10000,1.1"),
        (Some("constant"), "128B", "zipf:200k,1.1"),
        (Some("constant"), "128B", "zipf:1M,1.1"),
        (Some("poisson"), "lognormal:1KiB,0.5", "zipf:10000,1.1"),
    ] {
        let name = format!("{} {payload} {keys}", arrivals.unwrap_or("closed"));
        group.bench_function(&name, |bencher| {
            let mut feed = spec(arrivals, payload, keys).feed(0, 2);
            let mut starts = Vec::with_capacity(BATCH);
            bencher.iter(|| {
                starts.clear();
                feed.fill(&mut starts);
                starts.last().copied()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, feeds);
criterion_main!(benches);
