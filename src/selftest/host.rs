//! Facts about this host: its clock, its sleeps, its cores, the floor of each in-process transport, and the rates that
//! it can pace.

use super::{
    busy::Seen,
    rig::Rig,
    row::{Group, Reason, Row, Unit},
};
use drumpost_core::{
    clock::{Clock, ClockReport, Now},
    drive::wake_latency::WakeLatency,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of two cores may differ by some tens of ns; more than this would be a broken clock.
const BACKWARDS_MOST_NS: f64 = 1e3;

pub(super) fn rows(rig: &Rig<'_>, seen: Option<Seen>) -> anyhow::Result<Vec<Row>> {
    let mut rows = facts(seen);
    rows.extend(floors(rig)?);
    rows.extend(rates(rig)?);
    Ok(rows)
}

fn facts(seen: Option<Seen>) -> Vec<Row> {
    let clock = ClockReport::measure();
    let facts = crate::environment::facts(true);
    let fact = |key: &str| facts.get(key).cloned().unwrap_or_else(|| "not readable".into());
    let latency = WakeLatency::of_host();
    let backwards = Row::at_most(
        "clock  max step back across threads",
        Unit::Ns,
        (BACKWARDS_MOST_NS, backwards_ns() as f64),
        Reason::Limit,
    );
    let mut rows = vec![
        Row::shown("clock  source", clock.source),
        Row::shown("clock  cost of a read", Unit::Ns.text((clock.read_ns * 10.0).round() / 10.0)),
        Row::shown("clock  step", Unit::Ns.text(clock.step_ns as f64)),
        backwards.on(Group::Host, None),
        Row::shown("precise sleep  late p50", Unit::Ns.text(latency.late_p50.as_nanos() as f64)),
        Row::shown("precise sleep  late p90", Unit::Ns.text(latency.late_p90.as_nanos() as f64)),
        Row::shown("cores", fact("cores")),
        Row::shown("governor", fact("governor")),
    ];
    if let Some(seen) = seen {
        let percent = drumpost_results::units::percent;
        rows.push(Row::shown("during the real-time tests  stolen", percent(seen.steal_share)));
        rows.push(Row::shown("  used by other processes", percent(seen.others_share)));
        rows.push(Row::shown("  plain sleep  late p50", Unit::Ns.text(seen.late_p50_ns as f64)));
        rows.push(Row::shown("  plain sleep  late p90", Unit::Ns.text(seen.late_p90_ns as f64)));
    }
    rows
}

/// How far a thread's clock was behind what another had read before.
fn backwards_ns() -> u64 {
    let (clock, latest, worst) = (Clock::start(), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    let seen_ns = latest.load(Ordering::SeqCst);
                    let now_ns = clock.now_ns();
                    worst.fetch_max(seen_ns.saturating_sub(now_ns), Ordering::Relaxed);
                    latest.fetch_max(now_ns, Ordering::SeqCst);
                }
            });
        }
    });
    worst.into_inner()
}

/// Median response of one flow under way over each transport in the process, its lanes stepped on one thread.
fn floors(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let line = "stream --in-flight 1 --placement 1 --wait spin --warmup 20ms --duration 80ms --trials 1";
    let floor = |run: &drumpost_results::model::Run| {
        let p50 = run.response().quantile_ns(0.5).map_or(f64::NAN, |ns| ns as f64);
        Row::shown(format!("floor  {}", run.dispatch), Unit::Ns.text(p50)).by(line)
    };
    Ok(rig.record(line)?.runs.iter().map(floor).collect())
}

/// The highest of three rates at which the load was late by no more than so much for 99 in 100 flows.
fn rates(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut lags = Vec::new();
    for (name, rate) in [("1k/s", 1_000), ("10k/s", 10_000), ("100k/s", 100_000)] {
        let line = format!(
            "stream --dispatch message/crossbeam --rate {rate}/s --warmup 200ms --duration 800ms --trials 1"
        );
        lags.push((name, rig.run(&line)?.run.lag().quantile_ns(0.99).unwrap_or(u64::MAX)));
    }
    let limits = [("50 µs", 50_000), ("100 µs", 100_000), ("1 ms", 1_000_000)];
    let highest = |(text, limit_ns)| {
        let held = lags.iter().rev().find(|(_, lag_ns)| *lag_ns <= limit_ns);
        Row::shown(format!("highest rate with lag p99 ≤ {text}"), held.map_or("none", |(name, _)| name))
    };
    Ok(limits.into_iter().map(highest).collect())
}
