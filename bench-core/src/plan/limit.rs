//! The limit of a service that catches up with a backlog (`--catch-up`): how many messages a second its instances may receive together.
//!
//! Does not live here: which of the messages are given out (`control::slots`), how a lane keeps to it (`lane::catch_up`), and what came of it
//! (`outcome::backlog`).

/// Picoseconds in a second. A gap of whole nanoseconds would be wrong by up to 0.5 % at ten million messages a second.
const PS: f64 = 1e12;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    per_s: f64,
}

impl Limit {
    /// At most so many messages a second. `None`: the number is not above zero, not finite, or above one in a nanosecond.
    #[must_use]
    pub fn per_s(per_s: f64) -> Option<Self> {
        (per_s > 0.0 && per_s <= 1e9).then_some(Self { per_s })
    }

    /// Messages a second.
    #[must_use]
    pub const fn messages_per_s(self) -> f64 {
        self.per_s
    }

    /// The time between two messages, in picoseconds. A limit of fewer than one message in 100 days, which is longer than any trial, counts as that.
    #[must_use]
    pub(crate) fn gap_ps(self) -> u64 {
        const LONGEST: f64 = 100.0 * 86_400.0 * PS;
        (PS / self.per_s).round().min(LONGEST) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_rate_above_zero() {
        for per_s in [0.0, -1.0, f64::NAN, f64::INFINITY, 2e9] {
            assert_eq!(Limit::per_s(per_s), None, "{per_s}");
        }
        let gap_ps = |per_s| Limit::per_s(per_s).map(Limit::gap_ps);
        assert_eq!(gap_ps(5_000.0), Some(200_000_000));
        assert_eq!((gap_ps(7e6), gap_ps(1e9)), (Some(142_857), Some(1_000)));
        assert_eq!(gap_ps(1e-300), Some(8_640_000 * 1_000_000_000_000));
        assert_eq!(Limit::per_s(0.5).map(Limit::messages_per_s), Some(0.5));
    }
}
