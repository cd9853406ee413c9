//! Every limit of the verdict: its name, its kind, its default and its meaning.
//!
//! Lives here: the table, and reading and writing values. METHODOLOGY.md has the same table, and a test compares both.
//! Does not live here: the checks (the other files of this folder).

use thiserror::Error;

use super::Validity;
use crate::model::{Setting, Settings};
use crate::units;

/// The kind of a limit's value, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A share of one: `0.01` or `1%`.
    Share,
    /// A time in nanoseconds: `100us`.
    Duration,
    /// How many: `10k`.
    Count,
    /// A factor or another bare number: `1.5`.
    Number,
    /// Per second: `2k/s`.
    Rate,
}

/// One limit of the table.
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    /// Its name, the unit last.
    pub key: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// The default.
    pub default: f64,
    /// The verdict on a run beyond the limit. `None`: the limit only selects words, or whether another check is made.
    pub makes: Option<Validity>,
    /// What is compared with the limit, in a sentence.
    pub meaning: &'static str,
    /// The value that switches the check off, which no figure can exceed.
    pub off: f64,
    get: fn(&Thresholds) -> f64,
    set: fn(&mut Thresholds, f64),
}

/// A limit that cannot be set as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// There is no limit of that name.
    #[error("unknown threshold `{0}`")]
    Unknown(String),
    /// The value is not of the limit's kind.
    #[error("threshold {key}: \"{value}\" is no {what}: {reason}; write for example {example}, or none")]
    Value {
        /// The name of the limit.
        key: &'static str,
        /// The given text.
        value: String,
        /// The expected thing.
        what: &'static str,
        /// The reason.
        reason: String,
        /// An example that is valid.
        example: &'static str,
    },
}

macro_rules! thresholds {
    ($($name:ident: $kind:ident = $default:expr, $makes:expr, off $off:expr, $meaning:literal;)*) => {
        /// Limits of the verdict. Shares are of one, times in nanoseconds, rates per second; see [`Thresholds::ALL`].
        #[derive(Debug, Clone, PartialEq)]
        pub struct Thresholds {
            $(#[doc = $meaning] pub $name: f64,)*
        }

        impl Default for Thresholds {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Thresholds {
            /// Every limit, in the order of the checks.
            pub const ALL: &[Threshold] = &[$(
                Threshold {
                    key: stringify!($name),
                    kind: Kind::$kind,
                    default: $default,
                    makes: $makes,
                    meaning: $meaning,
                    off: $off,
                    get: |own| own.$name,
                    set: |own, value| own.$name = value,
                },
            )*];
        }
    };
}

const SUSPECT: Option<Validity> = Some(Validity::Suspect);
const INVALID: Option<Validity> = Some(Validity::Invalid);
const NONE: f64 = f64::INFINITY;

thresholds! {
    rate_off: Share = 0.01, INVALID, off NONE,
        "open load: share of the due flows that were not started";
    lag_share: Share = 0.1, SUSPECT, off NONE,
        "open load: p99 of the schedule lag, as a share of the median response";
    lag_floor_ns: Duration = 100_000.0, None, off NONE,
        "open load: a p99 of the schedule lag below this is never too much";
    held_up: Share = 0.05, None, off NONE,
        "share of the time in which a full transport blocked the senders. Above it a late load is blamed on the dispatch, below it on the load generator";
    window_full: Share = 0.9, None, off NONE,
        "mean flows in flight, as a share of the window. Above it a late load is blamed on the dispatch, too";
    arrival_lag: Share = 0.25, SUSPECT, off NONE,
        "Poisson arrivals: the p99 of the schedule lag, as a share of the mean gap, from which actual sends that fail the Poisson test count";
    unfinished: Share = 0.01, INVALID, off NONE,
        "share of the started flows that did not end. Below the limit the run is suspect";
    lost: Share = NONE, INVALID, off NONE,
        "share of the expected deliveries that were lost, for a transport that may lose messages. For any other transport a loss fails the audit";
    refused: Share = NONE, INVALID, off NONE,
        "share of the sent messages that the transport refused. Below the limit the run is suspect";
    little: Share = 0.01, SUSPECT, off NONE,
        "virtual time, Little's law: difference between the counted flows in flight and the number that follows from their times";
    little_sampled: Share = 0.1, SUSPECT, off NONE,
        "real clock, Little's law: the same difference. Here the counting thread competes with the lanes for the cores";
    little_sampled_flows: Number = 0.25, None, off NONE,
        "real clock, Little's law: smaller differences, in flows, are ignored, because starts and ends are not read at one moment";
    little_look_ns: Duration = 25_000.0, None, off NONE,
        "real clock, Little's law: the counting thread may occupy a core for this long. Differences smaller than the flows that pass in that time are ignored; if that is more than the margin, the law is not checked";
    little_flows: Count = 10_000.0, None, off NONE,
        "Little's law is checked from this number of flows on";
    growth: Number = 1.5, SUSPECT, off NONE,
        "open load: median response of the last quarter divided by that of the first, if it grew from quarter to quarter";
    growth_floor_ns: Duration = 10_000.0, None, off NONE,
        "open load: a median of the last quarter below this does not count as growth";
    drift: Share = 0.2, SUSPECT, off NONE,
        "closed load: difference in throughput between the two halves, beyond counting noise";
    mser_truncated: Share = 0.5, SUSPECT, off NONE,
        "share of the window that MSER-5 would cut off at the start. Above it the run reached no steady state";
    mser_change: Share = 0.1, None, off NONE,
        "MSER-5 counts only if the mean of what it keeps differs by more than this from the mean of the second half";
    steal: Share = 0.01, SUSPECT, off NONE,
        "share of all cores' time that the hypervisor gave to other machines";
    throttled: Share = 0.01, SUSPECT, off NONE,
        "share of the time in which a CPU quota (of a container, for example) stopped threads";
    others: Share = 0.1, SUSPECT, off NONE,
        "share of all cores' time that other processes used. A server under test on this machine does not count";
    idle_cores: Number = 0.1, SUSPECT, off 0.0,
        "open load, or threads that spin: cores that were idle on average, at least, of those that the process may use. With fewer, the harness had to wait for a core";
    window_idle: Share = 0.15, None, off NONE,
        "closed load: share of the usable cores that was idle. Above it a note says that the window limits the throughput";
    cpu_ns_per_message: Duration = NONE, SUSPECT, off NONE,
        "CPU time of the process per message sent";
    switches_per_s: Rate = 5_000.0, SUSPECT, off NONE,
        "open load, or threads that spin: involuntary context switches per second and core, over all threads";
    clock_share: Share = 0.2, SUSPECT, off NONE,
        "cost of one clock read, as a share of the median response. A quarter of the limit is noted";
    clock_steps: Number = 10.0, SUSPECT, off 0.0,
        "median response in steps of the clock, at least";
    miscounted: Share = 0.001, SUSPECT, off NONE,
        "share of the deliveries with a time beyond the histogram's range or with stamps that ran backwards. Below the limit they are noted";
}

impl Threshold {
    /// A value of this limit for a reader.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        match self.kind {
            _ if value.is_infinite() => "none".to_owned(),
            Kind::Share => units::percent(value),
            Kind::Duration => units::duration(value as u64),
            Kind::Count => units::count(value as u64),
            Kind::Rate => units::rate(value),
            Kind::Number => value.to_string(),
        }
    }

    fn parse(&self, text: &str) -> Result<f64, ThresholdError> {
        if text == "none" {
            return Ok(self.off);
        }
        let (read, what, example) = match self.kind {
            Kind::Share => (units::parse_share(text), "share", "0.02 or 2%"),
            Kind::Duration => (units::parse_duration(text).map(|ns| ns as f64), "duration", "100us"),
            Kind::Count => (units::parse_count(text).map(|n| n as f64), "count", "10k"),
            Kind::Rate => (units::parse_rate(text), "rate", "2k/s"),
            Kind::Number => (units::parse_number(text), "number", "1.5"),
        };
        read.map_err(|error| ThresholdError::Value {
            key: self.key,
            value: text.to_owned(),
            what,
            reason: error.reason,
            example,
        })
    }
}

impl Thresholds {
    /// Sets a limit by its name to a value in its unit; `none` switches it off.
    ///
    /// # Errors
    /// There is no such limit, or the value is not of its kind.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ThresholdError> {
        let known = Self::ALL.iter().find(|threshold| threshold.key == key);
        let threshold = known.ok_or_else(|| ThresholdError::Unknown(key.to_owned()))?;
        (threshold.set)(self, threshold.parse(value)?);
        Ok(())
    }

    /// The limits that are not the defaults, each with its value.
    pub fn changed(&self) -> impl Iterator<Item = (&'static Threshold, f64)> {
        let with_value = Self::ALL.iter().map(|threshold| (threshold, (threshold.get)(self)));
        with_value.filter(|(threshold, value)| *value != threshold.default)
    }

    /// The limits that are not the defaults, as a record holds them.
    #[must_use]
    pub fn to_settings(&self) -> Settings {
        let setting = |value: f64| match value {
            _ if value.is_infinite() => Setting::Text("none".into()),
            // Up to 2⁵³ a whole number is exact.
            whole if whole.fract() == 0.0 && whole < 9e15 => Setting::Integer(whole as u64),
            _ => Setting::Number(value),
        };
        self.changed().map(|(threshold, value)| (threshold.key.to_owned(), setting(value))).collect()
    }

    /// The defaults with what a record holds in their place. Limits that this drumpost does not know are passed over.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let mut own = Self::default();
        for threshold in Self::ALL {
            let value = match settings.get(threshold.key) {
                Some(Setting::Integer(value)) => *value as f64,
                Some(Setting::Number(value)) => *value,
                Some(Setting::Text(_)) => threshold.off,
                Some(Setting::Bool(_)) | None => continue,
            };
            (threshold.set)(&mut own, value);
        }
        own
    }

    /// The table of METHODOLOGY.md, one line per limit.
    #[must_use]
    pub fn markdown() -> String {
        let line = |threshold: &Threshold| {
            let Threshold { key, meaning, default, makes, .. } = threshold;
            let says = makes.map_or("-", Validity::word);
            format!("| `{key}` | {meaning} | {} | {says} |\n", threshold.text(*default))
        };
        let head = "| threshold | what is compared | default | beyond it |\n| --- | --- | --- | --- |\n";
        format!("{head}{}", Self::ALL.iter().map(line).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_methodology_is_this_one() {
        let page = include_str!("../../../METHODOLOGY.md");
        let table = Thresholds::markdown();
        assert_eq!(table.lines().count(), 2 + Thresholds::ALL.len(), "a head, and a line for each limit");
        assert!(page.contains(&table), "METHODOLOGY.md should hold\n{table}");
    }

    #[test]
    fn every_limit_is_set_by_its_name_and_survives_a_record() {
        for threshold in Thresholds::ALL {
            let mut own = Thresholds::default();
            assert_eq!((threshold.get)(&own), threshold.default, "{}", threshold.key);
            let (text, value) = match threshold.kind {
                Kind::Share => ("7%", 0.07),
                Kind::Duration => ("3us", 3_000.0),
                Kind::Count => ("12k", 12_000.0),
                Kind::Number => ("2.5", 2.5),
                Kind::Rate => ("7k/s", 7_000.0),
            };
            own.set(threshold.key, text).unwrap();
            assert!(((threshold.get)(&own) - value).abs() < 1e-12, "{}", threshold.key);
            assert_eq!(own.changed().count(), 1);
            assert_eq!(Thresholds::from_settings(&own.to_settings()), own);
            own.set(threshold.key, "none").unwrap();
            assert_eq!((threshold.get)(&own), threshold.off);
            assert_eq!(Thresholds::from_settings(&own.to_settings()), own);
        }
        assert!(Thresholds::default().to_settings().is_empty());
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let mut own = Thresholds::default();
        let mut error = |key, value| own.set(key, value).unwrap_err().to_string();
        assert_eq!(error("lag", "1"), "unknown threshold `lag`");
        assert!(
            error("lag_floor_ns", "100")
                .contains("\"100\" is no duration: the unit is missing, as in 100s; write for example 100us")
        );
        assert!(error("steal", "-1").contains("is no share: it is below zero; write for example 0.02 or 2%"));
        assert!(error("growth", "fast").contains("is no number"));
        assert_eq!(own, Thresholds::default());
    }
}
