//! The fields of a suite's state, `suite.json`, and of the document that holds a whole suite. FORMAT.md describes them.
//!
//! Does not live here: folders (`crate::suite`), and the figures of the cells, which are in their records (`v1`).

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FormatError, v1};
use crate::model::Record;

/// The schema version of a suite that is written.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub schema_version: u32,
    pub id: String,
    pub name: String,
    pub tool_version: String,
    pub started_at: Option<String>,
    pub seed: u64,
    pub host: BTreeMap<String, String>,
    pub only: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    pub file: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<String>,
    pub cells: Vec<Cell>,
    pub order: Vec<Slot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    pub matrix: Option<String>,
    pub assertion: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub name: String,
    pub matrix: String,
    pub scenario: String,
    pub dispatch: String,
    pub load: String,
    pub payload: String,
    pub differs: BTreeMap<String, String>,
    pub command: Vec<String>,
    pub trials: u32,
    pub record: String,
    pub refused: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub cell: usize,
    pub trial: u32,
    pub seed: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    partial: bool,
    partial_reason: Option<String>,
    #[serde(flatten)]
    plan: &'a Plan,
    records: Vec<Option<v1::Document>>,
}

/// The state as an indented document with a final line end.
///
/// # Errors
/// None is known; a failure of the encoder would be passed on.
pub fn plan_to_json(plan: &Plan) -> Result<String, FormatError> {
    let mut json = serde_json::to_string_pretty(plan)?;
    json.push('\n');
    Ok(json)
}

/// The state of a document of any known schema version.
///
/// # Errors
/// See [`FormatError`]; every error says where it is and what to do.
pub fn plan_from_json(json: &str) -> Result<Plan, FormatError> {
    #[derive(Deserialize)]
    #[serde(expecting = "the state of a suite (a JSON object)")]
    struct Header {
        schema_version: u32,
    }
    let found = serde_json::from_str::<Header>(json)?.schema_version;
    if found > SCHEMA_VERSION {
        return Err(FormatError::Newer { found });
    }
    let plan: Plan = serde_json::from_str(json)?;
    if let Some(slot) = plan.order.iter().find(|slot| slot.cell >= plan.cells.len()) {
        let reason = format!("there is no cell {}", slot.cell);
        return Err(FormatError::Content { at: "order".into(), reason });
    }
    // A record is a file of the folder, never one elsewhere.
    if let Some(cell) = plan.cells.iter().find(|cell| cell.record.contains(['/', '\\'])) {
        let reason = format!("`{}` is not the name of a file", cell.record);
        return Err(FormatError::Content { at: "cells".into(), reason });
    }
    Ok(plan)
}

pub(crate) fn to_json(
    plan: &Plan,
    records: &[Option<Record>],
    partial: Option<String>,
) -> Result<String, FormatError> {
    let document = |record: &Option<Record>| record.as_ref().map(v1::Document::try_from).transpose();
    let document = Document {
        partial: partial.is_some(),
        partial_reason: partial,
        plan,
        records: records.iter().map(document).collect::<Result<_, _>>()?,
    };
    let mut json = serde_json::to_string_pretty(&document)?;
    json.push('\n');
    Ok(json)
}
