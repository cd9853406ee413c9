//! Files that a command has written, to be named when it ends: each on a line of its own that begins with `saved`, as in a report. A report
//! that was printed has named its record already.
//!
//! Whoever writes a file notes it here, and `lib.rs` tells them all at the end of the command. So no command can forget one. There is one list
//! for the process: of commands that run in one process at the same time, the first one that ends tells the files of all.

use super::remark;
use drumpost_results::store;
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A file and what is to be said behind its name.
type Saved = (PathBuf, String);

static NOTED: Mutex<Vec<Saved>> = Mutex::new(Vec::new());

fn noted() -> MutexGuard<'static, Vec<Saved>> {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a file or a folder that was written. A remark may be empty; a later one counts. Pipes and devices are not noted.
pub(crate) fn note_saved(path: &Path, says: &str) {
    if store::is_stream(path) {
        return;
    }
    let mut noted = noted();
    match noted.iter().position(|(known, _)| known == path) {
        Some(at) if !says.is_empty() => says.clone_into(&mut noted[at].1),
        Some(_) => {}
        None => noted.push((path.to_owned(), says.to_owned())),
    }
}

/// Leaves out what a report has named that was printed.
pub(super) fn named(paths: &[&str]) {
    noted().retain(|(path, _)| !paths.contains(&&*path.to_string_lossy()));
}

/// Names nothing of what was noted: the terminal takes nothing any more.
pub(crate) fn forget_saved() {
    noted().clear();
}

/// Names all that was noted and not named yet.
pub(crate) fn tell_saved() {
    // Taken out first: telling may wait for a terminal.
    let all = std::mem::take(&mut *noted());
    for (path, says) in all {
        remark(&format!("saved    {}{says}", path.display()));
    }
}
