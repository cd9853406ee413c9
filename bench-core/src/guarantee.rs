//! Delivery guarantees: what a user asks for, and what the promise of a transport comes to.
//!
//! The three words that a user can ask for are those of messaging (MQTT 5.0, §4.3; Kafka's documentation, "Message Delivery
//! Semantics"). Here they say what a receiving handler may see of a message that the transport accepted. A fourth word says that a
//! transport gives none of the three.

use std::{fmt, str::FromStr};

/// A delivery guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// A message may be lost and is never delivered twice.
    AtMostOnce,
    /// A message is never lost and may be delivered several times.
    AtLeastOnce,
    /// A message is neither lost nor delivered twice.
    ExactlyOnce,
    /// A message may be lost and may be delivered several times. Nobody asks for this. A transport says it that can keep none of the others.
    Any,
}

impl Guarantee {
    /// All guarantees that a user can ask for.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    /// `at-most-once`, `at-least-once`, `exactly-once` or `any`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
            Self::ExactlyOnce => "exactly-once",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guarantee {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|guarantee| guarantee.name() == text);
        found.ok_or_else(|| format!("`{text}` is no guarantee: at-most-once, at-least-once or exactly-once"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for guarantee in Guarantee::ALL {
            assert_eq!(guarantee.to_string().parse(), Ok(guarantee));
        }
        assert!("any".parse::<Guarantee>().is_err(), "nobody asks for it");
        assert!(
            "once".parse::<Guarantee>().unwrap_err().contains("at-most-once, at-least-once or exactly-once")
        );
    }
}
