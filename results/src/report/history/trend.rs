//! The trend of a figure: for each series what it is of, its picture, and its change points with their evidence.
//!
//! Does not live here: the picture (`picture`), and how changes are found (`stats`).

use super::super::block::{Block, Fact, Facts, Heading, Level, Paragraph, Report, Tone};
use super::setting::{difference, setting};
use super::{Picture, head, nothing, remarks};
use crate::goal::Named;
use crate::history::{self, Change, Entry, History, Kind, Part, Series};
use crate::stats::{CHANGE_LEVEL, LEAST_BESIDE_CHANGE};
use crate::units;

/// The trend of the first figure of a history, of each series its newest `last` runs.
#[must_use]
pub fn trend(history: &History, last: usize) -> Report {
    let mut report = Report::default();
    report.group([head(history, "runs")]);
    let Some(figure) = history.figures.first().copied() else { return report };
    let series = history::series(history, last);
    match series.is_empty() && !history.entries.is_empty() {
        true => {
            report.group([Facts::one("", Tone::Plain, format!("none of these runs has the figure {figure}"))])
        }
        false => report.group(nothing(history)),
    }
    for (place, one) in series.iter().enumerate() {
        let (part, below) = (part(one, figure, place > 0), below(one, figure));
        if let [_] = one.entries[..] {
            // The value of a single run needs no picture.
            report.group(part.into_iter().chain(below));
            continue;
        }
        report.group(part);
        report.group([Block::Trend(Picture::of(one, figure))]);
        report.group(below);
    }
    if !series.is_empty() {
        report.group([rule(&history.across)]);
    }
    report.group(remarks(history));
    report
}

/// What the series is of, and in what it differs from the one before it.
fn part(series: &Series<'_>, figure: Named, is_further: bool) -> Vec<Block> {
    let kind = match series.subject.kind {
        Kind::Run => "",
        Kind::Search => " (search)",
        Kind::Compare => " (heads of comparisons)",
    };
    let name = format!("{} {}{kind}", series.subject.scenario, series.subject.dispatch);
    let runs = units::counted(series.entries.len() as u64, "run", "runs");
    let mut blocks = vec![Block::Heading(Heading::new(Level::Part, &name, format!("{figure}, {runs}")))];
    if is_further && !series.differs.is_empty() {
        let differs = series.differs.iter().map(|it| Fact::from(difference(it))).collect();
        blocks.push(Block::Facts(Facts { label: "differs", tone: Tone::Warning, facts: differs }));
    } else {
        blocks.push(Facts::one("on", Tone::Plain, series.fingerprint.text()));
        let settings = series.subject.settings.iter();
        let with: Vec<String> = settings.map(|(key, value)| setting(key, value)).collect();
        blocks.push(Facts::one("with", Tone::Faint, with.join("; ")));
    }
    let joined = series.joined.iter().map(|joined| {
        Fact::from(format!(
            "runs with different {} are in this series: {}",
            joined.fact,
            joined.values.join(", ")
        ))
    });
    let joined: Vec<Fact> = joined.collect();
    if !joined.is_empty() {
        blocks.push(Block::Facts(Facts { label: "joined", tone: Tone::Warning, facts: joined }));
    }
    blocks
}

/// The changes, and what is not in the picture.
fn below(series: &Series<'_>, figure: Named) -> Vec<Block> {
    let used = series.entries.iter().filter(|entry| entry.standing.is_used()).count();
    let unused = series.entries.len() - used;
    let mut blocks = Vec::new();
    let changes: Vec<Fact> = series
        .changes
        .iter()
        .enumerate()
        .map(|(i, change)| Fact::from(sentence(i + 1, change, series.entries[change.entry], figure)))
        .collect();
    let none = match used < 2 * LEAST_BESIDE_CHANGE {
        true => format!(
            "{} too few for change points: it takes {}",
            units::counted(used as u64, "run is", "runs are"),
            2 * LEAST_BESIDE_CHANGE
        ),
        false => "none found".to_owned(),
    };
    let worse = |change: &Change| is_worse(change, figure) == Some(true);
    let tone = if series.changes.iter().any(worse) { Tone::Warning } else { Tone::Plain };
    blocks.push(match changes.is_empty() {
        true => Facts::one("changes", Tone::Plain, none),
        false => Block::Facts(Facts { label: "changes", tone, facts: changes }),
    });
    let mut rest = Vec::new();
    if unused > 0 {
        rest.push(format!(
            "{} invalid, failed or interrupted, and not used for change points",
            units::counted(unused as u64, "run is", "runs are")
        ));
    }
    if series.earlier > 0 {
        rest.push(format!(
            "{} earlier and not shown (see --last)",
            units::counted(series.earlier as u64, "run is", "runs are")
        ));
    }
    if series.without > 0 {
        rest.push(format!(
            "{} without this figure",
            units::counted(series.without as u64, "run is", "runs are")
        ));
    }
    let last = series.entries.last().zip(series.values.last());
    blocks.extend(last.map(|(entry, value)| {
        let word = if series.entries.len() + series.earlier > 1 { "newest " } else { "" };
        let newest = format!("{word}{} at {}{}", figure.text(*value), entry.date(), revision(entry));
        let facts = [newest].into_iter().chain(rest).map(Fact::from).collect();
        Block::Facts(Facts { label: "runs", tone: Tone::Plain, facts })
    }));
    blocks
}

fn revision(entry: &Entry) -> String {
    entry.short_revision().map_or_else(String::new, |revision| format!(", revision {revision}"))
}

/// Whether the figure became worse; `None` for figures of which neither direction is.
pub(super) fn is_worse(change: &Change, figure: Named) -> Option<bool> {
    Some((change.by.after > change.by.before) != figure.is_higher_better()?)
}

/// `1: from 2026-11-21 10:45, revision abc, on: p99 1.20 ms → 1.50 ms (+25.0 %, worse); medians of 12 and 9 runs, p = 0.0005`.
fn sentence(number: usize, change: &Change, first: &Entry, figure: Named) -> String {
    let by = &change.by;
    let share = by.share().map_or_else(String::new, units::change);
    let word = match is_worse(change, figure) {
        Some(true) => "worse",
        Some(false) => "better",
        None => "",
    };
    let said: Vec<&str> = [share.as_str(), word].into_iter().filter(|part| !part.is_empty()).collect();
    let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
    format!(
        "{number}: from {}{} on: {} → {}{said}; medians of {} and {} runs, p = {}",
        first.date(),
        revision(first),
        figure.text(by.before),
        figure.text(by.after),
        by.values_before,
        by.values_after,
        units::probability(by.p)
    )
}

/// How changes are found, and what was joined.
fn rule(across: &[Part]) -> Block {
    let joined = match across {
        [] => "Runs with different fingerprints or settings are different series.".to_owned(),
        parts => {
            let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
            format!(
                "As asked with --across, runs are in one series even if they differ in their {}.",
                names.join(", ")
            )
        }
    };
    let text = format!(
        "Change points: rank sums (Pettitt 1979) with a permutation test at {} for each series, and {LEAST_BESIDE_CHANGE} runs or more on both sides; \
         invalid runs are not used. {joined}",
        units::percent(CHANGE_LEVEL)
    );
    Block::Paragraph(Paragraph { tone: Tone::Faint, text })
}
