//! What is at a path: a file, which is replaced as a whole, or a pipe or device, which is written to.
//!
//! Lives here: following links, telling pipes and devices from files, and opening them. Does not live here: replacing a
//! file (`store`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

/// Links that are followed at most, as the kernel does.
const LINKS: usize = 40;
/// Between two attempts to open a pipe that nobody reads.
const LOOK: Duration = Duration::from_millis(20);
/// Attempts before a pipe is given up: five seconds.
const LOOKS: usize = 250;

/// The destination of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A regular file, or nothing yet. Links on the way there were followed.
    File(PathBuf),
    /// A pipe, a device, a socket or an open descriptor. A file put in its place would not reach its reader, and would
    /// destroy a device node.
    Stream(PathBuf),
}

/// How long a named pipe that nobody reads yet is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// For as long as it takes, as other programs do.
    Awaited,
    /// Five seconds: what was measured is not to hang on it.
    Soon,
}

/// Follows links to what is there, or would be.
///
/// # Errors
/// It is a folder, its links lead in a circle, or something on the way cannot be read.
pub(super) fn of(path: &Path) -> io::Result<Place> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        if descriptor(&at).is_some() {
            return Ok(Place::Stream(at));
        }
        let kind = match fs::symlink_metadata(&at) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if names_a_file(&at) { Ok(Place::File(at)) } else { Err(folder_alone()) };
            }
            Err(error) => return Err(error),
        };
        if kind.is_dir() {
            return Err(folder_alone());
        }
        if !kind.is_symlink() {
            return Ok(if kind.is_file() { Place::File(at) } else { Place::Stream(at) });
        }
        at = super::folder(&at).join(fs::read_link(&at)?);
    }
    Err(io::Error::other("its links lead in a circle"))
}

fn folder_alone() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")
}

/// Whether something can be made there: `new/`, `new/..` and the empty name are of folders, whether or not they exist.
fn names_a_file(path: &Path) -> bool {
    path.file_name().is_some() && !path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// Whether a document for that path goes to stdout: `-`, or a name of the descriptor such as `/dev/stdout`. Such a
/// descriptor may be a file that a shell opened, which must not be replaced by another one.
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
        || matches!(of(path), Ok(Place::Stream(at)) if descriptor(&at).as_deref() == Some("1"))
}

/// Whether the path is no file that could be replaced: a pipe, a device, stdout.
#[must_use]
pub fn is_stream(path: &Path) -> bool {
    is_stdout(path) || matches!(of(path), Ok(Place::Stream(_)))
}

/// Whether what is written to one path would replace what is at the other, or be mixed with it: by other names, links, and names of what is
/// not there yet.
#[must_use]
pub fn is_same(a: &Path, b: &Path) -> bool {
    match (is_stdout(a), is_stdout(b)) {
        (true, true) => return true,
        (false, false) => {}
        _ => return false,
    }
    // Two descriptors are whatever the shell made of them.
    if is_stream(a) && is_stream(b) {
        return false;
    }
    let there = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file);
    match (there(a), there(b)) {
        (Some(a), Some(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (None, None) => destination(a).is_some_and(|place| destination(b) == Some(place)),
        _ => false,
    }
}

/// The whole path of the file that a document for this path would replace, or would be. `None`: it is a folder or no file.
#[must_use]
pub fn destination(path: &Path) -> Option<PathBuf> {
    let Ok(Place::File(at)) = of(path) else { return None };
    let folder = super::folder(&at);
    let folder = fs::canonicalize(folder).or_else(|_| made(folder)).ok()?;
    Some(folder.join(at.file_name()?))
}

/// The whole path of a folder that is not there.
fn made(folder: &Path) -> io::Result<PathBuf> {
    match (fs::canonicalize(super::folder(folder)), folder.file_name()) {
        (Ok(above), Some(name)) => Ok(above.join(name)),
        _ => std::path::absolute(folder),
    }
}

/// The number of an open descriptor of this or another process, if the path is one of those that the kernel has for it:
/// `/dev/fd/63`, `/proc/self/fd/1`. What such a path links to is no path for a pipe.
fn descriptor(path: &Path) -> Option<String> {
    let number = path.file_name()?.to_str().filter(|name| name.bytes().all(|c| c.is_ascii_digit()))?;
    let parent = path.parent().filter(|parent| parent.ends_with("fd"))?;
    let is_table = parent == Path::new("/dev/fd")
        || fs::canonicalize(parent).is_ok_and(|table| table.starts_with("/proc"));
    is_table.then(|| number.to_owned())
}

/// What something is that is not to be read; `None`: it is a regular file, or a pipe that this process was given open, as by
/// `<(command)` in a shell.
pub(super) fn irregular(path: &Path) -> io::Result<Option<&'static str>> {
    Ok(match fs::metadata(path)?.file_type() {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_fifo() => {
            let is_open = descriptor(path).is_some() || path == Path::new("/dev/stdin");
            (!is_open).then_some("a named pipe")
        }
        kind if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    })
}

/// Opens what is no file, to be written into.
///
/// # Errors
/// It may not be written, or is a pipe that nobody reads.
pub(super) fn open(path: &Path, reader: Reader) -> io::Result<File> {
    let is_pipe = fs::metadata(path)?.file_type().is_fifo();
    // A descriptor may be a file that is open for others too: what they wrote is not written over.
    let plain = || File::options().append(true).open(path);
    if !is_pipe || reader == Reader::Awaited || descriptor(path).is_some() {
        return plain();
    }
    let now = OFlags::NONBLOCK.bits() as i32;
    for _ in 0..LOOKS {
        match File::options().write(true).custom_flags(now).open(path) {
            // The reader is there: a second descriptor waits for room as others do.
            Ok(_held) => return plain(),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                thread::sleep(LOOK);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "nothing reads this pipe"))
}
