//! Settings by name, and their texts.
//!
//! Does not live here: which settings a report shows (`settings`), and how numbers are written (`units`).

use std::collections::BTreeMap;
use std::fmt;

use crate::units;

/// One value of a settings map.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// Yes or no.
    Bool(bool),
    /// A whole number, in the unit its key ends in.
    Integer(u64),
    /// A number, in the unit its key ends in.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Setting {
    /// The value by the unit its key ends in: `duration_ns` as a duration, `payload_bytes` as a size, `rate_per_s` as a
    /// rate, other whole numbers exact.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        match self {
            Self::Integer(n) if key.ends_with("_ns") => units::duration(*n),
            Self::Integer(n) if key.ends_with("_bytes") => units::size(*n),
            Self::Integer(n) if key.ends_with("_per_s") => units::rate(*n as f64),
            Self::Number(n) if key.ends_with("_per_s") => units::rate(*n),
            Self::Integer(n) if key.ends_with("seed") => n.to_string(),
            Self::Integer(n) => units::count_exact(*n),
            // Lists of words that a record joins with commas alone.
            Self::Text(words) if ["promise", "services"].contains(&key) => words.replace(',', ", "),
            other => other.to_string(),
        }
    }
}

impl From<bool> for Setting {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Setting {
    fn from(value: u64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<String> for Setting {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Setting {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => f.write_str(if *value { "yes" } else { "no" }),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// Effective settings by name, sorted. A key ends in its unit (`duration_ns`, `rate_per_s`).
pub type Settings = BTreeMap<String, Setting>;
