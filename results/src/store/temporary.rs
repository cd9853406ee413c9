//! Temporary files, which get the final name when they are complete, and those that killed processes left behind.
//!
//! A temporary file has the number of its process in its name and is locked while it is written. Both are needed:
//! process numbers are reused, for example by another container that shares the folder, and the lock is taken a moment
//! after the file is made.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, test_kill_process};
use tempfile::{Builder, NamedTempFile};

const PREFIX: &str = ".drumpost-";
const SUFFIX: &str = ".tmp";

/// Held while a file is made and locked, and while left-overs are looked for: this process never takes its own new file
/// for one of those.
static MAKING: Mutex<()> = Mutex::new(());

/// A file in the folder, which is made if it alone is missing. The file removes itself unless it is renamed.
///
/// # Errors
/// The folder cannot be made or written, or the folder that it should be in is not there.
pub(super) fn make(folder: &Path) -> io::Result<NamedTempFile> {
    make_folder(folder)?;
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    {
        use std::os::unix::fs::PermissionsExt;
        // Readable as any new file is, by the user's own mask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder).map_err(of_system)?;
    // Not every file system has locks; then the number of the process has to do.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Makes a folder that is missing. The folder that it is in has to be there: a path with a slip in it would begin a new tree.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    if let Some(missing) = above.take_while(|above| !above.exists()).last() {
        let reason = format!("there is no folder {}", missing.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    }
    match fs::create_dir(folder) {
        // Another process was faster.
        Err(_) if folder.is_dir() => Ok(()),
        made => made,
    }
}

/// The system's own error. The library puts the name of the temporary file around it, which says nothing to a user, and hides
/// the number that the advice depends on.
fn of_system(error: io::Error) -> io::Error {
    let text = error.to_string();
    let number = text.split_once("(os error ").and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
    number.map_or(error, io::Error::from_raw_os_error)
}

/// Removes the temporary files of processes that are gone. Others are left alone, and so is what cannot be removed: it
/// does no harm.
pub fn sweep(folder: &Path) {
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && name.to_str().and_then(owner).is_some_and(is_gone) && is_unlocked(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a file of that name may be removed as a left-over, now or once the process of that number is gone.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    owner(name).is_some()
}

/// The process that a temporary file's name tells of.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?.0.parse().ok()
}

/// Whether no other process has that number. This process does not count: its own files are locked.
fn is_gone(process: u32) -> bool {
    let number = i32::try_from(process).ok().and_then(Pid::from_raw);
    process == std::process::id()
        || number.is_some_and(|number| test_kill_process(number) == Err(rustix::io::Errno::SRCH))
}

fn is_unlocked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_the_system_keeps_its_number() {
        let error = make(Path::new("/proc/1")).unwrap_err();
        assert!(error.raw_os_error().is_some() && !error.to_string().contains(PREFIX), "{error}");
        assert_eq!(of_system(io::Error::other("no number")).to_string(), "no number");
    }

    #[test]
    fn one_folder_is_made_and_a_tree_is_not() {
        let home = tempfile::tempdir().unwrap();
        make(&home.path().join("one")).unwrap();
        assert!(home.path().join("one").is_dir());
        make(&home.path().join("one")).unwrap();
        let error = make(&home.path().join("slip/of/a/pen")).unwrap_err();
        let missing = format!("there is no folder {}", home.path().join("slip").display());
        assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::NotFound, missing));
        assert!(!home.path().join("slip").exists());
    }

    #[test]
    fn only_own_names_of_processes_that_are_gone_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait_with_output().unwrap();
        let alive = std::os::unix::process::parent_id();
        let kept = [
            format!(".drumpost-{alive}-aaaaaa.tmp"),
            format!(".drumpost-{gone}-aaaaaa.json"),
            ".drumpost-notes.tmp".to_owned(),
            format!("drumpost-{gone}-aaaaaa.tmp"),
        ];
        let swept =
            [format!(".drumpost-{gone}-aaaaaa.tmp"), format!(".drumpost-{}-x.tmp", std::process::id())];
        for name in kept.iter().chain(&swept) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        std::os::unix::fs::symlink("/nowhere", folder.path().join(format!(".drumpost-{gone}-b.tmp")))
            .unwrap();
        let under_way = make(folder.path()).unwrap();
        sweep(folder.path());
        for name in &kept {
            assert!(folder.path().join(name).exists(), "{name} is not ours to remove");
        }
        for name in &swept {
            assert!(!folder.path().join(name).exists(), "{name} stayed");
        }
        assert!(under_way.path().exists(), "a file that is being written was taken for a left-over");
    }
}
