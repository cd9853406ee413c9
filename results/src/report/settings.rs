//! The settings under a table. Rows that differ in them cannot be compared fairly.
//!
//! Lives here: the settings that are shown, their order, and the limits of the verdict that differ from the defaults.

use std::collections::BTreeSet;

use super::{Layout, hanging};
use crate::model::{Record, Run};
use crate::units;
use crate::verdict::Thresholds;

/// Keys of the settings that are shown under every table, in this order. Other settings of a record follow by name.
pub const FAIRNESS: [&str; 37] = [
    "rate_per_s",
    "arrivals",
    "trace_columns",
    "senders",
    "window",
    "at_cap",
    "debt",
    "debt_late_ns",
    "think",
    "reply",
    "batch",
    "capacity",
    "payload",
    "content",
    "headers",
    "touch",
    "keys",
    "services",
    "placement",
    "wait",
    "acks",
    "acknowledge",
    "unconfirmed",
    "persistence",
    "promise",
    "guarantee",
    "warmup_ns",
    "duration_ns",
    "count",
    "drain_ns",
    "flow_timeout_ns",
    "kill",
    "pause",
    "link",
    "cut",
    "reset",
    "reconnect_ns",
];

/// Settings that are left out if every run of a table has this value, which is the default of the flag.
pub const USUAL: [(&str, &str); 8] = [
    ("headers", "none"),
    ("at_cap", "block"),
    ("debt", "keep"),
    ("think", "none"),
    ("reply", "async"),
    ("keys", "uniform:10000"),
    ("drain_ns", "5.00 s"),
    ("flow_timeout_ns", "5.00 s"),
];

/// Settings that are shown in the headline instead.
pub const IN_HEADLINE: [&str; 1] = ["load"];

/// The settings that all runs share on one line, then those that differ for each run.
pub(super) fn settings(record: &Record, runs: &[&Run], layout: Layout) -> String {
    let value = |run: &Run, key: &str| {
        run.settings.get(key).or_else(|| record.settings.get(key)).map(|value| units::setting(key, value))
    };
    let entry = |key: &str, value: &str| format!("{} {value}", super::without_unit(key));
    let mut shared = Vec::new();
    let mut own: Vec<Vec<String>> = vec![Vec::new(); runs.len()];
    let written: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| run.settings.keys())
        .chain(record.settings.keys())
        .map(String::as_str)
        .collect();
    let others = written.into_iter().filter(|key| !FAIRNESS.contains(key) && !IN_HEADLINE.contains(key));
    for key in FAIRNESS.into_iter().chain(others) {
        let values: Vec<Option<String>> = runs.iter().map(|run| value(run, key)).collect();
        let usual = USUAL.iter().find(|(usual, _)| *usual == key);
        if usual.is_some_and(|(_, usual)| values.iter().flatten().all(|value| value == usual)) {
            continue;
        }
        let said = |value: &Option<String>| entry(key, value.as_deref().unwrap_or(units::NONE));
        match &values[..] {
            [first, rest @ ..] if rest.iter().all(|value| value == first) => {
                shared.extend(first.iter().map(|value| entry(key, value)));
            }
            _ => own.iter_mut().zip(&values).for_each(|(own, value)| own.push(said(value))),
        }
    }
    let mut text = String::new();
    if !shared.is_empty() {
        text += &hanging("with     ", &shared.join("; "), layout);
    }
    let name = runs.iter().map(|run| super::columns(&run.dispatch)).max().unwrap_or(0);
    for (run, own) in runs.iter().zip(own).filter(|(_, own)| !own.is_empty()) {
        text += &hanging(&format!("         {:<name$}  ", run.dispatch), &own.join("; "), layout);
    }
    text
}

/// Limits of the verdict that differ from the defaults.
pub(super) fn limits(record: &Record, layout: Layout) -> String {
    let thresholds = Thresholds::from_settings(&record.thresholds);
    let changed: Vec<String> = thresholds
        .changed()
        .map(|(limit, value)| {
            format!("{} {} (default {})", limit.key, limit.text(value), limit.text(limit.default))
        })
        .collect();
    if changed.is_empty() { String::new() } else { hanging("limits   ", &changed.join("; "), layout) }
}
