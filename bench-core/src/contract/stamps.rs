//! Checks that time stamps arrive unchanged and that times are plausible.

use super::{
    Stop, ensure,
    handlers::{Plain, Slow, Stamped},
    scenarios::one_hop,
    subject::{Ran, Subject},
    trial::Trial,
};
use crate::{
    clock::{Clock, Now},
    scenario::{Intent, Style},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// See [`super::CHECKS`].
pub(super) fn stamps(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    const COUNT: u64 = 500;
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial::new(*way, COUNT);
            let ran = subject.run(style, one_hop::<Stamped>(style, intent), &trial)?;
            ran.completed(COUNT)?;
            ran.nothing_wrong("a message came whose times are not in the order due, first sent, sent")?;
            sound(&ran)?;
        }
        waits_are_in_hops(subject, style, intent)?;
    }
    Ok(())
}

/// Seals hold, there is a time for everything that arrived, and no time is below zero or longer than the run.
fn sound(ran: &Ran) -> Result<(), Stop> {
    let Ran { outcome, wall, circumstances, .. } = ran;
    let corrupted = outcome.audit.corrupted;
    ensure(corrupted == 0, || {
        format!("{circumstances}: {corrupted} messages did not arrive as they were sealed")
    })?;
    let negative = outcome.audit.negative_deltas;
    ensure(negative == 0, || format!("{circumstances}: {negative} times are below zero"))?;
    let (hops, delivered) =
        (outcome.hops.iter().map(|hop| hop.times.count()).sum::<u64>(), outcome.audit.delivered);
    ensure(hops == delivered, || format!("{circumstances}: {delivered} deliveries, but {hops} hop times"))?;
    let (responses, ended) = (outcome.response.count(), outcome.measured_ended);
    ensure(responses == ended, || {
        format!("{circumstances}: {ended} flows ended, but {responses} response times")
    })?;
    // In virtual time, where no processor time is told, only the run's own length can be compared.
    let wall_ns = if outcome.cost.is_some() { wall.as_nanos() } else { u128::from(outcome.elapsed_ns) };
    for hop in &outcome.hops {
        let (max_ns, over) = (hop.times.max_ns, hop.times.over_range);
        ensure(u128::from(max_ns) <= wall_ns && over == 0, || {
            let (to, by) = (&hop.destination, &hop.receiver);
            format!("{circumstances}: a hop over `{to}` to `{by}` took {max_ns} ns in a run of {wall_ns} ns")
        })?;
    }
    Ok(())
}

/// With a slow receiver most of the response time passes in the transport. No sender is blocked here, so if it is found
/// before `sent` instead, `sent` was not stamped when the message was handed over.
fn waits_are_in_hops(subject: &Subject<'_>, style: Style, intent: Intent) -> Result<(), Stop> {
    const COUNT: u64 = 100;
    let trial = Trial { in_flight: 16, ..Trial::new(subject.ways()[0], COUNT) };
    let ran = subject.run(style, one_hop::<Slow<1_000>>(style, intent), &trial)?;
    ran.completed(COUNT)?;
    let (lag_ns, response_ns) = (ran.outcome.lag.sum_ns, ran.outcome.response.sum_ns);
    ensure(lag_ns <= response_ns / 4, || {
        format!(
            "{}: with a slow receiver and room enough, {lag_ns} of {response_ns} ns passed before messages were sent: \
             `sent` is not when they were handed to the transport",
            ran.circumstances
        )
    })
}

/// See [`super::CHECKS`].
pub(super) fn wake_ups(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    const COUNT: u64 = 30;
    /// Naps last 50 ms.
    const LONG_NS: u64 = 30_000_000;
    // A server may take some time for many of its messages, on a busy machine also several times in a row. Naps are in the way of all, each time.
    let (quantile, share, attempts) =
        if subject.has_server() { (0.5, "half", 4) } else { (0.9, "one in ten", 2) };
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial { in_flight: 1, ..Trial::new(*way, COUNT) };
            let mut slow = Vec::new();
            for _ in 0..attempts {
                let ran = subject.run(style, one_hop::<Plain>(style, intent), &trial)?;
                ran.completed(COUNT)?;
                let service_ns = ran.outcome.service.histogram.value_at_quantile(quantile);
                if service_ns < LONG_NS {
                    slow.clear();
                    break;
                }
                slow.push((service_ns, ran.circumstances));
            }
            // A machine on which two threads that do nothing else are as slow tells nothing.
            if let Some((service_ns, circumstances)) = slow.pop()
                && 3 * hand_over_ns(COUNT) < service_ns
            {
                return Err(Stop::Fails(format!(
                    "{circumstances}: with one flow under way, more than {share} takes {} ms: sleepers are not \
                     woken",
                    service_ns / 1_000_000
                )));
            }
        }
    }
    Ok(())
}

/// How long it takes two threads that yield to each other to go back and forth, nine times out of ten.
fn hand_over_ns(count: u64) -> u64 {
    let (clock, turn) = (Clock::start(), AtomicU64::new(0));
    let wait_for = |mine: u64| {
        while turn.load(Ordering::Acquire) != mine {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..count {
                wait_for(2 * round + 1);
                turn.store(2 * round + 2, Ordering::Release);
            }
        });
        let there_and_back = |round| {
            let begin_ns = clock.now_ns();
            turn.store(2 * round + 1, Ordering::Release);
            wait_for(2 * round + 2);
            clock.now_ns() - begin_ns
        };
        let mut times: Vec<u64> = (0..count).map(there_and_back).collect();
        times.sort_unstable();
        times.get(times.len() * 9 / 10).copied().unwrap_or_default()
    })
}
