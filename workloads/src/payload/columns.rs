//! Generators of payload sizes, one type for each distribution.

use super::histogram::Histogram;
use crate::{column::Column, seed::Generator};
use drumpost_core::load::Start;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal, weighted::WeightedAliasIndex};
use std::sync::Arc;

/// All as long.
pub(super) struct FixedLen(pub(super) u32);

impl Column for FixedLen {
    fn fill(&mut self, starts: &mut [Start]) {
        starts.iter_mut().for_each(|start| start.payload_len = self.0);
    }
}

/// From one length to another, all as likely.
pub(super) struct UniformLen {
    min_len: u32,
    max_len: u32,
    generator: Generator,
}

impl UniformLen {
    pub(super) const fn new(min_len: u32, max_len: u32, generator: Generator) -> Self {
        Self { min_len, max_len, generator }
    }
}

impl Column for UniformLen {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.payload_len = self.generator.random_range(self.min_len..=self.max_len);
        }
    }
}

/// Log-normal lengths.
pub(super) struct LogNormalLen {
    median_len: f64,
    sigma: f64,
    max_len: f64,
    generator: Generator,
}

impl LogNormalLen {
    pub(super) fn new(median_len: u32, sigma: f64, max_len: u32, generator: Generator) -> Self {
        Self { median_len: f64::from(median_len), sigma, max_len: f64::from(max_len), generator }
    }
}

impl Column for LogNormalLen {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            // Ends soon: the maximum is no less than the median, so every other draw is short enough.
            start.payload_len = loop {
                let z: f64 = self.generator.sample(StandardNormal);
                let len = (self.median_len * (self.sigma * z).exp()).round();
                if len <= self.max_len {
                    break len as u32;
                }
            };
        }
    }
}

/// Pareto lengths up to a maximum, by inverting their distribution: no draw is thrown away.
pub(super) struct ParetoLen {
    min_len: f64,
    max_len: f64,
    exponent: f64,
    /// How likely a length without a maximum would be at most the maximum.
    share: f64,
    generator: Generator,
}

impl ParetoLen {
    pub(super) fn new(min_len: u32, alpha: f64, max_len: u32, generator: Generator) -> Self {
        let (min_len, max_len) = (f64::from(min_len), f64::from(max_len));
        Self {
            min_len,
            max_len,
            exponent: -1.0 / alpha,
            share: 1.0 - (min_len / max_len).powf(alpha),
            generator,
        }
    }
}

impl Column for ParetoLen {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            let longer = 1.0 - self.generator.random::<f64>() * self.share;
            let len = (self.min_len * longer.powf(self.exponent)).round();
            start.payload_len = len.min(self.max_len) as u32;
        }
    }
}

/// Lengths as often as a histogram counts them.
pub(super) struct HistogramLen {
    histogram: Arc<Histogram>,
    numbers: WeightedAliasIndex<f64>,
    generator: Generator,
}

impl HistogramLen {
    pub(super) fn new(histogram: &Arc<Histogram>, generator: Generator) -> Self {
        Self { histogram: Arc::clone(histogram), numbers: histogram.numbers().clone(), generator }
    }
}

impl Column for HistogramLen {
    fn fill(&mut self, starts: &mut [Start]) {
        for start in starts {
            start.payload_len = self.histogram.len_of(self.numbers.sample(&mut self.generator));
        }
    }
}
