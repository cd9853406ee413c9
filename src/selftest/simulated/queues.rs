//! Rows about open loads at one server: random and even arrivals, random and fixed service times, Little's law.

use super::MS;
use crate::{
    oracle::{self, QUANTILES, Strays},
    selftest::{
        rig::{Ran, Rig},
        row::{Reason, Row, Unit},
    },
};

const FLOWS: u64 = 2_000_000;

pub(super) fn random_service(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (rho, strays) in [(0.5, oracle::MM1_HALF), (0.8, oracle::MM1_FOUR_FIFTHS)] {
        let ran = random_arrivals(rig, "exp", rho)?;
        let expected = |share| oracle::mm1_response(share, rho);
        rows.extend(quantiles(&format!("M/M/1 ρ {rho}"), &ran, &strays, expected));
        rows.push(littles_law(&format!("M/M/1 ρ {rho}"), &ran, rho));
        rows.push(Row::says(format!("M/M/1 ρ {rho}  verdict"), "valid", ran.validity()).by(&ran.line));
    }
    Ok(rows)
}

pub(super) fn fixed_service(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (rho, strays) in [(0.5, oracle::MD1_HALF), (0.8, oracle::MD1_FOUR_FIFTHS)] {
        let ran = random_arrivals(rig, "fixed", rho)?;
        let expected = |share| 1.0 + oracle::md1_wait(share, rho);
        rows.extend(quantiles(&format!("M/D/1 ρ {rho}"), &ran, &strays, expected));
        rows.extend(waits(&format!("M/D/1 ρ {rho}"), &ran, &strays, rho));
    }
    for rate in [500, 999] {
        let service = rig.service("fixed", 1000.0);
        let ran = rig.run(&format!("stream --sim {service} --rate {rate}/s --count 20k"))?;
        let times = ran.run.response();
        let what = format!("evenly paced ρ {}  response max", f64::from(rate) / 1e3);
        rows.push(Row::exact(what, 1_000_000, times.max_ns().unwrap_or(0)).by(&ran.line));
    }
    Ok(rows)
}

fn random_arrivals(rig: &Rig<'_>, kind: &str, rho: f64) -> anyhow::Result<Ran> {
    let (service, rate, flows) = (rig.service(kind, 1000.0), rho * 1e3, rig.flows(FLOWS));
    rig.run(&format!("stream --sim {service} --rate {rate}/s --arrivals poisson --count {flows}"))
}

fn quantiles(what: &str, ran: &Ran, strays: &Strays, expected: impl Fn(f64) -> f64) -> Vec<Row> {
    let flows = ran.derived.flows.ended;
    let row = |((name, share), strays): ((&str, f64), f64)| {
        let figures = (MS * expected(share), ran.response_ns(share));
        let share = oracle::tolerance(strays, flows);
        Row::near(format!("{what}  response {name}"), Unit::Ns, figures, share, Reason::Chance).by(&ran.line)
    };
    QUANTILES.into_iter().zip(strays.response).map(row).collect()
}

/// Who finds the server free has a response of the service time. The bucket it falls in also holds those who waited for
/// less than its width, and they are expected there.
fn waits(what: &str, ran: &Ran, strays: &Strays, rho: f64) -> [Row; 2] {
    let (times, flows) = (ran.run.response(), ran.derived.flows.ended);
    let chance = |strays| oracle::tolerance(strays, flows) - oracle::BUCKET;
    let mean = (MS * oracle::md1_wait_mean(rho), times.mean_ns().unwrap_or(f64::NAN) - MS);
    let histogram = times.histogram();
    let width = histogram.highest_equivalent(1_000_000) - 1_000_000;
    let free = histogram.count_between(0, 1_000_000) as f64 / histogram.len() as f64;
    let expected = oracle::md1_share_within(width as f64 / MS, rho);
    [
        Row::near(format!("{what}  mean wait"), Unit::Ns, mean, chance(strays.wait_mean), Reason::Chance)
            .by(&ran.line),
        Row::near(
            format!("{what}  flows without a wait"),
            Unit::Share,
            (expected, free),
            chance(strays.no_wait),
            Reason::Chance,
        )
        .by(&ran.line),
    ]
}

/// Flows in flight are counted at every change, which owes nothing to the times of flows.
/// A backlog that one in a million runs ends with bounds that.
fn littles_law(what: &str, ran: &Ran, rho: f64) -> Row {
    let derived = &ran.derived;
    let by_law =
        derived.throughput_per_s.unwrap_or(f64::NAN) * ran.run.response().mean_ns().unwrap_or(f64::NAN) / 1e9;
    let backlog = 1e-6_f64.ln() / rho.ln();
    let services = derived.elapsed_ns as f64 / MS;
    let share = backlog * (1.0 + backlog * (1.0 - rho) / (2.0 * rho)) / services;
    let figures = (by_law, derived.counted_in_flight.unwrap_or(f64::NAN));
    Row::near(format!("{what}  Little's law"), Unit::Plain, figures, share, Reason::Chance).by(&ran.line)
}
