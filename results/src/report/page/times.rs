//! Throughput, response time, service time, schedule lag and what waits at the server over time, of all trials of a run together.
//!
//! Intervals of several trials that lie at the same time become one: counts are added, and histograms are added. Percentiles are
//! never averaged. Does not live here: marks for faults (`faults`).

use super::super::block::{Block, Item, List, OnPage};
use super::super::draw::{Axis, Family, Line, Plot, Scale, Unit};
use super::faults::{Faults, faults, warmup_ns};
use super::{Overlaid, scale};
use crate::model::{LoadKind, Point, Run, Trial};
use crate::units;
use std::collections::BTreeMap;

/// The most points of a line. A record has fewer; this bounds records of other versions.
const MOST: u64 = 300;
/// Fewer intervals than this are not merged for the sake of percentiles.
const FEW: usize = 12;

/// What happened at one time in all trials.
#[derive(Debug, Clone)]
struct Interval {
    /// Its middle, from the start of the measured window.
    at_ns: f64,
    /// Its length, summed over trials.
    length_ns: u64,
    point: Point,
}

impl Interval {
    fn merge(&mut self, other: &Self) {
        let Self { at_ns, length_ns, point } = other;
        let all = (self.length_ns + length_ns) as f64;
        self.at_ns = (self.at_ns * self.length_ns as f64 + at_ns * *length_ns as f64) / all;
        self.length_ns += length_ns;
        self.point.merge(point);
    }
}

/// A figure that has a plot of its own.
struct Figure {
    title: &'static str,
    axis: &'static str,
    unit: Unit,
    of: fn(&Interval) -> Option<f64>,
    /// Why no run has it; empty if nothing is to be said about that, because only some transports have it.
    missing: &'static str,
}

const FIGURES: [Figure; 7] = [
    Figure {
        title: "Throughput",
        axis: "flows ended per second",
        unit: Unit::PerS,
        of: |own| crate::model::per_s(own.point.ended, u128::from(own.length_ns)),
        missing: "No throughput over time: the record holds no intervals.",
    },
    Figure {
        title: "Response time, p50",
        axis: "response time p50",
        unit: Unit::Ns,
        of: |own| own.point.response_p50_ns.map(|ns| ns as f64),
        missing: "No median over time: no interval holds a response time.",
    },
    Figure {
        title: "Response time, p99",
        axis: "response time p99",
        unit: Unit::Ns,
        of: |own| own.point.response_p99_ns.map(|ns| ns as f64),
        missing: "No 99th percentile over time: each interval has too few samples for it.",
    },
    // Where a record has no service times over time, one note says so for both charts.
    Figure {
        title: "Service time, p50",
        axis: "service time p50",
        unit: Unit::Ns,
        of: |own| own.point.service_quantile_ns(0.5).map(|ns| ns as f64),
        missing: "",
    },
    Figure {
        title: "Service time, p99",
        axis: "service time p99",
        unit: Unit::Ns,
        of: |own| own.point.service_quantile_ns(0.99).map(|ns| ns as f64),
        missing: "",
    },
    Figure {
        title: "Schedule lag, p99",
        axis: "schedule lag p99",
        unit: Unit::Ns,
        of: |own| own.point.lag_p99_ns.map(|ns| ns as f64),
        missing: "No schedule lag over time: the record does not hold it.",
    },
    Figure {
        title: "Waiting at the server",
        axis: "messages at the server",
        unit: Unit::Count,
        of: |own| own.point.at_server().map(|count| count as f64),
        missing: "",
    },
];

/// Plots of all runs over time, with the faults of any of them; a sentence if no run has a series.
pub(super) fn over_time(over: &Overlaid<'_>) -> Vec<Block> {
    let all: Vec<(&str, Vec<Interval>)> =
        over.runs.iter().map(|(name, run)| (name.as_str(), intervals(run))).collect();
    if all.iter().all(|(_, intervals)| intervals.is_empty()) {
        let sentence = "Nothing is drawn over time: the record holds no series of intervals.".to_owned();
        return vec![Block::Page(OnPage::Missing { title: "", sentence, is_half: false })];
    }
    let faults = faults(over);
    let mut blocks: Vec<Block> = FIGURES.iter().filter_map(|figure| plot(figure, &all, &faults)).collect();
    let mut items: Vec<Item> = faults.sentences.into_iter().map(Item::Reason).collect();
    let without: Vec<&str> =
        all.iter().filter(|(_, intervals)| intervals.is_empty()).map(|(name, _)| *name).collect();
    if !without.is_empty() {
        items.push(Item::Note(format!("without figures over time: {}", without.join(", "))));
    }
    items.extend(without_service(over, &all).into_iter().map(Item::Note));
    if !items.is_empty() {
        blocks.push(Block::List(List { head: None, items }).only_on_page());
    }
    blocks
}

/// Why there are no service times over time.
fn without_service(over: &Overlaid<'_>, all: &[(&str, Vec<Interval>)]) -> Vec<String> {
    let lacking = || over.runs.iter().zip(all).filter(|(_, (_, intervals))| lacks_service(intervals));
    let mut notes = Vec::new();
    if lacking().any(|((_, run), _)| run.load == LoadKind::Closed) {
        notes.push(
            "service times over time are recorded for open loads alone; for every flow, the service time is the \
             response time less the schedule lag"
                .to_owned(),
        );
    }
    let open = lacking().filter(|((_, run), _)| run.load != LoadKind::Closed);
    let open: Vec<&str> = open.map(|((name, _), _)| name.as_str()).collect();
    if !open.is_empty() {
        notes.push(format!("the record holds no service times over time: {}", open.join(", ")));
    }
    notes
}

fn lacks_service(intervals: &[Interval]) -> bool {
    !intervals.is_empty() && intervals.iter().all(|own| own.point.service.is_none())
}

/// What a reader has to know about the time axis.
pub(super) fn about(over: &Overlaid<'_>) -> String {
    let runs = || over.runs.iter().map(|(_, run)| *run);
    let trials = runs().map(|run| run.counted_trials().count()).max().unwrap_or(0);
    let start = match runs().map(warmup_ns).max().unwrap_or(0) {
        0 => "Time counts from the start of the load.".to_owned(),
        ns => format!("Time counts from the end of the warm-up of {}.", units::duration(ns)),
    };
    if trials < 2 {
        return start;
    }
    let one = over.words.0;
    format!("{start} All trials of a {one} lie over each other, and their histograms are added.")
}

fn plot(figure: &Figure, all: &[(&str, Vec<Interval>)], faults: &Faults) -> Option<Block> {
    let line = |(style, (name, intervals)): (usize, &(&str, Vec<Interval>))| Line {
        name: (*name).to_owned(),
        style,
        pieces: pieces(intervals, figure.of),
        dots: Vec::new(),
    };
    let lines = all.iter().enumerate().map(line).filter(|line| !line.pieces.is_empty());
    let lines: Vec<Line> = lines.collect();
    if lines.is_empty() {
        let (title, sentence) = (figure.title, figure.missing.to_owned());
        let missing = Block::Page(OnPage::Missing { title, sentence, is_half: true });
        return Some(missing).filter(|_| !figure.missing.is_empty());
    }
    let values = lines.iter().flat_map(|line| line.pieces.iter().flatten().map(|(_, y)| *y));
    let scale = if figure.unit == Unit::Ns { scale(values) } else { Scale::Zero };
    Some(Block::plot(Plot {
        title: figure.title.into(),
        about: String::new(),
        family: Family::Dispatch,
        is_half: true,
        x: Axis::new("time", Unit::Ns, Scale::Zero),
        y: Axis::new(figure.axis, figure.unit, scale),
        lines,
        limits: Vec::new(),
        marks: faults.marks.clone(),
        bands: faults.bands.clone(),
        notes: Vec::new(),
    }))
}

/// The figure of each interval. An interval without it is a gap.
fn pieces(intervals: &[Interval], of: fn(&Interval) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
    let places: Vec<Option<(f64, f64)>> =
        intervals.iter().map(|interval| Some((interval.at_ns, of(interval)?))).collect();
    let pieces = places.split(Option::is_none).filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.iter().flatten().copied().collect()).collect()
}

/// The intervals of all counted trials. Where too many have too few samples for a p99, neighbours are merged.
fn intervals(run: &Run) -> Vec<Interval> {
    let trials: Vec<Vec<(u64, Interval)>> = run.counted_trials().map(placed).collect();
    let length = |(length_ns, _): &(u64, Interval)| *length_ns;
    // The last interval of a trial is as long as what was left.
    let usual = trials.iter().flat_map(|trial| trial.iter().rev().skip(1).rev().map(length)).max();
    let Some(longest) = usual.or_else(|| trials.iter().flatten().map(length).max()) else {
        return Vec::new();
    };
    let end_ns =
        run.counted_trials().filter_map(|trial| trial.series.points().last()).map(|point| point.at_ns);
    let mut width_ns = longest.max(end_ns.max().unwrap_or(0).div_ceil(MOST)).max(1);
    loop {
        let merged = merged(trials.iter().flatten(), width_ns);
        let lacking =
            merged.iter().filter(|own| own.point.ended > 0 && own.point.response_p99_ns.is_none()).count();
        if merged.len() <= FEW || lacking * 5 <= merged.len() {
            return merged;
        }
        width_ns *= 2;
    }
}

/// The intervals of a trial with their lengths.
fn placed(trial: &Trial) -> Vec<(u64, Interval)> {
    let mut from_ns = 0;
    let place = |point: &Point| {
        let length_ns = point.at_ns.saturating_sub(from_ns);
        let at_ns = from_ns as f64 + length_ns as f64 / 2.0;
        from_ns = point.at_ns.max(from_ns);
        (length_ns, Interval { at_ns, length_ns, point: point.clone() })
    };
    trial.series.points().iter().map(place).filter(|(length_ns, _)| *length_ns > 0).collect()
}

/// One interval for each stretch of time of this width.
fn merged<'a>(all: impl Iterator<Item = &'a (u64, Interval)>, width_ns: u64) -> Vec<Interval> {
    let mut stretches: BTreeMap<u64, Interval> = BTreeMap::new();
    for (_, interval) in all {
        stretches
            .entry((interval.at_ns / width_ns as f64) as u64)
            .and_modify(|known| known.merge(interval))
            .or_insert_with(|| interval.clone());
    }
    let mut merged: Vec<Interval> = stretches.into_values().collect();
    // What is left at the end may be very short, and a rate over it means nothing.
    if let [.., before, last] = &mut merged[..]
        && last.length_ns * 2 < before.length_ns
    {
        before.merge(last);
        merged.pop();
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Distribution, Series};
    use proptest::prelude::*;

    fn trial(times: &[Vec<u64>], length_ns: u64) -> Trial {
        let point = |(i, times): (u64, &Vec<u64>)| {
            let point = Point { at_ns: (i + 1) * length_ns, ended: times.len() as u64, ..Point::default() };
            point.with_response(&Distribution::of(times.iter().copied()))
        };
        let points = (0..).zip(times).map(point).collect();
        Trial { series: Series::from_points(points), response: Distribution::of([1]), ..Trial::default() }
    }

    proptest! {
        /// However trials were cut into intervals, no flow and no time is lost or counted twice.
        #[test]
        fn merged_intervals_hold_what_the_trials_hold(
            trials in proptest::collection::vec(
                (proptest::collection::vec(proptest::collection::vec(1u64..1_000_000, 0..30), 1..50), 1_000u64..9_000), 1..6
            )
        ) {
            let trials: Vec<Trial> = trials.iter().map(|(times, ns)| trial(times, *ns)).collect();
            let mut all = Distribution::coarse();
            trials.iter().for_each(|trial| all.merge(&trial.series.response()));
            let ended: u64 = trials.iter().flat_map(|trial| trial.series.points()).map(|point| point.ended).sum();
            let length: u64 = trials.iter().map(|trial| trial.series.points().last().map_or(0, |point| point.at_ns)).sum();
            let merged = intervals(&Run { trials, ..Run::default() });
            let mut back = Distribution::coarse();
            merged.iter().for_each(|own| back.merge(&own.point.response));
            prop_assert_eq!(back, all);
            prop_assert_eq!(merged.iter().map(|own| own.point.ended).sum::<u64>(), ended);
            prop_assert_eq!(merged.iter().map(|own| own.length_ns).sum::<u64>(), length);
            prop_assert!(merged.len() as u64 <= MOST + 1 && merged.is_sorted_by(|a, b| a.at_ns < b.at_ns));
        }
    }

    #[test]
    fn a_line_has_gaps_where_there_is_no_figure() {
        let run = Run { trials: vec![trial(&[vec![5; 400], vec![5], vec![7; 400]], 100)], ..Run::default() };
        let pieces = pieces(&intervals(&run), FIGURES[2].of);
        assert_eq!(pieces, [vec![(50.0, 5.0)], vec![(250.0, 7.0)]]);
    }

    /// The titles of what is drawn, or said not to be.
    fn titles(run: &Run) -> Vec<String> {
        let title = |block: Block| match block {
            Block::Page(OnPage::Plot(plot)) => Some(plot.title),
            Block::Page(OnPage::Missing { title, .. }) => Some(title.to_owned()),
            _ => None,
        };
        over_time(&Overlaid::of(&[run])).into_iter().filter_map(title).collect()
    }

    #[test]
    fn what_waits_at_the_server_is_drawn_where_it_is_told_and_not_missed_elsewhere() {
        let mut told = trial(&[vec![5; 400], vec![5; 300]], 100);
        let drawn = titles(&Run { trials: vec![told.clone()], ..Run::default() });
        assert_eq!(drawn, ["Throughput", "Response time, p50", "Response time, p99", "Schedule lag, p99"]);
        let mut points = told.series.points().to_vec();
        (points[1].server_ready, points[1].server_unacknowledged) = (Some(60), Some(3));
        told.series = Series::from_points(points);
        let run = Run { trials: vec![told], ..Run::default() };
        assert_eq!(titles(&run).last().map(String::as_str), Some("Waiting at the server"));
        assert_eq!(pieces(&intervals(&run), FIGURES[6].of), [vec![(150.0, 63.0)]]);
    }

    /// The notes below the plots.
    fn notes(run: &Run) -> Vec<String> {
        let items = over_time(&Overlaid::of(&[run])).into_iter().filter_map(|block| match block {
            Block::Page(OnPage::Only(only)) => match *only {
                Block::List(list) => Some(list.items),
                _ => None,
            },
            _ => None,
        });
        let note = |item: Item| match item {
            Item::Note(note) => Some(note),
            _ => None,
        };
        items.flatten().filter_map(note).collect()
    }

    #[test]
    fn service_times_are_drawn_for_open_loads_and_of_all_trials_together() {
        let timed = |ns: [u64; 2]| {
            let mut own = trial(&[vec![500; 400], vec![700; 400]], 100);
            let points = own.series.points().iter().cloned().zip(ns);
            let points = points.map(|(point, ns)| point.with_service(&Distribution::of([ns; 400])));
            own.series = Series::from_points(points.collect());
            own
        };
        let trials = vec![timed([5, 7]), timed([50, 70]), timed([5, 7])];
        let run = Run { load: LoadKind::Open, trials, ..Run::default() };
        assert_eq!(titles(&run)[3..5], ["Service time, p50", "Service time, p99"]);
        let drawn = intervals(&run);
        assert_eq!(pieces(&drawn, FIGURES[3].of), [vec![(50.0, 5.0), (150.0, 7.0)]]);
        assert_eq!(pieces(&drawn, FIGURES[4].of), [vec![(50.0, 50.0), (150.0, 70.0)]]);
        assert!(notes(&run).is_empty());
    }

    #[test]
    fn why_service_times_are_not_drawn_is_said() {
        let said = |load| {
            let trials = vec![trial(&[vec![5; 400]], 100)];
            notes(&Run { load, dispatch: "message/a".into(), trials, ..Run::default() })
        };
        assert!(matches!(&said(LoadKind::Closed)[..], [one] if one.contains("for open loads alone")));
        assert_eq!(said(LoadKind::Open), ["the record holds no service times over time: message/a"]);
    }

    #[test]
    fn without_a_series_a_sentence_stands_in_its_place() {
        let run = Run {
            trials: vec![Trial { response: Distribution::of([1]), ..Trial::default() }],
            ..Run::default()
        };
        let blocks = over_time(&Overlaid::of(&[&run]));
        assert!(matches!(&blocks[..], [Block::Page(OnPage::Missing { .. })]), "{blocks:?}");
    }
}
