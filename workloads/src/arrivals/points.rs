//! Points on the axis of flows, one per flow on average. A profile maps them to the axis of time.

use super::{profile::Profile, whole_ns};
use crate::{
    column::Column,
    seed::{Generator, Member, Purpose},
};
use drumpost_core::load::Start;
use rand::RngExt;
use rand_distr::Exp1;

/// A supply of points in order, without an end.
pub(crate) trait Points: Send {
    /// Added to a time in ns before it is cut to a whole number.
    const ROUNDING: f64;

    /// The next point.
    fn next(&mut self) -> f64;
}

/// 0, 1, 2, ...: of k members each takes every k-th of them. Exact up to 2^53.
pub(crate) struct Even {
    next: f64,
    step: f64,
}

impl Even {
    pub(crate) const fn new(member: Member) -> Self {
        Self { next: member.number as f64, step: member.of as f64 }
    }
}

impl Points for Even {
    /// To the nearest: a product may fall a hair short of a whole number.
    const ROUNDING: f64 = 0.5;

    #[inline]
    fn next(&mut self) -> f64 {
        let point = self.next;
        self.next += self.step;
        point
    }
}

/// Points of a Poisson process. Sums are cut only as times, so cutting does not change the rate.
pub(crate) struct Independent {
    generator: Generator,
    gap: f64,
    last: f64,
}

impl Independent {
    /// One member's points, `gap` apart on average.
    pub(crate) fn new(member: Member, gap: f64) -> Self {
        Self { generator: member.generator(Purpose::Arrivals), gap, last: 0.0 }
    }
}

impl Points for Independent {
    const ROUNDING: f64 = 0.0;

    #[inline]
    fn next(&mut self) -> f64 {
        let gaps: f64 = self.generator.sample(Exp1);
        self.last += gaps * self.gap;
        self.last
    }
}

/// Due times: points carried to the axis of time.
pub(crate) struct Timed<P> {
    points: P,
    profile: Profile,
    last_ns: u64,
}

impl<P: Points> Timed<P> {
    pub(crate) const fn new(points: P, profile: Profile) -> Self {
        Self { points, profile, last_ns: 0 }
    }
}

impl<P: Points> Column for Timed<P> {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            let after_ns = whole_ns(self.profile.when(self.points.next()) + P::ROUNDING);
            // Points that lie closer than a float can tell may change places where two pieces of a profile meet.
            self.last_ns = self.last_ns.max(after_ns);
            start.after_ns = self.last_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::{ArrivalSpec, Rate};

    /// What both processes were before there were profiles, flow by flow: what a seed means does not change.
    #[test]
    fn constant_and_poisson_are_what_they_always_were() {
        for per_s in [0.3, 7.0, 12_345.6, 3e6, 7.77e8] {
            for (number, of) in [(0, 1), (0, 3), (2, 3), (4, 7)] {
                let (rate, member) = (Rate::per_s(per_s).unwrap(), Member { seed: 5, number, of });
                let due_ns = |spec: ArrivalSpec| {
                    let mut starts = vec![Start::default(); 10_000];
                    spec.column(member, 1).fill(&mut starts);
                    starts.into_iter().map(|start| start.after_ns).collect::<Vec<_>>()
                };
                let (gap_ns, mut generator) = (1e9 / per_s, member.generator(Purpose::Arrivals));
                let (mut next, mut after_ns) = (number as f64, 0.0);
                let mut constant = Vec::new();
                let mut poisson = Vec::new();
                for _ in 0..10_000 {
                    constant.push(whole_ns(next * gap_ns + 0.5));
                    next += of as f64;
                    let gaps: f64 = generator.sample(Exp1);
                    after_ns += gaps * (gap_ns * of as f64);
                    poisson.push(whole_ns(after_ns));
                }
                assert_eq!(due_ns(ArrivalSpec::Constant(rate)), constant, "constant at {per_s}/s");
                assert_eq!(due_ns(ArrivalSpec::Poisson(rate)), poisson, "poisson at {per_s}/s");
            }
        }
    }
}
