//! Faults that were found in use: a file per group, a test per fault.

mod figures;
mod library;
mod saving;
mod servers;
mod terminals;
mod writing;
