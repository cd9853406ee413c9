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

use crate::model::{DistributionError, Record, Role, Run, Trial};
use crate::rows::Sides;

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
    /// No such side.
    #[error("--side {asked}: this record has {has}")]
    Side {
        /// What was asked for.
        asked: &'static str,
        /// What there is.
        has: String,
    },
    /// No trial of that number, or none with figures.
    #[error("trial {asked} has no figures (numbers begin at 0); trials with figures: {has}")]
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
    #[error("--format hgrm exports one dispatch: choose one with {flags}; this record has {has}")]
    Several {
        /// The flags that choose one.
        flags: &'static str,
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
    #[error("--format {format} exports one row: choose one with {flags}; this record has {has}")]
    OneRow {
        /// The format.
        format: &'static str,
        /// The flags that choose one.
        flags: &'static str,
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
    /// Only this dispatch, or this cell of a suite; `None`: all.
    pub dispatch: Option<String>,
    /// Only these sides of a record of two sides; `None`: the head.
    pub side: Option<Sides>,
    /// Only the trials of this number, from 0; `None`: all that count.
    pub trial: Option<u32>,
    /// Which times of the trials.
    pub times: Times,
}

/// A trial that is exported, and the run it belongs to.
struct Chosen<'a> {
    run: &'a Run,
    trial: &'a Trial,
    /// What the run is called among those that may be exported together.
    name: String,
    /// From the begin of the record's first window to this one's, were there nothing between them, in ns.
    from_ns: u64,
}

/// A trial that has lines in a table of trials, with figures or without.
struct Line<'a> {
    /// The place of its run in the record.
    place: usize,
    run: &'a Run,
    trial: &'a Trial,
    /// Whether the figures of its run contain its own.
    counts: bool,
}

/// The names of runs within their side, each once.
fn labels<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    listed(runs.into_iter().map(called))
}

/// A list for an error, each text once.
fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once.join(", ")
}

/// The name of a run within its side: the name of a suite's cell, or its dispatch.
fn called(run: &Run) -> &str {
    run.side.as_ref().map_or(&run.dispatch, |side| &side.row)
}

/// The flags that choose one of several parts, each given by its side and its name within the side.
fn flags<'a>(parts: impl IntoIterator<Item = (Option<Role>, &'a str)>) -> &'static str {
    let (mut roles, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (role, name) in parts {
        roles.insert(role.map(Role::told));
        names.insert(name);
    }
    match (roles.len() > 1, names.len() > 1) {
        (true, true) => "--dispatch and --side",
        (true, false) => "--side",
        (false, _) => "--dispatch",
    }
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
    /// The chosen sides.
    ///
    /// # Errors
    /// A side was asked for that is not in the record.
    fn sides(&self, record: &Record) -> Result<Sides, ExportError> {
        let roles = || record.runs.iter().filter_map(|run| run.side.as_ref()).map(|side| side.role);
        match self.side {
            Some(Sides::One(asked)) if roles().all(|role| role != asked) => {
                let has = match listed(roles().map(Role::told)) {
                    none if none.is_empty() => "no sides, as it is not one of `compare --base --head`".into(),
                    some => some,
                };
                Err(ExportError::Side { asked: asked.told(), has })
            }
            asked => Ok(asked.unwrap_or_default()),
        }
    }

    /// Whether trials of a run are chosen.
    fn has(&self, run: &Run, sides: Sides) -> bool {
        let is_called = |asked: &String| run.dispatch == *asked || called(run) == asked;
        sides.has(run) && self.dispatch.as_ref().is_none_or(is_called)
    }

    /// The chosen trials and those without figures, such as one that failed or in which no flow ended, in the order they were
    /// executed.
    ///
    /// # Errors
    /// None of what is chosen has figures, whichever trial is asked for.
    fn lines<'a>(&self, record: &'a Record) -> Result<Vec<Line<'a>>, ExportError> {
        let of_any_number = Self { trial: None, ..self.clone() };
        of_any_number.of(record)?;
        let sides = self.sides(record)?;
        let of_run = |(place, run): (usize, &'a Run)| {
            let counts = run.counts();
            run.trials.iter().map(move |trial| Line { place, run, trial, counts: counts(trial) })
        };
        let runs = record.runs.iter().enumerate().filter(|(_, run)| self.has(run, sides));
        let mut all: Vec<Line<'a>> = runs.flat_map(of_run).collect();
        all.retain(|line| self.trial.is_none_or(|asked| asked == line.trial.number));
        if all.is_empty() {
            self.of(record)?;
        }
        all.sort_by_key(|line| line.trial.position);
        Ok(all)
    }

    /// The chosen trials that have figures, in the order they were executed.
    fn of<'a>(&self, record: &'a Record) -> Result<Vec<Chosen<'a>>, ExportError> {
        let sides = self.sides(record)?;
        let all = record.runs.iter().flat_map(|run| run.counted_trials().map(move |trial| (run, trial)));
        let mut all: Vec<(&Run, &Trial)> = all.filter(|(_, trial)| !trial.response.is_empty()).collect();
        all.sort_by_key(|(_, trial)| trial.position);
        if all.is_empty() {
            return Err(ExportError::Empty);
        }
        if all.iter().all(|(run, _)| !self.has(run, sides)) {
            let has = labels(record.runs.iter().filter(|run| sides.has(run)));
            let error = |asked: &String| ExportError::Dispatch { asked: asked.clone(), has };
            return Err(self.dispatch.as_ref().map_or(ExportError::Empty, error));
        }
        let mut from_ns = 0;
        let with_begin = all.into_iter().map(|(run, trial)| {
            let begin_ns = from_ns;
            from_ns += trial.elapsed_ns;
            let side = run.side.as_ref().filter(|_| sides == Sides::All);
            let name = side.map_or_else(String::new, |side| format!("{} ", side.role.told())) + called(run);
            Chosen { run, trial, name, from_ns: begin_ns }
        });
        let mut chosen: Vec<Chosen<'_>> = with_begin.filter(|chosen| self.has(chosen.run, sides)).collect();
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
