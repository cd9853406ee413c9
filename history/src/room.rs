//! A full disk: drumpost gives back the room that its index took, so that the next record can be saved.
//!
//! SQLite writes into a log beside the index. If the disk is full before the log is written into the index, the log stays. It can be as large as
//! the index, and on a small disk there is then no room for records. The records are the truth, so an index without room for its log is removed.
//! Does not live here: opening an index (`open`), and telling a full disk from other errors (`error`).

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::IndexError;
use super::open::{BESIDE, Index, alone};
use super::schema::{APPLICATION, FILE};

/// Where the header of a database has the number of its application, which takes four bytes.
const APPLICATION_AT: usize = 68;
/// The largest file that has no tables: one page.
const PAGE: u64 = 4_096;

impl Index {
    /// Writes the log into the index as far as others who read allow it. Without that it is done when the last one closes the index, and
    /// then nobody hears of a full disk.
    pub(crate) fn settle(&self) -> Result<(), IndexError> {
        let done = self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match done.map_err(|error| self.failed(&error)) {
            Err(full @ IndexError::Full { .. }) => Err(full),
            _ => Ok(()),
        }
    }
}

impl IndexError {
    /// The same error. If the disk is full, the room that the index of this folder took is given back before, and the error says so. An index
    /// that this process has open has to be dropped before.
    #[must_use]
    pub fn with_room_given_back(self, folder: &Path) -> Self {
        match self {
            Self::Full { path, .. } => Self::Full { path, left: give_back(folder) },
            other => other,
        }
    }
}

/// Empties the log, or removes the index with it. Gives what was done in words. If others have the index open, nothing is done.
fn give_back(folder: &Path) -> &'static str {
    let Some(_alone) = alone(folder) else { return "" };
    let index = folder.join(FILE);
    if !is_ours(&index) {
        return "";
    }
    let log = folder.join(format!("{FILE}-wal"));
    let is_gone = || fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let is_emptied = emptied(&index).is_ok_and(|is_busy| !is_busy);
    if is_emptied && is_gone() {
        return "The log was emptied. ";
    }
    // The log goes first: without it the index may be damaged, and a later drumpost would notice that.
    let beside = BESIDE.map(|end| folder.join(format!("{FILE}{end}")));
    let removed = beside.iter().chain([&index]).filter(|path| fs::remove_file(path).is_ok()).count();
    if removed > 0 { "The index was removed. " } else { "" }
}

/// Writes the log into the index, and makes it empty. Gives whether others keep it from that.
fn emptied(index: &Path) -> rusqlite::Result<bool> {
    let db = Connection::open_with_flags(
        index,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
}

/// Whether the file is an index, or one that has no tables yet. A database of another program is left alone.
fn is_ours(index: &Path) -> bool {
    let mut header = [0_u8; APPLICATION_AT + 4];
    let Ok(mut file) = File::open(index) else { return false };
    let len = file.metadata().map_or(0, |file| file.len());
    if file.read_exact(&mut header).is_err() {
        // The file is shorter than the header of a database.
        return len == 0;
    }
    let [.., a, b, c, d] = header;
    let application = i64::from(i32::from_be_bytes([a, b, c, d]));
    application == APPLICATION || (application == 0 && len <= PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that cannot be opened as a database, with the header's number of this application, and a log beside it.
    fn unusable(folder: &Path, application: i64) {
        let mut bytes = vec![0x5a; 8_192];
        let number = i32::try_from(application).unwrap().to_be_bytes();
        bytes[APPLICATION_AT..APPLICATION_AT + 4].copy_from_slice(&number);
        fs::write(folder.join(FILE), bytes).unwrap();
        fs::write(folder.join(format!("{FILE}-wal")), vec![0x5a; 100_000]).unwrap();
    }

    fn full(folder: &Path) -> IndexError {
        IndexError::Full { path: folder.join(FILE), left: "" }
    }

    #[test]
    fn an_index_that_takes_the_room_of_records_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        unusable(folder.path(), APPLICATION);
        let told = full(folder.path()).with_room_given_back(folder.path()).to_string();
        assert!(told.contains("The index was removed. Nothing is lost. Free some space"), "{told}");
        assert!(told.contains("history.sqlite-wal"), "the log is named: {told}");
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["history.sqlite.lock"]);
    }

    #[test]
    fn what_is_not_ours_or_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        unusable(folder.path(), 7);
        let told = full(folder.path()).with_room_given_back(folder.path()).to_string();
        assert!(!told.contains("removed") && folder.path().join(FILE).exists(), "{told}");
        fs::remove_file(folder.path().join(FILE)).unwrap();
        fs::remove_file(folder.path().join(format!("{FILE}-wal"))).unwrap();
        let other = Index::open(folder.path()).unwrap();
        let told = full(folder.path()).with_room_given_back(folder.path()).to_string();
        assert!(!told.contains("removed") && !told.contains("emptied"), "{told}");
        assert!(other.known().is_ok());
    }

    /// The process that wrote the log has died.
    #[test]
    fn a_log_that_has_room_in_the_index_is_emptied() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let index = Index::open(one.path()).unwrap();
        for end in ["", "-wal"] {
            let name = format!("{FILE}{end}");
            fs::copy(one.path().join(&name), other.path().join(&name)).unwrap();
        }
        drop(index);
        let log = other.path().join(format!("{FILE}-wal"));
        assert!(fs::metadata(&log).unwrap().len() > 0, "the tables are in the log");
        let told = full(other.path()).with_room_given_back(other.path()).to_string();
        assert!(told.contains("The log was emptied. Nothing is lost. Free some space"), "{told}");
        assert!(!log.exists() && Index::open(other.path()).unwrap().known().is_ok());
    }
}
