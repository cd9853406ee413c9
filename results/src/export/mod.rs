//! Records and comparisons in the formats of other tools.
//!
//! Lives here: the selection of trials, and errors. Each format has a file: HdrHistogram interval logs (`hlog`) and percentile
//! distributions (`hgrm`), CSV of the time series (`csv`), JUnit (`junit`), Bencher (`bencher`), Otava (`otava`), OpenMetrics
//! (`openmetrics`). What formats have in common is in `formats`, the times that are exported in `times`. Does not live here: files
//! and flags (the command line).

mod bencher;
mod csv;
mod formats;
mod hgrm;
mod hlog;
mod junit;
mod openmetrics;
mod otava;
mod times;
mod xml;

pub use csv::csv;
pub use formats::{Expresses, FORMATS, Format, Of, OfRecord, Source, Text, named, write};
pub use hgrm::hgrm;
pub use hlog::hlog;
pub use times::{Times, TimesError};

use std::collections::BTreeSet;

use thiserror::Error;

use crate::model::{DistributionError, Record, Run, Trial};

/// What cannot be exported as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExportError {
    /// No run of that name.
    #[error("no dispatch `{asked}` in this record; it has {has}")]
    Dispatch {
        /// What was asked for.
        asked: String,
        /// What there is.
        has: String,
    },
    /// No trial of that number, or none with figures.
    #[error("no trial {asked} with figures among those chosen; there are {has}")]
    Trial {
        /// What was asked for.
        asked: u32,
        /// The numbers there are.
        has: String,
    },
    /// Nothing was measured.
    #[error("nothing was measured in this record")]
    Empty,
    /// The format holds one distribution.
    #[error("--format hgrm exports one dispatch: choose one with --dispatch; this record has {has}")]
    Several {
        /// What there is.
        has: String,
    },
    /// The format holds one distribution, and a search has one at each rate.
    #[error(
        "--format hgrm exports one load, and this search held {holds} loads over {dispatch}: measure one of them with \
         `drumpost run --rate {rate}` and export its record, or use --format csv or hlog, which export all"
    )]
    Search {
        /// Loads of the dispatch.
        holds: usize,
        /// The dispatch.
        dispatch: String,
        /// The highest rate that kept the goal, or any that was held, as it is typed.
        rate: String,
    },
    /// There are no such times.
    #[error("there is no {asked} in the chosen part of this record: {why}")]
    Times {
        /// What was asked for, in words.
        asked: String,
        /// Why there are none, and what there is.
        why: String,
    },
    /// The format has a fixed choice of times.
    #[error(
        "--format csv has the response time and the confirm time of every interval: leave --times {asked} out, or use --format \
         hgrm or hlog"
    )]
    OnlySeries {
        /// What was asked for.
        asked: Times,
    },
    /// The format has no form for this.
    #[error("--format {format} cannot express {what}; --format junit can")]
    CannotExpress {
        /// The format.
        format: &'static str,
        /// What it cannot express.
        what: &'static str,
    },
    /// The format exports rows and not distributions.
    #[error(
        "--format {format} exports rows with the response time: leave --times {asked} out, or use --format hgrm or hlog"
    )]
    WholeRows {
        /// The format.
        format: &'static str,
        /// What was asked for.
        asked: Times,
    },
    /// The format holds one row.
    #[error("--format {format} exports one row: choose one with --dispatch; this record has {has}")]
    OneRow {
        /// The format.
        format: &'static str,
        /// The rows there are.
        has: String,
    },
    /// No row may be followed over time.
    #[error(
        "--format {format} exports only rows that were run to their end, are valid and pass the audit; left out: {left_out}"
    )]
    Unfit {
        /// The format.
        format: &'static str,
        /// The rows, each with its reason.
        left_out: String,
    },
    /// The format needs a date.
    #[error("--format {format} needs the date of the record, and a record in virtual time has none")]
    NoDate {
        /// The format.
        format: &'static str,
    },
    /// A histogram cannot be encoded.
    #[error(transparent)]
    Histogram(#[from] DistributionError),
}

/// Which part of a record is exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this dispatch; `None`: all.
    pub dispatch: Option<String>,
    /// Only the trials of this number, from 0; `None`: all that count.
    pub trial: Option<u32>,
    /// Which times of the trials.
    pub times: Times,
}

/// A trial that is exported, and the run it belongs to.
struct Chosen<'a> {
    run: &'a Run,
    trial: &'a Trial,
    /// From the begin of the record's first window to this one's, were there nothing between them, in ns.
    from_ns: u64,
}

fn labels<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    let labels: Vec<&str> = runs.into_iter().map(|run| run.dispatch.as_str()).collect();
    labels.join(", ")
}

/// The numbers of trials for an error, each once.
fn numbers<'a>(trials: impl Iterator<Item = &'a Trial>) -> String {
    /// More numbers say no more.
    const SHOWN: usize = 12;
    let numbers: BTreeSet<u32> = trials.map(|trial| trial.number).collect();
    let more = if numbers.len() > SHOWN { ", ..." } else { "" };
    numbers.iter().take(SHOWN).map(u32::to_string).collect::<Vec<_>>().join(", ") + more
}

impl Selection {
    /// The chosen trials in the order they were executed.
    fn of<'a>(&self, record: &'a Record) -> Result<Vec<Chosen<'a>>, ExportError> {
        let all = record.runs.iter().flat_map(|run| run.counted_trials().map(move |trial| (run, trial)));
        let mut all: Vec<(&Run, &Trial)> = all.filter(|(_, trial)| !trial.response.is_empty()).collect();
        all.sort_by_key(|(_, trial)| trial.position);
        if all.is_empty() {
            return Err(ExportError::Empty);
        }
        if let Some(asked) =
            self.dispatch.as_ref().filter(|asked| all.iter().all(|(run, _)| run.dispatch != **asked))
        {
            return Err(ExportError::Dispatch { asked: asked.clone(), has: labels(&record.runs) });
        }
        let mut from_ns = 0;
        let with_begin = all.into_iter().map(|(run, trial)| {
            let begin_ns = from_ns;
            from_ns += trial.elapsed_ns;
            Chosen { run, trial, from_ns: begin_ns }
        });
        let wanted =
            |chosen: &Chosen<'_>| self.dispatch.as_ref().is_none_or(|asked| *asked == chosen.run.dispatch);
        let mut chosen: Vec<Chosen<'_>> = with_begin.filter(wanted).collect();
        let has = numbers(chosen.iter().map(|chosen| chosen.trial));
        chosen.retain(|chosen| self.trial.is_none_or(|asked| asked == chosen.trial.number));
        match self.trial {
            Some(asked) if chosen.is_empty() => Err(ExportError::Trial { asked, has }),
            _ => Ok(chosen),
        }
    }

    /// The error if none of the chosen trials has the times that were asked for.
    fn has_times(&self, chosen: &[Chosen<'_>]) -> Result<(), ExportError> {
        if chosen.iter().any(|part| !self.times.of(part.trial).is_empty()) {
            return Ok(());
        }
        let why = self.times.missing(chosen.iter().map(|part| part.trial));
        Err(ExportError::Times { asked: self.times.words(), why })
    }
}

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod tests;
