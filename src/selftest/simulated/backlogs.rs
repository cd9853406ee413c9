//! Rows about backlogs: messages pile up for an absent service, which then catches up with them.

use super::{MS, S};
use crate::{
    oracle,
    selftest::{
        rig::{Ran, Rig},
        row::{Reason, Row, Unit},
    },
};
use drumpost_results::model::Backlog;

/// Flows arrive every ms, and are served in half of that.
const ARRIVALS: f64 = 1_000.0;
const SERVED: f64 = 2_000.0;
/// What `--catch-up 2k/s` allows.
const LIMIT: f64 = 2_000.0;

pub(super) fn rows(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = even(rig)?;
    rows.extend(limited(rig)?);
    rows.extend(too_slow(rig)?);
    rows.extend(random(rig)?);
    rows.extend(never(rig)?);
    Ok(rows)
}

/// The backlog of the only trial.
fn backlog(ran: &Ran) -> anyhow::Result<&Backlog> {
    let found = ran.run.trials.first().and_then(|trial| trial.backlog.as_ref());
    found.ok_or_else(|| anyhow::anyhow!("`{}` has no backlog; this is a defect of drumpost", ran.line))
}

fn took_ns(backlog: &Backlog) -> f64 {
    backlog.catch_up_ns().map_or(f64::NAN, |ns| ns as f64)
}

/// Nothing is random: the backlog falls by one message in each ms.
fn even(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("fixed", 500.0);
    let ran =
        rig.run(&format!("stream --sim {service} --rate 1000/s --duration 8s --backlog worker:3000"))?;
    let told = backlog(&ran)?;
    let (mean, _) = oracle::catch_up(told.waiting - told.level, ARRIVALS, SERVED);
    let longest = ran.run.response().max_ns().map_or(f64::NAN, |ns| ns as f64);
    let drained = told.drained_per_s().unwrap_or(f64::NAN);
    Ok(vec![
        Row::exact("backlog of 3,000  size", 3_000, told.waiting).by(&ran.line),
        Row::around(
            "backlog of 3,000  time until level",
            Unit::Ns,
            (mean * S, took_ns(told)),
            1.5 * MS,
            Reason::Step,
        )
        .by(&ran.line),
        // Over 2,970 ms, of which one at each end may count or not.
        Row::near("backlog of 3,000  drained", Unit::PerS, (SERVED - ARRIVALS, drained), 0.001, Reason::Step)
            .by(&ran.line),
        // The first message waited for all others to be sent.
        Row::around(
            "backlog of 3,000  response max",
            Unit::Ns,
            (3_000.0 / ARRIVALS * S, longest),
            1.5 * MS,
            Reason::Step,
        )
        .by(&ran.line),
        Row::says("backlog of 3,000  verdict", "valid", ran.validity()).by(&ran.line),
    ])
}

/// The service could handle 4,000 messages a second, and its limit is half of that. So the backlog falls by one message in each ms, too.
fn limited(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("fixed", 250.0);
    let line =
        format!("stream --sim {service} --rate 1000/s --duration 8s --backlog worker:3000 --catch-up 2k/s");
    let ran = rig.run(&line)?;
    let told = backlog(&ran)?;
    let (mean, _) = oracle::catch_up(told.waiting - told.level, ARRIVALS, LIMIT);
    let figures = (mean * S, took_ns(told));
    let received = told.received_per_s().unwrap_or(f64::NAN);
    let share = told.held_back_share().unwrap_or(f64::NAN);
    Ok(vec![
        Row::around("backlog at a limit  until level", Unit::Ns, figures, 1.5 * MS, Reason::Step)
            .by(&ran.line),
        Row::near("backlog at a limit  received", Unit::PerS, (LIMIT, received), 0.001, Reason::Step)
            .by(&ran.line),
        // Handling takes no time in virtual time. The first message is asked for when it is served.
        Row::near("backlog at a limit  held back", Unit::Share, (1.0, share), 0.001, Reason::Step)
            .by(&ran.line),
        Row::says("backlog at a limit  verdict", "valid", ran.validity()).by(&ran.line),
    ])
}

/// A limit above what the service can handle changes nothing.
fn too_slow(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("fixed", 500.0);
    let line =
        format!("stream --sim {service} --rate 1000/s --duration 8s --backlog worker:3000 --catch-up 4k/s");
    let ran = rig.run(&line)?;
    let told = backlog(&ran)?;
    let (mean, _) = oracle::catch_up(told.waiting - told.level, ARRIVALS, SERVED);
    let figures = (mean * S, took_ns(told));
    let says = if told.is_limit_reached() == Some(false) { "no" } else { "yes" };
    Ok(vec![
        Row::around("backlog below its limit  until level", Unit::Ns, figures, 1.5 * MS, Reason::Step)
            .by(&ran.line),
        Row::says("backlog below its limit  is it reached", "no", says).by(&ran.line),
    ])
}

fn random(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("exp", 500.0);
    let line = "--rate 1000/s --arrivals poisson --capacity 100k --duration 100s --backlog worker:40k";
    let ran = rig.run(&format!("stream --sim {service} {line}"))?;
    let told = backlog(&ran)?;
    let (mean, error) = oracle::catch_up(told.waiting - told.level, ARRIVALS, SERVED);
    let figures = (mean * S, took_ns(told));
    let what = "M/M/1 backlog of 40,000  until level";
    Ok(vec![Row::around(what, Unit::Ns, figures, oracle::ERRORS * error * S, Reason::Chance).by(&ran.line)])
}

/// As much arrives as is served.
fn never(rig: &Rig<'_>) -> anyhow::Result<Vec<Row>> {
    let service = rig.service("fixed", 1000.0);
    let ran = rig.run(&format!("stream --sim {service} --rate 1000/s --duration 4s --backlog worker:1s"))?;
    let told = backlog(&ran)?;
    let reasons = ran.verdict().reasons.join("; ");
    let says = if reasons.contains("worker was never level") { "never level" } else { "level" };
    Ok(vec![
        Row::around(
            "backlog of 1 s, ρ 1  left at the end",
            Unit::Plain,
            (told.waiting as f64, told.left as f64),
            1.5,
            Reason::Step,
        )
        .by(&ran.line),
        Row::says("backlog of 1 s, ρ 1  verdict says", "never level", says).by(&ran.line),
    ])
}
