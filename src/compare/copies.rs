//! Copies of programs: one of each side that nothing else changes while it is measured, and a fresh one for each trial.

use crate::environment;
use drumpost_results::store;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of copies, beside the records: what is there may be run, which is not so of every folder for temporary files.
const FOLDER: &str = crate::history::HOME;

/// A copy that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Copied(PathBuf);

impl Copied {
    /// Copies a program. Its name has the same length whatever is copied: what a process begins with lies on its stack, and moves
    /// what lies below it.
    ///
    /// # Errors
    /// A sentence: the program cannot be read, or the copy cannot be written.
    pub(super) fn of(program: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("failed to copy {}: {why}", program.display());
        // Dropped, it removes what a full disk has left half written.
        let copy = Self::place().map_err(failed)?;
        fs::copy(program, &copy.0).map_err(|error| failed(store::reason(&error)))?;
        Ok(copy)
    }

    /// A place for another file that is removed as a copy is, such as a record that nobody is to find.
    ///
    /// # Errors
    /// A sentence: there can be no folder for it.
    pub(super) fn place() -> Result<Self, String> {
        let failed =
            |error: std::io::Error| format!("failed to make the folder {FOLDER}: {}", store::reason(&error));
        fs::create_dir_all(FOLDER).map_err(failed)?;
        let name = format!(
            "copy-{:08x}-{:04x}{:04x}",
            std::process::id(),
            environment::nonce(),
            environment::nonce()
        );
        std::path::absolute(Path::new(FOLDER).join(name)).map(Self).map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes copies that processes left which were killed.
pub(super) fn remove_left() {
    for entry in fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process =
            name.to_str().and_then(|name| name.strip_prefix("copy-")).and_then(|rest| rest.split('-').next());
        let process = process.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
