//! Charts as data, and one way to draw them: pictures in files and in pages come from here.
//!
//! A chart says what is shown in the units of the record (nanoseconds, events per second, shares). It knows no pixels, so the
//! same chart is drawn for a wide and for a narrow screen. Lives here: the types. `axis` maps values to places, `plot` draws lines
//! over two axes, `strips` draws ratios of pairs, `svg` writes the elements, `style` has their colours. Does not live here: what is
//! drawn of a record (`page`, `chart`).

mod axis;
mod plot;
mod strips;
mod style;
mod svg;

pub(super) use plot::{key, plot};
pub(super) use strips::strips;
pub(super) use style::{colours, page_style, picture_style};
pub(super) use svg::{Svg, swatch};

/// The room of a drawing, in pixels of a screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub width: f64,
    pub height: f64,
    /// Whether the picture stands alone, so that its title and its legend have to be in it.
    pub is_alone: bool,
}

impl Frame {
    /// Across a page.
    pub(super) const FULL: Self = Self { width: 1_080.0, height: 380.0, is_alone: false };
    /// Two of these stand beside each other.
    pub(super) const HALF: Self = Self { width: 528.0, height: 260.0, is_alone: false };
    /// On a phone.
    pub(super) const NARROW: Self = Self { width: 380.0, height: 270.0, is_alone: false };
    /// A file of its own.
    pub(super) const FILE: Self = Self { width: 820.0, height: 420.0, is_alone: true };
}

/// Lines over two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plot {
    pub title: String,
    /// How to read it, a sentence. May be empty.
    pub about: String,
    /// What a line stands for. Lines of one name look the same in all plots of a family.
    pub family: Family,
    /// Whether another plot stands beside it where there is room.
    pub is_half: bool,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    pub limits: Vec<Limit>,
    pub marks: Vec<Mark>,
    pub bands: Vec<Band>,
    /// Sentences below the plot, such as the meaning of numbered marks.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// A line per dispatch.
    Dispatch,
    /// A line per percentile.
    Percentile,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub name: &'static str,
    pub unit: Unit,
    pub scale: Scale,
}

/// The unit of the values of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Nanoseconds.
    Ns,
    PerS,
    /// A quantile, from 0 to 1.
    Quantile,
    /// A number of something, such as messages or runs.
    Count,
    /// A share of one.
    Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Linear, with zero in it.
    Zero,
    Log,
    /// log(1/(1−p)) of a quantile p: p90, p99 and p99.9 are equally far apart.
    Tail,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub name: String,
    /// Chooses colour and dashes.
    pub style: usize,
    /// Between two pieces there is a gap: an interval without a figure.
    pub pieces: Vec<Vec<(f64, f64)>>,
    pub dots: Vec<Dot>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dot {
    pub at: (f64, f64),
    pub is_hollow: bool,
    /// What else a reader is told of it under the pointer, such as a date. May be empty.
    pub said: String,
}

/// A level of the y axis with a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub y: f64,
    pub label: String,
}

/// A place on the x axis with a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub x: f64,
    pub label: String,
    /// Where there is little room.
    pub short: String,
    pub is_fault: bool,
}

/// A stretch of the x axis, such as the time of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub from: f64,
    pub to: f64,
}

/// Ratios of pairs, a row per metric, in multiples of the metric's margin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Strips {
    pub title: String,
    pub about: String,
    pub rows: Vec<Strip>,
    pub notes: Vec<String>,
}

/// One metric. All values are in margins, above zero is worse.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Strip {
    pub name: String,
    /// The median and its interval in words.
    pub said: String,
    /// The margin in words.
    pub margin: String,
    pub values: Vec<f64>,
    pub middle: f64,
    pub interval: Option<(f64, f64)>,
    /// Differences of this size also show between two copies of one program.
    pub floor: Option<f64>,
}

impl Plot {
    /// All points, those of lines and single ones.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let of = |line: &'_ Line| -> Vec<(f64, f64)> {
            line.pieces.iter().flatten().copied().chain(line.dots.iter().map(|dot| dot.at)).collect()
        };
        self.lines.iter().flat_map(of).filter(|(x, y)| x.is_finite() && y.is_finite())
    }

    /// Without points there is nothing to draw, and a sentence has to stand in its place.
    pub(super) fn is_empty(&self) -> bool {
        self.points().next().is_none()
    }
}

impl Axis {
    pub(super) const fn new(name: &'static str, unit: Unit, scale: Scale) -> Self {
        Self { name, unit, scale }
    }
}
