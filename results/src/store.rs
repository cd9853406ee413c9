//! Writes and reads files. A document is never half written.
//!
//! Lives here: writing, reading and probing paths, and the name of a file. Finding out what is at a path is in `place`,
//! temporary files are in `temporary`. Does not live here: the content of a document (`format`) and the choice of a
//! folder (the command line).

mod place;
mod temporary;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::format::{self, FormatError};
use crate::model::Record;

use place::Place;
pub use place::{Reader, destination, is_same, is_stdout, is_stream};
pub use temporary::{is_temporary, sweep};

/// Names that are tried before a new record finds none.
const NAMES: u32 = 10_000;

/// A record that could not be written or read. The text is whole: the reason is not told again as a source.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk, the folder or the permissions do not allow it. Nothing was left behind.
    #[error("failed to write {path}: {reason}; {}", advice(.reason))]
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

/// What helps a process that has too many files open.
const MORE_FILES: &str = "raise the limit on open files (ulimit -n)";

/// What helps, by why a file could not be written.
fn advice(reason: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match reason.kind() {
        Kind::StorageFull => "free some space, or choose another place",
        Kind::QuotaExceeded => {
            "remove some of your own files, as your quota on this disk is used up, or choose another place"
        }
        Kind::FileTooLarge => {
            "raise the limit on the size of files (ulimit -f), or choose another place if it is the file system's"
        }
        Kind::PermissionDenied => {
            "check who may write to the file and to its folder, or choose another place"
        }
        // Of a folder that is missing, and not the system's own error.
        Kind::NotFound if reason.raw_os_error().is_none() => "make it, or choose another place",
        Kind::TimedOut => "start what reads it first, or choose another place",
        _ if is_out_of_descriptors(reason) => MORE_FILES,
        _ => "choose another place",
    }
}

/// Why a call of the system failed, with what helps if the process has too many files open.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    if is_out_of_descriptors(error) { format!("{error}; {MORE_FILES}") } else { error.to_string() }
}

fn is_out_of_descriptors(reason: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE].iter().any(|error| reason.raw_os_error() == Some(error.raw_os_error()))
}

/// The file name of a record: its id with anything but letters, digits, `.`, `-` and `_` replaced, and `.json`.
#[must_use]
pub fn file_name(record: &Record) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = record.id.chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    format!("{}.json", if name.is_empty() { "record" } else { name })
}

/// Writes a record whole or not at all: to a temporary file in the same folder, to the disk, then renamed. The
/// file's folder is made if it alone is missing. What was at the path before stays until the last moment. Links are followed, and the mode of
/// a file that is there is kept. Into a pipe or a device the document is written as it is.
///
/// # Errors
/// Names the path and the reason; the temporary file is removed.
pub fn write(path: &Path, record: &Record) -> Result<(), StoreError> {
    let document = encoded(path, record)?;
    write_bytes(path, document.as_bytes(), Reader::Soon)
}

/// Writes any text whole or not at all, as [`write()`] does.
///
/// # Errors
/// Names the path and the reason; the temporary file is removed.
pub fn write_text(path: &Path, text: &str, reader: Reader) -> Result<(), StoreError> {
    write_bytes(path, text.as_bytes(), reader)
}

/// Writes a record as [`write()`] does, under a name that nothing has yet: the path's, or the same with `-2`, `-3` and so
/// on before its extension. Gives the path that it has.
///
/// # Errors
/// As [`write()`].
pub fn write_new(path: &Path, record: &Record) -> Result<PathBuf, StoreError> {
    let document = encoded(path, record)?;
    let attempt = || {
        let mut file = filled(path, |file| file.write_all(document.as_bytes()))?;
        for number in 1..=NAMES {
            let name = numbered(path, number);
            match file.persist_noclobber(&name) {
                Ok(_) => {
                    sync_folder(path);
                    return Ok(name);
                }
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
                Err(failed) => return Err(failed.error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "all names like it are taken"))
    };
    attempt().map_err(|reason| StoreError::Write { path: path.to_owned(), reason })
}

/// Of records with the names that [`write_new()`] gives, the first that has the same content as the one at `written`.
/// That one is then removed, so that a run repeated in virtual time leaves one file.
#[must_use]
pub fn without_twin(path: &Path, written: PathBuf) -> PathBuf {
    let earlier = (1..=NAMES).map(|number| numbered(path, number)).take_while(|name| *name != written);
    let Ok(content) = fs::read(&written) else { return written };
    for name in earlier {
        if fs::read(&name).is_ok_and(|there| there == content) && fs::remove_file(&written).is_ok() {
            return name;
        }
    }
    written
}

/// Finds out before a run whether a record can be written there: makes the folder and a file in it, and removes
/// the file. What killed processes left half written in that folder is removed, too.
///
/// # Errors
/// Names the path and the reason.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    if is_stdout(path) {
        return Ok(());
    }
    let failed = |reason| StoreError::Write { path: path.to_owned(), reason };
    if let Some(file) = path.ancestors().skip(1).find(|above| above.is_file()) {
        let reason = format!("{} is a file, not a folder", file.display());
        return Err(failed(io::Error::new(io::ErrorKind::NotADirectory, reason)));
    }
    match place::of(path).map_err(failed)? {
        Place::Stream(at) => may_be_written(&at).map_err(failed),
        Place::File(at) => {
            let mut file = prepared(&at).map_err(failed)?;
            file.write_all(b"{}").map_err(failed)?;
            file.close().map_err(failed)?;
            sweep(folder(&at));
            Ok(())
        }
    }
}

/// The largest file that is read, in bytes. The record of ten million messages in 12 trials has two million.
const READ_AT_MOST_BYTES: u64 = 256 << 20;

/// Reads a text file of a bounded size, or what a shell pipes in as `<(command)`. A named pipe is not opened: that would wait for a
/// writer that may never come. A device is not either, as it may have no end.
///
/// # Errors
/// The file cannot be read, is neither a regular file nor a pipe of a shell, is no text, or has more than 256 MiB.
pub fn read_text(path: &Path) -> io::Result<String> {
    if let Some(kind) = place::irregular(path)? {
        let reason = format!("it is {kind}, and only regular files are read");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(READ_AT_MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > READ_AT_MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 256 MiB"));
    }
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no text file, as it is not UTF-8");
    let text = String::from_utf8(bytes).map_err(no_text)?;
    // Some editors begin a file with a mark of its encoding.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads a record of any known schema version.
///
/// # Errors
/// Names the path, and where in the file and what to do if it is no record.
pub fn read(path: &Path) -> Result<Record, StoreError> {
    let json = read_text(path).map_err(|reason| StoreError::Read { path: path.to_owned(), reason })?;
    format::from_json(&json).map_err(|reason| StoreError::Load { path: path.to_owned(), reason })
}

fn encoded(path: &Path, record: &Record) -> Result<String, StoreError> {
    format::to_json(record).map_err(|reason| StoreError::Encode { path: path.to_owned(), reason })
}

fn write_bytes(path: &Path, bytes: &[u8], reader: Reader) -> Result<(), StoreError> {
    let attempt = || match place::of(path)? {
        Place::Stream(at) => place::open(&at, reader)?.write_all(bytes),
        Place::File(at) => replace(&at, |file| file.write_all(bytes)),
    };
    attempt().map_err(|reason| StoreError::Write { path: path.to_owned(), reason })
}

/// Puts a file in the place of the one that is there, or of nothing.
fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    filled(path, fill)?.persist(path).map_err(|error| error.error)?;
    sync_folder(path);
    Ok(())
}

/// A temporary file beside the path with its content on the disk.
fn filled(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<NamedTempFile> {
    let mut file = prepared(path)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A temporary file beside the path, with the mode and the owners of what is there.
fn prepared(path: &Path) -> io::Result<NamedTempFile> {
    let old = fs::metadata(path).ok();
    if old.is_some() {
        // Renaming asks the folder alone: a file that is protected from writing would be gone.
        may_be_written(path)?;
    }
    let file = temporary::make(folder(path))?;
    if let Some(old) = old {
        keep_owners(file.as_file(), &old)?;
    }
    Ok(file)
}

fn may_be_written(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// Gives a new file what the old one has. Where the group cannot be kept, its rights are not given to another group.
fn keep_owners(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        mode &= !0o070;
    }
    if new.uid() != old.uid() {
        // Only the system's administrator may; whoever may not then owns what they wrote.
        let _ = fchown(file, Some(old.uid()), None);
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// A rename is only safe once the folder is on the disk; not every file system can say so.
fn sync_folder(path: &Path) {
    let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
}

/// The path itself for 1, then with `-2` and so on before its extension.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
