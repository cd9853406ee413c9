//! Faults that were found in use: a file per group, a test per fault.

mod figures;
mod host;
mod library;
mod saving;
mod servers;
mod terminals;
mod writing;
