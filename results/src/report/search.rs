//! The report on a search: for each dispatch the answer, its holds sorted by rate and its curve; then all dispatches side by side.
//!
//! Lives here also: the line that is printed when a hold is over. Does not live here: the curve (`chart`).

use std::path::Path;

use super::Layout;
use super::block::{Block, Cell, Column, Facts, Heading, Level, Pair, Report, Saved, Settings, Table, Tone};
use super::chart::Chart;
use super::page;
use super::run::partial;
use super::text::cut;
use crate::goal::Goal;
use crate::model::search::{Answer, End, Held, Judgement, Phase, Search, Searched};
use crate::model::{Record, Run, Setting};
use crate::stats::Derived;
use crate::units;

/// The report on a search; empty without one. It begins like [`search_headline`].
#[must_use]
pub fn search(record: &Record, saved: Option<&Path>) -> Report {
    let mut report = Report::default();
    let Some(search) = &record.search else { return report };
    report.group(lead(record, search));
    report.group(partial(record.partial.as_deref()));
    report.group(heading(record));
    for searched in &search.dispatches {
        dispatch(&mut report, record, search, searched);
    }
    if search.dispatches.len() > 1 {
        report.group([Block::Table(side_by_side(&search.dispatches))]);
    }
    let saved = saved.map(|path| Saved::block(path, ""));
    report.group(notes(record, search).into_iter().chain(saved));
    let holds = search.dispatches.iter().flat_map(|one| &one.holds);
    let holds = holds.filter_map(|held| {
        let run = record.runs.get(held.run)?;
        Some((format!("{} at {}", run.dispatch, units::rate(held.rate_per_s)), run))
    });
    let holds: Vec<(String, &Run)> = holds.collect();
    let about = "A row per hold, in the order of the search.";
    report.group([Block::section("Audit", about), page::audit(&holds, "dispatch")]);
    report.group(record.runs.iter().map(|run| page::figures(run, &run.judged(), None)));
    report.end(page::of_record(record));
    report
}

/// The answers in one line.
fn lead(record: &Record, search: &Search) -> Option<Block> {
    let Some(Block::Heading(heading)) = heading(record) else { return None };
    let answers = search.dispatches.iter().map(|one| (of_end(one.answer.end), sentence(search, one)));
    Some(page::of_search(search, heading.facts, &answers.collect::<Vec<_>>()))
}

/// The goal and the load of a search as text for a terminal; empty without one.
#[must_use]
pub fn search_headline(record: &Record, layout: Layout) -> String {
    let mut report = Report::default();
    report.group(heading(record));
    report.text(layout)
}

/// `search  highest rate that keeps p99 < 20 ms for stream, Poisson arrivals, seed 1`.
fn heading(record: &Record) -> Option<Block> {
    let search = record.search.as_ref()?;
    let scenario = record.runs.first().map_or_else(String::new, |run| {
        let arrivals = run.settings.get("arrivals").map_or_else(String::new, Setting::to_string);
        format!(
            " for {}, {} arrivals",
            run.scenario,
            if arrivals == "poisson" { "Poisson" } else { &arrivals }
        )
    });
    let facts = format!("highest rate that keeps {}{scenario}, seed {}", search.goal, record.seed);
    Some(Block::Heading(Heading::new(Level::Report, "search", facts)))
}

/// One hold in one line, printed as soon as the hold is over.
#[must_use]
pub fn search_line(number: usize, held: &Held, run: &Run, layout: Layout) -> String {
    let p99 = units::duration_or_none(run.response().quantile_ns(0.99));
    let lead = format!(
        "{number:>2}  {:<7}  {:>9}  {:<7}  p99 {p99:>7}",
        held.phase.word(),
        units::rate(held.rate_per_s),
        held.word()
    );
    let mut said = Vec::new();
    if let Some(disturbance) = &held.disturbance {
        said.push(format!("* {disturbance}"));
    }
    // The p99 stands in the line already.
    said.extend(held.reasons.iter().filter(|reason| !reason.starts_with("p99 ")).cloned());
    if said.is_empty() { lead } else { cut(&format!("{lead}  {}", said.join("; ")), layout.width) }
}

/// The answer of a dispatch, its holds and its curve.
fn dispatch(report: &mut Report, record: &Record, search: &Search, searched: &Searched) {
    let tone = of_end(searched.answer.end);
    let heading = Heading::new(Level::Part, &searched.dispatch, sentence(search, searched));
    report.group([Block::Heading(Heading { tone, ..heading })]);
    if searched.holds.is_empty() {
        return;
    }
    report.group([Block::Table(holds(record, searched))]);
    if let Ok(goal) = search.goal.parse::<Goal>() {
        let chart = Chart::of(&record.runs, searched, Some(&goal));
        let can_be_drawn = chart.of_goal().is_some();
        report.group(can_be_drawn.then_some(Block::Chart(chart)));
    }
}

const fn of_end(end: End) -> Tone {
    match end {
        End::Found | End::AlwaysKept => Tone::Good,
        End::NeverKept | End::NotRecovered | End::Broke => Tone::Bad,
        End::TooFew | End::OutOfHolds | End::Interrupted => Tone::Warning,
    }
}

/// The answer as a sentence, and whether the machine left it in doubt.
fn sentence(search: &Search, searched: &Searched) -> String {
    let doubt = searched.disturbed_at().map_or_else(String::new, |rate_per_s| {
        format!(
            "; this is not confirmed, because the machine disturbed every hold at {}",
            units::rate(rate_per_s)
        )
    });
    answer(search, searched) + &doubt
}

/// The answer as a sentence. Every end has one.
fn answer(search: &Search, searched: &Searched) -> String {
    let Answer { end, kept_per_s, repeats_kept, failed_per_s } = searched.answer;
    let asked = |key: &str| match search.settings.get(key) {
        Some(Setting::Integer(n)) => n.to_string(),
        _ => units::NONE.to_owned(),
    };
    let again = format!("confirmed by {repeats_kept} of {} repeats", asked("repeats"));
    let known = match (kept_per_s, failed_per_s) {
        (Some(kept), Some(failed)) => format!(
            "{} keeps the goal, {again}; {} does not{}",
            units::rate(kept),
            units::rate(failed),
            why(searched, failed)
        ),
        (Some(kept), None) => format!("{} keeps the goal, {again}", units::rate(kept)),
        (None, Some(failed)) => {
            format!("{} does not keep the goal{}", units::rate(failed), why(searched, failed))
        }
        (None, None) => "no rate was judged".to_owned(),
    };
    match end {
        End::Found => known,
        End::AlwaysKept => format!(
            "every rate up to {}, the highest allowed, keeps the goal, {again}; to search further, raise --to",
            units::rate(kept_per_s.unwrap_or_default())
        ),
        End::NeverKept => {
            let lowest = failed_per_s.unwrap_or_default();
            let is_bound = match search.settings.get("from_per_s") {
                Some(Setting::Number(from)) => *from == lowest,
                Some(Setting::Integer(from)) => *from as f64 == lowest,
                _ => false,
            };
            let (lowest_of, or) = if is_bound {
                ("allowed", "allow lower rates (--from)")
            } else {
                ("tried", "allow lower rates (--from) in longer holds (--duration)")
            };
            format!(
                "no rate keeps the goal, not even {}, the lowest {lowest_of}{}; loosen the goal (--slo), or {or}",
                units::rate(lowest),
                why(searched, lowest)
            )
        }
        End::TooFew => {
            let known =
                if (kept_per_s, failed_per_s) == (None, None) { String::new() } else { format!("; {known}") };
            format!("{}{known}", too_short(searched))
        }
        End::OutOfHolds => {
            let n = asked("max_holds");
            let holds = if n == "1" { "hold" } else { "holds" };
            format!(
                "the search ended after {n} {holds}, the most allowed (--max-holds), without an answer: {known}"
            )
        }
        End::NotRecovered => {
            format!(
                "after an overload the target did not recover: it missed the goal even at a low rate. So far: {known}"
            )
        }
        End::Interrupted => format!("the search was interrupted. So far: {known}"),
        End::Broke => {
            let why = searched.holds.last().and_then(|held| held.reasons.first());
            format!("a hold failed: {}. So far: {known}", why.map_or("no reason was given", String::as_str))
        }
    }
}

/// The hold that could not be judged, the reason, and the flag that helps.
fn too_short(searched: &Searched) -> String {
    let is_too_short = |held: &&Held| held.judgement == Some(Judgement::TooFew);
    let Some(held) = searched.holds.iter().rfind(is_too_short) else {
        let below = searched.answer.failed_per_s;
        let below = below.map_or_else(String::new, |rate| format!(" below {}", units::rate(rate)));
        return format!(
            "the goal cannot be judged{below}, because holds would be too short: lengthen them with --duration, or give the lowest rate of interest with --from"
        );
    };
    let flags = match held.phase {
        Phase::Repeat => "--hold",
        _ if searched.holds.len() == 1 => "--duration, or begin at a higher rate with --from",
        _ => "--duration",
    };
    let reason = held.reasons.first().map_or("there are too few samples", String::as_str);
    format!("the goal cannot be judged at {}: {reason} ({flags})", units::rate(held.rate_per_s))
}

/// Why a rate failed: `: p99 41.2 ms, not < 20 ms`.
fn why(searched: &Searched, rate_per_s: f64) -> String {
    let holds = searched.holds.iter().filter(|held| held.rate_per_s == rate_per_s);
    let mut reasons =
        holds.filter(|held| held.phase != Phase::Recover).filter_map(|held| held.reasons.first());
    reasons.next_back().map_or_else(String::new, |reason| format!(": {reason}"))
}

fn holds(record: &Record, searched: &Searched) -> Table {
    let response = |heading: &str| Column::right("response", heading);
    let mut table = Table::new(
        1,
        1,
        vec![
            Column::left(""),
            Column::right("", "rate asked"),
            Column::right("", "achieved"),
            response("p50"),
            response("p99"),
            response("p99.9"),
            Column::left("hold"),
            // Cut to the room that the other columns leave, so that it stays beside them.
            Column::left("goal").cut_beside(66),
        ],
    );
    let mut sorted: Vec<&Held> = searched.holds.iter().collect();
    sorted.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let mut marked: Vec<f64> = Vec::new();
    for held in sorted {
        let Some(run) = record.runs.get(held.run) else { continue };
        // The first row of a rate bears its mark.
        let is_first = !marked.contains(&held.rate_per_s);
        let mark = match held.rate_per_s {
            rate if is_first && searched.answer.kept_per_s == Some(rate) => "answer",
            rate if is_first && searched.knee_per_s == Some(rate) => "knee",
            _ => "",
        };
        marked.push(held.rate_per_s);
        let response = run.response();
        let achieved = Derived::of(run).achieved_per_s;
        let mut cells = vec![
            Cell::new(Tone::Strong, mark),
            units::rate(held.rate_per_s).into(),
            achieved.map_or_else(|| units::NONE.to_owned(), units::rate).into(),
        ];
        cells.extend([0.5, 0.99, 0.999].map(|q| units::duration_or_none(response.quantile_ns(q)).into()));
        cells.push(held.phase.word().into());
        cells.push(Cell::new(tone(held.judgement), short(held)));
        table.row(cells);
    }
    table
}

/// `kept`, or the term that failed: `p99 41.2 ms`.
fn short(held: &Held) -> String {
    let reason = held.reasons.first().map(|reason| reason.split([',', ':']).next().unwrap_or(reason));
    let mut text = reason.unwrap_or_else(|| held.word()).to_owned();
    if held.disturbance.is_some() {
        text += " *";
    }
    text
}

fn tone(judgement: Option<Judgement>) -> Tone {
    match judgement {
        Some(Judgement::Kept) => Tone::Good,
        Some(Judgement::Missed { .. }) => Tone::Bad,
        Some(Judgement::TooFew) | None => Tone::Warning,
    }
}

/// Where each dispatch stops keeping the goal.
fn side_by_side(dispatches: &[Searched]) -> Table {
    let mut table = Table::new(
        0,
        1,
        vec![
            Column::left("dispatch"),
            Column::right("goal", "kept at"),
            Column::right("goal", "failed at"),
            Column::right("", "knee"),
            Column::right("", "holds"),
            Column::left("search"),
        ],
    );
    let rate = |rate: Option<f64>| Cell::from(rate.map_or_else(|| units::NONE.to_owned(), units::rate));
    for searched in dispatches {
        table.row(vec![
            searched.dispatch.as_str().into(),
            rate(searched.answer.kept_per_s),
            rate(searched.answer.failed_per_s),
            rate(searched.knee_per_s),
            searched.holds.len().to_string().into(),
            searched.answer.end.word().into(),
        ]);
    }
    table
}

/// The meaning of words in the tables, disturbances by the machine, and the settings.
fn notes(record: &Record, search: &Search) -> Vec<Block> {
    let mut blocks = Vec::new();
    if search.dispatches.iter().any(|searched| searched.knee_per_s.is_some()) {
        let knee = "the rate with the highest throughput ÷ mean response time of those held (Kleinrock's power, 1979)";
        blocks.push(Facts::one("knee", Tone::Faint, knee));
    }
    let held = || search.dispatches.iter().flat_map(|searched| &searched.holds);
    let disturbed = held().filter(|held| held.disturbance.is_some()).count();
    if disturbed > 0 {
        let what = format!(
            "* {disturbed} of {} holds were disturbed by the hypervisor or other processes. A disturbed hold is repeated twice at most, and not while the machine stays busy",
            held().count()
        );
        blocks.push(Facts::one("machine", Tone::Plain, what));
    }
    let shared: Vec<Pair> = ["batch", "capacity", "window", "placement", "wait", "payload", "headers"]
        .iter()
        .filter_map(|key| {
            let value = record.runs.first()?.settings.get(*key)?;
            let same = record.runs.iter().all(|run| run.settings.get(*key) == Some(value));
            let pair = Pair { key: (*key).to_owned(), value: value.text(key) };
            (same && (*key, pair.value.as_str()) != ("headers", "none")).then_some(pair)
        })
        .collect();
    if !shared.is_empty() {
        blocks.push(Block::Settings(Settings { shared, own: Vec::new() }));
    }
    blocks
}
