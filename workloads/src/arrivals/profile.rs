//! Rate profiles: the course of a load's rate over time. A profile gives the number of flows due by a time, and its
//! inverse, the time by which a number of flows is due.
//!
//! A process puts points on the axis of *flows*, one per flow on average, and the inverse of the profile maps them to
//! the axis of time. Points 0, 1, 2, ... become evenly paced flows of exactly that rate. The points of a Poisson
//! process of rate one become a Poisson process of exactly that rate: Çinlar, "Introduction to Stochastic Processes"
//! (1975), 4.7.

use super::sine::Wave;

/// The rate as it goes with time. Times are in ns from the beginning of the load, warm-up included.
#[derive(Clone, Debug)]
pub(crate) enum Profile {
    /// Always the same.
    Flat { gap_ns: f64 },
    /// Linear piece by piece.
    Pieces(Pieces),
    /// Up and down for ever.
    Wave(Wave),
}

impl Profile {
    /// Flows due before `at_ns`.
    pub(crate) fn flows_by(&self, at_ns: f64) -> f64 {
        match self {
            Self::Flat { gap_ns } => at_ns / gap_ns,
            Self::Pieces(pieces) => pieces.flows_by(at_ns),
            Self::Wave(wave) => wave.flows_by(at_ns),
        }
    }

    /// When `flows` flows are due, in ns; where nothing is due for a while, the end of that while.
    #[inline]
    pub(crate) fn when(&self, flows: f64) -> f64 {
        match self {
            Self::Flat { gap_ns } => flows * gap_ns,
            Self::Pieces(pieces) => pieces.when(flows),
            Self::Wave(wave) => wave.when(flows),
        }
    }

    /// Its mean over a window, in flows per second.
    pub(crate) fn mean_per_s(&self, from_ns: f64, to_ns: f64) -> f64 {
        (self.flows_by(to_ns) - self.flows_by(from_ns)) * 1e9 / (to_ns - from_ns)
    }
}

/// A stretch of time over which the rate goes from one value to another along a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// How long it lasts.
    pub(crate) len_ns: u64,
    /// The rate it begins with, in flows per second.
    pub(crate) from_per_s: f64,
    /// The rate it ends with.
    pub(crate) to_per_s: f64,
}

/// Pieces one after the other; then the last rate for ever, or all of them again.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    laid: Vec<Laid>,
    /// How long all of them last, if they come again and again.
    period_ns: Option<f64>,
    /// Flows of all of them.
    flows: f64,
}

/// A piece in its place. Rates are in flows per ns.
#[derive(Clone, Copy, Debug)]
struct Laid {
    from_ns: f64,
    end_ns: f64,
    flows_before: f64,
    rate: f64,
    slope: f64,
}

impl Laid {
    fn is_silent(&self) -> bool {
        self.rate == 0.0 && self.slope == 0.0
    }

    fn flows_by(&self, at_ns: f64) -> f64 {
        let since_ns = at_ns.min(self.end_ns) - self.from_ns;
        self.flows_before + since_ns * (self.rate + self.slope * since_ns / 2.0)
    }

    fn when(&self, flows: f64) -> f64 {
        let flows = (flows - self.flows_before).max(0.0);
        // The root of a quadratic, in the form that loses no digits whichever way the slope goes.
        let root = (self.rate * self.rate + 2.0 * self.slope * flows).max(0.0).sqrt();
        self.from_ns + 2.0 * flows / (self.rate + root)
    }
}

impl Pieces {
    /// `pieces`, and then the last one's last rate for ever.
    pub(crate) fn then_hold(pieces: &[Piece]) -> Self {
        let mut all = Self::lay(pieces);
        if let (Some(last), Some(end)) = (pieces.last(), all.laid.last().copied()) {
            let (from_ns, flows_before) = (end.end_ns, all.flows);
            let rate = last.to_per_s / 1e9;
            all.laid.push(Laid { from_ns, end_ns: f64::INFINITY, flows_before, rate, slope: 0.0 });
        }
        all
    }

    /// `pieces`, again and again.
    pub(crate) fn repeated(pieces: &[Piece]) -> Self {
        let all = Self::lay(pieces);
        Self { period_ns: all.laid.last().map(|last| last.end_ns), ..all }
    }

    fn lay(pieces: &[Piece]) -> Self {
        let (mut from_ns, mut flows) = (0.0, 0.0);
        let mut laid = Vec::with_capacity(pieces.len() + 1);
        for piece in pieces {
            let len_ns = piece.len_ns as f64;
            let end_ns = from_ns + len_ns;
            let slope = (piece.to_per_s - piece.from_per_s) / 1e9 / len_ns;
            laid.push(Laid { from_ns, end_ns, flows_before: flows, rate: piece.from_per_s / 1e9, slope });
            flows += (piece.from_per_s + piece.to_per_s) / 2.0 * len_ns / 1e9;
            from_ns = end_ns;
        }
        Self { laid, period_ns: None, flows }
    }

    fn flows_by(&self, at_ns: f64) -> f64 {
        let rounds = self.period_ns.map_or(0.0, |period_ns| (at_ns / period_ns).floor());
        let at_ns = at_ns - rounds * self.period_ns.unwrap_or(0.0);
        let at = self.laid.partition_point(|piece| piece.from_ns <= at_ns).saturating_sub(1);
        rounds * self.flows + self.laid.get(at).map_or(0.0, |piece| piece.flows_by(at_ns))
    }

    #[inline]
    fn when(&self, flows: f64) -> f64 {
        let rounds = self.period_ns.map_or(0.0, |_| (flows / self.flows).floor());
        let begins_ns = rounds * self.period_ns.unwrap_or(0.0);
        let flows = flows - rounds * self.flows;
        // Of pieces that begin with as many flows all but the last are silent.
        let at = self.laid.partition_point(|piece| piece.flows_before <= flows).saturating_sub(1);
        let Some(piece) = self.laid.get(at) else { return begins_ns };
        if piece.is_silent() {
            return begins_ns + piece.end_ns;
        }
        let when_ns = piece.when(flows).min(piece.end_ns);
        // What rounds to the very end of a piece is due when the next begins, or after it if that is silent.
        match self.laid.get(at + 1) {
            Some(next) if when_ns > piece.end_ns - 0.5 && next.is_silent() => begins_ns + next.end_ns,
            _ => begins_ns + when_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(len_ns: u64, from_per_s: f64, to_per_s: f64) -> Piece {
        Piece { len_ns, from_per_s, to_per_s }
    }

    #[test]
    fn flows_and_times_are_each_others_inverse() {
        let up_and_down = [piece(1_000_000_000, 100.0, 900.0), piece(500_000_000, 900.0, 0.0)];
        let bursts = [piece(100_000_000, 1_000.0, 1_000.0), piece(900_000_000, 0.0, 0.0)];
        for profile in
            [Pieces::then_hold(&up_and_down[..1]), Pieces::repeated(&up_and_down), Pieces::repeated(&bursts)]
        {
            let profile = Profile::Pieces(profile);
            for n in 0..20_000 {
                let flows = f64::from(n) * 0.37;
                let back = profile.flows_by(profile.when(flows));
                assert!((back - flows).abs() < 1e-6, "{flows} flows, back {back} of {profile:?}");
            }
        }
    }

    #[test]
    fn the_area_under_a_ramp_is_its_flows() {
        let ramp = Profile::Pieces(Pieces::then_hold(&[piece(1_000_000_000, 100.0, 300.0)]));
        assert!((ramp.flows_by(1e9) - 200.0).abs() < 1e-9);
        assert!((ramp.flows_by(0.5e9) - 75.0).abs() < 1e-9);
        assert!((ramp.flows_by(2e9) - 500.0).abs() < 1e-9);
        assert!((ramp.mean_per_s(0.5e9, 1e9) - 250.0).abs() < 1e-9);
        assert!((ramp.mean_per_s(1e9, 3e9) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_due_while_it_is_silent() {
        // About a whole number of flows in each burst, so that one in so many lies on the very edge of it.
        for on_ns in (1_000_003..200_000_000).step_by(1_700_001) {
            for flows in [1.0, 3.0, 7.0, 10.0] {
                let (per_s, off_ns) = (flows * 1e9 / on_ns as f64, 30_000_001);
                let pieces = [piece(on_ns, per_s, per_s), piece(off_ns, 0.0, 0.0)];
                let bursts = Profile::Pieces(Pieces::repeated(&pieces));
                for n in 0..500 {
                    let in_period_ns = (bursts.when(f64::from(n)) + 0.5) as u64 % (on_ns + off_ns);
                    assert!(in_period_ns < on_ns, "flow {n} at {in_period_ns} ns of a period with {on_ns}");
                }
            }
        }
    }
}
