//! Poisson arrivals: flows are due independently of each other, with exponential gaps.
//!
//! Each of k members is a Poisson process with a k-th of the rate and random numbers of its own. Together they are one
//! process with the whole rate. Gaps are drawn in ns directly and not through a profile, so that a seed gives the same
//! flows as before there were profiles.

use super::{
    Rate,
    points::{Independent, Timed},
    profile::Profile,
};
use crate::{column::Column, seed::Member, text::Form};

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "poisson",
    summary: "independent arrivals with exponential gaps, like those of many users",
};

pub(crate) fn column(rate: Rate, member: Member) -> Box<dyn Column> {
    let points = Independent::new(member, rate.gap_ns() * member.of as f64);
    Box::new(Timed::new(points, Profile::Flat { gap_ns: 1.0 }))
}
