//! A sine: the rate swings between the base rate and another, like the load over a day.

use super::{Rate, profile::Profile};
use crate::{arguments::Arguments, text::Form, units};
use std::{f64::consts::TAU, fmt};

/// How it is written and what it does.
pub const FORM: Form = Form {
    grammar: "sine:to=RATE,period=TIME[,poisson]",
    summary: "the rate swings between --rate and RATE, once in each period",
};

/// A swing from the base rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Sine {
    to: Rate,
    period_ns: u64,
}

impl Sine {
    pub(super) fn read(arguments: &mut Arguments<'_>) -> Result<Self, String> {
        Ok(Self {
            to: arguments.value("to", Rate::read)?,
            period_ns: arguments.value("period", units::some_duration_ns)?,
        })
    }

    pub(super) fn profile(&self, base: Rate) -> Profile {
        let (base, to) = (base.as_per_s() / 1e9, self.to.as_per_s() / 1e9);
        let period_ns = self.period_ns as f64;
        let mean = base.midpoint(to);
        Profile::Wave(Wave::new(mean, to - mean, period_ns))
    }
}

impl fmt::Display for Sine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sine:to={},period={}", self.to, units::duration_text(self.period_ns))
    }
}

/// The rate `mean − swing × cos(turn)`, in flows per ns. It never reaches zero: both ends are rates.
#[derive(Clone, Debug)]
pub(crate) struct Wave {
    mean: f64,
    swing: f64,
    period_ns: f64,
    turn_per_ns: f64,
    /// When each [`KNOTS`]-th of a period's flows is due, from none to all of them: where the search begins.
    knots_ns: Box<[f64]>,
}

/// So many that one step from there is as good as always enough.
const KNOTS: usize = 1024;

impl Wave {
    fn new(mean: f64, swing: f64, period_ns: f64) -> Self {
        let mut wave =
            Self { mean, swing, period_ns, turn_per_ns: TAU / period_ns, knots_ns: Box::default() };
        let flows = |knot: usize| mean * period_ns * knot as f64 / KNOTS as f64;
        wave.knots_ns = (0..=KNOTS).map(|knot| wave.in_period(flows(knot), flows(knot) / mean)).collect();
        wave
    }

    pub(super) fn flows_by(&self, at_ns: f64) -> f64 {
        let rounds = (at_ns / self.period_ns).floor();
        let turn = (at_ns - rounds * self.period_ns) * self.turn_per_ns;
        self.mean * at_ns - self.swing / self.turn_per_ns * turn.sin()
    }

    pub(super) fn when(&self, flows: f64) -> f64 {
        let per_period = self.mean * self.period_ns;
        let rounds = (flows / per_period).floor();
        let wanted = flows - rounds * per_period;
        let place = wanted / per_period * KNOTS as f64;
        let knot = (place as usize).min(KNOTS - 1);
        let (before_ns, after_ns) = (self.knots_ns[knot], self.knots_ns[knot + 1]);
        let guess_ns = before_ns + (after_ns - before_ns) * (place - knot as f64);
        rounds * self.period_ns + self.in_period(wanted, guess_ns)
    }

    /// By Newton's steps from a guess, halved wherever they leave what is known to hold the answer.
    fn in_period(&self, wanted: f64, guess_ns: f64) -> f64 {
        let (mut low_ns, mut high_ns) = (0.0, self.period_ns);
        let mut at_ns = guess_ns;
        // More steps than halving a century down to a nanosecond takes.
        for _ in 0..70 {
            let (sin, cos) = (at_ns * self.turn_per_ns).sin_cos();
            let excess = self.mean * at_ns - self.swing / self.turn_per_ns * sin - wanted;
            if excess > 0.0 {
                high_ns = at_ns
            } else {
                low_ns = at_ns
            }
            let rate = self.mean - self.swing * cos;
            let newton_ns = at_ns - excess / rate;
            let is_inside = (low_ns..=high_ns).contains(&newton_ns);
            let next_ns = if is_inside { newton_ns } else { f64::midpoint(low_ns, high_ns) };
            let moved_ns = next_ns - at_ns;
            at_ns = next_ns;
            // How far a step of Newton's may be off is the square of its length times half the curvature over the slope.
            let off_ns = moved_ns * moved_ns * (self.swing * self.turn_per_ns / rate).abs();
            if moved_ns.abs() < 1e-3 || is_inside && off_ns < 1e-2 {
                break;
            }
        }
        at_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_and_times_are_each_others_inverse() {
        for (base, to) in [(1_000.0, 5_000.0), (5_000.0, 0.001), (0.001, 1e6), (70.0, 70.0)] {
            let sine = Sine { to: Rate::per_s(to).unwrap(), period_ns: 1_234_567_890 };
            let profile = sine.profile(Rate::per_s(base).unwrap());
            for n in 0..20_000 {
                let flows = f64::from(n) * 0.73;
                let back = profile.flows_by(profile.when(flows));
                assert!((back - flows).abs() < 1e-4, "{flows} flows, back {back} of {sine} from {base}/s");
            }
        }
    }

    #[test]
    fn half_a_period_is_half_the_flows_and_its_middle_the_fastest() {
        let sine = Sine { to: Rate::per_s(3_000.0).unwrap(), period_ns: 1_000_000_000 };
        let profile = sine.profile(Rate::per_s(1_000.0).unwrap());
        assert!((profile.flows_by(0.5e9) - 1_000.0).abs() < 1e-6);
        assert!((profile.flows_by(3e9) - 6_000.0).abs() < 1e-6);
        // At the turning points the rate is the one that was asked for.
        assert!((profile.mean_per_s(0.499e9, 0.501e9) / 3_000.0 - 1.0).abs() < 1e-4);
        assert!((profile.mean_per_s(2e9, 2.001e9) / 1_000.0 - 1.0).abs() < 1e-4);
    }
}
