//! The figures of a page as JSON, so that a reader can take the numbers out. Only aggregated data is in it.
//!
//! `figures` has the numbers of each run under the names of the record's fields. `plots` has the points of each line in the units of
//! the record. `pairs` has the ratios of a comparison's pairs. The script reads the points for what it shows under the pointer.

use super::super::block::Figures;
use super::super::draw::{Axis, Dot, Line, Plot, Strips, Unit};
use super::escape;
use serde_json::{Map, Value, json};

/// Version of the fields below.
const SCHEMA_VERSION: u32 = 1;

#[derive(Default)]
pub(super) struct Data {
    figures: Vec<Value>,
    plots: Vec<Value>,
    pairs: Vec<Value>,
    /// The row that figures and plots are of; empty where a page has no rows in full.
    row: String,
}

impl Data {
    /// The figures and plots that follow are of this row.
    pub(super) fn begin_row(&mut self, name: &str) {
        name.clone_into(&mut self.row);
    }

    pub(super) fn figures(&mut self, own: &Figures) {
        let mut map = Map::new();
        if !self.row.is_empty() {
            map.insert("row".into(), self.row.as_str().into());
        }
        map.insert("scenario".into(), own.scenario.as_str().into());
        map.insert("dispatch".into(), own.dispatch.as_str().into());
        if let Some(side) = own.side {
            map.insert("side".into(), side.into());
        }
        map.insert("status".into(), own.status.into());
        map.insert("verdict".into(), own.verdict.into());
        for (name, value) in &own.values {
            map.insert((*name).into(), value.map_or(Value::Null, number));
        }
        self.figures.push(Value::Object(map));
    }

    /// Adds a plot and gives its place.
    pub(super) fn plot(&mut self, plot: &Plot) -> usize {
        let marks = plot.marks.iter().map(|mark| json!({ "x": number(mark.x), "label": mark.label }));
        let limits = plot.limits.iter().map(|limit| json!({ "y": number(limit.y), "label": limit.label }));
        let mut document = json!({
            "title": plot.title,
            "x": axis(&plot.x),
            "y": axis(&plot.y),
            "lines": plot.lines.iter().map(|own| line(plot, own)).collect::<Vec<_>>(),
            "limits": limits.collect::<Vec<_>>(),
            "marks": marks.collect::<Vec<_>>(),
        });
        if !self.row.is_empty() {
            document["row"] = self.row.as_str().into();
        }
        self.plots.push(document);
        self.plots.len() - 1
    }

    /// Adds ratios of pairs and gives their place. All values are in multiples of the margin of their metric, and above zero is worse.
    pub(super) fn strips(&mut self, strips: &Strips) -> usize {
        let rows = strips.rows.iter().map(|row| {
            json!({
                "metric": row.name,
                "said": row.said,
                "margin": row.margin,
                "pairs_in_margins": row.values.iter().copied().map(short).collect::<Vec<_>>(),
                "median_in_margins": number(row.middle),
                "interval_in_margins": row.interval.map(|(low, high)| [number(low), number(high)]),
                "floor_in_margins": row.floor.map(number),
            })
        });
        self.pairs.push(json!({ "title": strips.title, "metrics": rows.collect::<Vec<_>>() }));
        self.pairs.len() - 1
    }

    /// The document, to stand in a `script` element.
    pub(super) fn json(&self) -> String {
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "figures": self.figures,
            "plots": self.plots,
            "pairs": self.pairs,
        });
        escape::json(&document.to_string())
    }
}

/// One of very many values of which nobody needs more than four digits after the point.
fn short(value: f64) -> Value {
    number((value * 1e4).round() / 1e4)
}

fn axis(axis: &Axis) -> Value {
    let unit = match axis.unit {
        Unit::Ns => "ns",
        Unit::PerS => "per_s",
        Unit::Quantile => "quantile",
        Unit::Count => "count",
        Unit::Share => "share",
    };
    json!({ "name": axis.name, "unit": unit })
}

/// The points in the order in which they are drawn.
fn line(plot: &Plot, line: &Line) -> Value {
    let points = line.pieces.iter().flatten().map(|(x, y)| json!([number(*x), number(*y)]));
    let mut map = Map::new();
    map.insert("name".into(), line.name.as_str().into());
    map.insert("key".into(), super::super::draw::key(plot.family, line.style).into());
    map.insert("points".into(), points.collect::<Vec<_>>().into());
    if !line.dots.is_empty() {
        let dot = |dot: &Dot| {
            let mut fields = vec![number(dot.at.0), number(dot.at.1), (!dot.is_hollow).into()];
            fields.extend((!dot.said.is_empty()).then(|| Value::from(dot.said.as_str())));
            Value::Array(fields)
        };
        map.insert("dots".into(), line.dots.iter().map(dot).collect());
    }
    Value::Object(map)
}

/// A number without digits that nothing supports: whole from a thousand on, else seven significant ones, which is enough for
/// p99.9999.
fn number(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value == value.trunc() && value.abs() < 9e15 {
        return (value as i64).into();
    }
    if value.abs() >= 1e3 {
        return (value.round() as i64).into();
    }
    // Within one of a quantile the nines count.
    let rounded = (value * 1e9).round() / 1e9;
    let short = if value.abs() < 1.0 { rounded } else { (value * 1e4).round() / 1e4 };
    short.into()
}
