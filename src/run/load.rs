//! Makes a load from flags: flows and their schedule, the length of the measurement, and the load's description.

use crate::{
    args::{AtCap, RunArgs},
    exit::usage,
};
use drumpost_core::load::{Debt, Extent, LoadPlan};
use drumpost_results::units;
use drumpost_workloads::{ArrivalSpec, KeySpec, PayloadSpec, Rate, ThinkSpec, WorkloadSpec};
use std::time::Duration;

/// The workload: arrivals, payloads, keys, headers.
///
/// # Errors
/// A sentence about the first flag that cannot be meant.
pub(super) fn workload(args: &RunArgs) -> anyhow::Result<WorkloadSpec> {
    let rate = args.rate.map(Rate::per_s).transpose().map_err(|error| usage(format!("--rate: {error}")))?;
    let process = args.arrivals.as_deref().or(rate.map(|_| "constant"));
    let columns = args.trace_columns.clone().unwrap_or_default();
    let arrivals = process.map(|process| ArrivalSpec::parse_with(process, rate, &columns));
    let arrivals = arrivals.transpose().map_err(|error| usage(format!("--arrivals: {error}")))?;
    if arrivals.is_none() && (args.senders > 1 || args.window.is_some()) {
        let flag = if args.window.is_some() { "--window" } else { "--senders" };
        return Err(usage(format!("{flag} is for open loads: add --rate, such as --rate 10k/s")));
    }
    if args.trace_columns.is_some() && arrivals.as_ref().is_none_or(|arrivals| arrivals.trace().is_none()) {
        return Err(usage("--trace-columns is for a trace: add --arrivals trace:FILE"));
    }
    if args.senders > 1 && arrivals.as_ref().is_some_and(|arrivals| arrivals.trace().is_some()) {
        return Err(usage(
            "--senders cannot be combined with a trace, which already says when every flow is due",
        ));
    }
    let payload: PayloadSpec = args.payload.parse().map_err(|error| usage(format!("--payload: {error}")))?;
    let keys: KeySpec = args.keys.parse().map_err(|error| usage(format!("--keys: {error}")))?;
    let think: Option<ThinkSpec> = args
        .think
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| usage(format!("--think: {error}")))?;
    for (flag, is_set, is_for_open) in [
        ("--think", think.is_some(), false),
        ("--at-cap", args.at_cap != AtCap::Block, true),
        ("--debt", args.debt != Debt::Keep, true),
    ] {
        if is_set && is_for_open != arrivals.is_some() {
            let (kind, instead) = if is_for_open {
                ("open", "add --rate")
            } else {
                ("closed", "leave --rate and --arrivals out")
            };
            return Err(usage(format!("{flag} is for {kind} loads: {instead}")));
        }
    }
    Ok(WorkloadSpec { seed: args.seed, arrivals, think, senders: args.senders, payload, keys })
}

/// How long the load of a trace goes on after the trace's last line was due, in ns, in virtual time and on a real clock. On a
/// real clock a thread takes up a flow some microseconds after it was due. A load that ended with its last line would never
/// start that flow.
const LAST_LINE_NS: [u64; 2] = [1, 10_000_000];

/// How long is measured, or how much; never longer than there is a trace.
pub(super) fn extent(
    args: &RunArgs,
    workload: &WorkloadSpec,
    warmup_ns: u64,
    is_virtual: bool,
) -> anyhow::Result<Extent> {
    let last_ns = workload.trace().map(|trace| trace.last_ns());
    if let Some(last_ns) = last_ns.filter(|last_ns| *last_ns < warmup_ns) {
        let (end, warmup) = (units::duration(last_ns), units::duration(warmup_ns));
        return Err(usage(format!("--arrivals: the trace ends after {end}, within the warm-up of {warmup}")));
    }
    if let Some(count) = args.count {
        return Ok(Extent::Count(count));
    }
    let asked_ns = args.duration.map(as_ns).transpose()?;
    let Some(last_ns) = last_ns else {
        return Ok(Extent::Duration(asked_ns.unwrap_or(1_000_000_000)));
    };
    let left_ns = as_ns(Duration::from_nanos(
        (last_ns - warmup_ns).saturating_add(LAST_LINE_NS[usize::from(!is_virtual)]),
    ))?;
    Ok(Extent::Duration(asked_ns.map_or(left_ns, |asked_ns| asked_ns.min(left_ns))))
}

/// Stamps hold 78 hours; warm-up, window and drain have to fit together.
const MOST: Duration = Duration::from_hours(72);

pub(super) fn as_ns(duration: Duration) -> anyhow::Result<u64> {
    if duration > MOST {
        return Err(usage("a trial lasts 72 hours at most, because time stamps cannot hold more"));
    }
    Ok(drumpost_core::clock::as_ns(duration))
}

/// Refuses a trial that may last longer than stamps hold. How long a closed load takes for a count is not known before:
/// the engine ends such a trial as failed when it comes near the limit.
pub(super) fn check_fits(load: &LoadPlan, workload: &WorkloadSpec, drain: Duration) -> anyhow::Result<()> {
    let (measured, what) = match (load.extent, workload.asked_per_s(load.warmup_ns, load.extent)) {
        (Extent::Duration(ns), _) => (Duration::from_nanos(ns), "--duration".to_owned()),
        (Extent::Count(count), Some(rate)) => {
            let takes = Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX);
            (takes, format!("--count {} at {}", units::count(count), units::rate(rate)))
        }
        (Extent::Count(_), None) => (Duration::ZERO, "--count".to_owned()),
    };
    let warmup = Duration::from_nanos(load.warmup_ns);
    if warmup.saturating_add(measured).saturating_add(drain) <= MOST {
        return Ok(());
    }
    let text = |duration: Duration| units::duration(drumpost_core::clock::as_ns(duration));
    Err(usage(format!(
        "a trial lasts 72 hours at most, because time stamps cannot hold more: --warmup {}, {what} {} and --drain {} together \
         are longer; shorten one of them",
        text(warmup),
        text(measured),
        text(drain),
    )))
}

/// Ten snapshots a second; in virtual time some hundreds over the run, however long it is.
pub(super) fn sample_every(load: &LoadPlan, workload: &WorkloadSpec, is_virtual: bool) -> Duration {
    let least = Duration::from_millis(100);
    let expected = match (load.extent, workload.asked_per_s(load.warmup_ns, load.extent)) {
        (Extent::Count(count), Some(rate)) => {
            Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(least)
        }
        (Extent::Count(_), None) => Duration::from_mins(5),
        (Extent::Duration(ns), _) => Duration::from_nanos(ns),
    };
    if is_virtual { least.max(expected / 500) } else { least }
}

/// The description of the load of a run that cannot be made; `None` if the load cannot be made, either.
pub(crate) fn text_alone(args: &RunArgs) -> Option<String> {
    workload(args).ok().map(|workload| load_text(args, &workload))
}

/// In a few words, for the dashboard.
pub(super) fn load_text(args: &RunArgs, workload: &WorkloadSpec) -> String {
    let Some(arrivals) = &workload.arrivals else {
        return format!("closed, {} in flight", args.in_flight.unwrap_or(64));
    };
    let rate = arrivals.rate().map(|rate| format!(", {}", units::rate(rate.as_per_s())));
    let process = match arrivals {
        ArrivalSpec::Poisson(_) => "Poisson".to_owned(),
        other => other.to_string(),
    };
    let senders = if args.senders > 1 { format!(", {} senders", args.senders) } else { String::new() };
    format!("open, {process}{}{senders}", rate.unwrap_or_default())
}
