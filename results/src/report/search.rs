//! A search as text: for each dispatch the answer, its holds sorted by rate and its curve; then all dispatches side by side.
//!
//! Does not live here: the curve as characters (`chart`) and as a picture (`svg`).

use std::path::Path;

use super::grid::{Cell, Column, Grid, cut};
use super::{Layout, Tone, chart, hanging};
use crate::model::{Record, Run, Setting};
use crate::plain::line;
use crate::search::{Answer, End, Goal, Held, Judgement, Phase, Search, Searched};
use crate::stats::Derived;
use crate::units;

/// A search as text; empty without one. The first lines are those of [`search_headline`].
#[must_use]
pub fn search(record: &Record, saved: Option<&Path>, layout: Layout) -> String {
    let Some(search) = &record.search else { return String::new() };
    let mut text = String::new();
    if let Some(reason) = &record.partial {
        text += &layout.paint(Tone::Bad, &hanging("partial  ", reason, layout));
        text.push('\n');
    }
    text += &search_headline(record, layout);
    for searched in &search.dispatches {
        text.push('\n');
        text += &dispatch(record, search, searched, layout);
    }
    if search.dispatches.len() > 1 {
        text.push('\n');
        text += &side_by_side(&search.dispatches, layout);
    }
    text.push('\n');
    text += &notes(record, search, layout);
    if let Some(path) = saved {
        text += &format!("saved    {}\n", line(&path.to_string_lossy()));
    }
    text
}

/// The goal and the load of a search: `search  highest rate that keeps p99 < 20 ms for stream, Poisson arrivals, seed 1`.
#[must_use]
pub fn search_headline(record: &Record, layout: Layout) -> String {
    let Some(search) = &record.search else { return String::new() };
    let scenario = record.runs.first().map_or_else(String::new, |run| {
        let arrivals = run.settings.get("arrivals").map_or_else(String::new, Setting::to_string);
        format!(
            " for {}, {} arrivals",
            run.scenario,
            if arrivals == "poisson" { "Poisson" } else { &arrivals }
        )
    });
    let facts = format!("highest rate that keeps {}{scenario}, seed {}", search.goal, record.seed);
    super::headline("search", &facts, layout)
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

fn dispatch(record: &Record, search: &Search, searched: &Searched, layout: Layout) -> String {
    let tone = match searched.answer.end {
        End::Found | End::AlwaysKept => Tone::Good,
        End::NeverKept | End::NotRecovered | End::Broke => Tone::Bad,
        End::TooFew | End::OutOfHolds | End::Interrupted => Tone::Warning,
    };
    let name = &*line(&searched.dispatch);
    let sentence = hanging(&format!("{name}  "), &sentence(search, searched), layout);
    let mut text = sentence.replacen(name, &layout.paint(tone, name), 1);
    if searched.holds.is_empty() {
        return text;
    }
    text.push('\n');
    text += &holds(record, searched, layout).render(layout);
    if let Ok(goal) = search.goal.parse::<Goal>() {
        let chart = chart::chart(&record.runs, searched, &goal, layout);
        if !chart.is_empty() {
            text.push('\n');
            text += &chart;
        }
    }
    text
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

fn holds(record: &Record, searched: &Searched, layout: Layout) -> Grid {
    let response = |heading: &str| Column::right("response", heading);
    let mut grid = Grid::new(
        2,
        vec![
            Column::left(""),
            Column::right("", "rate asked"),
            Column::right("", "achieved"),
            response("p50"),
            response("p99"),
            response("p99.9"),
            Column::left("hold"),
            Column::left("goal"),
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
        // The room that the other columns leave, so that the last column stays in the same block.
        let room = layout.width.saturating_sub(66).max(14);
        cells.push(Cell::new(tone(held.judgement), cut(&short(held), room)));
        grid.row(cells);
    }
    grid
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
fn side_by_side(dispatches: &[Searched], layout: Layout) -> String {
    let mut grid = Grid::new(
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
        grid.row(vec![
            searched.dispatch.as_str().into(),
            rate(searched.answer.kept_per_s),
            rate(searched.answer.failed_per_s),
            rate(searched.knee_per_s),
            searched.holds.len().to_string().into(),
            searched.answer.end.word().into(),
        ]);
    }
    grid.render(layout)
}

/// The meaning of words in the tables, disturbances by the machine, and the settings.
fn notes(record: &Record, search: &Search, layout: Layout) -> String {
    let mut text = String::new();
    if search.dispatches.iter().any(|searched| searched.knee_per_s.is_some()) {
        let knee = "the rate with the highest throughput ÷ mean response time of those held (Kleinrock's power, 1979)";
        text += &layout.paint(Tone::Faint, &hanging("knee     ", knee, layout));
    }
    let held = || search.dispatches.iter().flat_map(|searched| &searched.holds);
    let disturbed = held().filter(|held| held.disturbance.is_some()).count();
    if disturbed > 0 {
        let what = format!(
            "* {disturbed} of {} holds were disturbed by the hypervisor or other processes. A disturbed hold is repeated twice at most, and not while the machine stays busy",
            held().count()
        );
        text += &hanging("machine  ", &what, layout);
    }
    let settings: Vec<String> = ["batch", "capacity", "window", "placement", "wait", "payload", "headers"]
        .iter()
        .filter_map(|key| {
            let value = record.runs.first()?.settings.get(*key)?;
            let same = record.runs.iter().all(|run| run.settings.get(*key) == Some(value));
            let said = format!("{key} {}", units::setting(key, value));
            (same && said != "headers none").then_some(said)
        })
        .collect();
    if !settings.is_empty() {
        text += &hanging("with     ", &settings.join("; "), layout);
    }
    text
}
