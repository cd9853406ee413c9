//! Rows about targets that stand still or are overloaded. Coordinated omission would hide both.

use super::{MS, S};
use crate::{
    oracle,
    selftest::{
        rig::Rig,
        row::{Reason, Row, Unit},
    },
};

/// Every schedule here has a flow a ms, and a stall may begin anywhere between two.
const STEP_NS: f64 = 1.5 * MS;

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (rho, down, every, seconds) in [(0.0, 1.0, 60.0, 600), (0.5, 1.0, 60.0, 600), (0.3, 0.1, 10.0, 300)] {
        let service_us = (rho * 1000.0_f64).max(1.0);
        let service = rig.service("fixed", service_us);
        let line =
            format!("stream --sim {service},stall={down}s/{every}s --rate 1000/s --duration {seconds}s");
        let ran = rig.run(&line)?;
        let what = format!("stall {down}/{every} s ρ {rho}");
        for (name, share) in [("p99", 0.99), ("p99.9", 0.999)] {
            let wait = oracle::stall_wait(share, rho, down, every);
            let expected = wait * S + service_us * 1e3;
            let figures = (expected, ran.response_ns(share));
            let off = STEP_NS + oracle::BUCKET * expected;
            let row = Row::around(format!("{what}  response {name}"), Unit::Ns, figures, off, Reason::Step);
            rows.push(row.by(&ran.line));
        }
        if rho == 0.0 {
            // Blocked flows are sent at once and served within down × rate × service.
            let service_ns = ran.run.service().quantile_ns(0.999).map_or(f64::NAN, |ns| ns as f64);
            let row = Row::at_most(
                "  service p99.9 hides the stall",
                Unit::Ns,
                (1.1 * MS, service_ns),
                Reason::Limit,
            );
            rows.push(row.by(&ran.line));
            let due = seconds as u64 * 1000;
            rows.push(Row::exact("  response times recorded", due, ran.run.response().count()));
        }
    }
    rows.extend(closed(rig)?);
    rows.extend(overload(rig)?);
    Ok(rows)
}

/// A closed loop stalls with its target, and must say what it is.
fn closed(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("fixed", 1000.0);
    let ran = rig.run(&format!("stream --sim {service},stall=1s/60s --in-flight 1 --duration 120s"))?;
    let p99 = (MS, ran.response_ns(0.99));
    let load = drumpost_results::format::to_json(&drumpost_results::model::Record {
        runs: vec![ran.run.clone()],
        ..Default::default()
    })?;
    let says = if load.contains("\"load\": \"closed\"") { "closed" } else { "open" };
    Ok(vec![
        Row::near("stall, closed load  response p99", Unit::Ns, p99, oracle::BUCKET, Reason::Bucket)
            .by(&ran.line),
        Row::says("stall, closed load  load is named", "closed", says).by(&ran.line),
    ])
}

/// 1.2 times what can be taken for 10 s.
fn overload(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let line = format!("stream --sim {} --rate 1200/s --duration 10s", rig.service("fixed", 1000.0));
    let ran = rig.run(&line)?;
    let reasons = ran.verdict().reasons.join("; ");
    let last = oracle::overload_wait(11_999.0 / 1_200.0, 1.2) * S + MS;
    let longest = ran.run.response().max_ns().map_or(f64::NAN, |ns| ns as f64);
    let short = rig.run(&format!("{line} --drain 500ms"))?;
    let flows = short.derived.flows;
    let steady = if reasons.contains("not steady") { "not steady" } else { "steady" };
    Ok(vec![
        Row::around("overload 1.2  response at 10 s", Unit::Ns, (last, longest), 1e3, Reason::Step)
            .by(&ran.line),
        Row::says("overload 1.2  verdict says", "not steady", steady).by(&ran.line),
        Row::exact("overload 1.2  ended + unfinished", 12_000, flows.ended + flows.unfinished)
            .by(&short.line),
        // A flow ends each ms of the load's 10 s and of the drain.
        Row::around(
            "overload 1.2  unfinished",
            Unit::Plain,
            (1_500.0, flows.unfinished as f64),
            2.0,
            Reason::Step,
        )
        .by(&short.line),
        Row::says("overload 1.2  verdict, short drain", "invalid", short.validity()).by(&short.line),
    ])
}
