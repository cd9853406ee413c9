//! Why an index cannot be used.

use std::path::{Path, PathBuf};

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
    /// The folder or the file cannot be written, or another process holds the index for too long.
    #[error("failed to use the index {path}: {reason}")]
    Unusable {
        /// The index.
        path: PathBuf,
        /// The message of SQLite.
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
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
        let (path, reason) = (path.to_owned(), error.to_string());
        // A table or a column that is missing, or a value of another type: something has changed the schema.
        let is_changed = matches!(error, rusqlite::Error::SqlInputError { .. })
            || matches!(
                error,
                rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)
            );
        match error.sqlite_error_code() {
            // SQLite has no code of its own for a table that is missing.
            Some(DatabaseCorrupt | NotADatabase | Unknown) => Self::Broken { path, reason },
            _ if is_changed => Self::Broken { path, reason },
            _ => Self::Unusable { path, reason },
        }
    }

    /// Whether making the index anew helps.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}
