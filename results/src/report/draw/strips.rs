//! Draws the ratios of pairs, a row per metric: every pair as a dot, the median with its interval, the margin, and the noise floor.
//!
//! All rows share an axis in multiples of the margin, so the same vertical lines are the limits of every metric.
//!
//! Does not live here: the judgement (`compare`).

use super::svg::Anchor;
use super::{Frame, Strip, Strips, Svg};

/// The axis reaches at least and at most so many margins. Pairs beyond are drawn at its ends.
const LEAST: f64 = 2.0;
const MOST: f64 = 6.0;

/// Where the columns of a row are.
struct Place {
    is_narrow: bool,
    left: f64,
    right: f64,
    top: f64,
    row: f64,
    reach: f64,
}

impl Place {
    fn of(strips: &Strips, frame: Frame) -> Self {
        let is_narrow = frame.width < 450.0;
        let ends = strips.rows.iter().flat_map(|row| {
            let (low, high) = row.interval.unwrap_or((row.middle, row.middle));
            [low.abs(), high.abs(), row.middle.abs(), row.floor.unwrap_or(0.0)]
        });
        let reach = (ends.filter(|end| end.is_finite()).fold(0.0, f64::max) * 1.15).clamp(LEAST, MOST);
        Self {
            is_narrow,
            left: if is_narrow { 14.0 } else { 150.0 },
            right: frame.width - if is_narrow { 14.0 } else { 290.0 },
            top: 30.0,
            row: if is_narrow { 66.0 } else { 38.0 },
            reach,
        }
    }

    fn x(&self, margins: f64) -> f64 {
        let share = (margins.clamp(-self.reach, self.reach) / self.reach + 1.0) / 2.0;
        self.left + share * (self.right - self.left)
    }

    /// The middle of a row's strip.
    fn y(&self, row: usize) -> f64 {
        self.top + self.row * row as f64 + if self.is_narrow { 34.0 } else { self.row / 2.0 }
    }
}

/// The height of a drawing with these rows.
fn height(place: &Place, strips: &Strips) -> f64 {
    place.top + place.row * strips.rows.len() as f64 + 42.0
}

/// All rows over one axis; gives the height.
pub(in crate::report) fn strips(svg: &mut Svg, strips: &Strips, frame: Frame) -> f64 {
    let place = Place::of(strips, frame);
    let height = height(&place, strips);
    let bottom = height - 42.0;
    // On a narrow screen texts stand between the strips, so nothing is drawn from the top to the bottom.
    let bars: Vec<(f64, f64)> = match place.is_narrow {
        true => (0..strips.rows.len()).map(|i| (place.y(i) - 15.0, place.y(i) + 15.0)).collect(),
        false => vec![(place.top, bottom)],
    };
    let (from, to) = (place.x(-1.0), place.x(1.0));
    bars.iter().for_each(|(top, bottom)| svg.rect("zone", (from, *top), (to - from, bottom - top)));
    for (i, row) in strips.rows.iter().enumerate() {
        strip(svg, row, &place, i);
    }
    for (class, margins) in [("limit", -1.0), ("limit", 1.0), ("axis", 0.0)] {
        let x = place.x(margins);
        bars.iter().for_each(|(top, bottom)| svg.line(class, (x, *top), (x, *bottom)));
    }
    for (i, row) in strips.rows.iter().enumerate() {
        middle(svg, row, &place, i);
    }
    let whole = place.reach.floor() as i32;
    let every = if place.is_narrow && whole > 3 { 2 } else { 1 };
    for margins in (-whole..=whole).filter(|n| n % every == 0 || n.abs() == 1) {
        let text = match margins {
            0 => "0".to_owned(),
            1.. => format!("+{margins}"),
            _ => format!("−{}", -margins),
        };
        svg.text("", (place.x(f64::from(margins)), bottom + 18.0), Anchor::Middle, &text);
    }
    let centre = place.x(0.0);
    svg.text("", (centre, bottom + 36.0), Anchor::Middle, "change in margins");
    svg.text("worse", (place.left, place.top - 10.0), Anchor::Start, "← B better");
    svg.text("worse", (place.right, place.top - 10.0), Anchor::End, "B worse →");
    height
}

/// The pairs of a row, over the noise floor.
fn strip(svg: &mut Svg, row: &Strip, place: &Place, i: usize) {
    let y = place.y(i);
    if let Some(floor) = row.floor {
        let (from, to) = (place.x(-floor), place.x(floor));
        svg.rect("floor", (from, y - 12.0), ((to - from).max(1.0), 24.0));
    }
    svg.line("grid", (place.left, y), (place.right, y));
    // Pairs of nearly the same ratio would lie over each other.
    let up = |n: usize| [0.0, -5.0, 5.0, -2.5, 2.5][n % 5];
    svg.dots("dots", row.values.iter().enumerate().map(|(n, value)| (place.x(*value), y + up(n))));
    let (name, said) = match place.is_narrow {
        true => (((place.left, y - 20.0), Anchor::Start), ((place.right, y - 20.0), Anchor::End)),
        false => (((4.0, y + 4.0), Anchor::Start), ((place.right + 14.0, y + 4.0), Anchor::Start)),
    };
    svg.text("label", name.0, name.1, &row.name);
    let words = if place.is_narrow { row.said.clone() } else { format!("{}, {}", row.said, row.margin) };
    svg.text("", said.0, said.1, &words);
}

/// The median and its interval.
fn middle(svg: &mut Svg, row: &Strip, place: &Place, i: usize) {
    let y = place.y(i);
    if let Some((low, high)) = row.interval {
        svg.line("interval", (place.x(low), y), (place.x(high).max(place.x(low) + 1.0), y));
    }
    svg.line("middle", (place.x(row.middle), y - 8.0), (place.x(row.middle), y + 8.0));
}
