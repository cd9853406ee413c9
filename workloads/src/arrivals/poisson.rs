//! Poisson arrivals: flows are due independently of each other, with exponential gaps.
//!
//! Each of k members is a Poisson process of a k-th of the rate, with draws of its own; together they are one of the whole
//! rate. Gaps are drawn in ns at once: what a seed means is older than profiles, and must not change by a rounding.

use super::{
    Rate,
    points::{Independent, Timed},
    profile::Profile,
};
use crate::{feed::Column, seed::Member, text::Form};

/// How it is written and what it does.
pub const FORM: Form =
    Form { grammar: "poisson", summary: "independent arrivals with exponential gaps, as from many users" };

pub(crate) fn column(rate: Rate, member: Member) -> Box<dyn Column> {
    let points = Independent::new(member, rate.gap_ns() * member.of as f64);
    Box::new(Timed::new(points, Profile::Flat { gap_ns: 1.0 }))
}
