//! The trend of a figure as data: a point for each run, and the medians between change points.
//!
//! Lives here also: the same as a plot for a page. Does not live here: drawing with characters (`text`) and as a picture (`draw`).

use std::collections::BTreeSet;

use super::super::draw::{Axis, Dot, Family, Line, Mark, Plot, Scale, Unit};
use crate::goal::Named;
use crate::history::{Entry, Series};
use crate::units;

/// The most runs of a series that a page draws. More cannot be told apart, and a page stays one that a mail takes.
const MOST: usize = 300;

/// The values of a series in the order of its runs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Picture {
    /// The scenario and the dispatch.
    pub title: String,
    pub figure: Named,
    pub points: Vec<Point>,
    /// From the first run to the last. Between two of them the figure changes.
    pub stretches: Vec<Stretch>,
    /// The dates of the first and of the last run.
    pub dates: [String; 2],
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Point {
    pub value: f64,
    /// Whether it counts for change points.
    pub is_used: bool,
    /// Its date, and its revision if one is known.
    pub said: String,
}

/// Runs between two changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) struct Stretch {
    /// Its first run, as an index of the points.
    pub from: usize,
    /// The run after its last.
    pub to: usize,
    pub median: f64,
}

impl Picture {
    pub(super) fn of(series: &Series<'_>, figure: Named) -> Self {
        let points = series.entries.iter().zip(&series.values);
        let points = points.map(|(entry, value)| Point {
            value: *value,
            is_used: entry.standing.is_used(),
            said: said(entry),
        });
        let date =
            |place: Option<&&crate::history::Entry>| place.map_or_else(String::new, |entry| entry.date());
        Self {
            title: format!("{} {}", series.subject.scenario, series.subject.dispatch),
            figure,
            points: points.collect(),
            stretches: stretches(series),
            dates: [date(series.entries.first()), date(series.entries.last())],
        }
    }

    /// The runs as dots, and the medians as lines. The x axis counts runs. Of very many runs some are drawn.
    pub(in crate::report) fn plot(&self) -> Plot {
        let place = |i: usize| (i + 1) as f64;
        let drawn = self.drawn();
        let dots = drawn.iter().map(|i| (*i, &self.points[*i]));
        let dots = dots.map(|(i, point)| Dot {
            at: (place(i), point.value),
            is_hollow: !point.is_used,
            said: point.said.clone(),
        });
        let piece = |stretch: &Stretch| {
            vec![(place(stretch.from), stretch.median), (place(stretch.to - 1), stretch.median)]
        };
        let runs = Line { name: "runs".into(), style: 0, pieces: Vec::new(), dots: dots.collect() };
        let medians = Line {
            name: "median between changes".into(),
            style: 1,
            pieces: self.stretches.iter().map(piece).collect(),
            dots: Vec::new(),
        };
        let mark = |(number, stretch): (usize, &Stretch)| {
            let label = format!("change {number}");
            Mark { x: place(stretch.from) - 0.5, short: number.to_string(), label, is_fault: false }
        };
        let unit = match self.figure.unit() {
            "ns" => Unit::Ns,
            "per_s" => Unit::PerS,
            "share" => Unit::Share,
            _ => Unit::Count,
        };
        let [first, last] = &self.dates;
        let notes = (drawn.len() < self.points.len()).then(|| {
            format!(
                "Of {} runs {} are drawn, evenly spread and on both sides of each change. Medians and changes are of all.",
                units::count(self.points.len() as u64),
                drawn.len()
            )
        });
        Plot {
            title: format!("{} of {}", self.figure, self.title),
            about: format!("hollow: not used for change points; from {first} to {last}"),
            family: Family::Percentile,
            is_half: false,
            x: Axis::new("run", Unit::Count, Scale::Zero),
            y: Axis::new("value", unit, Scale::Zero),
            lines: vec![runs, medians],
            limits: Vec::new(),
            marks: self.stretches.iter().enumerate().skip(1).map(mark).collect(),
            bands: Vec::new(),
            notes: notes.into_iter().collect(),
        }
    }

    /// At most [`MOST`] runs, evenly spread over all, with those beside changes. These stay however many there are.
    fn drawn(&self) -> BTreeSet<usize> {
        let runs = self.points.len();
        if runs <= MOST {
            return (0..runs).collect();
        }
        let beside = self.stretches.iter().flat_map(|stretch| [stretch.from, stretch.to - 1]);
        let mut drawn: BTreeSet<usize> = beside.collect();
        let room = MOST.saturating_sub(drawn.len());
        drawn.extend((0..room).map(|i| i * (runs - 1) / (room - 1).max(1)));
        drawn
    }
}

/// `2026-11-21 10:45, revision abc`.
fn said(entry: &Entry) -> String {
    match entry.short_revision() {
        Some(revision) => format!("{}, revision {revision}", entry.date()),
        None => entry.date(),
    }
}

fn stretches(series: &Series<'_>) -> Vec<Stretch> {
    let Some(first) = series.changes.first() else { return whole(series).into_iter().collect() };
    let ends = series.changes.iter().skip(1).map(|change| change.entry).chain([series.entries.len()]);
    let after = series.changes.iter().zip(ends);
    let after = after.map(|(change, to)| Stretch { from: change.entry, to, median: change.by.after });
    [Stretch { from: 0, to: first.entry, median: first.by.before }].into_iter().chain(after).collect()
}

/// The stretch of a series without a change; none without a run that counts.
fn whole(series: &Series<'_>) -> Option<Stretch> {
    let used = series.entries.iter().zip(&series.values).filter(|(entry, _)| entry.standing.is_used());
    let used: Vec<f64> = used.map(|(_, value)| *value).collect();
    Some(Stretch { from: 0, to: series.entries.len(), median: crate::stats::median(&used)? })
}
