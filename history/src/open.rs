//! Opening the index: what is at its path, what is done with it, and an index in memory where there cannot be a file.
//!
//! Several processes may have the index open at once. SQLite's write-ahead log lets readers go on beside one writer, and a writer waits for
//! another one. Only replacing a damaged file needs more: everyone who opens the index holds a lock on the folder for that moment, so
//! that nobody opens a file that is being replaced.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::IndexError;
use super::schema::{self, FILE, Found};

/// Ends of the names of the files that SQLite keeps beside the index.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// A damaged index is kept under its name with this at the end, the last one only.
const DAMAGED: &str = ".damaged";
/// How long a request waits for another process that writes. A transaction writes what was read before it and takes milliseconds.
const WRITER: Duration = Duration::from_secs(10);
/// Between two attempts to lock the folder, and how many there are: five seconds.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 500;

/// An open index.
#[derive(Debug)]
pub struct Index {
    pub(crate) db: Connection,
    /// The folder of records.
    pub(crate) folder: PathBuf,
    pub(crate) path: PathBuf,
    is_in_memory: bool,
}

impl Index {
    /// Opens the index of a folder. A new one is made if there is none, and an earlier version is migrated.
    ///
    /// # Errors
    /// The file is damaged, of another program or of a later drumpost, or cannot be written.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let _locked = lock(folder);
        Self::open_locked(folder)
    }

    /// An index that is gone when it is dropped. It is filled from the records as any other.
    ///
    /// # Errors
    /// SQLite cannot be used at all.
    pub fn in_memory(folder: &Path) -> Result<Self, IndexError> {
        let path = folder.join(FILE);
        let failed = |error: rusqlite::Error| IndexError::of(&path, &error);
        let mut db = Connection::open_in_memory().map_err(failed)?;
        prepare(&mut db).map_err(failed)?;
        Ok(Self { db, folder: folder.to_owned(), path, is_in_memory: true })
    }

    /// Moves a damaged index aside, with what SQLite keeps beside it, and makes a new one. Nobody else opens the index in between.
    ///
    /// # Errors
    /// The files cannot be moved, or the new index cannot be made.
    pub fn replace_damaged(folder: &Path) -> Result<Self, IndexError> {
        let _locked = lock(folder);
        // Another process may have replaced it while this one waited.
        match Self::open_locked(folder) {
            Err(error) if error.is_broken() => {}
            other => {
                let is_usable = other.as_ref().is_ok_and(Self::is_usable);
                if other.is_err() || is_usable {
                    return other;
                }
            }
        }
        let path = folder.join(FILE);
        let beside = |end: &str| folder.join(format!("{FILE}{end}"));
        // The log of the old file must not be taken for that of the new one, so it goes first.
        for end in BESIDE {
            let _ = std::fs::rename(beside(end), beside(&format!("{DAMAGED}{end}")));
        }
        std::fs::rename(&path, beside(DAMAGED))
            .map_err(|reason| IndexError::Unusable { path, reason: reason.to_string() })?;
        Self::open_locked(folder)
    }

    /// Whether the index is in memory alone.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.is_in_memory
    }

    /// The folder of the records.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Empties the index. The records are read again when it catches up.
    ///
    /// # Errors
    /// The index cannot be written.
    pub fn clear(&mut self) -> Result<(), IndexError> {
        let work = |db: &mut Connection| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            schema::remake(&transaction)?;
            transaction.commit()
        };
        work(&mut self.db).map_err(|error| self.failed(&error))
    }

    /// Waits no longer than that for another process that writes.
    pub(crate) fn wait_at_most(&self, patience: Duration) -> Result<(), IndexError> {
        self.db.busy_timeout(patience).map_err(|error| self.failed(&error))
    }

    pub(crate) fn failed(&self, error: &rusqlite::Error) -> IndexError {
        IndexError::of(&self.path, error)
    }

    /// Whether SQLite finds nothing wrong with any page, and the tables answer.
    fn is_usable(&self) -> bool {
        let said = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        said.is_ok_and(|said| said == "ok") && self.known().is_ok() && self.answers()
    }

    fn open_locked(folder: &Path) -> Result<Self, IndexError> {
        let path = folder.join(FILE);
        let failed = |error: rusqlite::Error| IndexError::of(&path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&path, flags).map_err(failed)?;
        db.busy_timeout(WRITER).map_err(failed)?;
        match schema::look(&db).map_err(failed)? {
            Found::Foreign => return Err(IndexError::Foreign { path }),
            Found::Newer(found) => return Err(IndexError::Newer { path, found, known: schema::VERSION }),
            Found::Current | Found::Older => {}
        }
        // Not every file system can have such a log. The index then works without it, and a reader may wait for a writer.
        let mode =
            |db: &Connection| db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        mode(&db).map_err(failed)?;
        prepare(&mut db).map_err(failed)?;
        Ok(Self { db, folder: folder.to_owned(), path, is_in_memory: false })
    }
}

/// Settings of a connection, and the tables.
fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "foreign_keys", true)?;
    // After a power failure the last transactions may be missing. They are made again from the records.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    if schema::look(db)? == Found::Older {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::migrate(&transaction)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A lock on the folder, which ends with the value. Without one, as on file systems that have no locks, there is nothing to wait for.
fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    for _ in 0..LOOKS {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(std::fs::TryLockError::WouldBlock) => thread::sleep(LOOK),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}
