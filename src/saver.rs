//! Saves the record of a run or a search: after each trial or hold, and never while one runs.
//!
//! So a killed process loses only the trial that was running. Where there are very many short trials, and in a comparison, which writes all of its
//! trials anew each time, it may lose those of the last seconds. If the record cannot be written to its place, it is
//! written to a second one. `drumpost_results::store` writes the file.

use crate::{
    exit::usage,
    history::{self, HOME},
    output,
};
use drumpost_core::clock::{Clock, Now};
use drumpost_results::{
    format,
    model::Record,
    store::{self, StoreError},
};
use std::path::{Path, PathBuf};

/// See the module.
pub(crate) struct Saver {
    out: Out,
    /// The file that this process wrote last.
    written: Option<PathBuf>,
    /// The same in the second place, if anything had to be written there.
    elsewhere: Option<PathBuf>,
    pace: Pace,
}

/// The destination of the record.
enum Out {
    /// To stdout: then nothing else is printed there.
    Stdout,
    /// Into a pipe or a device, once it is complete.
    Stream(PathBuf),
    /// To a file that the user named. What it held is replaced.
    Named(PathBuf),
    /// To a file named after the record. A file that is there already belongs to another run and is left alone.
    Unnamed(PathBuf),
}

/// The result of the last save of a record.
pub(crate) struct Saved {
    /// The path, if the record is a file.
    pub path: Option<PathBuf>,
    /// Why it is not where it was asked to be.
    pub outcome: anyhow::Result<()>,
}

impl Saver {
    /// Finds out whether the record can be written, before anything is measured.
    ///
    /// # Errors
    /// The path, and why nothing can be written there.
    pub(crate) fn new(out: Option<&Path>, record: &Record) -> anyhow::Result<Self> {
        let out = match out {
            None => Out::Unnamed(Path::new(HOME).join(store::file_name(record))),
            Some(path) if store::is_stdout(path) => Out::Stdout,
            Some(path) if store::is_stream(path) => Out::Stream(path.to_owned()),
            Some(path) => Out::Named(path.to_owned()),
        };
        if let Out::Stream(path) | Out::Named(path) | Out::Unnamed(path) = &out {
            store::probe(path).map_err(|error| usage(error.to_string()))?;
        }
        Ok(Self { out, written: None, elsewhere: None, pace: Pace::OFTEN })
    }

    /// The same for a comparison. Its trials are short and wait while their record is saved.
    ///
    /// # Errors
    /// As [`Saver::new`].
    pub(crate) fn sparing(out: Option<&Path>, record: &Record) -> anyhow::Result<Self> {
        Ok(Self { pace: Pace::SPARING, ..Self::new(out, record)? })
    }

    /// Whether the record goes to stdout, which then has to be free of anything else.
    pub(crate) fn takes_stdout(&self) -> bool {
        matches!(self.out, Out::Stdout)
    }

    /// Whether it is time to save now. After a number of times, saving takes only a share of all time: with thousands of short trials
    /// a record is too large to be written after each.
    pub(crate) fn is_due(&mut self) -> bool {
        self.pace.is_due()
    }

    /// Saves what there is so far. A failure is told with the end of the run, when it may have gone away; until then the
    /// record is kept in the second place.
    pub(crate) fn keep(&mut self, record: &Record) {
        let begun_ns = self.pace.now_ns();
        let done = match self.out {
            Out::Stdout | Out::Stream(_) => None,
            Out::Named(_) | Out::Unnamed(_) => self.write(record).ok(),
        };
        if done.is_none() {
            self.write_elsewhere(record);
        }
        self.pace.took(begun_ns);
    }

    /// Saves the record for the last time.
    pub(crate) fn finish(&mut self, record: &Record) -> Saved {
        let failure = match &self.out {
            Out::Stdout => format::to_json(record)
                .map_err(anyhow::Error::from)
                .and_then(|document| output::result(&document))
                .err(),
            _ => self.write(record).map_err(anyhow::Error::from).err(),
        };
        let Some(failure) = failure else {
            if let Some(copy) = self.elsewhere.take() {
                // If it cannot be removed, it does no harm.
                let _ = std::fs::remove_file(copy);
            }
            let path = self.settle();
            if let Some(path) = &path {
                output::note_saved(path, "");
                history::note(&[(path.clone(), record)]);
            }
            return Saved { path, outcome: Ok(()) };
        };
        self.write_elsewhere(record);
        let failure = match &self.elsewhere {
            Some(path) => anyhow::anyhow!("{failure:#}; the record is in {} instead", path.display()),
            None => failure,
        };
        Saved { path: self.elsewhere.clone(), outcome: Err(failure) }
    }

    fn write(&mut self, record: &Record) -> Result<(), StoreError> {
        let path = match (&self.out, &self.written) {
            (Out::Unnamed(path), None) => store::write_new(path, record)?,
            (Out::Unnamed(_), Some(own)) => store::write(own, record).map(|()| own.clone())?,
            (Out::Stream(path) | Out::Named(path), _) => store::write(path, record).map(|()| path.clone())?,
            (Out::Stdout, _) => return Ok(()),
        };
        self.written = Some(path);
        Ok(())
    }

    /// Writes to the first folder that takes it. If none does, what was written there before stays.
    fn write_elsewhere(&mut self, record: &Record) {
        if let Some(own) = &self.elsewhere
            && store::write(own, record).is_ok()
        {
            return;
        }
        if let Some(path) = write_to_second_place(record) {
            self.elsewhere = Some(path);
        }
    }

    fn settle(&mut self) -> Option<PathBuf> {
        let written = self.written.take();
        match &self.out {
            Out::Stdout => None,
            // The same run in virtual time gives the same record, which is there once.
            Out::Unnamed(wanted) => written.map(|own| store::without_twin(wanted, own)),
            Out::Stream(_) | Out::Named(_) => written,
        }
    }
}

/// Saves a record that cannot go where it should: in the folder for temporary files, else in the user's own.
pub(crate) fn write_to_second_place(record: &Record) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folders = [Some(std::env::temp_dir()), home, Some("/var/tmp".into())];
    let name = format!("drumpost-{}", store::file_name(record));
    let there = folders.into_iter().flatten().filter(|folder| folder.is_dir());
    there.map(|folder| folder.join(&name)).find_map(|path| store::write_new(&path, record).ok())
}

/// How much time goes into saving, against all that goes by.
struct Pace {
    /// Begun with the first question: the clock takes a while to calibrate, and most runs in virtual time ask nothing.
    clock: Option<Clock>,
    saves: u32,
    saving_ns: u64,
    /// So many saves are made in any case. A record of so few trials is small.
    always: u32,
    /// After that, saving takes one part of so many of the time at most.
    parts: u64,
}

impl Pace {
    const OFTEN: Self = Self { clock: None, saves: 0, saving_ns: 0, always: 100, parts: 2 };
    const SPARING: Self = Self { always: 10, parts: 10, ..Self::OFTEN };

    fn now_ns(&mut self) -> u64 {
        self.clock.get_or_insert_with(Clock::start).now_ns()
    }

    fn is_due(&mut self) -> bool {
        self.saves < self.always || self.saving_ns < self.now_ns() / self.parts
    }

    fn took(&mut self, begun_ns: u64) {
        self.saves += 1;
        self.saving_ns += self.now_ns().saturating_sub(begun_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_takes_its_share_of_the_time_at_most_once_there_is_much_to_save() {
        for (pace, always) in [(Pace::OFTEN, 100), (Pace::SPARING, 10)] {
            let mut pace = Pace { saving_ns: u64::MAX / 4, saves: always - 1, ..pace };
            assert!(pace.is_due());
            pace.saves = always;
            assert!(!pace.is_due());
            let begun_ns = pace.now_ns();
            while pace.now_ns() < begun_ns + 1_000_000 {}
            let elapsed_ns = pace.now_ns();
            pace.saving_ns = elapsed_ns / pace.parts - 1;
            assert!(pace.is_due());
            pace.saving_ns = u64::MAX / 4;
            assert!(!pace.is_due());
        }
    }
}
