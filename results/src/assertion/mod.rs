//! Assertions: goals for rows of a result, with a selector in front: `message/nats: p99<2ms, lost=0`.
//!
//! Lives here: reading and writing assertions, the rows that they select, and the evaluation. The outcome is in `outcome`. Does not
//! live here: goals (`goal`), those that a suite's file holds (`of_suite`), which rows a result has (`rows`), and texts of outcomes (`report`).

mod of_suite;
mod outcome;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use of_suite::{SuiteGoalError, evaluate_suite};
pub use outcome::{Asserted, Checked, CheckedRow, Outcome};

use crate::goal::{Answer, Goal, GoalError, Term};
use crate::rows::Row;
use crate::similar::closest;

/// A goal for some rows or all rows of a result. Its text form reads back as the same assertion.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    /// Which rows are meant: a dispatch (`message/nats`), a style (`message`), a transport (`nats`), a scenario, a scenario and one
    /// of these with a blank between them, or the name of a row. `None`: all rows.
    pub selector: Option<String>,
    /// What has to hold for each of the rows.
    pub goal: Goal,
}

/// A text that is no assertion.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssertionError {
    /// There is a colon and nothing before it.
    #[error(
        "there is no selector before the colon; an assertion is for example 'message/nats: p99<2ms,lost=0'"
    )]
    EmptySelector,
    /// A term cannot be read.
    #[error(transparent)]
    Goal(#[from] GoalError),
}

/// An assertion that selects no row of the result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("assertion `{assertion}` selects no row{hint}; rows are {known}")]
pub struct NoRow {
    /// The assertion.
    pub assertion: String,
    /// `, did you mean ...?`, or empty.
    pub hint: String,
    /// The names of the rows there are.
    pub known: String,
}

impl FromStr for Assertion {
    type Err = AssertionError;

    fn from_str(text: &str) -> Result<Self, AssertionError> {
        // No term has a colon, so the last one ends the selector.
        let Some((selector, goal)) = text.rsplit_once(':') else {
            return Ok(Self { selector: None, goal: Goal::of_result(text)? });
        };
        let selector = selector.trim();
        if selector.is_empty() {
            return Err(AssertionError::EmptySelector);
        }
        Ok(Self { selector: Some(selector.to_owned()), goal: Goal::of_result(goal)? })
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Some(selector) => write!(f, "{selector}: {}", self.goal),
            None => write!(f, "{}", self.goal),
        }
    }
}

impl Assertion {
    /// Whether the assertion is about this row.
    #[must_use]
    pub fn selects(&self, row: &Row<'_>) -> bool {
        let Some(selector) = &self.selector else { return true };
        let is_of_dispatch = |asked: &str| {
            let parts = row.dispatch.split_once('/');
            asked == row.dispatch
                || parts.is_some_and(|(style, transport)| asked == style || asked == transport)
        };
        let of_scenario = selector.strip_prefix(row.scenario).and_then(|rest| rest.strip_prefix(' '));
        *selector == row.name
            || selector == row.scenario
            || is_of_dispatch(selector)
            || of_scenario.is_some_and(|rest| is_of_dispatch(rest.trim()))
    }

    fn selects_none(&self, rows: &[Row<'_>]) -> NoRow {
        /// More names would fill the screen.
        const SHOWN: usize = 20;
        let selector = self.selector.as_deref().unwrap_or_default();
        let mut names: Vec<&str> = Vec::new();
        for row in rows {
            let of_dispatch = row.dispatch.split('/').chain([row.dispatch, row.scenario, row.name.as_str()]);
            names.extend(of_dispatch.filter(|name| !name.is_empty()));
        }
        let hint = closest(selector, &names).map(|name| format!(", did you mean `{name}`?"));
        let mut known: Vec<&str> = rows.iter().take(SHOWN).map(|row| row.name.as_str()).collect();
        if rows.len() > SHOWN {
            known.push("...");
        }
        if known.is_empty() {
            known.push("none");
        }
        NoRow { assertion: self.to_string(), hint: hint.unwrap_or_default(), known: known.join(", ") }
    }
}

/// Checks assertions on the rows of a result, which are made by [`crate::rows`].
///
/// # Errors
/// An assertion that selects no row, so that nothing can be said about it.
pub fn evaluate(assertions: &[Assertion], rows: &[Row<'_>]) -> Result<Outcome, NoRow> {
    let of_one = |assertion: &Assertion| {
        let selected: Vec<&Row<'_>> = rows.iter().filter(|row| assertion.selects(row)).collect();
        if selected.is_empty() {
            return Err(assertion.selects_none(rows));
        }
        let rows = selected.into_iter().map(|row| checked(&assertion.goal, row)).collect();
        Ok(Asserted { assertion: assertion.clone(), rows })
    };
    Ok(Outcome { asserted: assertions.iter().map(of_one).collect::<Result<_, _>>()? })
}

fn checked(goal: &Goal, row: &Row<'_>) -> CheckedRow {
    let doubt = row.doubt();
    let of_term = |term: &Term| Checked { term: *term, answer: answer(term, row, doubt.as_deref()) };
    CheckedRow {
        name: row.name.clone(),
        scenario: row.scenario.to_owned(),
        dispatch: row.dispatch.to_owned(),
        terms: goal.terms.iter().map(of_term).collect(),
    }
}

/// A run that failed, was cut short or is invalid may show that a term is missed. It never shows that a term is kept.
fn answer(term: &Term, row: &Row<'_>, doubt: Option<&str>) -> Answer {
    let unknown = |why: &str| Answer::Unknown { why: why.to_owned() };
    let Some(run) = row.measured() else { return unknown(doubt.unwrap_or("nothing was measured")) };
    match (term.answer(run, row.kept_per_s), doubt) {
        (Answer::Kept { .. }, Some(doubt)) => unknown(doubt),
        (answer, _) => answer,
    }
}
