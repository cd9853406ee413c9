//! What all formats have in common: what they are called, what they can express, and what they are given.
//!
//! Does not live here: the formats themselves, each of which has a file.

use super::{ExportError, Selection, Times};
use super::{bencher, csv, hgrm, hlog, junit, openmetrics, otava};
use crate::assertion::Outcome;
use crate::compare::Comparison;
use crate::model::Record;
use crate::rows::{self, Row};
use crate::suite::Suite;

/// A format of other tools. The text of a format may be written to a file as it is.
pub trait Format: Sync {
    /// The name, as `--format` takes it.
    fn name(&self) -> &'static str;

    /// The extension of a file of this format, without the dot.
    fn extension(&self) -> &'static str;

    /// What the format can express.
    fn expresses(&self) -> Expresses;

    /// The text. [`write()`] calls this after it has checked that the format can express the source.
    ///
    /// # Errors
    /// The selection is not in the record, or the format cannot express what is there.
    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError>;
}

/// What a format can express beside figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expresses {
    /// Comparisons with their verdicts.
    pub comparisons: bool,
    /// Suites with all of their cells.
    pub suites: bool,
    /// Outcomes of assertions.
    pub assertions: bool,
    /// That a row failed or is invalid. Other formats leave such rows out.
    pub failures: bool,
    /// Other times than the response time, chosen by [`Selection::times`].
    pub times: bool,
}

/// What is exported.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The figures.
    pub of: Of<'a>,
    /// Outcome of assertions on them, if there were any.
    pub assertions: Option<&'a Outcome>,
    /// Rows that fail if they are suspect, as with `--fail-on suspect`; `None`: suspect rows pass.
    pub fail_on_suspect: Option<&'a [Row<'a>]>,
}

/// What the exported figures come from.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// A part of a record.
    Record(OfRecord<'a>),
    /// A comparison.
    Comparison {
        /// The comparison.
        comparison: &'a Comparison,
        /// An inconclusive gate fails, as with `compare --strict`.
        is_strict: bool,
        /// A case for which the machine may be the reason is skipped, as with `compare --tolerate-machine`, unless it is strict or nothing
        /// was judged.
        tolerates_machine: bool,
    },
    /// A suite, cell by cell.
    Suite(&'a Suite),
}

/// A part of a record, and facts that the record does not hold.
#[derive(Debug, Clone, Copy)]
pub struct OfRecord<'a> {
    /// The record.
    pub record: &'a Record,
    /// Its part.
    pub selection: &'a Selection,
    /// When the record was started, in seconds since the epoch; 0 in virtual time.
    pub started_s: f64,
    /// The revision of what was measured, such as a commit.
    pub revision: Option<&'a str>,
}

/// An exported text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Rows that are not in it, each with the reason, as sentences.
    pub left_out: Vec<String>,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, left_out: Vec::new() }
    }
}

/// All formats.
pub const FORMATS: [&dyn Format; 7] = [
    &hlog::Hlog,
    &hgrm::Hgrm,
    &csv::Csv,
    &junit::Junit,
    &bencher::Bencher,
    &otava::Otava,
    &openmetrics::OpenMetrics,
];

/// The format of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Format> {
    FORMATS.into_iter().find(|format| format.name() == name)
}

/// Writes a source in a format.
///
/// # Errors
/// The format cannot express the source, or the selection is not in the record.
pub fn write(format: &dyn Format, source: &Source<'_>) -> Result<Text, ExportError> {
    let can = format.expresses();
    let cannot = |what| Err(ExportError::CannotExpress { format: format.name(), what });
    match source.of {
        Of::Comparison { .. } if !can.comparisons => return cannot("a comparison"),
        Of::Suite(_) if !can.suites => return cannot("a suite"),
        _ if source.assertions.is_some() && !can.assertions => return cannot("outcomes of assertions"),
        _ if source.fail_on_suspect.is_some() && !can.failures => return cannot("that a row fails"),
        // CSV names its columns in its own error.
        Of::Record(OfRecord { selection, .. })
            if !can.times && selection.times != Times::Response && format.name() != csv::NAME =>
        {
            return Err(ExportError::WholeRows { format: format.name(), asked: selection.times.clone() });
        }
        _ => {}
    }
    format.write(source)
}

impl<'a> Source<'a> {
    /// A record without assertions.
    #[must_use]
    pub fn record(of: OfRecord<'a>) -> Self {
        Self { of: Of::Record(of), assertions: None, fail_on_suspect: None }
    }

    /// The record of the source.
    pub(super) fn of_record(&self, format: &'static str) -> Result<OfRecord<'a>, ExportError> {
        match self.of {
            Of::Record(of) => Ok(of),
            Of::Comparison { .. } => Err(ExportError::CannotExpress { format, what: "a comparison" }),
            Of::Suite(_) => Err(ExportError::CannotExpress { format, what: "a suite" }),
        }
    }
}

impl<'a> OfRecord<'a> {
    /// The chosen rows. Rows that failed are among them.
    pub(super) fn rows(&self) -> Result<Vec<Row<'a>>, ExportError> {
        let mut rows = rows::of_sides(self.record, self.selection.sides(self.record)?);
        if let Some(asked) = &self.selection.dispatch {
            if rows.iter().all(|row| !row.is_called(asked)) {
                let has = super::listed(rows.iter().map(Row::called));
                return Err(ExportError::Dispatch { asked: asked.clone(), has });
            }
            rows.retain(|row| row.is_called(asked));
        }
        if let Some(asked) = self.selection.trial {
            let numbers = super::numbers(rows.iter().filter_map(Row::run).flat_map(|run| &run.trials));
            rows = rows.into_iter().filter_map(|row| row.only(asked)).collect();
            if rows.is_empty() {
                return Err(ExportError::Trial { asked, has: numbers });
            }
        }
        if rows.is_empty() { Err(ExportError::Empty) } else { Ok(rows) }
    }
}

/// The first fault of a row as a sentence; `None` for a row whose figures may be followed over time.
pub(super) fn unfit(row: &Row<'_>) -> Option<String> {
    let (fault, reason) = row.faults().into_iter().next()?;
    Some(format!("{} ({}: {reason})", row.name, fault.words()))
}
