//! The counts of flows in a document. FORMAT.md describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use super::v1::is_zero;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub struct Flows {
    pub due: u64,
    pub started: u64,
    pub ended: u64,
    pub unfinished: u64,
    #[serde(default)]
    pub lost: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_unfinished: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_again: Option<u64>,
    pub shed: u64,
    #[serde(default)]
    pub dropped: u64,
}
