//! The result of the contract kit: a line for each check and style.

use crate::scenario::Style;
use std::fmt;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The transport does what it should.
    Passed,
    /// It does not; a sentence says what happened.
    Failed(String),
    /// There was nothing to check; a sentence says why.
    NotApplicable(String),
}

/// One check in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name of the check.
    pub check: &'static str,
    /// In which style.
    pub style: Style,
    /// The result.
    pub verdict: Verdict,
}

/// The results of the kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the transport.
    pub transport: String,
    /// In the order they were checked.
    pub lines: Vec<Line>,
}

impl Report {
    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| matches!(line.verdict, Verdict::Failed(_)))
    }

    /// The checks that passed.
    pub fn passed(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict == Verdict::Passed)
    }

    /// Whether nothing failed and something passed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failures().next().is_none() && self.passed().next().is_some()
    }

    /// For a test: fails it unless the contract holds.
    ///
    /// # Panics
    /// With the whole list, if a check failed or none passed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.holds(), "the contract does not hold\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, lines } = self;
        let (failed, passed) = (self.failures().count(), self.passed().count());
        let rest = lines.len() - failed - passed;
        write!(f, "{transport}: {failed} failed, {passed} passed, {rest} not applicable")?;
        lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, style, verdict } = self;
        let (mark, why) = match verdict {
            Verdict::Passed => ("pass", ""),
            Verdict::Failed(why) => ("FAIL", why.as_str()),
            Verdict::NotApplicable(why) => ("n/a ", why.as_str()),
        };
        let colon = if why.is_empty() { "" } else { ": " };
        write!(f, "{mark} {style}/{check}{colon}{why}")
    }
}
