//! A lock on the folder of a suite, so that only one process runs it. Two processes would run each trial twice and
//! overwrite each other's records.
//!
//! It is a lock of the system on a file that remains. The system releases the lock when the process ends, however it
//! ends.

use crate::{exit::usage, files::LOCK, output};
use drumpost_results::store::StoreError;
use rustix::fs::OFlags;
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// A folder that no other process runs a suite in, until this is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// Held for its lock alone.
    _file: Option<File>,
}

/// Locks a folder, which is made if it is not there, by an empty file in it. Removing the file would let two processes lock one after the other's.
///
/// # Errors
/// Another process runs a suite there, or nothing can be written there.
pub(super) fn lock(folder: &Path) -> anyhow::Result<Lock> {
    let path = folder.join(LOCK);
    let open = || {
        fs::create_dir_all(folder)?;
        // A link would make a file somewhere else the lock, and opening a pipe would wait for its other side.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let no_file = || io::Error::other("it is not a regular file, so it is no lock of a suite; remove it");
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(no_file());
        }
        let file =
            File::options().create(true).truncate(false).write(true).custom_flags(flags).open(&path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
    };
    let file =
        open().map_err(|reason| usage(StoreError::Write { path: path.clone(), reason }.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(usage(format!(
            "another process is running the suite in {}: wait until it ends, or stop it and continue with --resume",
            folder.display()
        ))),
        // Not every file system can, and those that cannot are no reason not to measure.
        Err(TryLockError::Error(error)) => {
            output::remark(&format!(
                "note: {} cannot be locked ({error}); do not start a second process with --resume there",
                folder.display()
            ));
            Ok(Lock { _file: None })
        }
    }
}
