//! The fields of what was done while processor time was measured. FORMAT.md describes them.

#![expect(missing_docs, reason = "FORMAT.md describes every field once, for readers of files and of code")]

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    pub window_ns: u64,
    pub awake_ns: u64,
    #[serde(default)]
    pub harness_ns: u64,
    pub messages: u64,
    pub flows: Option<u64>,
}
