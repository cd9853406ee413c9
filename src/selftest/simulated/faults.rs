//! Rows about faults by rule, counted to the message. A rule hits the first few of every so many sequence numbers.

use crate::selftest::{rig::Rig, row::Row};

const MESSAGES: u64 = 1_000_000;

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let messages = rig.flows(MESSAGES) / 1000 * 1000;
    let of = |every: u64| messages / every;
    let mut rows = Vec::new();
    // What is lost is neither duplicated nor out of order, so of the three together each lost number is one less.
    for (faults, [lost, duplicated, reordered]) in [
        ("loss=1/1000", [of(1000), 0, 0]),
        ("duplicate=1/500", [0, of(500), 0]),
        ("reorder=1/250", [0, 0, of(250)]),
        ("loss=1/1000,duplicate=1/500,reorder=1/250", [of(1000), of(500) - of(1000), of(250) - of(1000)]),
    ] {
        let line = format!(
            "stream --sim service=fixed:10us,{faults} --rate 10k/s --count {messages} --keys uniform:1"
        );
        let ran = rig.run(&line)?;
        let audit = ran.run.audit();
        let what = if faults.contains(',') { "all three" } else { faults };
        let counts = [("lost", lost, audit.lost), ("duplicated", duplicated, audit.duplicated)];
        for (name, expected, found) in counts.into_iter().chain([("reordered", reordered, audit.reordered)]) {
            if expected > 0 || found > 0 {
                rows.push(Row::exact(format!("{what}  {name}"), expected, found).by(&ran.line));
            }
        }
        if reordered > 0 {
            // Neighbours that change places are one apart; no figure at all is no match.
            let furthest = audit.displacement_max.unwrap_or(0);
            rows.push(Row::exact(format!("{what}  displacement max"), 1, furthest).by(&ran.line));
            let all = audit.displacement_sum.unwrap_or(0);
            rows.push(Row::exact(format!("{what}  displacement sum"), reordered, all).by(&ran.line));
        }
        let row = Row::exact(format!("{what}  lost + unique = sent"), messages, audit.lost + audit.unique);
        rows.push(row.by(&ran.line));
        let failed = if ran.run.audit_failed() { "failed" } else { "passed" };
        rows.push(Row::says(format!("{what}  audit"), "failed", failed).by(&ran.line));
    }
    rows.extend(promised(rig, messages)?);
    Ok(rows)
}

/// The order of keys, of which there are seven in turn: what stays within a promise and what breaks it, and loss that is
/// allowed.
fn promised(rig: &Rig<'_>, messages: u64) -> anyhow::Result<Vec<Row>> {
    let some = messages / 250;
    let mut rows = Vec::new();
    for (faults, [reordered, out_of_order, lost], audit) in [
        ("order=key,reorder=1/250", [some, 0, 0], "passed"),
        ("order=key,misorder=1/250", [some, some, 0], "failed"),
        ("order=none,reorder=1/250", [some, 0, 0], "passed"),
        ("delivery=at-most-once,loss=1/250", [0, 0, some], "passed"),
    ] {
        let line = format!(
            "stream --sim service=fixed:10us,{faults} --rate 10k/s --count {messages} --keys roundrobin:7"
        );
        let ran = rig.run(&line)?;
        let found = ran.run.audit();
        let counts = [
            ("reordered", reordered, found.reordered),
            ("out of order", out_of_order, found.out_of_order),
            ("lost", lost, found.lost),
        ];
        // The whole would not fit into 80 columns.
        let what = faults.strip_prefix("delivery=").unwrap_or(faults);
        for (name, expected, found) in counts {
            rows.push(Row::exact(format!("{what}  {name}"), expected, found).by(&ran.line));
        }
        let failed = if ran.run.audit_failed() { "failed" } else { "passed" };
        rows.push(Row::says(format!("{what}  audit"), audit, failed).by(&ran.line));
    }
    Ok(rows)
}
