//! Latency against load as characters: a point per hold, the goal as a line, the knee as a column.
//!
//! Does not live here: the points (`report::chart`), and the same curve as a picture (`svg`).

use super::super::block::Tone;
use super::super::chart::{Axes, Chart, Curve};
use super::super::{Layout, columns};
use crate::units;

const ROWS: usize = 11;
/// Columns of the times beside the axis.
const LABELS: usize = 9;

/// The curve of the percentile that the goal speaks of; empty if there is nothing to tell apart.
pub(in crate::report) fn chart(chart: &Chart, layout: Layout) -> String {
    let Some((curve, axes)) = chart.of_goal() else { return String::new() };
    let width = layout.width.min(110).saturating_sub(LABELS + 3).max(20);
    let mut plot = vec![vec![(' ', Tone::Plain); width]; ROWS];
    let column = |rate_per_s: f64| (axes.x(rate_per_s) * (width - 1) as f64).round() as usize;
    let row = |ns: f64| ROWS - 1 - (axes.y(ns) * (ROWS - 1) as f64).round() as usize;
    if let Some(limit_ns) = curve.limit_ns {
        plot[row(limit_ns)].fill(('┄', Tone::Faint));
    }
    if let Some(knee) = chart.knee_per_s {
        plot.iter_mut().for_each(|line| line[column(knee)] = ('┊', Tone::Faint));
    }
    // What was missed lies over what was kept: it is fewer.
    for kept in [true, false] {
        for point in curve.points.iter().filter(|point| point.is_kept == kept) {
            let mark = match kept {
                true => ('●', Tone::Good),
                false if axes.is_beyond(point.ns) => ('↑', Tone::Bad),
                false => ('×', Tone::Bad),
            };
            plot[row(point.ns)][column(point.rate_per_s)] = mark;
        }
    }
    let is_far = curve.points.iter().any(|point| axes.is_beyond(point.ns));
    let mut text = legend(curve, is_far, chart.knee_per_s, layout);
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
fn legend(curve: &Curve, is_far: bool, knee_per_s: Option<f64>, layout: Layout) -> String {
    let mut parts = vec!["● kept".to_owned(), "× missed".to_owned()];
    parts.extend(is_far.then(|| "↑ missed by far".to_owned()));
    parts.extend(curve.limit_ns.map(|ns| format!("┄ goal {}", units::duration(ns as u64))));
    parts.extend(knee_per_s.map(|rate| format!("┊ knee {}", units::rate(rate))));
    let mut marks = String::new();
    for part in parts {
        if LABELS + columns(&marks) + 2 + columns(&part) <= layout.width {
            marks = format!("{marks}  {part}");
        }
    }
    format!("{:>LABELS$}{}\n", curve.name, layout.paint(Tone::Faint, &marks))
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
