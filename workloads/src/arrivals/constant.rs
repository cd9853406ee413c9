//! Evenly paced arrivals: flow n is due n / rate after the start of the load.
//!
//! Each due time is computed from n and never added up, so a gap that is no whole number of nanoseconds does not drift.
//! If k members share the schedule, each takes every k-th flow, so together they are evenly paced, too.

use super::{Rate, profile::Profile};
use crate::text::Form;

/// How it is written and what it does.
pub const FORM: Form =
    Form { grammar: "constant", summary: "evenly paced: flow n is due n / rate after the start of the load" };

pub(crate) fn profile(rate: Rate) -> Profile {
    Profile::Flat { gap_ns: rate.gap_ns() }
}
