//! Makes a load from a spec: flows and their schedule, the length of the measurement, and the load's description.

use crate::{exit::usage, spec::RunSpec};
use drumpost_core::load::{AtCap, Debt, Extent, LoadPlan, Pace};
use drumpost_results::units;
use drumpost_workloads::{ArrivalSpec, Rate, WorkloadSpec};
use std::time::Duration;

/// The workload: arrivals, payloads, keys, headers.
///
/// # Errors
/// A sentence about the first flag that cannot be meant.
pub(super) fn workload(spec: &RunSpec) -> anyhow::Result<WorkloadSpec> {
    let load = &spec.load;
    let rate = load.rate.as_ref().map(|rate| Rate::per_s(rate.0)).transpose();
    let rate = rate.map_err(|error| usage(format!("--rate: {error}")))?;
    let process = load.arrivals.as_deref().or(rate.map(|_| "constant"));
    let columns = load.trace_columns.as_ref().map(|columns| (**columns).clone()).unwrap_or_default();
    let arrivals = process.map(|process| ArrivalSpec::parse_with(process, rate, &columns));
    let arrivals = arrivals.transpose().map_err(|error| usage(format!("--arrivals: {error}")))?;
    if arrivals.is_none() && (load.senders.0 > 1 || load.window.is_some()) {
        let flag = if load.window.is_some() { "--window" } else { "--senders" };
        return Err(usage(format!("{flag} is for open loads: add --rate, such as --rate 10k/s")));
    }
    if load.trace_columns.is_some() && arrivals.as_ref().is_none_or(|arrivals| arrivals.trace().is_none()) {
        return Err(usage("--trace-columns is for a trace: add --arrivals trace:FILE"));
    }
    if load.senders.0 > 1 && arrivals.as_ref().is_some_and(|arrivals| arrivals.trace().is_some()) {
        return Err(usage(
            "--senders cannot be combined with a trace, which already says when every flow is due",
        ));
    }
    for (flag, is_set, is_for_open) in [
        ("--think", load.think.is_some(), false),
        ("--at-cap", load.at_cap.0 != AtCap::Block, true),
        ("--debt", *load.debt != Debt::Keep, true),
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
    Ok(WorkloadSpec {
        seed: *load.seed,
        arrivals,
        think: load.think.as_ref().map(|think| **think),
        senders: load.senders.as_u32(),
        payload: (*load.payload).clone(),
        keys: *load.keys,
    })
}

/// Refuses a flag about a full window where no dispatch has a limit of its window, so that none is ever full. Of several, some may have one
/// by themselves, and for those the flag counts.
pub(super) fn check_window(spec: &RunSpec, dispatches: &[(&str, Pace)]) -> anyhow::Result<()> {
    let at_cap = spec.load.at_cap.0;
    if at_cap == AtCap::Block || dispatches.iter().any(|(_, pace)| pace.window() < u64::MAX) {
        return Ok(());
    }
    let labels: Vec<&str> = dispatches.iter().map(|(label, _)| *label).collect();
    let without = if let [_] = labels[..] { "this dispatch has" } else { "these dispatches have" };
    Err(usage(format!(
        "{}: --at-cap {} acts when the in-flight window is full, but {without} no window limit; add --window, such as --window 1000",
        labels.join(", "),
        at_cap.name()
    )))
}

/// How long the load of a trace goes on after the trace's last line was due, in ns, in virtual time and on a real clock. On a
/// real clock a thread takes up a flow some microseconds after it was due. A load that ended with its last line would never
/// start that flow.
const LAST_LINE_NS: [u64; 2] = [1, 10_000_000];

/// How long is measured, or how much; never longer than there is a trace.
pub(super) fn extent(
    spec: &RunSpec,
    workload: &WorkloadSpec,
    warmup_ns: u64,
    is_virtual: bool,
) -> anyhow::Result<Extent> {
    let last_ns = workload.trace().map(|trace| trace.last_ns());
    if let Some(last_ns) = last_ns.filter(|last_ns| *last_ns < warmup_ns) {
        let (end, warmup) = (units::duration(last_ns), units::duration(warmup_ns));
        return Err(usage(format!("--arrivals: the trace ends after {end}, within the warm-up of {warmup}")));
    }
    if let Some(count) = &spec.measure.count {
        return Ok(Extent::Count(count.0));
    }
    let asked_ns = spec.measure.duration.as_ref().map(|asked| as_ns(asked.0)).transpose()?;
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
pub(crate) fn text_alone(spec: &RunSpec) -> Option<String> {
    workload(spec).ok().map(|workload| load_text(spec, &workload))
}

/// How many flows a closed load keeps under way.
pub(super) fn in_flight(spec: &RunSpec) -> u64 {
    spec.load.in_flight.as_ref().map_or(64, |in_flight| in_flight.0)
}

/// In a few words, for the dashboard.
pub(super) fn load_text(spec: &RunSpec, workload: &WorkloadSpec) -> String {
    let Some(arrivals) = &workload.arrivals else {
        return format!("closed, {} in flight", in_flight(spec));
    };
    let rate = arrivals.rate().map(|rate| format!(", {}", units::rate(rate.as_per_s())));
    let process = match arrivals {
        ArrivalSpec::Poisson(_) => "Poisson".to_owned(),
        other => other.to_string(),
    };
    let senders =
        if workload.senders > 1 { format!(", {} senders", workload.senders) } else { String::new() };
    format!("open, {process}{}{senders}", rate.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn a_flag_about_a_full_window_is_refused_where_no_window_has_a_limit() {
        let line = "drumpost run stream --rate 1k/s --at-cap shed";
        let Some(Command::Run(args)) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        let said = |windows: &[u64]| {
            let paces: Vec<(&str, Pace)> =
                windows.iter().map(|window| ("a", Pace::Open { window: *window })).collect();
            check_window(&args.spec, &paces).map_or_else(|error| error.to_string(), |()| String::new())
        };
        assert!(said(&[u64::MAX]).starts_with("a: --at-cap shed acts"), "{}", said(&[u64::MAX]));
        assert!(said(&[u64::MAX, u64::MAX]).contains("a, a: --at-cap shed") && said(&[64]).is_empty());
        assert_eq!(said(&[u64::MAX, 64]), "", "one that has a limit is run with the flag");
    }
}
