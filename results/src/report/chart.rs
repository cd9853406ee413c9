//! Latency against load as data: the response times of a search's holds, by percentile, and what is marked among them.
//!
//! Lives here also: the scale of both axes for characters, and the same curves as a plot. Does not live here: drawing with
//! characters (`text`) and as a picture (`draw`).

use super::draw::{Axis, Dot, Family, Limit, Line, Mark, Plot, Scale, Unit};
use crate::goal::Goal;
use crate::model::search::{Judgement, Phase, Searched};
use crate::model::{Distribution, Run};
use crate::units;

/// Multiple of the goal's limit above which times lie on the upper edge.
const FAR: f64 = 4.0;
/// Percentiles that have a curve, with their names.
const PERCENTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];
/// Those of them that a picture shows.
const DRAWN: [&str; 3] = ["p50", "p99", "p99.9"];
/// The percentile that a goal speaks of if it names none, or one without a curve.
const USUAL: (f64, &str) = (0.99, "p99");

/// Response times against rates, of one dispatch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// Style and transport: `message/crossbeam`.
    pub dispatch: String,
    /// The goal as text; empty if it is not known.
    pub goal: String,
    /// The percentile that the goal speaks of. It is the name of one of the curves.
    pub percentile: &'static str,
    /// A curve for each percentile, from the lowest.
    pub curves: Vec<Curve>,
    /// The highest rate that was held.
    pub top_per_s: f64,
    pub knee_per_s: Option<f64>,
    /// The highest rate that kept the goal.
    pub kept_per_s: Option<f64>,
}

/// One percentile of the response time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub name: &'static str,
    /// What the goal allows.
    pub limit_ns: Option<f64>,
    /// By rate.
    pub points: Vec<Point>,
}

/// A hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub rate_per_s: f64,
    pub ns: f64,
    pub is_kept: bool,
}

impl Chart {
    /// The holds that are part of the curve: not those that looked for a recovery.
    pub(super) fn of(runs: &[Run], searched: &Searched, goal: Option<&Goal>) -> Self {
        let mut held: Vec<_> = searched.holds.iter().filter(|held| held.phase != Phase::Recover).collect();
        held.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
        let times: Vec<Option<Distribution>> =
            held.iter().map(|held| runs.get(held.run).map(Run::response)).collect();
        let curve = |(quantile, name)| {
            let points = held.iter().zip(&times).filter_map(|(held, times)| {
                Some(Point {
                    rate_per_s: held.rate_per_s,
                    ns: times.as_ref()?.quantile_ns(quantile)? as f64,
                    is_kept: held.judgement == Some(Judgement::Kept),
                })
            });
            Curve {
                name,
                limit_ns: goal.and_then(|goal| goal.response_limit_ns(quantile)),
                points: points.collect(),
            }
        };
        Self {
            dispatch: searched.dispatch.clone(),
            goal: goal.map_or_else(String::new, Goal::to_string),
            percentile: percentile(goal),
            curves: PERCENTILES.map(curve).into(),
            top_per_s: held.iter().map(|held| held.rate_per_s).fold(0.0, f64::max),
            knee_per_s: searched.knee_per_s,
            kept_per_s: searched.answer.kept_per_s,
        }
    }

    /// The curve of a percentile.
    pub(super) fn curve(&self, name: &str) -> Option<&Curve> {
        self.curves.iter().find(|curve| curve.name == name)
    }

    /// The curves as a picture shows them: those of three percentiles, so that lines do not crowd.
    pub(super) fn plot(&self) -> Plot {
        let drawn = || DRAWN.iter().filter_map(|name| self.curve(name));
        let limit = |curve: &Curve| {
            let ns = curve.limit_ns?;
            Some(Limit { y: ns, label: format!("goal {} {}", curve.name, units::duration(ns as u64)) })
        };
        let mark = |x: Option<f64>, label: &str, short: &str| {
            let x = x?;
            let [label, short] = [label, short].map(|name| format!("{name} {}", units::rate(x)));
            Some(Mark { x, label, short, is_fault: false })
        };
        let knee = mark(self.knee_per_s, "knee", "knee");
        let kept = mark(self.kept_per_s, "highest rate that keeps the goal", "kept");
        let goal = if self.goal.is_empty() { String::new() } else { format!(": {}", self.goal) };
        Plot {
            title: format!("{}{goal}", self.dispatch),
            about: "filled: goal kept; hollow: missed; line: median of a rate's holds".into(),
            family: Family::Percentile,
            is_half: false,
            x: Axis::new("rate asked", Unit::PerS, Scale::Zero),
            y: Axis::new("response time", Unit::Ns, Scale::Log),
            lines: drawn().enumerate().map(|(style, curve)| curve.line(style)).collect(),
            limits: drawn().filter_map(limit).collect(),
            marks: knee.into_iter().chain(kept).collect(),
            bands: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The curve that the goal speaks of, and axes for it; `None` if there is nothing to tell apart.
    pub(super) fn of_goal(&self) -> Option<(&Curve, Axes)> {
        let curve = self.curve(self.percentile)?;
        let times = curve.points.iter().map(|point| point.ns).chain(curve.limit_ns);
        Some((curve, Axes::of(self.top_per_s, times, curve.limit_ns)?))
    }
}

impl Curve {
    /// A dot per hold, and a line through the middle of each rate's.
    fn line(&self, style: usize) -> Line {
        let by_rate = self.points.chunk_by(|a, b| a.rate_per_s == b.rate_per_s);
        let path = by_rate.map(|rate| {
            let mut times: Vec<f64> = rate.iter().map(|point| point.ns).collect();
            times.sort_by(f64::total_cmp);
            // Of an even number the middle between two, as far apart as they are drawn.
            let (below, above) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
            (rate[0].rate_per_s, (below * above).sqrt())
        });
        let dot = |point: &Point| {
            let said = String::new();
            Dot { at: (point.rate_per_s, point.ns), is_hollow: !point.is_kept, said }
        };
        Line {
            name: self.name.to_owned(),
            style,
            pieces: vec![path.collect()],
            dots: self.points.iter().map(dot).collect(),
        }
    }
}

/// The highest percentile that a goal speaks of.
fn percentile(goal: Option<&Goal>) -> &'static str {
    let highest = goal.and_then(Goal::highest_quantile);
    PERCENTILES.into_iter().find(|(quantile, _)| Some(*quantile) == highest).unwrap_or(USUAL).1
}

/// A linear axis of rates and a logarithmic one of times, both from the values they show.
pub(super) struct Axes {
    pub top_per_s: f64,
    low_ln: f64,
    high_ln: f64,
}

impl Axes {
    /// Axes that hold all values, but for times far above the limit of the goal, which say no more than that; `None`
    /// without two different ones.
    pub(super) fn of(
        top_per_s: f64,
        times_ns: impl Iterator<Item = f64>,
        limit_ns: Option<f64>,
    ) -> Option<Self> {
        let highest = limit_ns.map_or(f64::INFINITY, |ns| ns * FAR);
        let logs = times_ns.filter(|ns| *ns > 0.0).map(|ns| ns.min(highest).ln());
        let (low, high) = logs.fold((f64::MAX, f64::MIN), |(low, high), ln| (low.min(ln), high.max(ln)));
        let room = (high - low) * 0.05;
        (high > low && top_per_s > 0.0).then_some(Self {
            top_per_s,
            low_ln: low - room,
            high_ln: high + room,
        })
    }

    /// From 0 at the left to 1 at the right.
    pub(super) fn x(&self, rate_per_s: f64) -> f64 {
        rate_per_s / self.top_per_s
    }

    /// From 0 at the bottom to 1 at the top.
    pub(super) fn y(&self, ns: f64) -> f64 {
        ((ns.max(f64::MIN_POSITIVE).ln() - self.low_ln) / (self.high_ln - self.low_ln)).clamp(0.0, 1.0)
    }

    /// Whether a time is above what the axis shows.
    pub(super) fn is_beyond(&self, ns: f64) -> bool {
        ns.max(f64::MIN_POSITIVE).ln() > self.high_ln
    }

    /// The time at a height.
    pub(super) fn ns(&self, y: f64) -> u64 {
        // The axis begins below its lowest value, and no time is shorter than a nanosecond.
        (self.low_ln + y * (self.high_ln - self.low_ln)).exp().round().max(1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_some_nanoseconds_does_not_begin_at_none() {
        let axes = Axes::of(1e3, [50_000.0, 1.0].into_iter(), Some(1.0)).unwrap();
        assert_eq!([0.0, 0.5, 1.0].map(|y| axes.ns(y)), [1, 2, 4]);
        assert!(Axes::of(1e3, [1.0].into_iter(), Some(1.0)).is_none());
    }
}
