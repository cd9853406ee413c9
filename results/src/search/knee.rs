//! The knee of the curve of latency against load. Beyond the knee, more load buys more waiting than throughput.
//!
//! Lives here: Kleinrock's power, and the rate where it is highest. Does not live here: drawing (`report`).

use crate::model::{Run, search::Held};

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Flows ended per second.
    pub throughput_per_s: f64,
    /// Mean response time in ns.
    pub mean_ns: f64,
}

impl Load {
    /// Throughput ÷ mean response time, the *power* of L. Kleinrock, "Power and deterministic rules of thumb for
    /// probabilistic problems in computer communications", ICC 1979. For M/M/1 it is λ(1−ρ)/s, highest at ρ = ½.
    #[must_use]
    pub fn power(&self) -> f64 {
        self.throughput_per_s / self.mean_ns
    }
}

/// Which of the loads is the knee: the one of the highest power. It is one of those measured, so it is as coarse as they
/// lie apart. `None` with fewer than three, or without any that has a power.
#[must_use]
pub fn knee(loads: &[Load]) -> Option<usize> {
    let powers =
        loads.iter().map(Load::power).enumerate().filter(|(_, power)| power.is_finite() && *power > 0.0);
    let powers: Vec<(usize, f64)> = powers.collect();
    if powers.len() < 3 {
        return None;
    }
    powers.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| *index)
}

/// The rate at the knee of the curve of these holds, in flows per second: see [`knee`].
#[must_use]
pub fn knee_of(holds: &[Held], runs: &[Run]) -> Option<f64> {
    let loads = holds.iter().map(|held| {
        let run = runs.get(held.run);
        let throughput_per_s = run.and_then(|run| run.trials.first()?.throughput_per_s());
        let mean_ns = run.and_then(|run| run.response().mean_ns());
        // A hold without figures has no power and is left out.
        Load { throughput_per_s: throughput_per_s.unwrap_or(0.0), mean_ns: mean_ns.unwrap_or(f64::NAN) }
    });
    let loads: Vec<Load> = loads.collect();
    knee(&loads).map(|index| holds[index].rate_per_s)
}
