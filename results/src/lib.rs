//! The record of a run: its types, its file format, verdicts, statistics, comparison, reports and exports.
//!
//! Does not live here: measuring, clocks and printing. The caller fills a record in and prints the text that it gets.

pub mod assertion;
pub mod compare;
pub mod export;
pub mod format;
pub mod goal;
pub mod history;
pub mod merge;
pub mod metrics;
pub mod model;
pub mod plain;
pub mod report;
pub mod rows;
#[cfg(test)]
mod sample;
pub mod search;
pub mod similar;
pub mod stats;
pub mod store;
pub mod suite;
pub mod units;
pub mod verdict;

pub use model::{Audit, Distribution, Flows, Hop, LoadKind, Record, Run, Status, Trial};
