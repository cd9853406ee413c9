//! The error of a text that cannot be read.

use thiserror::Error;

/// A text that is no duration, size, rate, count, share or number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("failed to read \"{text}\" as a {what}: {reason}; write for example {example}")]
pub struct UnitError {
    /// The text as it was given.
    pub text: String,
    /// What it should have been: `duration`, `size`, `rate`, `count`, `share` or `number`.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// Texts that would have been understood.
    pub example: &'static str,
}

impl UnitError {
    /// The error as a part of a longer one, which already says what is being read: `"10" is no duration: the unit is
    /// missing`.
    #[must_use]
    pub fn short(&self) -> String {
        let Self { text, what, reason, .. } = self;
        format!("\"{text}\" is no {what}: {reason}")
    }
}
