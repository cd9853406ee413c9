//! Margins: the smallest change of each metric that counts, and how users name and set them.
//!
//! Does not live here: what a margin decides (`rule`).

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use super::Metric;
use crate::similar;
use crate::units;

/// A margin larger than this cannot be meant: a figure would have to become eleven times as large.
const MOST: f64 = 10.0;

/// Each metric with the name of its figure in goals, and its default.
const DEFAULTS: [(Metric, &str, f64); Metric::ALL.len()] = [
    (Metric::Throughput, "throughput_per_s", 0.02),
    (Metric::CpuPerMessage, "cpu_ns_per_message", 0.02),
    (Metric::CpuPerFlow, "cpu_ns_per_flow", 0.02),
    (Metric::P50, "p50", 0.02),
    (Metric::P90, "p90", 0.05),
    (Metric::P99, "p99", 0.10),
    (Metric::P999, "p99.9", 0.25),
    (Metric::ConfirmP99, "confirm.p99", 0.10),
];

/// A margin that a user asks for: `p99=30%`. Figures have the names that goals have, or those of documents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// Of which metric.
    pub metric: Metric,
    /// The smallest change that counts, as a share of one.
    pub share: f64,
}

/// A text that sets no margin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MarginError {
    /// There is no `=`.
    #[error("it is not FIGURE=SHARE, such as p99=30%")]
    NoShare,
    /// A comparison has no such figure.
    #[error("{0}")]
    Unknown(String),
    /// The value is no share.
    #[error("`{value}` is no share: {reason}; write for example 30% or 0.3")]
    Share {
        /// The given text.
        value: String,
        /// The reason.
        reason: String,
    },
    /// The value is a share that is no margin.
    #[error("`{0}` is no margin, which lies above 0 % and is at most 1000 %")]
    OutOfRange(String),
}

impl FromStr for Margin {
    type Err = MarginError;

    fn from_str(text: &str) -> Result<Self, MarginError> {
        let (name, value) = text.split_once('=').ok_or(MarginError::NoShare)?;
        let (name, value) = (name.trim(), value.trim());
        let metric = named(name).ok_or_else(|| {
            let known = DEFAULTS.map(|(_, name, _)| name);
            MarginError::Unknown(similar::unknown("figure of a comparison", name, &known))
        })?;
        let share = units::parse_share(value)
            .map_err(|error| MarginError::Share { value: value.to_owned(), reason: error.reason })?;
        if !is_margin(share) {
            return Err(MarginError::OutOfRange(value.to_owned()));
        }
        Ok(Self { metric, share })
    }
}

fn named(name: &str) -> Option<Metric> {
    let is_it = |(metric, known, _): &&(Metric, &str, f64)| *known == name || metric.name() == name;
    DEFAULTS.iter().find(is_it).map(|(metric, ..)| *metric)
}

fn is_margin(share: f64) -> bool {
    share > 0.0 && share <= MOST
}

/// The margins of all metrics, as shares of one: a smaller change is of no practical interest.
#[derive(Debug, Clone, PartialEq)]
pub struct Margins([(Metric, f64); Metric::ALL.len()]);

impl Default for Margins {
    fn default() -> Self {
        Self(DEFAULTS.map(|(metric, _, share)| (metric, share)))
    }
}

impl Margins {
    /// That of a metric.
    #[must_use]
    pub fn of(&self, metric: Metric) -> f64 {
        self.0.iter().find(|(known, _)| *known == metric).map_or(0.0, |(_, share)| *share)
    }

    /// The same with some in their place. Of two for one metric the last counts.
    #[must_use]
    pub fn with(mut self, given: &[Margin]) -> Self {
        for Margin { metric, share } in given {
            let own = self.0.iter_mut().find(|(known, _)| known == metric);
            own.into_iter().for_each(|(_, own)| *own = *share);
        }
        self
    }

    /// Those that are not the defaults, by the names that goals have, as a record holds them.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<String, f64> {
        let with_default = self.0.iter().zip(DEFAULTS);
        let changed = with_default.filter(|((_, share), (.., default))| share != default);
        changed.map(|((_, share), (_, name, _))| (name.to_owned(), *share)).collect()
    }

    /// The defaults with what a record holds in their place. Names that this drumpost does not know, and shares that are no
    /// margins, are passed over.
    #[must_use]
    pub fn from_changed(changed: &BTreeMap<String, f64>) -> Self {
        let known = changed.iter().filter(|(_, share)| is_margin(**share));
        let given: Vec<Margin> =
            known.filter_map(|(name, share)| Some(Margin { metric: named(name)?, share: *share })).collect();
        Self::default().with(&given)
    }
}

/// A margin as a percentage without needless zeros: `2 %`, `2.5 %`.
pub(crate) fn text(margin: f64) -> String {
    let percent = format!("{:.2}", margin * 100.0);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn margin(text: &str) -> Result<Margin, String> {
        text.parse().map_err(|error: MarginError| error.to_string())
    }

    #[test]
    fn a_margin_is_set_by_the_name_of_its_figure() {
        for (metric, name, default) in DEFAULTS {
            assert_eq!(Margins::default().of(metric), default);
            for name in [name, metric.name()] {
                assert_eq!(margin(&format!("{name} = 7%")), Ok(Margin { metric, share: 0.07 }), "{name}");
            }
            // A figure of a goal has the same name.
            assert_eq!(name.parse::<crate::goal::Named>().unwrap().to_string(), name);
        }
        assert_eq!(margin("p99=0.3").unwrap().share, 0.3);
    }

    #[test]
    fn what_is_no_margin_says_why() {
        let error = |text| margin(text).unwrap_err();
        assert!(error("p999=3%").contains("unknown figure of a comparison `p999`; did you mean `p99"));
        assert!(
            error("lost=3%").contains("known: throughput_per_s, "),
            "a goal has it, a comparison has not"
        );
        assert!(error("p99").contains("FIGURE=SHARE"));
        assert!(error("p99=much").contains("`much` is no share"));
        for out in ["p99=0%", "p99=0", "p99=1001%"] {
            assert!(error(out).contains("is no margin"), "{out}: {}", error(out));
        }
        assert!(error("p99=-1%").contains("below zero"));
    }

    #[test]
    fn margins_survive_a_record_and_what_it_holds_by_mistake_does_not_count() {
        let given = ["p99=30%", "cpu_ns_per_message=1%", "p99=40%"].map(|text| margin(text).unwrap());
        let own = Margins::default().with(&given);
        assert_eq!((own.of(Metric::P99), own.of(Metric::CpuPerMessage)), (0.4, 0.01));
        assert_eq!(
            (own.of(Metric::CpuPerFlow), own.of(Metric::ConfirmP99)),
            (0.02, 0.1),
            "they are their own"
        );
        let mut stored = own.changed();
        assert_eq!(stored.len(), 2, "{stored:?}");
        assert_eq!(Margins::from_changed(&stored), own);
        stored.extend(
            [("p50", 0.0), ("p90", -1.0), ("p99.9", f64::NAN), ("of_later", 0.5)]
                .map(|(k, v)| (k.to_owned(), v)),
        );
        assert_eq!(Margins::from_changed(&stored), own);
        assert!(Margins::default().changed().is_empty());
    }

    #[test]
    fn a_margin_has_no_needless_zeros() {
        assert_eq!([0.02, 0.025, 0.1, 0.0125].map(text), ["2 %", "2.5 %", "10 %", "1.25 %"]);
    }
}
