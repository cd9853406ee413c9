//! The facts under a table about a backlog: how large it was, how it was caught up with, and what the senders had of it.
//!
//! Does not live here: what speaks against a run with one (`verdict::backlog`).

use super::block::{Block, Fact, Facts, Name};
use super::run::name;
use crate::model::{Backlog, Limit, PHASES, Phase, Run};
use crate::units;

/// For each run with a backlog its course, and below it a fact for each phase.
pub(super) fn facts(runs: &[&Run]) -> Option<Block> {
    let mut facts = Vec::new();
    for run in runs {
        let all: Vec<&Backlog> = run.counted_trials().filter_map(|trial| trial.backlog.as_ref()).collect();
        let [first, ..] = &all[..] else { continue };
        let mut fact = Fact::about(name(run, runs), course(first, &all));
        let senders = run.counted_trials().filter_map(|trial| trial.senders).max().unwrap_or(1);
        for (at, name) in PHASES.into_iter().enumerate() {
            if let Some(phase) = merged(&all, at) {
                let name = Name::among(name, PHASES);
                fact.below.push(Fact::about(name, figures(&phase, senders, all.len())));
            }
        }
        facts.push(fact);
    }
    if !facts.is_empty() {
        facts.push("the response times above include the time in the backlog".to_owned().into());
    }
    Facts::block("backlog", facts)
}

/// The phase of all trials that had it.
fn merged(all: &[&Backlog], at: usize) -> Option<Phase> {
    let mut phases = all.iter().filter_map(|backlog| backlog.phases.get(at));
    let mut sum = phases.next()?.clone();
    phases.for_each(|phase| sum.merge(phase));
    Some(sum)
}

/// How large it was and when it was gone.
fn course(first: &Backlog, all: &[&Backlog]) -> Vec<String> {
    let range = |of: fn(&Backlog) -> Option<u64>, text: fn(u64) -> String| {
        let values = || all.iter().filter_map(|backlog| of(backlog));
        let [least, most] = [values().min()?, values().max()?].map(text);
        Some(if least == most { least } else { format!("{least} to {most}") })
    };
    let waiting = range(|backlog| backlog.joined_ns.map(|_| backlog.waiting), units::count_exact);
    let Some(waiting) = waiting else {
        return vec!["the absent instances had not joined when the trial ended".into()];
    };
    let joined = range(|backlog| backlog.joined_ns, units::duration).unwrap_or_default();
    let who = if first.absent == 1 { "its absent instance" } else { "its absent instances" };
    let mut parts = vec![format!(
        "{waiting} messages waited for {} when {who} had joined, {joined} after the start",
        first.service
    )];
    if let Some(said) = first.server {
        parts.push(format!(
            "the server said {} shortly before, when {} had been counted",
            units::count_exact(said.ready + said.unacknowledged.unwrap_or(0)),
            units::count_exact(said.counted)
        ));
    }
    if let Some(took) = range(Backlog::catch_up_ns, units::duration) {
        let level = range(|backlog| Some(backlog.level), units::count_exact).unwrap_or_default();
        let often = match all.iter().filter(|backlog| backlog.level_ns.is_some()).count() {
            n if n < all.len() => format!(" in {n} of {} trials", all.len()),
            _ => String::new(),
        };
        parts.push(format!("level (at most {level}) {took} later{often}"));
    } else {
        let left = range(|backlog| Some(backlog.left), units::count_exact).unwrap_or_default();
        parts.push(format!("never level: {left} waited when the load ended"));
    }
    parts.extend(rates(all));
    parts.extend(limit(first, all));
    parts
}

/// How fast it was caught up with, over all trials.
fn rates(all: &[&Backlog]) -> Option<String> {
    let length_ns: u64 = all.iter().filter_map(|backlog| Some(backlog.catching_up()?.length_ns())).sum();
    let sum = |of: fn(&Backlog) -> Option<f64>| {
        let weighed = |backlog: &&Backlog| Some(of(backlog)? * backlog.catching_up()?.length_ns() as f64);
        all.iter().filter_map(weighed).sum::<f64>() / length_ns as f64
    };
    let (drained, received) = (sum(Backlog::drained_per_s), sum(Backlog::received_per_s));
    let drained = match drained >= 0.0 {
        true => format!("drained {} above the arrivals", units::rate(drained)),
        false => format!("grew by {}", units::rate(-drained)),
    };
    (length_ns > 0).then(|| format!("{drained} ({} received)", units::rate(received)))
}

/// What the limit of the service came to, over all trials. Its time is told, so that nobody takes it for the transport's.
fn limit(first: &Backlog, all: &[&Backlog]) -> Option<String> {
    let per_s = first.limit?.per_s;
    let (mut length_ns, mut held_back_ns, mut received) = (0_u64, 0_u64, 0_u64);
    for backlog in all {
        let (Some(phase), Some(limit)) = (backlog.catching_up(), backlog.limit) else { continue };
        length_ns = length_ns.saturating_add(phase.length_ns());
        held_back_ns = held_back_ns.saturating_add(limit.held_back_ns);
        received = received.saturating_add(phase.received);
    }
    if length_ns == 0 {
        return None;
    }
    let held_back = format!(
        "held back by the limit for {} of the time of catching up",
        units::percent(held_back_ns as f64 / length_ns as f64)
    );
    let (limit, service) = (units::rate(per_s), &first.service);
    Some(match Limit::is_reached(per_s, received as f64 * 1e9 / length_ns as f64) {
        true => format!(
            "limited to {limit} by --catch-up, so the rate is not that of the transport: {service} was {held_back}"
        ),
        false => format!(
            "the limit of --catch-up, {limit}, was not reached, because the consumers or the transport were slower: {service} was \
             {held_back}"
        ),
    })
}

/// What the senders did in a phase.
fn figures(phase: &Phase, senders: u64, trials: usize) -> Vec<String> {
    let length_ns = phase.length_ns();
    let per_s = |n: u64| units::rate(n as f64 * 1e9 / length_ns.max(1) as f64);
    let quantile = |times: &crate::model::Distribution, q| units::duration_or_none(times.quantile_ns(q));
    let each = if trials > 1 { " on average" } else { "" };
    let mut parts = vec![
        format!("{}{each}", units::duration(length_ns / trials.max(1) as u64)),
        format!("sent {}", per_s(phase.sent)),
        format!("flows started {} late on average", units::duration(phase.late_ns / phase.started.max(1))),
    ];
    if !phase.confirm.is_empty() {
        let (p50, p99) = (quantile(&phase.confirm, 0.5), quantile(&phase.confirm, 0.99));
        parts.push(format!("confirm p50 {p50}, p99 {p99}"));
    }
    let blocked = phase.blocked_ns as f64 / length_ns.max(1) as f64 / senders.max(1) as f64;
    parts.push(format!("senders blocked for {} of the time", units::percent(blocked.min(1.0))));
    parts
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, Report};
    use super::*;
    use crate::model::{Distribution, ServerSaid, Trial};

    const MS: u64 = 1_000_000;

    fn backlog() -> Backlog {
        let phase = |from_ms, until_ms, sent, received, waiting| Phase {
            from_ns: from_ms * MS,
            until_ns: until_ms * MS,
            sent,
            received,
            waiting,
            started: sent,
            late_ns: 40_000 * sent,
            blocked_ns: 10 * MS,
            lag: Distribution::of((0..400).map(|n| 40_000 + n)),
            confirm: Distribution::of((0..400).map(|n| 300_000 + n)),
        };
        Backlog {
            service: "worker".into(),
            absent: 1,
            is_reached: true,
            joined_ns: Some(1_000 * MS),
            waiting: 2_010,
            server: Some(ServerSaid { ready: 1_890, unacknowledged: None, counted: 1_902 }),
            level: 20,
            level_ns: Some(1_500 * MS),
            left: 3,
            limit: None,
            phases: vec![
                phase(0, 1_000, 2_010, 0, 2_010),
                phase(1_000, 1_500, 1_000, 2_990, 20),
                phase(1_500, 3_000, 3_000, 3_017, 3),
            ],
        }
    }

    fn told(backlogs: &[Backlog]) -> String {
        let trials = backlogs.iter().cloned().map(|backlog| {
            let flows = crate::model::Flows { ended: 1, ..Default::default() };
            Trial { backlog: Some(backlog), senders: Some(1), flows, ..Trial::default() }
        });
        let run = Run { dispatch: "message/broker".into(), trials: trials.collect(), ..Run::default() };
        let mut report = Report::default();
        report.group(facts(&[&run]));
        report.text(Layout::plain(400))
    }

    #[test]
    fn a_backlog_is_told_with_its_phases() {
        let text = told(&[backlog()]);
        for said in [
            "2,010 messages waited for worker when its absent instance had joined, 1.00 s after the start",
            "the server said 1,890 shortly before, when 1,902 had been counted",
            "level (at most 20) 500 ms later",
            "drained 3.98 k/s above the arrivals (5.98 k/s received)",
            "sent 2.01 k/s; flows started 40.0 µs late on average; confirm p50 300 µs",
            "senders blocked for 1.00 % of the time",
            "the response times above include the time in the backlog",
        ] {
            assert!(text.contains(said), "no `{said}` in\n{text}");
        }
        assert_eq!(text.lines().count(), 5, "the course, three phases, and what the times are: {text}");
        let never = Backlog { level_ns: None, left: 4_000, ..backlog() };
        let text = told(std::slice::from_ref(&never));
        assert!(text.contains("never level: 4,000 waited when the load ended"), "{text}");
        let text = told(&[backlog(), never]);
        assert!(text.contains("500 ms later in 1 of 2 trials"), "{text}");
        assert_eq!(told(&[]), "");
        let mut grown = backlog();
        grown.phases[1].waiting = 3_010;
        assert!(told(&[grown]).contains("grew by 2.00 k/s"), "more arrived than was received");
    }

    #[test]
    fn the_time_of_a_limit_is_told_apart_from_the_transports() {
        let limited = |per_s, held_back_ms| {
            let limit = Limit { per_s, held_back_ns: held_back_ms * MS };
            Backlog { limit: Some(limit), ..backlog() }
        };
        // The text may be wrapped.
        let told = |backlogs: &[Backlog]| told(backlogs).split_whitespace().collect::<Vec<_>>().join(" ");
        // 2,990 messages in 500 ms.
        let text = told(&[limited(6_000.0, 450)]);
        let said = "limited to 6.00 k/s by --catch-up, so the rate is not that of the transport: worker was held back by the limit \
                    for 90.0 % of the time of catching up";
        assert!(text.contains(said), "{text}");
        let text = told(&[limited(9_000.0, 5), limited(9_000.0, 0)]);
        let said = "the limit of --catch-up, 9.00 k/s, was not reached, because the consumers or the transport were slower: worker was \
                    held back by the limit for 0.500 % of the time of catching up";
        assert!(text.contains(said), "{text}");
        assert!(!told(&[backlog()]).contains("limit"));
        let late = Backlog { phases: Vec::new(), ..limited(9_000.0, 0) };
        assert!(!told(&[late]).contains("limit"), "it did not catch up at all");
    }
}
