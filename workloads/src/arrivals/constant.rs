//! Evenly paced arrivals: the n-th flow is due n / rate after the load begins.
//!
//! Each due time is computed from n, never added up, so a rate that no whole number of nanoseconds fits does not drift.
//! Of k members each takes every k-th flow of the one schedule: together they are as even as one.

use super::{Rate, whole_ns};
use crate::{feed::Column, seed::Member};
use drumpost_core::load::Start;

/// Its name in text.
pub const NAME: &str = "constant";

/// What it does, in a sentence.
pub const SUMMARY: &str = "evenly paced: the n-th flow is due n / rate after the load begins";

pub(crate) struct Constant {
    gap_ns: f64,
    /// Number of the member's next flow in the schedule of all members. Exact up to 2^53 flows.
    next: f64,
    step: f64,
}

impl Constant {
    pub(crate) fn new(rate: Rate, member: Member) -> Self {
        Self { gap_ns: rate.gap_ns(), next: member.number as f64, step: member.of as f64 }
    }
}

impl Column for Constant {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            // To the nearest: the product may fall a hair short of a whole number.
            start.after_ns = whole_ns(self.next * self.gap_ns + 0.5);
            self.next += self.step;
        }
    }
}
