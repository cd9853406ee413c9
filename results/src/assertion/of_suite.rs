//! The goals that a suite's file holds, as its state stores them. A goal of a `[[matrix]]` is about the rows of that matrix alone.
//!
//! Does not live here: reading the file (the command line), which refuses a goal about no cell.

use thiserror::Error;

use super::{Assertion, AssertionError, NoRow, Outcome, evaluate};
use crate::rows::Row;
use crate::suite::Suite;

/// Why nothing can be said about the goals of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SuiteGoalError {
    /// A goal of the stored suite cannot be read: its state was changed, or a later drumpost wrote it.
    #[error("the goal `{text}` of the stored suite cannot be read: {reason}")]
    Stored {
        /// The goal as it is stored.
        text: String,
        /// What is wrong with it.
        reason: AssertionError,
    },
    /// A goal of the command line selects no row.
    #[error(transparent)]
    NoRow(#[from] NoRow),
}

/// Checks the goals of a suite's file, and then further ones, which are about all rows. `rows` are those of the suite, in the order of
/// its cells. A goal of the file is left out if the suite was begun with a part of its cells and none of them is meant.
///
/// # Errors
/// See [`SuiteGoalError`].
pub fn evaluate_suite(
    suite: &Suite,
    rows: &[Row<'_>],
    further: &[Assertion],
) -> Result<Outcome, SuiteGoalError> {
    let mut outcome = Outcome::default();
    for goal in &suite.plan.goals {
        let stored = |reason| SuiteGoalError::Stored { text: goal.assertion.clone(), reason };
        let assertion: Assertion = goal.assertion.parse().map_err(stored)?;
        let is_meant = |matrix: &str| goal.matrix.as_deref().is_none_or(|meant| meant == matrix);
        let of_matrix = suite.plan.cells.iter().zip(rows).filter(|(cell, _)| is_meant(&cell.matrix));
        let meant: Vec<Row<'_>> = of_matrix.map(|(_, row)| row.clone()).collect();
        if let Ok(of_file) = evaluate(&[assertion], &meant) {
            outcome.asserted.extend(of_file.asserted);
        }
    }
    outcome.asserted.extend(evaluate(further, rows)?.asserted);
    Ok(outcome)
}
