//! Elements of a picture, written as SVG. Looks are classes, so that a page can change colours.
//!
//! Does not live here: where things are (`plot`, `strips`), and what the classes look like (`style`).

use super::style::{COLOURS, DASHES};
use crate::plain;
use std::fmt::Write as _;

/// A picture while it is written, an element per line.
#[derive(Default)]
pub(in crate::report) struct Svg {
    text: String,
}

/// The side of a text that is at its place.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(in crate::report) fn finish(self) -> String {
        self.text
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (number(x1), number(y1), number(x2), number(y2));
        let _ =
            writeln!(self.text, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    pub(super) fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, width, height) = (number(x), number(y), number(width), number(height));
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        );
    }

    /// A line through points. `key` names the line for a script.
    pub(super) fn polyline(&mut self, class: &str, key: &str, points: &[(f64, f64)]) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
        let _ = writeln!(
            self.text,
            "<polyline class=\"{class}\"{} points=\"{}\"/>",
            key_attribute(key),
            points.join(" ")
        );
    }

    pub(super) fn circle(&mut self, class: &str, key: &str, (x, y): (f64, f64), radius: f64) {
        let (x, y, key) = (number(x), number(y), key_attribute(key));
        let _ = writeln!(
            self.text,
            "<circle class=\"{class}\"{key} cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>",
            number(radius)
        );
    }

    /// Many dots as one element, which takes a quarter of the room of a circle for each. A line without a length is drawn as its round
    /// ends are, if the class has such.
    pub(super) fn dots(&mut self, class: &str, places: impl Iterator<Item = (f64, f64)>) {
        let places: String = places.map(|(x, y)| format!("M{} {}h0", number(x), number(y))).collect();
        let _ = writeln!(self.text, "<path class=\"{class}\" d=\"{places}\"/>");
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y, text) = (number(x), number(y), safe(text));
        let _ = writeln!(self.text, "<text{class} x=\"{x}\" y=\"{y}\"{anchor}>{text}</text>");
    }
}

/// The classes of a line's colour and dashes.
pub(super) fn looks(style: usize) -> String {
    format!("c{} d{}", style % COLOURS, style % DASHES)
}

/// A short piece of a line for a legend.
pub(in crate::report) fn swatch(style: usize) -> String {
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 28 8\" width=\"28\" height=\"8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H27\"/></svg>",
        looks(style)
    )
}

fn key_attribute(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" data-key=\"{key}\"") }
}

/// A tenth of a pixel is enough, and shorter than what a float prints.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Text in which nothing is markup.
pub(super) fn safe(text: &str) -> String {
    plain::line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A short piece of a line within a picture.
pub(super) fn swatch_at(svg: &mut Svg, (x, y): (f64, f64), style: usize) {
    let (from, to, y) = (number(x), number(x + 28.0), number(y));
    let _ = writeln!(svg.text, "<path class=\"line {}\" d=\"M{from} {y}H{to}\"/>", looks(style));
}
