//! Limits of a document, checked before anything is built from it: numbers whose sums fit into 64 bits, and the length
//! of names.
//!
//! A document may come from anywhere. Readers of a record add counts over trials and points, so a document whose sums
//! could overflow is refused here, once. Does not live here: the sizes of histograms, which their reader checks
//! (`crate::model::Distribution`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{FormatError, rows::Rows, v1};
use crate::plain::name;

/// Refuses numbers that cannot be added up, and makes names what a table can show: short, and on one line.
///
/// # Errors
/// Names the first number that is too large, and the largest that there may be.
pub(super) fn check(document: &mut v1::Document) -> Result<(), FormatError> {
    let trials: usize = document.runs.iter().map(|run| run.trials.len()).sum();
    // A quarter of what fits is left for sums of several counts of one trial.
    let limit = u64::MAX / 4 / (trials as u64 + 1);
    for (i, run) in document.runs.iter().enumerate() {
        for (j, trial) in run.trials.iter().enumerate() {
            of_trial(&format!("runs[{i}].trials[{j}]"), trial, limit)?;
        }
    }
    for run in &mut document.runs {
        shorten(&mut run.scenario);
        shorten(&mut run.dispatch);
        let hops = run.trials.iter_mut().flat_map(|trial| &mut trial.hops).chain(&mut run.hops);
        for hop in hops {
            shorten(&mut hop.destination);
            shorten(&mut hop.receiver);
        }
        let confirms = run.trials.iter_mut().flat_map(|trial| &mut trial.confirms).chain(&mut run.confirms);
        confirms.for_each(|confirms| shorten(&mut confirms.destination));
        let outages = run.trials.iter_mut().flat_map(|trial| &mut trial.outages);
        outages.for_each(|outage| shorten(&mut outage.instance));
        let backlogs = run.trials.iter_mut().filter_map(|trial| trial.backlog.as_mut());
        backlogs.for_each(|backlog| shorten(&mut backlog.service));
        let disturbances = run.trials.iter_mut().flat_map(|trial| &mut trial.disturbances);
        disturbances.for_each(|disturbance| shorten(&mut disturbance.what));
        for unrouted in run.trials.iter_mut().flat_map(|trial| &mut trial.unrouted) {
            shorten(&mut unrouted.service);
            shorten(&mut unrouted.kind);
        }
        for letters in run.trials.iter_mut().flat_map(|trial| &mut trial.dead_letters) {
            shorten(&mut letters.destination);
            shorten(&mut letters.receiver);
        }
    }
    of_sides(document);
    let searched = document.search.iter_mut().flat_map(|search| &mut search.dispatches);
    searched.for_each(|searched| shorten(&mut searched.dispatch));
    Ok(())
}

/// The names of sides and of rows. A row is named in several places, and is found by its name.
fn of_sides(document: &mut v1::Document) {
    let mut rows = Rows::default();
    if let Some(compared) = &mut document.comparison {
        shorten(&mut compared.base);
        shorten(&mut compared.head);
        compared.rows.iter_mut().for_each(|row| rows.shorten(&mut row.name));
        compared.goals.iter_mut().for_each(|goal| rows.shorten_goal(goal));
        shorten_keys(&mut compared.repeated);
        shorten_keys(&mut compared.kept);
    }
    for side in document.runs.iter_mut().filter_map(|run| run.side.as_mut()) {
        rows.shorten(&mut side.row);
        shorten(&mut side.name);
        shorten(&mut side.tool_version);
        side.revision.iter_mut().chain(side.built.values_mut()).for_each(shorten);
    }
    let slots = document.pairing.iter_mut().flat_map(|pairing| &mut pairing.order);
    slots.for_each(|slot| rows.shorten_label(&mut slot.label));
}

/// A name stands in one cell of a table, and in one line of an export.
pub(super) fn shorten(text: &mut String) {
    if let Cow::Owned(short) = name(text) {
        *text = short;
    }
}

/// Counts of keys that become the same are added up.
fn shorten_keys(counts: &mut BTreeMap<String, u32>) {
    for (mut key, count) in std::mem::take(counts) {
        shorten(&mut key);
        let sum = counts.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }
}

fn of_trial(at: &str, trial: &v1::Trial, limit: u64) -> Result<(), FormatError> {
    let v1::Trial { elapsed_ns, cpu_ns, blocked_ns, floor_ns, .. } = *trial;
    let own = [
        ("elapsed_ns", Some(elapsed_ns)),
        ("cpu_ns", cpu_ns),
        ("blocked_ns", Some(blocked_ns)),
        ("floor_ns", floor_ns),
    ];
    for (name, number) in own {
        small(&format!("{at}.{name}"), number.unwrap_or(0), limit)?;
    }
    counts(&format!("{at}.flows"), &trial.flows, limit)?;
    counts(&format!("{at}.audit"), &trial.audit, limit)?;
    counts(&format!("{at}.hygiene"), &trial.hygiene, limit)?;
    let times = [
        ("response_ns", Some(&trial.response_ns)),
        ("service_ns", Some(&trial.service_ns)),
        ("lag_ns", Some(&trial.lag_ns)),
        ("inter_send_ns", trial.inter_send_ns.as_ref()),
    ];
    let hops = trial.hops.iter().map(|hop| ("hops", Some(&hop.hop_ns)));
    let confirms = trial.confirms.iter().map(|confirms| ("confirms", Some(&confirms.confirm_ns)));
    let backlog = trial.backlog.iter().flat_map(super::backlog::Backlog::times);
    for (name, times) in times.into_iter().chain(hops).chain(confirms).chain(backlog) {
        let Some(v1::Times { count, over_range, sum, .. }) = times else { continue };
        small(&format!("{at}.{name}.count"), *count, limit)?;
        small(&format!("{at}.{name}.over_range"), *over_range, limit)?;
        sum_fits(&format!("{at}.{name}.sum"), *sum, *count)?;
    }
    for (i, confirms) in trial.confirms.iter().enumerate() {
        let of_it = [confirms.confirmed, confirms.refused, confirms.unconfirmed];
        for (name, count) in ["confirmed", "refused", "unconfirmed"].into_iter().zip(of_it) {
            small(&format!("{at}.confirms[{i}].{name}"), count, limit)?;
        }
    }
    for (i, outage) in trial.outages.iter().enumerate() {
        counts(&format!("{at}.outages[{i}]"), outage, limit)?;
    }
    for (name, number) in trial.backlog.iter().flat_map(super::backlog::Backlog::numbers) {
        small(&format!("{at}.backlog.{name}"), number, limit)?;
    }
    for (i, disturbance) in trial.disturbances.iter().enumerate() {
        counts(&format!("{at}.disturbances[{i}]"), disturbance, limit)?;
    }
    if let Some(link) = &trial.link {
        counts(&format!("{at}.link"), link, limit)?;
    }
    if let Some(standstill) = &trial.standstill {
        counts(&format!("{at}.standstill"), standstill, limit)?;
    }
    for (i, unrouted) in trial.unrouted.iter().enumerate() {
        counts(&format!("{at}.unrouted[{i}]"), unrouted, limit / (trial.unrouted.len() as u64 + 1))?;
    }
    for (i, letters) in trial.dead_letters.iter().enumerate() {
        counts(&format!("{at}.dead_letters[{i}]"), letters, limit / (trial.dead_letters.len() as u64 + 1))?;
    }
    of_series(at, trial, limit)
}

/// The points of a trial's series.
fn of_series(at: &str, trial: &v1::Trial, limit: u64) -> Result<(), FormatError> {
    let of_points = limit / (trial.series.len() as u64 + 1);
    for (i, point) in trial.series.iter().enumerate() {
        let at = format!("{at}.series[{i}]");
        small(&format!("{at}.at_ns"), point.at_ns, limit)?;
        for (name, count) in [
            ("ended", point.ended),
            ("in_flight", point.in_flight),
            ("response_count", point.response_count),
            ("response_over_range", point.response_over_range),
            ("unconfirmed", point.unconfirmed.unwrap_or(0)),
        ] {
            small(&format!("{at}.{name}"), count, of_points)?;
        }
        // Points are merged by their intervals, so these are added up as well.
        small(&format!("{at}.intervals"), u64::from(point.intervals), u64::from(u32::MAX) / 4)?;
        sum_fits(&format!("{at}.response_sum_ns"), point.response_sum_ns, point.response_count)?;
        if let Some(v1::PointTimes { count, over_range, sum, .. }) = &point.service_ns {
            small(&format!("{at}.service_ns.count"), *count, of_points)?;
            small(&format!("{at}.service_ns.over_range"), *over_range, of_points)?;
            sum_fits(&format!("{at}.service_ns.sum"), *sum, *count)?;
        }
    }
    Ok(())
}

/// Every number of a table of counts, whatever they are called: a count that is added later is checked, too.
fn counts(at: &str, table: &impl Serialize, limit: u64) -> Result<(), FormatError> {
    let Value::Object(counts) = serde_json::to_value(table)? else { return Ok(()) };
    counts
        .iter()
        .try_for_each(|(name, count)| small(&format!("{at}.{name}"), count.as_u64().unwrap_or(0), limit))
}

fn small(at: &str, number: u64, limit: u64) -> Result<(), FormatError> {
    if number <= limit {
        return Ok(());
    }
    let reason =
        format!("{number} is more than {limit}, beyond which sums over this record would not fit 64 bits");
    Err(FormatError::Content { at: at.to_owned(), reason })
}

/// No value has more than 64 bits, so so many of them have a largest sum.
fn sum_fits(at: &str, sum: u128, count: u64) -> Result<(), FormatError> {
    if sum <= u128::from(count) * u128::from(u64::MAX) {
        return Ok(());
    }
    let reason = format!("{count} values cannot have a sum of {sum}");
    Err(FormatError::Content { at: at.to_owned(), reason })
}
