//! Whether a run may be believed: valid, suspect or invalid, and why.

use crate::model::Run;

/// The answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Believe it.
    #[default]
    Valid,
    /// Read the reasons before using it.
    Suspect,
    /// Do not use it.
    Invalid,
}

/// The answer with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub status: Validity,
    /// Why it is not valid, and which promises of the transport were broken; sentences with figures.
    pub reasons: Vec<String>,
    /// What does not touch the answer but should be known.
    pub notes: Vec<String>,
}

/// Limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {}

/// Judges.
#[must_use]
pub fn judge(_run: &Run, _thresholds: &Thresholds) -> Verdict {
    Verdict::default()
}
