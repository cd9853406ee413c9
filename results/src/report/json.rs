//! A comparison as JSON, for scripts. FORMAT.md describes the fields. Does not live here: the document of a record
//! (`format`).

use serde::Serialize;

use super::comparison::{headline, test};
use crate::compare::{Basis, Comparison, Control, Gate, Interval, Looks, Row};
use crate::format::{FormatError, v1};
use crate::model::Setting;

/// Version of the fields below.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    headline: &'static str,
    verdict: &'static str,
    judged: bool,
    invalid: bool,
    a: &'a str,
    b: &'a str,
    alpha: f64,
    looks: u32,
    rule: Option<String>,
    ended: Option<Ended<'a>>,
    control: Option<ControlJson<'a>>,
    rows: Vec<RowJson<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Ended<'a> {
    look_pairs: &'a [usize],
    pairs: usize,
    stop: &'static str,
}

#[derive(Serialize)]
struct ControlJson<'a> {
    state: &'static str,
    pairs: usize,
    pairs_needed: usize,
    sentence: &'a str,
    rows: Vec<RowJson<'a>>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    name: String,
    scenario: &'a str,
    dispatch_a: &'a str,
    dispatch_b: &'a str,
    pairs: usize,
    disturbed_pairs: usize,
    invalid: bool,
    audit_failed: Option<&'a str>,
    both_audits_failed: Option<&'a str>,
    gates: Vec<GateJson<'a>>,
    settings_differ: Vec<Difference<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Difference<'a> {
    setting: &'a str,
    a: Option<v1::Setting>,
    b: Option<v1::Setting>,
}

#[derive(Serialize)]
struct GateJson<'a> {
    metric: &'static str,
    verdict: &'static str,
    a: f64,
    b: f64,
    ratio: f64,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    pairs: usize,
    p: Option<f64>,
    p_holm: Option<f64>,
    margin: Option<f64>,
    detectable: Option<f64>,
    floor: Option<f64>,
    note: Option<&'a str>,
    sentence: String,
    worsenings: &'a [f64],
}

/// A comparison as an indented JSON document with a final line end.
///
/// # Errors
/// None is known; a failure of the encoder would be passed on.
pub fn json(comparison: &Comparison) -> Result<String, FormatError> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        headline: headline(comparison).word,
        verdict: comparison.verdict.words(),
        judged: comparison.basis == Basis::Paired,
        invalid: comparison.is_invalid(),
        a: &comparison.a,
        b: &comparison.b,
        alpha: comparison.options.alpha,
        looks: comparison.options.looks,
        rule: (comparison.basis == Basis::Paired).then(|| test(comparison)),
        ended: comparison.looks.as_ref().map(ended),
        control: comparison.control.as_ref().map(control),
        rows: comparison.rows.iter().map(row).collect(),
        notes: &comparison.notes,
    };
    let mut json = serde_json::to_string_pretty(&document)?;
    json.push('\n');
    Ok(json)
}

fn ended(looks: &Looks) -> Ended<'_> {
    Ended { look_pairs: &looks.planned, pairs: looks.pairs, stop: looks.stop.words() }
}

fn control(control: &Control) -> ControlJson<'_> {
    ControlJson {
        state: control.state.words(),
        pairs: control.pairs,
        pairs_needed: control.needed,
        sentence: &control.sentence,
        rows: control.rows.iter().map(row).collect(),
    }
}

fn row(row: &Row) -> RowJson<'_> {
    RowJson {
        name: row.label(),
        scenario: &row.scenario,
        dispatch_a: &row.dispatch_a,
        dispatch_b: &row.dispatch_b,
        pairs: row.pairs,
        disturbed_pairs: row.disturbed,
        invalid: row.is_invalid(),
        audit_failed: row.broken_promise.as_deref(),
        both_audits_failed: row.broken_by_both.as_deref(),
        gates: row.gates.iter().map(gate).collect(),
        settings_differ: row.differences.iter().map(difference).collect(),
        notes: &row.notes,
    }
}

fn difference((setting, a, b): &(String, Option<Setting>, Option<Setting>)) -> Difference<'_> {
    Difference { setting, a: a.as_ref().map(Into::into), b: b.as_ref().map(Into::into) }
}

fn gate(gate: &Gate) -> GateJson<'_> {
    let (ratio_low, ratio_high) = gate.interval.map(|Interval { low, high }| (low, high)).unzip();
    GateJson {
        metric: gate.metric.name(),
        verdict: gate.verdict.words(),
        a: gate.a,
        b: gate.b,
        ratio: gate.ratio,
        ratio_low,
        ratio_high,
        pairs: gate.pairs,
        p: gate.p,
        p_holm: gate.p_holm,
        margin: gate.margin,
        detectable: gate.detectable,
        floor: gate.floor,
        note: gate.note.as_deref(),
        sentence: gate.sentence(),
        worsenings: &gate.worsenings,
    }
}
