//! The folder in which commands that measure announce themselves, each by a socket. It is the user's own, and nobody else may look into it.

use crate::broker;
use rustix::process::{Pid, geteuid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::{
    env,
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

/// Files that are looked at, at most.
const FILES: usize = 1_024;
const ENDING: &str = "sock";

/// The first line that a command tells a watcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Version of the program.
    pub drumpost: String,
    pub kind: String,
    /// The name of the record.
    pub id: String,
    pub pid: u32,
}

/// Where the folder is; `None` if the user has none.
pub(crate) fn place() -> Option<PathBuf> {
    let runtime =
        env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute() && path.is_dir());
    runtime.map(|path| path.join("drumpost")).or_else(|| Some(broker::cache()?.join("drumpost/watch")))
}

/// Makes the folder, and makes sure that it is the user's alone.
///
/// # Errors
/// A sentence.
pub(super) fn make(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(|error| format!("failed to make {}: {error}", above.display()))?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(format!("failed to make {shown}: {error}"))
        }
        Ok(()) | Err(_) => check(folder),
    }
}

/// Whether a folder is the user's alone.
///
/// # Errors
/// A sentence.
pub(crate) fn check(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let facts =
        fs::symlink_metadata(folder).map_err(|error| format!("failed to look at {shown}: {error}"))?;
    if !facts.is_dir() {
        return Err(format!("{shown} is no folder"));
    }
    if facts.uid() != geteuid().as_raw() || facts.mode() & 0o077 != 0 {
        return Err(format!("{shown} is open to other users; chmod 700 it, or remove it"));
    }
    Ok(())
}

/// The file of a new socket.
pub(super) fn file(folder: &Path, nonce: u16) -> PathBuf {
    folder.join(format!("{}-{nonce:04x}.{ENDING}", std::process::id()))
}

/// The sockets of commands that go on, oldest first. Those that killed processes left are removed.
pub(crate) fn sockets(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES);
    let mut found: Vec<_> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING) && !is_left_over(path))
        .map(|path| (fs::metadata(&path).and_then(|facts| facts.modified()).ok(), path))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether nobody listens at a socket any more, which is then removed. A process of another container is not seen here, so that its number
/// says nothing, and the socket itself is asked.
fn is_left_over(path: &Path) -> bool {
    let number = path.file_stem().and_then(|name| name.to_str()?.split_once('-')?.0.parse().ok());
    if number.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok()) {
        return false;
    }
    let is_refused = match UnixStream::connect(path) {
        Ok(_) => false,
        Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
    };
    if is_refused {
        let _ = fs::remove_file(path);
    }
    is_refused
}
