//! Opening the index: what is at its path, what is done with it, and an index in memory where there cannot be a file.
//!
//! Several processes may have the index open at once. SQLite's write-ahead log lets readers go on beside one writer, and a writer waits for
//! another one. Only replacing a damaged file needs more. SQLite knows its log by the name of the index. A process that still had the damaged
//! file open would remove the log of the new one when it closes. So everyone who has the index open holds a share of a lock file, and
//! who replaces the index holds that file alone. A lock on the folder keeps two processes from making or migrating the tables at once.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::IndexError;
use super::schema::{self, FILE, Found};

/// Ends of the names of the files that SQLite keeps beside the index.
pub(crate) const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// The end of the name of the lock file. The file is empty and stays.
const LOCK: &str = ".lock";
/// A damaged index is kept under its name with this at the end, the last one only.
const DAMAGED: &str = ".damaged";
/// How long a request waits for another process that writes. A transaction writes what was read before it and takes milliseconds.
const WRITER: Duration = Duration::from_secs(10);
/// Between two attempts to take a lock, and how many there are: five seconds.
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
    /// While this is held nobody replaces the file. It comes after the connection, which has to be closed before.
    _share: Option<File>,
}

impl Index {
    /// Opens the index of a folder. A new one is made if there is none, and an earlier version is migrated.
    ///
    /// # Errors
    /// The file is damaged, of another program or of a later drumpost, or cannot be written. Or another process is replacing it and does not
    /// end.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let _share = lock_file(folder, File::try_lock_shared, "another process is replacing it")?;
        let _one_at_a_time = opening(folder);
        Ok(Self { _share, ..Self::open_locked(folder)? })
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
        Ok(Self { db, folder: folder.to_owned(), path, is_in_memory: true, _share: None })
    }

    /// Moves a damaged index aside, with what SQLite keeps beside it, and makes a new one. It waits for others who have the damaged one open.
    /// An index of the same process has to be dropped before.
    ///
    /// # Errors
    /// Others keep it open, the files cannot be moved, or the new index cannot be made.
    pub fn replace_damaged(folder: &Path) -> Result<Self, IndexError> {
        let alone = match lock_file(
            folder,
            File::try_lock,
            "another process has it open, so it cannot be replaced",
        ) {
            Ok(alone) => alone,
            // Whoever has it open may have replaced it.
            Err(in_use) => return Self::open(folder).ok().filter(Self::is_usable).ok_or(in_use),
        };
        // Another process may have replaced it while this one waited.
        let is_broken = match Self::open_locked(folder) {
            Err(error) if error.is_broken() => true,
            Err(error) => return Err(error),
            Ok(found) => !found.is_usable(),
        };
        if is_broken {
            move_aside(folder)?;
        }
        drop(alone);
        Self::open(folder)
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
        Ok(Self { db, folder: folder.to_owned(), path, is_in_memory: false, _share: None })
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

/// Moves a damaged index aside.
fn move_aside(folder: &Path) -> Result<(), IndexError> {
    let path = folder.join(FILE);
    let beside = |end: &str| folder.join(format!("{FILE}{end}"));
    // The log of the old file must not be taken for that of the new one, so it goes first.
    for end in BESIDE {
        let _ = std::fs::rename(beside(end), beside(&format!("{DAMAGED}{end}")));
    }
    std::fs::rename(&path, beside(DAMAGED))
        .map_err(|reason| IndexError::Unusable { path, reason: reason.to_string() })
}

/// A way to take a lock without waiting.
type Take = fn(&File) -> Result<(), TryLockError>;

/// A lock on the lock file of an index, or a share of it, which ends with the value. `busy` says why it cannot be had.
fn lock_file(folder: &Path, take: Take, busy: &str) -> Result<Option<File>, IndexError> {
    let path = folder.join(format!("{FILE}{LOCK}"));
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
    locked(file, take).map_err(|_| IndexError::Unusable { path: folder.join(FILE), reason: busy.to_owned() })
}

/// A lock on the lock file of an index that nobody has open now; `None`: someone has, or the file system has no locks.
pub(crate) fn alone(folder: &Path) -> Option<File> {
    let path = folder.join(format!("{FILE}{LOCK}"));
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// A lock on the folder for the time in which an index is opened. After some seconds it is opened without: SQLite keeps its file whole.
fn opening(folder: &Path) -> Option<File> {
    locked(File::open(folder), File::try_lock).ok().flatten()
}

/// A lock, which ends with the value. `None`: the file cannot be opened or the file system has no locks, so there is nothing to wait for.
///
/// # Errors
/// Others hold it for longer than this waits.
fn locked(file: io::Result<File>, take: Take) -> io::Result<Option<File>> {
    let Ok(file) = file else { return Ok(None) };
    for _ in 0..LOOKS {
        match take(&file) {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    Err(ErrorKind::WouldBlock.into())
}
