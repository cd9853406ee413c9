//! Delivery guarantees: what a user asks for, and what the promise of a transport comes to.
//!
//! The three words are those of messaging (MQTT 5.0, §4.3; Kafka's documentation, "Message Delivery Semantics"). Here they say
//! what a receiving handler may see of a message that the transport accepted.

use crate::registry::Promise;
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
}

impl Guarantee {
    /// All guarantees.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    /// `at-most-once`, `at-least-once` or `exactly-once`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
            Self::ExactlyOnce => "exactly-once",
        }
    }

    /// The strongest guarantee that a promise gives. `None`: messages may be lost and delivered twice.
    #[must_use]
    pub const fn of(promise: &Promise) -> Option<Self> {
        match (promise.lossless, promise.may_duplicate) {
            (true, false) => Some(Self::ExactlyOnce),
            (true, true) => Some(Self::AtLeastOnce),
            (false, false) => Some(Self::AtMostOnce),
            (false, true) => None,
        }
    }

    /// The end of a sentence about a message that says how a promise falls short of this guarantee. `None`: the promise gives
    /// this guarantee.
    #[must_use]
    pub const fn broken_by(self, promise: &Promise) -> Option<&'static str> {
        let loses = !promise.lossless && !matches!(self, Self::AtMostOnce);
        let repeats = promise.may_duplicate && !matches!(self, Self::AtLeastOnce);
        match (loses, repeats) {
            (false, false) => None,
            (true, false) => Some("may be lost"),
            (false, true) => Some("may be delivered again"),
            (true, true) => Some("may be lost and may be delivered again"),
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
    fn a_promise_gives_its_own_guarantee_and_those_that_ask_for_less() {
        use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
        for (lossless, may_duplicate, strongest, given) in [
            (true, false, Some(ExactlyOnce), &Guarantee::ALL[..]),
            (true, true, Some(AtLeastOnce), &[AtLeastOnce]),
            (false, false, Some(AtMostOnce), &[AtMostOnce]),
            (false, true, None, &[]),
        ] {
            let promise = Promise { lossless, may_duplicate, ..Promise::IN_MEMORY };
            assert_eq!(Guarantee::of(&promise), strongest, "{promise:?}");
            let kept: Vec<Guarantee> =
                Guarantee::ALL.into_iter().filter(|asked| asked.broken_by(&promise).is_none()).collect();
            assert_eq!(kept, given, "{promise:?}");
        }
        let worst = Promise { lossless: false, may_duplicate: true, ..Promise::IN_MEMORY };
        assert_eq!(ExactlyOnce.broken_by(&worst), Some("may be lost and may be delivered again"));
        assert_eq!(AtMostOnce.broken_by(&worst), Some("may be delivered again"));
        assert_eq!(AtLeastOnce.broken_by(&worst), Some("may be lost"));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for guarantee in Guarantee::ALL {
            assert_eq!(guarantee.to_string().parse(), Ok(guarantee));
        }
        assert!(
            "once".parse::<Guarantee>().unwrap_err().contains("at-most-once, at-least-once or exactly-once")
        );
    }
}
