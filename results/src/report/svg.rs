//! Latency against load as a picture: one panel per dispatch, with the goal, the knee and the answer marked.
//!
//! Does not live here: the points of the curve (`chart`), and drawing (`draw`).

use std::fmt::Write as _;

use super::chart::Chart;
use super::draw::{Frame, Svg, picture_style, plot};
use crate::goal::Goal;
use crate::model::Record;

/// The curves of a search, a panel per dispatch. Without a search an empty picture.
#[must_use]
pub fn search_svg(record: &Record) -> String {
    let dispatches = record.search.as_ref().map_or(&[][..], |search| &search.dispatches);
    let goal = record.search.as_ref().and_then(|search| search.goal.parse::<Goal>().ok());
    let Frame { width, height: panel, .. } = Frame::FILE;
    let height = panel * dispatches.len().max(1) as f64;
    let mut svg = format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n<style>\n{}</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        picture_style()
    );
    for (i, searched) in dispatches.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", panel * i as f64);
        let mut drawn = Svg::default();
        plot(&mut drawn, &Chart::of(&record.runs, searched, goal.as_ref()).plot(), Frame::FILE);
        svg += &drawn.finish();
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}
