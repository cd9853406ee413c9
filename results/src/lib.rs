//! The record of a run: what was measured, how it is stored, judged, compared and shown.
//!
//! Lives here: the memory types, the file format, the store, statistics, verdicts, comparison, reports and exports.
//! Does not live here: measuring, clocks and printing; the caller fills a record in and prints the text it gets.

pub mod compare;
pub mod export;
pub mod format;
pub mod model;
pub mod plain;
pub mod report;
#[cfg(test)]
mod sample;
pub mod search;
pub mod stats;
pub mod store;
pub mod suite;
pub mod units;
pub mod verdict;

pub use model::{Audit, Distribution, Flows, Hop, LoadKind, Record, Run, Status, Trial};
