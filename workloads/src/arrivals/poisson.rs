//! Poisson arrivals: flows are due independently of each other, with exponential gaps.
//!
//! Each of k members is a Poisson process of a k-th of the rate, with draws of its own; together they are one of the whole
//! rate. Times are added up before they are cut to whole nanoseconds, so cutting does not change the rate.

use super::{Rate, whole_ns};
use crate::{
    feed::Column,
    seed::{Generator, Member, Purpose},
};
use drumpost_core::load::Start;
use rand::RngExt;
use rand_distr::Exp1;

/// Its name in text.
pub const NAME: &str = "poisson";

/// What it does, in a sentence.
pub const SUMMARY: &str = "independent arrivals with exponential gaps, as from many users";

pub(crate) struct Poisson {
    generator: Generator,
    gap_ns: f64,
    after_ns: f64,
}

impl Poisson {
    pub(crate) fn new(rate: Rate, member: Member) -> Self {
        Self {
            generator: member.generator(Purpose::Arrivals),
            gap_ns: rate.gap_ns() * member.of as f64,
            after_ns: 0.0,
        }
    }
}

impl Column for Poisson {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            let gaps: f64 = self.generator.sample(Exp1);
            self.after_ns += gaps * self.gap_ns;
            start.after_ns = whole_ns(self.after_ns);
        }
    }
}
