//! Rows about the schedule of an open load: lag and service add up to the response, gaps have the right distribution,
//! and a schedule that is not kept makes the run invalid.

use crate::{
    oracle,
    selftest::{
        rig::Rig,
        row::{Reason, Row, Unit},
    },
};
use drumpost_core::load::{Feed, Start};
use std::sync::Arc;

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let line = format!(
        "stream --sim {},stall=200ms/10s --rate 300/s --arrivals poisson --count 60k",
        rig.service("exp", 1000.0)
    );
    let ran = rig.run(&line)?;
    let sum = |times: drumpost_results::model::Distribution| times.sum_ns() as u64;
    let off = sum(ran.run.response()).abs_diff(sum(ran.run.lag()) + sum(ran.run.service()));
    let mut rows = vec![
        Row::exact("response − lag − service, worst, ns", 0, off).by(&ran.line),
        Row::above(
            "  share of lag, so that it counts",
            Unit::Ns,
            (0.0, sum(ran.run.lag()) as f64),
            Reason::Exact,
        ),
    ];
    let line = "stream --sim service=fixed:1us --rate 10k/s --arrivals poisson --count 5k";
    let limit = oracle::ANDERSON_DARLING_LIMIT;
    let honest = rig.outcome(line, |_| {})?;
    for gaps in &honest.gaps {
        let fits = |gaps| (limit, oracle::anderson_darling(gaps));
        rows.push(Row::at_most(
            "Poisson gaps planned  A²",
            Unit::Plain,
            fits(&gaps.planned_ns),
            Reason::Chance,
        ));
        rows.push(Row::at_most(
            "Poisson gaps started  A²",
            Unit::Plain,
            fits(&gaps.started_ns),
            Reason::Chance,
        ));
    }
    let distorted = rig.outcome(line, |plan| {
        let feeds = Arc::clone(&plan.feeds);
        plan.feeds = Arc::new(move |member, of| Box::new(Floored::new(feeds(member, of))));
    })?;
    for gaps in &distorted.gaps {
        let misfit = (limit, oracle::anderson_darling(&gaps.planned_ns));
        rows.push(Row::above("  A² if no gap is below 50 µs", Unit::Plain, misfit, Reason::Chance));
    }
    let ran = rig.run("stream --sim service=fixed:1ms --rate 1200/s --window 1 --duration 10s")?;
    rows.push(Row::says("1,200 /s asked, 1,000 done  verdict", "invalid", ran.validity()).by(&ran.line));
    Ok(rows)
}

/// A schedule as a careless limiter makes it: no gap is shorter than 50 µs.
struct Floored {
    inner: Box<dyn Feed>,
    planned_ns: u64,
    last_ns: u64,
}

impl Floored {
    fn new(inner: Box<dyn Feed>) -> Self {
        Self { inner, planned_ns: 0, last_ns: 0 }
    }
}

impl Feed for Floored {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        let from = starts.len();
        self.inner.fill(starts);
        for start in &mut starts[from..] {
            let gap_ns = (start.after_ns - self.planned_ns).max(50_000);
            self.planned_ns = start.after_ns;
            self.last_ns += gap_ns;
            start.after_ns = self.last_ns;
        }
    }
}
