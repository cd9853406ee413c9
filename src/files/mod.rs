//! The files of a command: what it reads and what it writes, and the refusal of a command line that would destroy something.
//!
//! A command says once, before anything runs, which files it reads and which it writes ([`Files`]). Refused is an output that is an input, that
//! is another output, that lies where drumpost keeps files of its own, that would replace a file of another kind, or that cannot be written.
//! Which files may be replaced is in `held`. Does not live here: writing (`output`, `saver`).

mod held;

pub(crate) use held::Holds;

use crate::exit::usage;
use drumpost_history::FILE as INDEX;
use drumpost_results::{
    store,
    suite::{STATE_FILE, Suite},
};
use std::{
    fs,
    path::{self, Path, PathBuf},
};

/// Default folder of records, and of folders of suites.
pub(crate) const HOME: &str = ".drumpost";
/// The file in a suite's folder that its process holds a lock on.
pub(crate) const LOCK: &str = ".lock";
/// What follows the name of the index in the names of its files.
const INDEX_ENDS: [&str; 5] = ["", "-wal", "-shm", ".lock", ".damaged"];

/// What a command reads and writes.
#[derive(Debug, Default)]
pub(crate) struct Files {
    read: Vec<PathBuf>,
    written: Vec<Written>,
    suite: Option<SuiteFolder>,
}

#[derive(Debug)]
struct Written {
    flag: &'static str,
    path: PathBuf,
    holds: Holds,
}

/// The folder that a suite is run in, and the names of its records.
#[derive(Debug)]
struct SuiteFolder {
    path: PathBuf,
    records: Vec<String>,
}

impl Files {
    /// Adds files that are read.
    pub(crate) fn reads<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.read.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds the file of a flag, if the flag is given.
    pub(crate) fn writes(mut self, flag: &'static str, path: Option<&Path>, holds: Holds) -> Self {
        self.written.extend(path.map(|path| Written { flag, path: path.to_owned(), holds }));
        self
    }

    /// Adds the folder of the suite that is run.
    pub(crate) fn runs_suite_in(mut self, path: &Path, records: Vec<String>) -> Self {
        self.suite = Some(SuiteFolder { path: path.to_owned(), records });
        self
    }

    /// Refuses what would destroy something, and what cannot be written. Then the outputs that are not there yet can be.
    ///
    /// # Errors
    /// A usage error: the flag and its file, why not, and what to do.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.check_suite()?;
        for (at, file) in self.written.iter().enumerate() {
            self.check_output(file, &self.written[..at])?;
        }
        // An output may have made a folder of the name that another output has.
        match self.written.iter().find(|file| file.path.is_dir()) {
            Some(Written { flag, path, .. }) => Err(usage(format!(
                "{flag} {}: another output of this command goes into a folder of this name; give this file another name",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    fn check_output(&self, file: &Written, before: &[Written]) -> anyhow::Result<()> {
        let Written { flag, path, holds } = file;
        let refused = |why: &str| usage(format!("{flag} {}: {why}", path.display()));
        if let Some(other) = before.iter().find(|other| store::is_same(path, &other.path)) {
            let (other, path) = (other.flag, path.display());
            return Err(usage(format!("{other} and {flag} both name {path}: give each a file of its own")));
        }
        if let Some(suite) = self.suite.as_ref().filter(|suite| store::is_same(path, &suite.path)) {
            let folder = suite.path.display();
            return Err(refused(&format!(
                "the suite's folder would be {folder}, which is the same path; choose another file"
            )));
        }
        if self.read.iter().any(|read| store::is_same(path, read)) {
            return Err(refused("this command reads this file, and would replace it; choose another name"));
        }
        if let Some(why) = self.kept(path) {
            return Err(refused(&format!("{why}; name another one")));
        }
        if !store::is_stream(path) && !holds.may_replace(path) {
            let what = holds.words();
            return Err(refused(&format!(
                "already holds something that is not {what}, which would be lost; name another one, or remove it first"
            )));
        }
        make_home(path);
        store::probe(path).map_err(|error| usage(format!("{flag}: {error}")))
    }

    /// Refuses a folder in which the suite would replace a file that it reads.
    fn check_suite(&self) -> anyhow::Result<()> {
        let Some(suite) = &self.suite else { return Ok(()) };
        let place = store::destination(&suite.path.join(STATE_FILE));
        let is_replaced = |read: &&PathBuf| {
            let at = store::destination(read);
            let folder = at.as_deref().and_then(Path::parent);
            folder.is_some_and(|folder| place.as_deref().and_then(Path::parent) == Some(folder))
                && at.as_deref().and_then(name).is_some_and(|name| is_of_suite(name, &suite.records))
        };
        match self.read.iter().find(is_replaced) {
            Some(read) => Err(usage(format!(
                "{} is read, and the suite in {} would replace it; choose another folder with --out",
                read.display(),
                suite.path.display()
            ))),
            None => Ok(()),
        }
    }

    /// What drumpost itself keeps at a path, as a sentence; `None`: nothing.
    fn kept(&self, path: &Path) -> Option<String> {
        let at = store::destination(path)?;
        let (name, folder) = (name(&at)?, at.parent()?);
        if name.strip_prefix(INDEX).is_some_and(|end| INDEX_ENDS.contains(&end)) {
            return Some("drumpost keeps its index of records in files of this name".into());
        }
        if store::is_temporary(name) {
            return Some("drumpost deletes files with such names as left-overs of killed processes".into());
        }
        let is_run = |suite: &SuiteFolder| {
            let state = store::destination(&suite.path.join(STATE_FILE));
            state.as_deref().and_then(Path::parent) == Some(folder) && is_of_suite(name, &suite.records)
        };
        let was_run = || match Suite::read_plan(folder) {
            Ok(plan) => {
                let records: Vec<String> = plan.cells.into_iter().map(|cell| cell.record).collect();
                is_of_suite(name, &records)
            }
            // A damaged or later state names no records. A file of another kind may have its name, such as a record.
            Err(_) => held::is_begun_as_suite(&folder.join(STATE_FILE)) && is_of_suite(name, &[]),
        };
        let is_kept =
            self.suite.as_ref().is_some_and(is_run) || (folder.join(STATE_FILE).is_file() && was_run());
        is_kept.then(|| "the suite in this folder keeps its own file there".to_owned())
    }
}

/// Whether a file of that name in the folder of a suite belongs to the suite.
fn is_of_suite(name: &str, records: &[String]) -> bool {
    [STATE_FILE, LOCK].contains(&name) || records.iter().any(|record| record == name)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Makes the default folder, if that is where a path leads: folders in it may be made, and in others one folder is made at most.
pub(crate) fn make_home(path: &Path) {
    let whole = |path: &Path| path::absolute(path).ok();
    if let (Some(path), Some(home)) = (whole(path), whole(HOME.as_ref()))
        && path.starts_with(home)
    {
        // It may be there already. If it cannot be made, writing says why.
        let _ = fs::create_dir(HOME);
    }
}

#[cfg(test)]
mod tests;
