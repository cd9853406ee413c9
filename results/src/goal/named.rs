//! A figure by its name, for what follows a figure over time.
//!
//! The names are those that goals have. Does not live here: the values (`figure`).

use std::fmt;
use std::str::FromStr;

use super::figure::{self, Figure};
use crate::model::Run;

/// A figure of a run, such as `p99` or `throughput_per_s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Named(Figure);

impl FromStr for Named {
    type Err = String;

    /// The figure of this name; else the name that is most like it, and all names.
    fn from_str(name: &str) -> Result<Self, String> {
        Figure::named(name.trim()).map(Self)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name())
    }
}

impl Named {
    /// Every figure there is.
    pub fn all() -> impl Iterator<Item = Self> {
        figure::all().map(Self)
    }

    /// All figures that are known of a run, with their values in [`Named::unit`]. A count that may be higher is not known.
    /// `kept_per_s` is the answer of the search whose holds are the trials of the run.
    #[must_use]
    pub fn values(run: &Run, kept_per_s: Option<f64>) -> Vec<(Self, f64)> {
        let known = figure::all_known(run, kept_per_s);
        known.into_iter().map(|(figure, value)| (Self(figure), value)).collect()
    }

    /// The unit of its values: `ns`, `per_s`, `share` or `count`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.0.unit()
    }

    /// A value for people, with its unit.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        self.0.text(value)
    }

    /// Whether a higher value is better; `None` for counts, of which some are good and some are not.
    #[must_use]
    pub fn is_higher_better(self) -> Option<bool> {
        match self.0 {
            Figure::Time(..) | Figure::Cost(_) => Some(false),
            Figure::Throughput | Figure::Kept | Figure::Achieved => Some(true),
            Figure::Count(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn names_read_back_and_misspelt_ones_are_told() {
        let all: Vec<Named> = Named::all().collect();
        assert!(all.len() > 60);
        for figure in &all {
            assert_eq!(figure.to_string().parse(), Ok(*figure));
        }
        assert_eq!("response.p99".parse::<Named>().unwrap().to_string(), "p99");
        let error = "p999".parse::<Named>().unwrap_err();
        assert!(error.contains("unknown figure `p999`, did you mean `p99"), "{error}");
    }

    /// What is stored of all figures at once is what a goal is told of each.
    #[test]
    fn all_figures_at_once_are_those_of_one_by_one() {
        let record = sample::record();
        for run in &record.runs {
            let values = Named::values(run, Some(7.0));
            assert!(values.len() > 20, "{}", values.len());
            for figure in Named::all() {
                let stored = values.iter().find(|(known, _)| *known == figure).map(|(_, value)| *value);
                let single = match figure.0.of(run, Some(7.0)) {
                    figure::Value::Between(low, high) if low == high => Some(low),
                    _ => None,
                };
                assert_eq!(stored, single, "{figure}");
            }
        }
    }
}
