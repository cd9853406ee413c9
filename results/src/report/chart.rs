//! Latency against load as characters: a point per hold, the goal as a line, the knee as a column.
//!
//! Does not live here: the same curve as a picture (`svg`).

use super::{Layout, Tone, columns};
use crate::model::Run;
use crate::search::{Goal, Judgement, Phase, Searched};
use crate::units;

const ROWS: usize = 11;
/// Multiple of the goal's limit above which times lie on the upper edge.
const FAR: f64 = 4.0;
/// Columns of the times beside the axis.
const LABELS: usize = 9;

/// A hold as a point of the curve.
pub(super) struct Spot {
    pub rate_per_s: f64,
    pub run: usize,
    pub is_kept: bool,
}

/// The holds that are part of the curve, by rate: not those that looked for a recovery.
pub(super) fn spots(searched: &Searched) -> Vec<Spot> {
    let of_curve = searched.holds.iter().filter(|held| held.phase != Phase::Recover);
    let mut spots: Vec<Spot> = of_curve
        .map(|held| Spot {
            rate_per_s: held.rate_per_s,
            run: held.run,
            is_kept: held.judgement == Some(Judgement::Kept),
        })
        .collect();
    spots.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    spots
}

/// The percentile that is drawn: the highest the goal speaks of, else the p99. With its name.
pub(super) fn quantile(goal: &Goal) -> (f64, &'static str) {
    let named = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];
    let highest = goal.highest_quantile().unwrap_or(0.99);
    named.into_iter().find(|(quantile, _)| *quantile == highest).unwrap_or((0.99, "p99"))
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
        (self.low_ln + y * (self.high_ln - self.low_ln)).exp() as u64
    }
}

/// The chart; empty if there is nothing to tell apart.
pub(super) fn chart(runs: &[Run], searched: &Searched, goal: &Goal, layout: Layout) -> String {
    let (quantile, name) = quantile(goal);
    let spots = spots(searched);
    let time = |spot: &Spot| runs.get(spot.run)?.response().quantile_ns(quantile).map(|ns| ns as f64);
    let points: Vec<(&Spot, f64)> = spots.iter().filter_map(|spot| Some((spot, time(spot)?))).collect();
    let limit_ns = goal.response_limit_ns(quantile);
    let top_per_s = spots.iter().map(|spot| spot.rate_per_s).fold(0.0, f64::max);
    let Some(axes) = Axes::of(top_per_s, points.iter().map(|(_, ns)| *ns).chain(limit_ns), limit_ns) else {
        return String::new();
    };
    let width = layout.width.min(110).saturating_sub(LABELS + 3).max(20);
    let mut plot = vec![vec![(' ', Tone::Plain); width]; ROWS];
    let column = |rate_per_s: f64| (axes.x(rate_per_s) * (width - 1) as f64).round() as usize;
    let row = |ns: f64| ROWS - 1 - (axes.y(ns) * (ROWS - 1) as f64).round() as usize;
    if let Some(limit_ns) = limit_ns {
        plot[row(limit_ns)].fill(('┄', Tone::Faint));
    }
    if let Some(knee) = searched.knee_per_s {
        plot.iter_mut().for_each(|line| line[column(knee)] = ('┊', Tone::Faint));
    }
    // What was missed lies over what was kept: it is fewer.
    for kept in [true, false] {
        for (spot, ns) in points.iter().filter(|(spot, _)| spot.is_kept == kept) {
            let mark = match kept {
                true => ('●', Tone::Good),
                false if axes.is_beyond(*ns) => ('↑', Tone::Bad),
                false => ('×', Tone::Bad),
            };
            plot[row(*ns)][column(spot.rate_per_s)] = mark;
        }
    }
    let is_far = points.iter().any(|(_, ns)| axes.is_beyond(*ns));
    let mut text = legend(name, is_far, limit_ns, searched, layout);
    for (i, line) in plot.iter().enumerate() {
        let label = match i {
            _ if i == 0 || i == ROWS / 2 || i == ROWS - 1 => {
                units::duration(axes.ns((ROWS - 1 - i) as f64 / (ROWS - 1) as f64))
            }
            _ => String::new(),
        };
        let drawn: String = line.iter().map(|(c, tone)| layout.paint(*tone, &c.to_string())).collect();
        text += &format!("{} {}\n", layout.paint(Tone::Faint, &format!("{label:>LABELS$} │")), drawn)
            .replace("  \n", "\n");
    }
    text = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text + &axis(&axes, width, layout)
}

/// What the marks mean; where that is too wide, the last of them are left out.
fn legend(name: &str, is_far: bool, limit_ns: Option<f64>, searched: &Searched, layout: Layout) -> String {
    let mut parts = vec!["● kept".to_owned(), "× missed".to_owned()];
    parts.extend(is_far.then(|| "↑ missed by far".to_owned()));
    parts.extend(limit_ns.map(|ns| format!("┄ goal {}", units::duration(ns as u64))));
    parts.extend(searched.knee_per_s.map(|rate| format!("┊ knee {}", units::rate(rate))));
    let mut marks = String::new();
    for part in parts {
        if LABELS + columns(&marks) + 2 + columns(&part) <= layout.width {
            marks = format!("{marks}  {part}");
        }
    }
    format!("{name:>LABELS$}{}\n", layout.paint(Tone::Faint, &marks))
}

fn axis(axes: &Axes, width: usize, layout: Layout) -> String {
    let rates = [0.0, 0.5, 1.0].map(|share| units::rate(axes.top_per_s * share));
    let [left, middle, right] = rates;
    let half = width / 2;
    let below = format!("{left:<half$}{middle}");
    let rest = width.saturating_sub(below.chars().count());
    let text =
        format!("{:>LABELS$} └{}\n{:>LABELS$}   {below}{right:>rest$}\n", "", "─".repeat(width + 1), "");
    layout.paint(Tone::Faint, &text)
}
