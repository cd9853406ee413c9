//! The figures of a run as numbers, for the JSON in a page. Names are those of the record's fields.

use super::super::block::{Block, Figures, OnPage};
use crate::model::{Distribution, Run, Verdict};
use crate::stats::Derived;

/// The figures of a run. `side` is its side of a comparison.
pub(in crate::report) fn figures(run: &Run, verdict: &Verdict, side: Option<&'static str>) -> Block {
    let derived = Derived::of(run);
    let (response, service, lag) = (run.response(), run.service(), run.lag());
    let quantile = |times: &Distribution, q| times.quantile_ns(q).map(|ns| ns as f64);
    let audit = run.audit();
    let count = |n: u64| Some(n as f64);
    let values = vec![
        ("trials", count(derived.trials as u64)),
        ("flows_ended", count(derived.flows.ended)),
        ("throughput_per_s", derived.throughput_per_s),
        ("due_per_s", derived.due_per_s),
        ("achieved_per_s", derived.achieved_per_s),
        ("response_ns_p50", quantile(&response, 0.5)),
        ("response_ns_p90", quantile(&response, 0.9)),
        ("response_ns_p99", quantile(&response, 0.99)),
        ("response_ns_p99_9", quantile(&response, 0.999)),
        ("response_ns_max", response.max_ns().map(|ns| ns as f64)),
        ("response_ns_mean", response.mean_ns()),
        ("service_ns_p99", quantile(&service, 0.99)),
        ("lag_ns_p99", quantile(&lag, 0.99)),
        ("cpu_ns_per_message", derived.cpu_ns_per_message),
        ("cpu_ns_per_flow", derived.cpu_ns_per_flow),
        ("expected", count(audit.expected)),
        ("delivered", count(audit.delivered)),
        ("lost", count(audit.lost)),
        ("duplicated", count(audit.duplicated)),
        ("reordered", count(audit.reordered)),
        ("corrupted", count(audit.corrupted)),
    ];
    Block::Page(OnPage::Figures(Figures {
        scenario: run.scenario.clone(),
        dispatch: run.dispatch.clone(),
        side,
        status: run.status().word(),
        verdict: verdict.status.word(),
        values,
    }))
}
