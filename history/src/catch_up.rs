//! Catching up with the records: those that are new or were changed are read, and those that are gone are dropped.
//!
//! Records are read on all cores and written in batches. A process that is killed in between leaves an index that lacks records, and the
//! next one catches up with them.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rusqlite::TransactionBehavior;

use super::error::IndexError;
use super::fill::{Read, reader};
use super::open::Index;
use super::scan::{self, Stamp};

/// Records in one transaction. Smaller ones cost more, and with larger ones other processes wait longer.
const BATCH: usize = 100;
/// Threads that read records at most.
const READERS: usize = 8;

/// How many records the index has read and dropped to agree with the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Records that were read.
    pub read: usize,
    /// Records that are gone.
    pub dropped: usize,
}

impl Index {
    /// Catches up. `tell` is called with the number of records before they are read.
    ///
    /// # Errors
    /// The folder cannot be read, or the index cannot be written.
    pub fn catch_up(&mut self, tell: impl FnOnce(usize)) -> Result<CaughtUp, IndexError> {
        // The index comes first: a record that another process notes after that is not known here, and so is not dropped.
        let mut known = self.known().map_err(|error| self.failed(&error))?;
        let files = scan::files(&self.folder)
            .map_err(|reason| IndexError::Folder { path: self.folder.clone(), reason })?;
        let own = reader();
        let is_new = |(name, stamp): &(String, Stamp)| match known.remove(name) {
            Some((there, reader)) => there != *stamp || reader != own,
            None => true,
        };
        let new: Vec<(String, Stamp)> = files.into_iter().filter(is_new).collect();
        let folder = self.folder.clone();
        let gone: Vec<String> = known.into_keys().filter(|name| !folder.join(name).is_file()).collect();
        self.drop_files(&gone).map_err(|error| self.failed(&error))?;
        let read = new.len();
        if read > 0 {
            tell(read);
            self.read(&new)?;
            self.settle()?;
        }
        Ok(CaughtUp { read, dropped: gone.len() })
    }

    /// The files that the index knows, each with what it had when it was read, and by which reader.
    pub(crate) fn known(&self) -> rusqlite::Result<HashMap<String, (Stamp, String)>> {
        let mut asked = self.db.prepare("SELECT name, size, modified_ns, reader FROM files")?;
        let rows = asked.query_map([], |row| {
            let stamp = Stamp { size: row.get(1)?, modified_ns: row.get(2)? };
            Ok((row.get(0)?, (stamp, row.get(3)?)))
        })?;
        rows.collect()
    }

    fn drop_files(&mut self, names: &[String]) -> rusqlite::Result<()> {
        for names in names.chunks(BATCH) {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for name in names {
                transaction.prepare_cached("DELETE FROM files WHERE name = ?1")?.execute([name])?;
            }
            transaction.commit()?;
        }
        Ok(())
    }

    fn read(&mut self, files: &[(String, Stamp)]) -> Result<(), IndexError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let readers = cores.min(READERS).min(files.len());
        let folder = self.folder.clone();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (tell, told) = sync_channel(2 * READERS);
            let read = |tell: SyncSender<Read>| {
                while let Some((name, stamp)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The writer has gone after an error.
                    if tell.send(Read::of_file(&folder, name.clone(), *stamp)).is_err() {
                        break;
                    }
                }
            };
            let mut failure = None;
            let mut started = 0;
            for _ in 0..readers {
                let tell = tell.clone();
                match thread::Builder::new().spawn_scoped(scope, move || read(tell)) {
                    Ok(_) => started += 1,
                    Err(reason) => failure = Some(reason),
                }
            }
            drop(tell);
            match failure.filter(|_| started == 0) {
                Some(reason) => Err(IndexError::Unusable {
                    path: self.path.clone(),
                    reason: format!("no thread: {reason}"),
                }),
                None => self.write(&told),
            }
        })
    }

    fn write(&mut self, told: &Receiver<Read>) -> Result<(), IndexError> {
        let mut batch = Vec::with_capacity(BATCH);
        while let Ok(read) = told.recv() {
            batch.push(read);
            if batch.len() == BATCH {
                self.fill(&batch)?;
                batch.clear();
            }
        }
        if batch.is_empty() { Ok(()) } else { self.fill(&batch) }
    }
}
