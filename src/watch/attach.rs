//! Finds commands in progress and attaches to one.

use super::{Next, Source};
use crate::{
    exit::usage,
    live::folder::{self, Hello},
};
use drumpost_results::plain;
use drumpost_tui::Event;
use std::{
    io::{BufRead, BufReader, Read},
    os::unix::net::UnixStream,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// How long a command may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// A line of a plan with thousands of rows is not longer.
const LINE_BYTES: u64 = 4 << 20;
/// Events that wait to be shown. While there are so many, the socket is not read, and the command leaves samples out.
const WAITING: usize = 4_096;

/// A command in progress.
pub(super) struct Found {
    pub hello: Hello,
    lines: BufReader<UnixStream>,
}

/// All that are in progress, oldest first.
///
/// # Errors
/// Others could have put something into the folder.
pub(super) fn running() -> anyhow::Result<Vec<Found>> {
    let Some(folder) = folder::place() else {
        return Err(usage(
            "there is no folder in which runs announce themselves: set XDG_RUNTIME_DIR or HOME",
        ));
    };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    folder::check(&folder).map_err(usage)?;
    Ok(folder::sockets(&folder).iter().filter_map(|path| greeted(UnixStream::connect(path).ok()?)).collect())
}

/// Reads what a command is. One that says nothing, or nothing that can be understood, is passed over.
fn greeted(connection: UnixStream) -> Option<Found> {
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut lines = BufReader::new(connection);
    let hello = serde_json::from_str(&line(&mut lines)?).ok()?;
    Some(Found { hello, lines })
}

/// The next line; `None` at the end, and if it is longer than any.
fn line(lines: &mut BufReader<UnixStream>) -> Option<String> {
    let mut line = String::new();
    lines.take(LINE_BYTES).read_line(&mut line).ok()?;
    line.ends_with('\n').then_some(line)
}

/// A line for each.
pub(super) fn listed(found: &[Found]) -> String {
    let mut text = String::new();
    for Found { hello: Hello { kind, id, pid, .. }, .. } in found {
        let id = plain::cut(id, plain::NAME_LEN);
        text += &format!("{}  {}  process {pid}\n", plain::line(&id), plain::line(kind));
    }
    text
}

/// The one that is asked for, or the only one.
///
/// # Errors
/// There is none, there are several, or none of that name.
pub(super) fn choose(asked: Option<&str>) -> anyhow::Result<Found> {
    let mut found = running()?;
    if let Some(asked) = asked {
        let is_meant =
            |found: &Found| found.hello.id.starts_with(asked) || found.hello.pid.to_string() == asked;
        // A whole name is meant before names that begin with it.
        let exact = found.iter().position(|found| found.hello.id == asked);
        let meant: Vec<usize> = (0..found.len())
            .filter(|at| exact.map_or_else(|| is_meant(&found[*at]), |exact| exact == *at))
            .collect();
        return match meant[..] {
            [at] => Ok(found.swap_remove(at)),
            [] if found.is_empty() => Err(usage(format!(
                "`{asked}`: there is no such file, and no run that can be watched is in progress"
            ))),
            [] => Err(usage(format!(
                "`{asked}`: there is no such file, and no run of that name is in progress; there is\n{}",
                listed(&found)
            ))),
            _ => Err(usage(format!(
                "`{asked}`: the names of several runs in progress begin so; name one of\n{}",
                listed(&found)
            ))),
        };
    }
    match found.len() {
        0 => Err(usage("no run that can be watched is in progress; name a record to replay it")),
        1 => Ok(found.swap_remove(0)),
        _ => Err(usage(format!("several runs are in progress; name one of\n{}", listed(&found)))),
    }
}

/// The events of a command in progress.
pub(super) struct Attached(Receiver<Event>);

impl Attached {
    pub(super) fn to(found: Found) -> Self {
        let (tell, events) = sync_channel(WAITING);
        // Without a thread the channel is closed at once, which is told as a command that is gone.
        let _ = thread::Builder::new().name("attached".into()).spawn(move || read(found.lines, &tell));
        Self(events)
    }
}

fn read(mut lines: BufReader<UnixStream>, tell: &SyncSender<Event>) {
    // A trial that hangs says nothing for a while.
    let _ = lines.get_ref().set_read_timeout(None);
    while let Some(line) = line(&mut lines) {
        // A program of another version may tell of what this one does not know.
        let Ok(event) = serde_json::from_str(&line) else { continue };
        if tell.send(event).is_err() {
            return;
        }
    }
}

impl Source for Attached {
    fn next(&mut self, at_most: Duration) -> Next {
        match self.0.recv_timeout(at_most) {
            Ok(event) => Next::Event(Box::new(event)),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Gone,
        }
    }
}
