//! Regression tests for faults that were found in use: a file per group, a test per fault.

mod audit;
mod binary;
mod confirms;
pub(crate) mod faulty;
mod figures;
mod files;
mod foreign;
mod hangs;
mod host;
mod input;
mod library;
mod readiness;
mod saving;
mod searching;
mod servers;
mod standing;
mod terminals;
#[cfg(target_os = "linux")]
mod threads;
mod writing;
