//! Latency against load as a picture: one panel per dispatch, with the goal, the knee and the answer marked.
//!
//! Does not live here: the points of the curve and its scale (`chart`).

use std::fmt::Write as _;

use super::chart::{Axes, Chart, Curve, Point};
use crate::model::Record;
use crate::search::Goal;
use crate::units;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 52.0;
/// Percentiles drawn, with colours that are told apart without red and green too.
const LINES: [(&str, &str); 3] = [("p50", "#0072b2"), ("p99", "#d55e00"), ("p99.9", "#7b3294")];

/// The curves of a search, a panel per dispatch. Without a search an empty picture.
#[must_use]
pub fn search_svg(record: &Record) -> String {
    let dispatches = record.search.as_ref().map_or(&[][..], |search| &search.dispatches);
    let goal = record.search.as_ref().and_then(|search| search.goal.parse::<Goal>().ok());
    let height = HEIGHT * dispatches.len().max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (i, searched) in dispatches.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", HEIGHT * i as f64);
        panel(&mut svg, &Chart::of(&record.runs, searched, goal.as_ref()));
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, chart: &Chart) {
    let title = if chart.goal.is_empty() { String::new() } else { format!(": {}", chart.goal) };
    text(svg, (LEFT, 24.0), "start", "#222", &format!("{}{title}", chart.dispatch));
    let drawn: Vec<(&Curve, &str)> =
        LINES.iter().filter_map(|(name, colour)| Some((chart.curve(name)?, *colour))).collect();
    let limits = drawn.iter().filter_map(|(curve, _)| Some((curve.name, curve.limit_ns?)));
    let limits: Vec<(&str, f64)> = limits.collect();
    let times = drawn.iter().flat_map(|(curve, _)| curve.points.iter().map(|point| point.ns));
    let top_per_s = chart.top_per_s * 1.02;
    let Some(axes) = Axes::of(top_per_s, times.chain(limits.iter().map(|(_, ns)| *ns)), None) else {
        text(svg, (LEFT, HEIGHT / 2.0), "start", "#666", "nothing was measured that could be drawn");
        return;
    };
    let x = |rate_per_s: f64| LEFT + axes.x(rate_per_s) * (WIDTH - LEFT - RIGHT);
    let y = |ns: f64| HEIGHT - BOTTOM - axes.y(ns) * (HEIGHT - TOP - BOTTOM);
    scales(svg, &axes, &x, &y);
    for (name, ns) in &limits {
        line(svg, (LEFT, y(*ns)), (WIDTH - RIGHT, y(*ns)), "#666", "5 4");
        text(
            svg,
            (LEFT + 6.0, y(*ns) - 5.0),
            "start",
            "#444",
            &format!("goal {name} {}", units::duration(*ns as u64)),
        );
    }
    let marks =
        [("knee", chart.knee_per_s, 12.0), ("highest rate that keeps the goal", chart.kept_per_s, 26.0)];
    for (name, rate, down) in marks {
        let Some(rate) = rate else { continue };
        line(svg, (x(rate), TOP), (x(rate), HEIGHT - BOTTOM), "#888", "2 3");
        text(svg, (x(rate) - 5.0, TOP + down), "end", "#444", &format!("{name} {}", units::rate(rate)));
    }
    for (i, (drawn, colour)) in drawn.iter().enumerate() {
        let point = |point: &Point| (x(point.rate_per_s), y(point.ns), point.is_kept);
        curve(svg, &drawn.points.iter().map(point).collect::<Vec<_>>(), colour);
        text(svg, (LEFT + 52.0 * i as f64, 42.0), "start", colour, drawn.name);
    }
    let legend = "filled: goal kept; hollow: missed; line: median of a rate's holds";
    text(svg, (LEFT + 170.0, 42.0), "start", "#666", legend);
}

/// A point per hold, and a line through the middle of each rate's; from the left to the right.
fn curve(svg: &mut String, points: &[(f64, f64, bool)], colour: &str) {
    let by_rate = points.chunk_by(|a, b| a.0 == b.0);
    let path = by_rate.map(|rate| {
        let mut heights: Vec<f64> = rate.iter().map(|(_, y, _)| *y).collect();
        heights.sort_by(f64::total_cmp);
        // Of an even number the middle between two, as far apart as they are drawn.
        let middle = f64::midpoint(heights[(heights.len() - 1) / 2], heights[heights.len() / 2]);
        format!("{:.1},{middle:.1}", rate[0].0)
    });
    let path = path.collect::<Vec<_>>().join(" ");
    let _ =
        writeln!(svg, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    for (x, y, is_kept) in points {
        let fill = if *is_kept { colour } else { "#fff" };
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{fill}\" stroke=\"{colour}\"/>"
        );
    }
}

fn scales(svg: &mut String, axes: &Axes, x: &impl Fn(f64) -> f64, y: &impl Fn(f64) -> f64) {
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let ns = axes.ns(share);
        line(svg, (LEFT, y(ns as f64)), (WIDTH - RIGHT, y(ns as f64)), "#e4e4e4", "");
        text(svg, (LEFT - 8.0, y(ns as f64) + 4.0), "end", "#444", &units::duration(ns));
        let rate = axes.top_per_s * share;
        text(svg, (x(rate), HEIGHT - BOTTOM + 18.0), "middle", "#444", &units::rate(rate));
    }
    line(svg, (LEFT, TOP), (LEFT, HEIGHT - BOTTOM), "#444", "");
    line(svg, (LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "#444", "");
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    text(
        svg,
        (middle, HEIGHT - BOTTOM + 38.0),
        "middle",
        "#444",
        "rate asked; response time above, logarithmic",
    );
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, dashes: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"{dashes}/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
    let safe = crate::plain::plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{safe}</text>"
    );
}
