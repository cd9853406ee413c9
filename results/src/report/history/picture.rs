//! The trend of a figure as data: a point for each run, and the medians between change points.
//!
//! Lives here also: the same as a plot for a page. Does not live here: drawing with characters (`text`) and as a picture (`draw`).

use super::super::draw::{Axis, Dot, Family, Line, Mark, Plot, Scale, Unit};
use crate::goal::Named;
use crate::history::Series;

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) struct Point {
    pub value: f64,
    /// Whether it counts for change points.
    pub is_used: bool,
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
        let points = points.map(|(entry, value)| Point { value: *value, is_used: entry.standing.is_used() });
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

    /// The runs as dots, and the medians as lines. The x axis counts runs.
    pub(in crate::report) fn plot(&self) -> Plot {
        let place = |i: usize| (i + 1) as f64;
        let dots = self.points.iter().enumerate();
        let dots = dots.map(|(i, point)| Dot { at: (place(i), point.value), is_hollow: !point.is_used });
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
            notes: Vec::new(),
        }
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
