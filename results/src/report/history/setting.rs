//! Settings of a series as people read them: rounded, and by names without units, because the values carry theirs.
//!
//! Does not live here: the exact values, by which runs are kept apart (`crate::history`).

use super::super::without_unit;
use crate::history::Difference;
use crate::units;

/// `rate 167 /s`.
pub(super) fn setting(key: &str, exact: &str) -> String {
    format!("{} {}", without_unit(key), rounded(key, exact))
}

/// `duration 1.00 s → 200 ms`; `-` stands for a setting that the runs do not have, such as the arrivals of a closed load. Values that are rounded
/// to the same text are told in full. A fact of a fingerprint is told as it is.
pub(super) fn difference(of: &Difference) -> String {
    if !of.is_setting {
        return of.to_string();
    }
    let both = |say: &dyn Fn(&str) -> String| {
        [&of.from, &of.to].map(|value| value.as_deref().map_or_else(|| units::NONE.to_owned(), say))
    };
    let [mut from, mut to] = both(&|exact| rounded(&of.fact, exact));
    if from == to {
        [from, to] = both(&|exact| exact.to_owned());
    }
    format!("{} {from} → {to}", without_unit(&of.fact))
}

/// A value in three digits if its name says that it has a unit.
fn rounded(key: &str, exact: &str) -> String {
    let read = match key.rsplit('_').next() {
        Some("ns") => units::parse_duration(exact).map(units::duration),
        Some("s") => units::parse_rate(exact).map(units::rate),
        Some("bytes") => units::parse_size(exact).map(units::size),
        _ => return exact.to_owned(),
    };
    read.unwrap_or_else(|_| exact.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fact: &str, from: Option<&str>, to: Option<&str>) -> String {
        let [from, to] = [from, to].map(|text| text.map(str::to_owned));
        difference(&Difference { fact: fact.into(), from, to, is_setting: true })
    }

    #[test]
    fn values_are_rounded_and_names_have_no_unit() {
        assert_eq!(setting("rate_per_s", "166.66666666666666/s"), "rate 167 /s");
        assert_eq!(setting("duration_ns", "6000000001ns"), "duration 6.00 s");
        assert_eq!(setting("drain_ns", "none"), "drain none");
        assert_eq!(setting("payload", "128B"), "payload 128B");
        assert_eq!(setting("at_cap", "block"), "at_cap block");
    }

    #[test]
    fn a_setting_that_there_is_not_is_not_said_to_be_unrecorded() {
        assert_eq!(told("duration_ns", Some("1s"), Some("200ms")), "duration 1.00 s → 200 ms");
        assert_eq!(told("rate_per_s", None, Some("10k/s")), "rate - → 10.0 k/s");
        assert_eq!(told("arrivals", None, Some("poisson")), "arrivals - → poisson");
        assert_eq!(
            told("rate_per_s", Some("12310/s"), Some("12340/s")),
            "rate 12310/s → 12340/s",
            "as rounded"
        );
        let fact =
            Difference { fact: "toolchain".into(), from: None, to: Some("rustc".into()), is_setting: false };
        assert_eq!(difference(&fact), "toolchain not recorded → rustc");
    }
}
