//! The result of the audit: a cell of the table, and parts of the line of checks.
//!
//! Does not live here: which counts are faults (`model::Promises`).

use super::block::{Cell, Tone};
use crate::model::{Audit, Order, Run};
use crate::units;

/// `ok`, or the counts of faults. Counts that the promise allows follow: `12 lost, 3 duplicated`, `ok, 1,025 lost (allowed)`.
pub(super) fn audit(run: &Run, audit: &Audit) -> Cell {
    let promises = &run.promises;
    let promised = promises.lost_of_promised(audit);
    let counts = [
        (promised, "lost", !promises.is_lossless()),
        (audit.lost - promised, "lost without a confirm", true),
        (audit.unknown, "unknown", false),
        (audit.dead, "dead letters", true),
        (audit.duplicated, "duplicated", promises.tolerates_duplicates()),
        (audit.redelivered.unwrap_or(0), "redelivered", true),
        (audit.rejected.unwrap_or(0), "given back", true),
        (audit.dead_again, "dead letters of handled messages", true),
        (audit.reordered, "reordered", promises.order != Order::PerProducer),
        (audit.out_of_order, within(promises.order), false),
        (audit.unjudged, "not judged", true),
        (audit.corrupted, "corrupted", false),
        (audit.refused.unwrap_or(0), "refused", false),
        (audit.unconfirmed.unwrap_or(0), "unconfirmed", false),
        (audit.rolled_back.unwrap_or(0), "rolled back", true),
    ];
    let seen = counts.into_iter().filter(|(n, ..)| *n > 0);
    let (allowed, others): (Vec<_>, Vec<_>) = seen.partition(|(_, _, allowed)| *allowed);
    let said = |(n, word, allowed): &(u64, &str, bool)| {
        format!("{} {word}{}", units::count(*n), if *allowed { " (allowed)" } else { "" })
    };
    let mut parts: Vec<String> = others.iter().chain(&allowed).map(said).collect();
    let tone = match (promises.broken_by(audit), parts.is_empty()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Good,
        (false, false) => Tone::Warning,
    };
    if others.is_empty() {
        parts.insert(0, "ok".to_owned());
    }
    Cell::new(tone, parts.join(", "))
}

/// What messages are out of order within.
const fn within(order: Order) -> &'static str {
    match order {
        Order::PerShard => "out of shard order",
        _ => "out of key order",
    }
}

/// Counts of confirmed, refused and unconfirmed messages, and the confirm time, if the transport confirms messages.
pub(super) fn confirms(run: &Run) -> Option<String> {
    let audit = run.audit();
    let confirmed = audit.confirmed?;
    let others = [(audit.refused, "refused"), (audit.unconfirmed, "unconfirmed")];
    let others = others.into_iter().filter_map(|(n, word)| n.filter(|n| *n > 0).map(|n| (n, word)));
    let others: String = others.map(|(n, word)| format!(", {} {word}", units::count(n))).collect();
    let lost = audit.confirmed_lost.filter(|_| audit.lost > 0);
    let lost = lost.map_or_else(String::new, |n| format!(" ({} of them lost)", units::count(n)));
    let counts = format!(
        "{} of {} messages confirmed{lost}{others}",
        units::count(confirmed),
        units::count(audit.sent)
    );
    Some(confirm_time(run).map_or_else(|| counts.clone(), |time| format!("{counts}; {time}")))
}

/// `confirm time p50 1.20 ms, p99 3.40 ms`; `None` if there is none.
fn confirm_time(run: &Run) -> Option<String> {
    let times = run.confirm();
    if times.is_empty() {
        return None;
    }
    let [p50, p99] = [0.5, 0.99].map(|quantile| units::duration_or_none(times.quantile_ns(quantile)));
    let over = match run.confirms().len() {
        0 | 1 => String::new(),
        several => format!(" over {several} destinations"),
    };
    Some(format!("confirm time p50 {p50}, p99 {p99}{over}"))
}

/// The displacement of reordered messages; `None` if nothing was reordered or the record does not have it.
pub(super) fn displacement(audit: &Audit) -> Option<String> {
    let (max, mean) = audit.displacement_max.zip(audit.displacement_mean())?;
    let (n, max) = (units::count(audit.reordered), units::count(max));
    Some(format!("{n} reordered, by up to {max} places (mean {mean:.2})"))
}
