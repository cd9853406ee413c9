//! The names of times, statistics and counts in goals.

use super::counts::Count;
use super::figure::{Statistic, Times};

pub(super) const STATISTICS: [(&str, Statistic); 9] = [
    ("p50", Statistic::Quantile(0.5, "p50")),
    ("p75", Statistic::Quantile(0.75, "p75")),
    ("p90", Statistic::Quantile(0.9, "p90")),
    ("p95", Statistic::Quantile(0.95, "p95")),
    ("p99", Statistic::Quantile(0.99, "p99")),
    ("p99.9", Statistic::Quantile(0.999, "p99.9")),
    ("p99.99", Statistic::Quantile(0.9999, "p99.99")),
    ("mean", Statistic::Mean),
    ("max", Statistic::Max),
];

pub(super) const TIMES: [(&str, Times); 4] = [
    ("response", Times::Response),
    ("service", Times::Service),
    ("lag", Times::Lag),
    ("confirm", Times::Confirm),
];

/// Counts, under the names that records use.
pub(super) static COUNTS: [Count; 31] = [
    Count::at_least("lost", |audit| audit.lost, |audit| audit.unknown),
    Count::at_least("duplicated", |audit| audit.duplicated, |audit| audit.beyond_window),
    Count::messages("reordered", |audit| audit.reordered),
    Count::at_least("out_of_order", |audit| audit.out_of_order, |audit| audit.unjudged),
    Count::messages("corrupted", |audit| audit.corrupted),
    Count::flows("unfinished", |flows| flows.unfinished),
    Count::flows("shed", |flows| flows.shed),
    Count::flows("dropped", |flows| flows.dropped),
    Count::of_confirms("refused", |audit| audit.refused),
    Count::of_confirms("unconfirmed", |audit| audit.unconfirmed),
    Count::of_confirms("confirmed", |audit| audit.confirmed),
    Count::of_confirms("confirmed_lost", |audit| audit.confirmed_lost),
    Count::at_least("dead", |audit| audit.dead, |audit| audit.unknown),
    Count::messages("dead_again", |audit| audit.dead_again),
    Count::told("redelivered", |audit| audit.redelivered, "the transport marks no message as repeated"),
    Count::told("rejected", |audit| audit.rejected, "no message was to be given back"),
    Count::told("rolled_back", |audit| audit.rolled_back, "there were no transactions"),
    Count::messages("unknown", |audit| audit.unknown),
    Count::messages("unjudged", |audit| audit.unjudged),
    Count::messages("unrouted", |audit| audit.unrouted),
    Count::messages("lagged", |audit| audit.lagged),
    Count::messages("unsent", |audit| audit.unsent),
    Count::messages("negative_deltas", |audit| audit.negative_deltas),
    Count::messages("over_range", |audit| audit.over_range),
    Count::messages("beyond_window", |audit| audit.beyond_window),
    Count::messages("sent", |audit| audit.sent),
    Count::messages("expected", |audit| audit.expected),
    Count::messages("delivered", |audit| audit.delivered),
    Count::messages("unique", |audit| audit.unique),
    Count::flows("started", |flows| flows.started),
    Count::flows("ended", |flows| flows.ended),
];
