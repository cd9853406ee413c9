//! A record as a table: one row per dispatch with the verdict first, then the reasons and the settings.
//!
//! Lives here: the heading, the table, the reasons and the checks. Does not live here: hop times (`hops`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::block::{
    Block, Cell, Column, Fact, Facts, Head, Heading, Item, Level, List, NOTE, Name, Paragraph, Report, Saved,
    Table, Tone,
};
use super::page::{self, Overlaid, range};
use super::{audit, backlog, host::host, names, server, settings};
use crate::model::{ArrivalCheck, Distribution, LoadKind, Record, Run, Status, Trial, Validity, Verdict};
use crate::stats::Derived;
use crate::units;
use crate::verdict::{InFlight, Thresholds};

/// The report on a record: for each scenario a table, then the reasons of rows that are not valid, checks, the floor of the
/// harness, the settings, and the path of the record.
#[must_use]
pub fn table(record: &Record, saved: Option<&Path>) -> Report {
    let mut scenarios: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in &record.runs {
        scenarios.entry(&run.scenario).or_default().push(run);
    }
    let mut report = Report::default();
    report.group([lead(record, &scenarios)]);
    report.group(partial(record.partial.as_deref()));
    let mut tail = Vec::new();
    if record.runs.is_empty() {
        tail.push(Block::Paragraph(Paragraph { tone: Tone::Plain, text: "no run in this record".into() }));
    }
    for (scenario, runs) in &scenarios {
        report.group(tail);
        let judged = judged(runs);
        report.group([Block::Heading(heading(scenario, &judged, record.seed))]);
        let mut parts = parts(record, &judged);
        tail = parts.pop().unwrap_or_default();
        parts.into_iter().for_each(|part| report.group(part));
    }
    tail.extend(settings::limits(record));
    tail.extend(saved.map(|path| Saved::block(path, "")));
    report.group(tail);
    report.end(page::of_record(record));
    report
}

/// Everything about the runs of a scenario below their heading, in groups of which some may be empty. What is said of the whole record
/// stands directly below the last.
pub(super) fn parts(record: &Record, judged: &[(&Run, Verdict)]) -> Vec<Vec<Block>> {
    let runs: &[&Run] = &judged.iter().map(|(run, _)| *run).collect::<Vec<_>>();
    let mut tail = Vec::from_iter(backlog::facts(runs));
    tail.extend(checks(runs, &Thresholds::from_settings(&record.thresholds)));
    tail.extend(sends(runs));
    tail.extend(floor(runs));
    let Overlaid { runs: named, words } = Overlaid::of(runs);
    tail.extend([Block::section("Audit", ""), page::audit(&named, words.0), Block::section("Settings", "")]);
    tail.extend(settings::settings(record, runs));
    vec![
        Vec::from_iter(host(record, judged)),
        vec![Block::Table(figures(judged))],
        explanations(judged),
        charts(judged),
        vec![Block::section("What the figures rest on", "")],
        server::figures(runs),
        tail,
    ]
}

/// The verdict in one line. A record of one scenario has its name as the title, and no heading below it.
fn lead(record: &Record, scenarios: &BTreeMap<&str, Vec<&Run>>) -> Block {
    if let Some((scenario, runs)) = scenarios.first_key_value().filter(|_| scenarios.len() == 1) {
        let judged = judged(runs);
        let facts = heading(scenario, &judged, record.seed).facts;
        return page::of_runs((*scenario).to_owned(), facts, &judged, true);
    }
    let names: Vec<&str> = scenarios.keys().copied().collect();
    let all: Vec<&Run> = record.runs.iter().collect();
    page::of_runs(record.id.clone(), names.join(", "), &judged(&all), false)
}

fn judged<'a>(runs: &[&'a Run]) -> Vec<(&'a Run, Verdict)> {
    runs.iter().map(|run| (*run, run.judged())).collect()
}

/// Percentiles, the course over time, and the numbers of both for scripts.
pub(super) fn charts(judged: &[(&Run, Verdict)]) -> Vec<Block> {
    let runs: Vec<&Run> = judged.iter().map(|(run, _)| *run).collect();
    let mut blocks = Overlaid::of(&runs).charts("");
    let side = |run: &Run| run.side.as_ref().map(|side| side.role.told());
    blocks.extend(judged.iter().map(|(run, verdict)| page::figures(run, verdict, side(run))));
    blocks
}

/// Why a record is not complete.
pub(super) fn partial(reason: Option<&str>) -> Option<Block> {
    reason.map(|reason| Facts::one("partial", Tone::Bad, reason))
}

/// The name of a run, aligned with those of the other runs.
pub(super) fn name(run: &Run, runs: &[&Run]) -> Name {
    let all: Vec<Cow<'_, str>> = runs.iter().map(|run| names::run(run)).collect();
    Name::among(&names::run(run), all.iter().map(|name| &**name))
}

/// `order-authorization  closed load, 3 trials of 500 ms, seed 42`
pub(super) fn heading(scenario: &str, runs: &[(&Run, Verdict)], seed: u64) -> Heading {
    let mut facts = Vec::new();
    let mut kinds: Vec<&str> = runs.iter().map(|(run, _)| run.load.word()).collect();
    kinds.dedup();
    facts.push(format!("{} load", kinds.join(" and ")));
    let trials = runs.iter().map(|(run, _)| run.trials.len()).max().unwrap_or(0);
    let length = length(runs).map_or_else(String::new, |length| format!(" of {length}"));
    facts.push(format!("{trials} {}{length}", if trials == 1 { "trial" } else { "trials" }));
    facts.push(format!("seed {seed}"));
    Heading::new(Level::Report, scenario, facts.join(", "))
}

/// The length of the trials in words: one length, or from the shortest to the longest. If all are within 2 % of the length
/// that was asked for, that length. A window also lasts until the last flow that was due in it has ended, so that trials may be longer than
/// what was asked for.
fn length(runs: &[(&Run, Verdict)]) -> Option<String> {
    /// As a share.
    const OFF: f64 = 0.02;
    let lengths_ns = || runs.iter().flat_map(|(run, _)| run.counted_trials()).map(|trial| trial.elapsed_ns);
    let (shortest_ns, longest_ns) = (lengths_ns().min()?, lengths_ns().max()?);
    let mut all_asked = runs.iter().map(|(run, _)| run.asked().duration_ns);
    let first = all_asked.next().flatten();
    if let Some(ns) = first.filter(|ns| all_asked.all(|other| other == Some(*ns))) {
        let is_near = |of_ns: u64| of_ns.abs_diff(ns) as f64 <= OFF * ns as f64;
        let asked = units::duration(ns);
        if is_near(shortest_ns) && is_near(longest_ns) {
            return Some(asked);
        }
        if longest_ns > ns && (shortest_ns > ns || is_near(shortest_ns)) {
            let up_to = if lengths_ns().count() == 1 { "" } else { "up to " };
            let longest = units::duration(longest_ns);
            return Some(format!("{asked} ({up_to}{longest}, until the last flow had ended)"));
        }
    }
    let (shortest, longest) = (units::duration(shortest_ns), units::duration(longest_ns));
    Some(if shortest == longest { longest } else { format!("{shortest} to {longest}") })
}

pub(super) fn figures(runs: &[(&Run, Verdict)]) -> Table {
    let styles_differ = runs.windows(2).any(|pair| names::style(pair[0].0) != names::style(pair[1].0));
    let response = |heading: &str| Column::right("response", heading);
    let mut headings = vec![
        Column::left("verdict"),
        Column::left(if runs.iter().any(|(run, _)| run.side.is_some()) { "side" } else { "dispatch" }),
        Column::right("throughput", "flows"),
        response("p50"),
        response("p99"),
        response("p99.9"),
        response("max"),
        Column::right("service", "p99"),
    ];
    headings.push(Column::right("schedule lag", "p99"));
    if styles_differ {
        headings.push(Column::right("CPU", "per flow"));
        headings.push(Column::right("CPU", "per message"));
    } else {
        headings.push(Column::right("CPU per", "message"));
    }
    headings.push(Column::left("audit"));
    let mut table = Table::new(1, 1, headings);
    for (run, verdict) in runs {
        let keys = vec![state(run, verdict), names::run(run).into_owned().into()];
        let derived = Derived::of(run);
        if derived.trials == 0 {
            table.sentence(keys, run.error().unwrap_or("no trial was completed"));
            continue;
        }
        let response = run.response();
        let quantile = |times: &Distribution, of: fn(&Trial) -> &Distribution, q| {
            let range = range(run, |trial| of(trial).quantile_ns(q).map(|ns| ns as f64), time);
            Cell::from(units::duration_or_none(times.quantile_ns(q))).ranging(range)
        };
        let cost = |ns: Option<f64>, of: fn(&Trial) -> Option<f64>| {
            let text = units::duration_or_none(ns.map(|ns| ns.round() as u64));
            Cell::from(text).ranging(range(run, of, time))
        };
        let mut cells = keys;
        let throughput = derived.throughput_per_s.map_or_else(|| units::NONE.to_owned(), units::rate);
        cells.push(Cell::from(throughput).ranging(range(run, Trial::throughput_per_s, units::rate)));
        cells.extend([0.5, 0.99, 0.999].map(|q| quantile(&response, |trial| &trial.response, q)));
        let max = range(run, |trial| trial.response.max_ns().map(|ns| ns as f64), time);
        cells.push(Cell::from(units::duration_or_none(response.max_ns())).ranging(max));
        cells.push(quantile(&run.service(), |trial| &trial.service, 0.99));
        cells.push(quantile(&run.lag(), |trial| &trial.lag, 0.99));
        if styles_differ {
            cells.push(cost(derived.cpu_ns_per_flow, Trial::cpu_ns_per_flow));
        }
        cells.push(cost(derived.cpu_ns_per_message, Trial::cpu_ns_per_message));
        cells.push(audit::audit(run, &run.audit()));
        table.row(cells);
    }
    table
}

/// A time of a page's range.
fn time(ns: f64) -> String {
    units::duration(ns.round() as u64)
}

pub(super) fn state(run: &Run, verdict: &Verdict) -> Cell {
    match (run.status(), verdict.status) {
        (Status::Failed | Status::Refused, _) => Cell::new(Tone::Bad, run.status().word()),
        (Status::Interrupted, _) => Cell::new(Tone::Warning, run.status().word()),
        (Status::Ok, Validity::Valid) => Cell::new(Tone::Good, "valid"),
        (Status::Ok, Validity::Suspect) => Cell::new(Tone::Warning, "suspect"),
        (Status::Ok, Validity::Invalid) => Cell::new(Tone::Bad, "invalid"),
    }
}

/// Reasons and notes of each run, under its name.
fn explanations(runs: &[(&Run, Verdict)]) -> Vec<Block> {
    let counted = runs.iter().filter(|(run, _)| run.counted_trials().next().is_some());
    counted.filter_map(|(run, verdict)| explanation(&names::run(run), run, verdict, &verdict.notes)).collect()
}

/// Reasons and notes of one run. Reasons about the machine stand above the table and are not repeated.
pub(super) fn explanation(name: &str, run: &Run, verdict: &Verdict, notes: &[String]) -> Option<Block> {
    let own = verdict.own_reasons();
    let tone = match verdict.status {
        _ if run.audit_failed() => Tone::Bad,
        Validity::Valid => Tone::Faint,
        Validity::Suspect => Tone::Warning,
        Validity::Invalid => Tone::Bad,
    };
    let word = if own.is_empty() { NOTE } else { verdict.status.word() };
    let reasons = own.iter().cloned().map(Item::Reason);
    let items: Vec<Item> = reasons.chain(notes.iter().cloned().map(Item::Note)).collect();
    let head = Head { tone, word, about: name.to_owned() };
    (!items.is_empty()).then_some(Block::List(List { head: Some(head), items }))
}

/// Figures that support the others: the rate against the one asked for, time in which senders were blocked, Little's law.
fn checks(runs: &[&Run], limits: &Thresholds) -> Option<Block> {
    let mut facts = Vec::new();
    for run in runs {
        let derived = Derived::of(run);
        let mut parts = Vec::new();
        if let (LoadKind::Open, Some(achieved), Some(due)) =
            (run.load, derived.achieved_per_s, derived.due_per_s)
        {
            parts.push(format!("started {} of {} due", units::rate(achieved), units::rate(due)));
        }
        let left_out = [(derived.flows.shed, "shed"), (derived.flows.dropped, "dropped")];
        for (n, word) in left_out.into_iter().filter(|(n, _)| *n > 0) {
            parts.push(format!("{} {word}", units::counted(n, "flow", "flows")));
        }
        parts.extend(audit::displacement(&run.audit()));
        parts.extend(audit::confirms(run));
        if let Some(share) = derived.blocked_share {
            parts.push(format!("senders blocked for {} of the time", units::percent(share)));
        }
        parts.extend(left_out_of_cpu(derived.awake_share, derived.harness_share));
        if let Some(in_flight) = derived.mean_in_flight {
            parts.push(format!("{} flows in flight on average", units::number(in_flight)));
        }
        if let Some(InFlight { counted, by_times, .. }) = InFlight::of(run, limits) {
            parts.push(format!("counting found {} that", units::ratio(counted / by_times)));
        }
        if !parts.is_empty() {
            facts.push(Fact::about(name(run, runs), parts));
        }
    }
    Facts::block("checks", facts)
}

/// The CPU time that is left out of the cost of messages and flows, as shares of a core.
fn left_out_of_cpu(load: Option<f64>, harness: Option<f64>) -> Option<String> {
    let named = [("the load waiting for due times", load), ("the harness's own threads", harness)];
    let parts: Vec<String> = named
        .into_iter()
        .filter_map(|(whose, share)| {
            Some(format!("{whose} ({} of a core)", units::percent(share.filter(|share| *share > 0.0)?)))
        })
        .collect();
    (!parts.is_empty()).then(|| format!("left out of the CPU time: {}", parts.join(" and ")))
}

/// How an open load started flows: the gaps between starts, and whether they fit the arrival process.
fn sends(runs: &[&Run]) -> Option<Block> {
    let mut facts = Vec::new();
    for run in runs.iter().filter(|run| run.load == LoadKind::Open) {
        let gaps = run.inter_send();
        let mut parts = Vec::new();
        if !gaps.is_empty() {
            let quantile = |q| units::duration_or_none(gaps.quantile_ns(q));
            parts.push(format!("gaps between starts p50 {}, p99 {}", quantile(0.5), quantile(0.99)));
        }
        let checks: Vec<&ArrivalCheck> =
            run.counted_trials().filter_map(|trial| trial.arrival_check.as_ref()).collect();
        if let Some(first) = checks.first() {
            // The worst trial; the verdict checks all of them.
            let worst = |of: fn(&ArrivalCheck) -> Option<f64>| {
                let worst = checks.iter().filter_map(|check| of(check)).max_by(f64::total_cmp);
                worst.map_or_else(|| units::NONE.to_owned(), |a2| format!("{a2:.2}"))
            };
            let (planned, sent) = (worst(|check| check.planned_a2), worst(|check| check.sent_a2));
            parts.push(format!(
                "{} arrivals (Anderson-Darling A²): planned {planned}, sent {sent}, limit {:.2}",
                first.process, first.critical
            ));
        }
        if !parts.is_empty() {
            facts.push(Fact::about(name(run, runs), parts));
        }
    }
    Facts::block("sends", facts)
}

fn floor(runs: &[&Run]) -> Option<Block> {
    let ns = runs.iter().filter_map(|run| Derived::of(run).floor_ns).max()?;
    let what = format!(
        "{} of a response time is the harness itself (median of one flow at a time over a ring on one thread)",
        units::duration(ns)
    );
    Some(Facts::one("floor", Tone::Plain, what))
}
