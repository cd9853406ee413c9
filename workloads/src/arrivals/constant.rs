//! Evenly paced arrivals: the n-th flow is due n / rate after the load begins.
//!
//! Each due time is computed from n, never added up, so a rate that no whole number of nanoseconds fits does not drift.
//! Of k members each takes every k-th flow of the one schedule: together they are as even as one.

use super::{Rate, profile::Profile};
use crate::text::Form;

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "constant",
    summary: "evenly paced: the n-th flow is due n / rate after the load begins",
};

pub(crate) fn profile(rate: Rate) -> Profile {
    Profile::Flat { gap_ns: rate.gap_ns() }
}
