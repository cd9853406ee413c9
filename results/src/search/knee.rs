//! The knee of the curve of latency against load. Beyond the knee, more load buys more waiting than throughput.
//!
//! Lives here: Kleinrock's power, and the rate where it is highest. Does not live here: drawing (`report`).

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
