//! Rows in real time: pacing, and simulated targets on the real clock. The latter are compared with the same flows in
//! virtual time, which have the same arrivals and service times, so that only the machine differs.

use super::{
    busy::{Lookout, Seen},
    rig::{Ran, Rig},
    row::{Group, Reason, Row, Unit},
};
use crate::oracle::{self, QUANTILES};
use drumpost_core::load::Extent;

const MS: f64 = 1e6;
const S: f64 = 1e9;

/// A schedule that is kept is late by no more than this for 99 in 100 flows.
const LAG_P99_MOST_NS: f64 = 100e3;
/// Real time may add this to what the same flows take in virtual time: a wake-up of the load and one of the receiver, of
/// up to 100 µs each on a host at rest.
const WAKE_UPS_NS: f64 = 200e3;
/// Tolerance of the row about a stall of 1 s.
const STALL_OFF_NS: f64 = 5.0 * MS;

/// All rows, and what was seen of the host over all of them.
pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<(Vec<Row>, Seen)> {
    let whole = Lookout::start();
    let mut rows = Vec::new();
    for part in [pacing, queue, stall, even] {
        let lookout = Lookout::start();
        let found = part(rig)?;
        let busy = lookout.end().busy();
        rows.extend(found.into_iter().map(|row| row.on(Group::Real, busy.as_ref())));
    }
    Ok((rows, whole.end()))
}

/// The simulated target in real time, and a transport in the process.
fn pacing(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, dispatch) in [
        ("sim", format!("--sim {},clock=real", rig.service("fixed", 1.0))),
        ("crossbeam", "--dispatch message/crossbeam".to_owned()),
    ] {
        let line = format!(
            "stream {dispatch} --rate 10k/s --arrivals poisson --warmup 500ms --duration 3s --trials 1"
        );
        let ran = rig.run(&line)?;
        let expected = scheduled(rig, &line)?;
        let started = ran.derived.flows.started;
        let figures = (expected as f64 / 3.0, started as f64 / 3.0);
        let row =
            Row::near(format!("{what} 10k/s Poisson  started"), Unit::PerS, figures, 0.001, Reason::Limit);
        rows.push(row.by(&ran.line));
        rows.extend(lag(&format!("{what} 10k/s Poisson"), &ran));
    }
    Ok(rows)
}

/// How many flows the schedule itself has in the measured window, counted without running it.
fn scheduled(rig: &Rig<'_>, line: &str) -> anyhow::Result<u64> {
    let plan = rig.plan(line)?;
    let Extent::Duration(ns) = plan.load.extent else { return Ok(0) };
    let window = plan.load.warmup_ns..plan.load.warmup_ns + ns;
    let mut feed = (plan.feeds)(0, 1);
    let (mut starts, mut count) = (Vec::with_capacity(512), 0);
    loop {
        starts.clear();
        feed.fill(&mut starts);
        count += starts.iter().filter(|start| window.contains(&start.after_ns)).count() as u64;
        if starts.last().is_none_or(|last| last.after_ns >= window.end) {
            return Ok(count);
        }
    }
}

fn lag(what: &str, ran: &Ran) -> [Row; 3] {
    let lag = ran.run.lag();
    let at = |share| lag.quantile_ns(share).map_or(f64::NAN, |ns| ns as f64);
    let shown = |name, ns| Row::shown(format!("{what}  lag {name}"), Unit::Ns.text(ns)).by(&ran.line);
    [
        shown("p50", at(0.5)),
        Row::at_most(format!("{what}  lag p99"), Unit::Ns, (LAG_P99_MOST_NS, at(0.99)), Reason::Limit)
            .by(&ran.line),
        shown("max", lag.max_ns().map_or(f64::NAN, |ns| ns as f64)),
    ]
}

/// M/M/1 at half load for 12 s: too few flows for theory to say much, so it says little, and virtual time much.
fn queue(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("exp", 1000.0);
    let line = |clock: &str, warmup: &str| {
        format!("stream --sim {service},clock={clock} --rate 500/s --arrivals poisson --count 6000 {warmup}")
    };
    let (real, twin) = (rig.run(&line("real", "--warmup 0s --trials 1"))?, rig.run(&line("virtual", ""))?);
    let mut rows = Vec::new();
    for ((name, share), strays) in QUANTILES.into_iter().zip(oracle::MM1_HALF.response).take(3) {
        let measured = real.response_ns(share);
        let theory = (MS * oracle::mm1_response(share, 0.5), measured);
        let chance = oracle::tolerance(strays, 6_000) + WAKE_UPS_NS / theory.0;
        rows.push(
            Row::near(format!("M/M/1 ρ 0.5  {name}"), Unit::Ns, theory, chance, Reason::Chance)
                .by(&real.line),
        );
        let same = (twin.response_ns(share), measured);
        let off = WAKE_UPS_NS + oracle::BUCKET * same.0;
        rows.push(Row::around(
            format!("  same flows in virtual time  {name}"),
            Unit::Ns,
            same,
            off,
            Reason::Limit,
        ));
    }
    Ok(rows)
}

fn stall(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let line = format!(
        "stream --sim {},stall=1s/6s,clock=real --rate 1000/s --duration 6s --warmup 0s --trials 1",
        rig.service("fixed", 1.0)
    );
    let ran = rig.run(&line)?;
    let expected = oracle::stall_wait(0.99, 0.0, 1.0, 6.0) * S;
    let service = ran.run.service().quantile_ns(0.99).map_or(f64::NAN, |ns| ns as f64);
    Ok(vec![
        Row::around(
            "stall of 1 s  response p99",
            Unit::Ns,
            (expected, ran.response_ns(0.99)),
            STALL_OFF_NS,
            Reason::Limit,
        )
        .by(&ran.line),
        Row::at_most("stall of 1 s  service p99", Unit::Ns, (STALL_OFF_NS, service), Reason::Limit)
            .by(&ran.line),
    ])
}

fn even(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let line = format!(
        "stream --sim {},clock=real --rate 500/s --duration 3s --warmup 200ms --trials 1",
        rig.service("fixed", 1000.0)
    );
    let ran = rig.run(&line)?;
    let row = |name: &str, share| {
        let figures = (MS, ran.response_ns(share));
        Row::around(format!("evenly paced ρ 0.5  {name}"), Unit::Ns, figures, WAKE_UPS_NS, Reason::Limit)
            .by(&ran.line)
    };
    Ok(vec![row("p50", 0.5), row("p99", 0.99)])
}
