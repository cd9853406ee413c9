//! Rows about closed loads, compared with mean value analysis, with and without think time.

use super::MS;
use crate::{
    oracle,
    selftest::{
        rig::Rig,
        row::{Reason, Row, Unit},
    },
};
use drumpost_core::load::{Feed, Start};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::sync::Arc;

const FLOWS: u64 = 1_000_000;

/// Users, think time in service times, and how far throughput and mean response stray over a million flows, as
/// [`oracle::Strays`] were found.
const LOOPS: [(u32, f64, [f64; 2]); 3] =
    [(4, 0.0, [0.00101, 0.00101]), (10, 9.0, [0.00081, 0.00236]), (20, 9.0, [0.00103, 0.00204])];

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (users, think, strays) in LOOPS {
        let (service, flows, seed) = (rig.service("exp", 1000.0), rig.flows(FLOWS), rig.seed);
        let line = format!("stream --sim {service} --in-flight {users} --count {flows}");
        let outcome = rig.outcome(&line, |plan| {
            if think > 0.0 {
                plan.load.thinks = true;
                plan.feeds = Arc::new(move |_, _| Box::new(Thinks::new(think * MS, seed)));
            }
        })?;
        let (throughput, response) = oracle::closed_loop(users, think);
        let measured = outcome.measured_ended as f64 * 1e9 / outcome.elapsed_ns as f64;
        let what = format!("{users} users, think {think} ms");
        let chance = |strays| oracle::tolerance(strays, flows) - oracle::BUCKET;
        rows.push(Row::near(
            format!("{what}  throughput"),
            Unit::PerS,
            (1e3 * throughput, measured),
            chance(strays[0]),
            Reason::Chance,
        ));
        rows.push(Row::near(
            format!("{what}  mean response"),
            Unit::Ns,
            (MS * response, outcome.response.mean_ns()),
            chance(strays[1]),
            Reason::Chance,
        ));
    }
    Ok(rows)
}

/// Flows with exponential think times.
struct Thinks {
    mean_ns: f64,
    random: StdRng,
}

impl Thinks {
    fn new(mean_ns: f64, seed: u64) -> Self {
        Self { mean_ns, random: StdRng::seed_from_u64(seed ^ 0x7468_696e_6b73) }
    }
}

impl Feed for Thinks {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        while starts.len() < starts.capacity() {
            let unit: f64 = self.random.random();
            let after_ns = (-(1.0 - unit).ln() * self.mean_ns).round() as u64;
            starts.push(Start { after_ns, ..Start::default() });
        }
    }
}
