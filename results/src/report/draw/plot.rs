//! Draws lines over two axes.
//!
//! Lives here: the places of everything in a plot. Does not live here: the range and the ticks of an axis (`axis`).

use super::axis::Ruler;
use super::svg::{Anchor, looks, swatch_at};
use super::{Family, Frame, Line, Mark, Plot, Scale, Svg, Unit};

/// Pixels that a character of a label takes, more or less.
const CHARACTER: f64 = 6.3;
/// Between the rows of labels above the lines.
const ROW: f64 = 15.0;

/// The area in which lines are drawn.
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A plot with all that belongs to it; a sentence in its place if there is nothing to draw.
pub(in crate::report) fn plot(svg: &mut Svg, plot: &Plot, frame: Frame) {
    let is_narrow = frame.width < 450.0;
    let mut area = Area {
        left: if is_narrow { 62.0 } else { 76.0 },
        right: frame.width - 14.0,
        top: if frame.is_alone { 88.0 } else { 26.0 },
        bottom: frame.height - 44.0,
    };
    let name_at = area.top - 12.0;
    if frame.is_alone {
        svg.text("title", (area.left, 24.0), Anchor::Start, &plot.title);
    }
    let Some((x, y)) = rulers(plot, &mut area, is_narrow) else {
        let sentence = "nothing was measured that could be drawn";
        return svg.text("", (area.left, frame.height / 2.0), Anchor::Start, sentence);
    };
    if frame.is_alone {
        legend(svg, plot, &area);
    }
    for band in &plot.bands {
        let (from, to) = (x.at(band.from), x.at(band.to));
        svg.rect("band", (from, area.top), ((to - from).max(1.0), area.bottom - area.top));
    }
    scales(svg, plot, (&x, &y), &area, (is_narrow, name_at));
    for limit in &plot.limits {
        svg.line("limit", (area.left, y.at(limit.y)), (area.right, y.at(limit.y)));
    }
    let labels = labels(plot, &x, &area, is_narrow);
    for (mark, label) in plot.marks.iter().zip(&labels) {
        let class = if mark.is_fault { "fault" } else { "mark" };
        let top = area.top - label.row as f64 * ROW;
        svg.line(class, (x.at(mark.x), top), (x.at(mark.x), area.bottom));
    }
    for line in &plot.lines {
        draw(svg, plot.family, line, &x, &y);
    }
    // Texts come last, so that no line goes through them.
    for limit in &plot.limits {
        svg.text("label", (area.left + 8.0, y.at(limit.y) - 6.0), Anchor::Start, &limit.label);
    }
    for (mark, label) in plot.marks.iter().zip(labels) {
        let class = if mark.is_fault { "label faulty" } else { "label" };
        let y = area.top - 4.0 - label.row as f64 * ROW;
        svg.text(class, (label.at, y), label.anchor, label.text);
    }
}

/// Both axes. Labels of marks stand above the lines, so the area is as much lower.
fn rulers(plot: &Plot, area: &mut Area, is_narrow: bool) -> Option<(Ruler, Ruler)> {
    if plot.is_empty() {
        return None;
    }
    let marked = plot.marks.iter().map(|mark| mark.x);
    let bands = plot.bands.iter().flat_map(|band| [band.from, band.to]);
    let xs = plot.points().map(|(x, _)| x).chain(marked).chain(bands);
    let ys = plot.points().map(|(_, y)| y).chain(plot.limits.iter().map(|limit| limit.y));
    let x = Ruler::of(&plot.x, xs, (area.left, area.right))?;
    let x = if plot.x.unit == Unit::Ns { x.tight() } else { x };
    let rows = labels(plot, &x, area, is_narrow).iter().map(|label| label.row + 1).max();
    area.top += rows.unwrap_or(0) as f64 * ROW;
    Some((x, Ruler::of(&plot.y, ys, (area.bottom, area.top))?))
}

fn scales(
    svg: &mut Svg,
    plot: &Plot,
    (x, y): (&Ruler, &Ruler),
    area: &Area,
    (is_narrow, name_at): (bool, f64),
) {
    let apart = match plot.x.scale {
        Scale::Tail => 48.0,
        _ if is_narrow => 62.0,
        _ => 84.0,
    };
    for (value, text) in y.ticks(28.0) {
        let at = y.at(value);
        svg.line("grid", (area.left, at), (area.right, at));
        svg.text("", (area.left - 8.0, at + 4.0), Anchor::End, &text);
    }
    for (value, text) in x.ticks(apart) {
        let at = x.at(value);
        if plot.x.scale == Scale::Tail {
            svg.line("grid", (at, area.top), (at, area.bottom));
        }
        svg.line("axis", (at, area.bottom), (at, area.bottom + 4.0));
        // A text at the right end would stand out of the picture.
        let reach = text.chars().count() as f64 * CHARACTER / 2.0;
        let at = at.min(area.right + 12.0 - reach);
        svg.text("", (at, area.bottom + 18.0), Anchor::Middle, &text);
    }
    svg.line("axis", (area.left, area.bottom), (area.right, area.bottom));
    svg.text("", (area.right, area.bottom + 37.0), Anchor::End, plot.x.name);
    let scale = if plot.y.scale == Scale::Log { ", logarithmic" } else { "" };
    svg.text("", (4.0, name_at), Anchor::Start, &format!("{}{scale}", plot.y.name));
}

fn draw(svg: &mut Svg, family: Family, line: &Line, x: &Ruler, y: &Ruler) {
    let key = key(family, line.style);
    for piece in &line.pieces {
        let points: Vec<(f64, f64)> = piece.iter().map(|(vx, vy)| (x.at(*vx), y.at(*vy))).collect();
        match &points[..] {
            [] => {}
            // A line through one point is not seen.
            [one] => svg.circle(&format!("dot {}", looks(line.style)), &key, *one, 2.0),
            _ => svg.polyline(&format!("line {}", looks(line.style)), &key, &points),
        }
    }
    for dot in &line.dots {
        let hollow = if dot.is_hollow { " hollow" } else { "" };
        let class = format!("dot {}{hollow}", looks(line.style));
        svg.circle(&class, &key, (x.at(dot.at.0), y.at(dot.at.1)), 3.5);
    }
}

/// The name of a line for a script: the same in all plots of a family.
pub(in crate::report) fn key(family: Family, style: usize) -> String {
    match family {
        Family::Dispatch => format!("d{style}"),
        Family::Percentile => format!("p{style}"),
    }
}

/// The label of a mark, and its place.
struct Label<'a> {
    text: &'a str,
    at: f64,
    anchor: Anchor,
    /// Rows above the lines, from 0. No label lies over another, nor over the line of a mark.
    row: usize,
}

fn labels<'a>(plot: &'a Plot, x: &Ruler, area: &Area, is_narrow: bool) -> Vec<Label<'a>> {
    let mut rows: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut label = |mark: &'a Mark| {
        let text: &str = if is_narrow { &mark.short } else { &mark.label };
        let (at, width) = (x.at(mark.x), text.chars().count() as f64 * CHARACTER);
        // A number stands over its line, a name on the side that has more room.
        let (from, to, anchor) = match at > f64::midpoint(area.left, area.right) {
            _ if mark.is_fault => (at - width / 2.0, at + width / 2.0, Anchor::Middle),
            true => (at - width, at, Anchor::End),
            false => (at, at + width, Anchor::Start),
        };
        let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|(a, b)| to + 4.0 < *a || from > *b + 4.0);
        let row = rows.iter().position(is_free).unwrap_or_else(|| {
            rows.push(Vec::new());
            rows.len() - 1
        });
        rows[row].push((from, to));
        Label { text, at, anchor, row }
    };
    plot.marks.iter().map(&mut label).collect()
}

/// The names of the lines in a row above a picture that stands alone.
fn legend(svg: &mut Svg, plot: &Plot, area: &Area) {
    let mut at = area.left;
    for line in &plot.lines {
        swatch_at(svg, (at, 44.0), line.style);
        svg.text("", (at + 34.0, 48.0), Anchor::Start, &line.name);
        at += 34.0 + line.name.chars().count() as f64 * CHARACTER + 18.0;
    }
    svg.text("", (at + 6.0, 48.0), Anchor::Start, &plot.about);
}
