//! The cost of the seam: a flow through lanes and ports, against the same flow in a loop written by hand.
//!
//! Both sides use the same messages, stamps, checksums, records, audit and queues. The hand-written loops know the flow
//! that they run and have no engine. `cargo bench --bench seam -- --table` compares both in pairs within one process
//! and prints the table of METHODOLOGY.md. A word after `--table` selects cases, and `--pairs N` sets the number of
//! pairs. `--once` makes single runs, for tools that count instructions (`scripts/seam-instructions`). `cargo bench --bench
//! seam` passes the same runs to criterion, which does not interleave them.

#![allow(missing_docs)]

mod cases;
mod flow;
mod flow_tasks;
mod flow_threads;
mod hop;
mod lanes;
mod once;
mod parts;
mod stopwatch;
mod table;
mod trial;

use cases::{BATCHES, CASES, Case};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use std::time::Duration;
use trial::Trial;

/// Fewest flows of a run: criterion starts with a single one, which would measure how a run begins.
const FLOWS_MIN: u64 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(request) = table::Request::from_arguments(&arguments) {
        return table::print(&request);
    }
    if let Some(request) = once::Request::from_arguments(&arguments) {
        return once::run(&request);
    }
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for case in &CASES {
        bench(&mut criterion, case);
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, case: &'static Case) {
    let mut group = criterion.benchmark_group(case.name);
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(1));
    for batch in BATCHES {
        for (side, run) in [("by hand", case.by_hand), ("lanes", case.lanes)] {
            group.bench_function(BenchmarkId::new(side, batch), |bencher| {
                bencher.iter_custom(|flows| {
                    let flows_run = flows.max(FLOWS_MIN);
                    let ran = run(&Trial::new(batch, case.payload_len, flows_run));
                    Duration::from_nanos((ran.elapsed_ns as f64 * flows as f64 / flows_run as f64) as u64)
                });
            });
        }
    }
    group.finish();
}
