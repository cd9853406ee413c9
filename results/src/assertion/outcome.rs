//! The outcome of assertions as data: for each row and term whether it is kept, by how much it is missed, or why it cannot be told.
//!
//! Does not live here: tables and JSON (`report`), and JUnit (`export`).

use super::Assertion;
use crate::goal::{Answer, Reply, Term};
use crate::units;

/// A term that was checked on a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The term.
    pub term: Term,
    /// The answer.
    pub answer: Answer,
}

impl Checked {
    /// Why it cannot be told; `None` if it can.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        match &self.answer {
            Answer::Kept { .. } | Answer::Missed { .. } => None,
            Answer::TooFew { count, needed } => {
                let there = units::counted(*count, "sample is", "samples are");
                Some(format!(
                    "{there} too few for {}, which needs {}: measure longer or with more trials",
                    self.term.figure(),
                    units::count(*needed)
                ))
            }
            Answer::Unknown { why } => Some(why.clone()),
        }
    }

    /// One sentence: `p99 2.31 ms, 15.5 % over 2 ms`, `lost 0`, `p99 < 2 ms cannot be told: ...`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let figure = |value: f64| format!("{} {}", self.term.figure(), self.term.text(value));
        match &self.answer {
            Answer::Kept { value } => figure(*value),
            Answer::Missed { value } => format!("{}, {}", figure(*value), self.term.miss(*value)),
            Answer::TooFew { .. } | Answer::Unknown { .. } => {
                format!("{} cannot be told: {}", self.term, self.why_not().unwrap_or_default())
            }
        }
    }
}

/// All terms of an assertion for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRow {
    /// The name of the row, as in [`crate::rows::Row::name`].
    pub name: String,
    /// The scenario.
    pub scenario: String,
    /// Style and transport.
    pub dispatch: String,
    /// In the order of the goal.
    pub terms: Vec<Checked>,
}

impl CheckedRow {
    /// The worst answer of the terms.
    #[must_use]
    pub fn reply(&self) -> Reply {
        self.terms.iter().map(|checked| checked.answer.reply()).max().unwrap_or(Reply::CannotTell)
    }
}

/// An assertion and the rows that it selects.
#[derive(Debug, Clone, PartialEq)]
pub struct Asserted {
    /// The assertion.
    pub assertion: Assertion,
    /// At least one.
    pub rows: Vec<CheckedRow>,
}

impl Asserted {
    /// The worst answer of the rows.
    #[must_use]
    pub fn reply(&self) -> Reply {
        self.rows.iter().map(CheckedRow::reply).max().unwrap_or(Reply::CannotTell)
    }
}

/// The outcome of all assertions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// In the order given.
    pub asserted: Vec<Asserted>,
}

impl Outcome {
    /// The worst answer; kept without an assertion.
    #[must_use]
    pub fn reply(&self) -> Reply {
        self.asserted.iter().map(Asserted::reply).max().unwrap_or(Reply::Kept)
    }

    /// Whether every term of every assertion is kept. A term that cannot be told is not kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.reply() == Reply::Kept
    }
}
