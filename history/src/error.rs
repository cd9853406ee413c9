//! Why an index cannot be used.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use drumpost_results::store;
use thiserror::Error;

/// Why an index cannot be used. The text is whole.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The file is damaged, or is no database.
    #[error("the index {path} is damaged ({reason})")]
    Broken {
        /// The index.
        path: PathBuf,
        /// The message of SQLite.
        reason: String,
    },
    /// The file is a database of something else.
    #[error(
        "{path} is a database of another program; move it away, so that drumpost can keep its index there"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later drumpost wrote it.
    #[error(
        "the index {path} has schema version {found}, and this drumpost knows versions up to {known}; \
         use the later drumpost, or remove the file: it is made anew from the records"
    )]
    Newer {
        /// The index.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The highest version that is known here.
        known: i64,
    },
    /// There is no room on the disk for the index. SQLite writes into the log beside it first.
    #[error(
        "the disk is full: the index ({path} and {path}-wal) has no room. {left}Nothing is lost. Free some space, and `drumpost history` \
         rebuilds it"
    )]
    Full {
        /// The index.
        path: PathBuf,
        /// What drumpost did with the index and its log to make room; empty, or a sentence with a space at its end.
        left: &'static str,
    },
    /// The folder or the file cannot be written, or another process holds the index for too long.
    #[error("failed to use the index {path}: {reason}")]
    Unusable {
        /// The index.
        path: PathBuf,
        /// The cause, or the message of SQLite.
        reason: String,
    },
    /// The folder of records cannot be read.
    #[error("failed to read the folder {path}: {reason}; check the path")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
}

impl IndexError {
    /// The error of SQLite that a request ended with.
    pub(crate) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, DiskFull, NotADatabase, Unknown};
        let (path, reason) = (path.to_owned(), error.to_string());
        // SQLite needs room also for the memory that its processes share.
        let is_shared_memory =
            error.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            // SQLite has no code of its own for a table that is missing.
            Some(DatabaseCorrupt | NotADatabase | Unknown) => Self::Broken { path, reason },
            Some(DiskFull) => Self::Full { path, left: "" },
            Some(CannotOpen) => Self::unopened(path, reason),
            _ if is_shared_memory => Self::Full { path, left: "" },
            _ if is_changed(error) => Self::Broken { path, reason },
            _ => Self::Unusable { path, reason },
        }
    }

    /// SQLite does not say why it cannot open a file, so the index is opened here once more: as many times as there are files that SQLite opens,
    /// which are the index, its log and the memory that processes share.
    fn unopened(path: PathBuf, said: String) -> Self {
        const FILES: usize = 3;
        if path.is_dir() {
            let reason = "a folder has this name; move it away, so that drumpost can keep its index there";
            return Self::Unusable { path, reason: reason.to_owned() };
        }
        let open = |_| File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let opened: std::io::Result<Vec<File>> = (0..FILES).map(open).collect();
        match opened {
            Err(error) if error.kind() == ErrorKind::StorageFull => Self::Full { path, left: "" },
            Err(error) => Self::Unusable { path, reason: store::reason(&error) },
            Ok(_) => Self::Unusable { path, reason: said },
        }
    }

    /// Whether making the index anew helps.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}

/// Whether something has changed the schema or the rows: a table, a column or a row is missing, or a value is of another type or no text.
fn is_changed(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::SqlInputError { .. }
            | E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::QueryReturnedNoRows
            | E::Utf8Error(..)
    )
}
