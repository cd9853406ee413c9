//! Records as files: a document is there whole or not at all.
//!
//! Lives here: writing, reading and probing paths, and the name of a file. Does not live here: what is in a
//! document (`format`) and which folder is used (the command line).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

use crate::format::{self, FormatError};
use crate::model::Record;

/// A record that could not be written or read. The text is whole: the reason is not told again as a source.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk, the folder or the permissions do not allow it. Nothing was left behind.
    #[error("failed to write {path}: {reason}; free some space or choose another place with --out")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file is not there or not readable.
    #[error("failed to read {path}: {reason}; check the path")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The file was read, but is no record.
    #[error("failed to load {path}: {reason}")]
    Load {
        /// What was read.
        path: PathBuf,
        /// What is wrong, and where in the file.
        reason: FormatError,
    },
    /// The record cannot be written as a document.
    #[error("failed to encode the record for {path}: {reason}")]
    Encode {
        /// Where it should have gone.
        path: PathBuf,
        /// What is wrong.
        reason: FormatError,
    },
}

/// The file name of a record: its id with anything but letters, digits, `.`, `-` and `_` replaced, and `.json`.
#[must_use]
pub fn file_name(record: &Record) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = record.id.chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    format!("{}.json", if name.is_empty() { "record" } else { name })
}

/// Writes a record whole or not at all: to a temporary file in the same folder, to the disk, then renamed. Missing
/// folders are made. What was at the path before stays until the last moment.
///
/// # Errors
/// Names the path and the reason; the temporary file is removed.
pub fn write(path: &Path, record: &Record) -> Result<(), StoreError> {
    let document =
        format::to_json(record).map_err(|reason| StoreError::Encode { path: path.to_owned(), reason })?;
    write_with(path, |file| file.write_all(document.as_bytes()))
}

/// Writes any text whole or not at all, as [`write()`] does.
///
/// # Errors
/// Names the path and the reason; the temporary file is removed.
pub fn write_text(path: &Path, text: &str) -> Result<(), StoreError> {
    write_with(path, |file| file.write_all(text.as_bytes()))
}

/// Finds out before a run whether a record can be written there: makes the folder and a file in it, and removes
/// the file.
///
/// # Errors
/// Names the path and the reason.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    let failed = |reason| StoreError::Write { path: path.to_owned(), reason };
    if path.is_dir() {
        return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
    }
    if let Some(file) = path.ancestors().skip(1).find(|above| above.is_file()) {
        let reason = format!("{} is a file, not a folder", file.display());
        return Err(failed(io::Error::new(io::ErrorKind::NotADirectory, reason)));
    }
    let mut file = temporary(path).map_err(failed)?;
    file.write_all(b"{}").map_err(failed)?;
    file.close().map_err(failed)
}

/// Reads a record of any known schema version.
///
/// # Errors
/// Names the path, and where in the file and what to do if it is no record.
pub fn read(path: &Path) -> Result<Record, StoreError> {
    let json =
        fs::read_to_string(path).map_err(|reason| StoreError::Read { path: path.to_owned(), reason })?;
    format::from_json(&json).map_err(|reason| StoreError::Load { path: path.to_owned(), reason })
}

fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StoreError> {
    let attempt = || {
        let mut file = temporary(path)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The rename itself is only safe once the folder is on the disk; not every file system can say so.
        let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
        Ok(())
    };
    attempt().map_err(|reason| StoreError::Write { path: path.to_owned(), reason })
}

/// A file beside the path that removes itself unless it is renamed.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder(path))?;
    let mut builder = Builder::new();
    builder.prefix(".drumpost-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Readable as any new file is, by the user's own mask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(path))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn files(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// The error and everything behind it, as the command line prints it.
    fn text(error: &StoreError) -> String {
        assert!(std::error::Error::source(error).is_none());
        error.to_string()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = sample::record();
        record.judge(&crate::verdict::Thresholds::default());
        let path = folder.path().join("deep/er").join(file_name(&record));
        write(&path, &record).unwrap();
        assert_eq!(read(&path).unwrap(), record);
        assert_eq!(files(path.parent().unwrap()), ["order-authorization-42.json"]);
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_text(&path, "old").unwrap();
        let full = |file: &mut File| {
            file.write_all(b"half of it")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = write_with(&path, full).unwrap_err();
        assert!(text(&error).contains("a.json: no storage space; free some space"), "{}", text(&error));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(files(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        probe(&file).unwrap();
        assert!(files(folder.path()).is_empty());
        fs::write(&file, "").unwrap();
        let below = file.join("record.json");
        let error = probe(&below).unwrap_err();
        assert!(text(&error).contains("file/record.json"), "{}", text(&error));
        assert!(text(&error).contains("file is a file, not a folder; "), "{}", text(&error));
        assert!(
            text(&probe(&file.join("deep/er.json")).unwrap_err()).contains("file is a file, not a folder")
        );
        assert!(text(&probe(folder.path()).unwrap_err()).contains("it is a folder"));
    }

    #[test]
    fn reading_says_which_file_and_where_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.json");
        assert!(text(&read(&path).unwrap_err()).contains("bad.json"));
        fs::write(&path, "{\n \"schema_version\": oops }").unwrap();
        let error = text(&read(&path).unwrap_err());
        assert!(error.contains("bad.json") && error.contains("line 2 column 20"), "{error}");
    }

    #[test]
    fn ids_become_safe_names() {
        let name = |id: &str| file_name(&Record { id: id.into(), ..Record::default() });
        assert_eq!(name("../a b/ü"), "-a-b--.json");
        assert_eq!(name(""), "record.json");
        assert_eq!(name("2026-11-21T10:00:00Z-x"), "2026-11-21T10-00-00Z-x.json");
    }
}
