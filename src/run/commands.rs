//! Commands that a trial runs at given times (`--at`), such as one that restarts the server.

use crate::{secrets, spec::At};
use drumpost_core::{
    clock::{Clock, Now, as_ns},
    overhead::HarnessThread,
};
use std::{
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Commands under way: a thread starts each at its time.
pub(super) struct Commands {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Commands {
    /// Runs `all` in a trial whose load began `ago`.
    pub(super) fn begin(all: &[At], ago: Duration) -> Self {
        let (end, ends) = channel();
        let mut all = all.to_vec();
        all.sort_by_key(|one| one.at);
        let clock = Clock::start();
        let run = move || run(&all, as_ns(ago), &clock, &ends);
        let thread = thread::Builder::new().name("commands".into()).spawn(run).ok();
        Self { end: Some(end), thread }
    }

    /// Ends commands that still run. Gives back what is to be said about them, as sentences.
    pub(super) fn end(mut self) -> Vec<String> {
        drop(self.end.take());
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or_default(),
            None => vec!["failed to start a thread for the commands of --at".into()],
        }
    }
}

fn run(all: &[At], begun_ns: u64, clock: &Clock, ends: &Receiver<()>) -> Vec<String> {
    let _counted = HarnessThread::current();
    // A command may name an address with a password, and notes are stored.
    let note = |one: &At, what: &str| format!("`{}` (--at) {what}", secrets::hide(&one.command));
    let mut notes = Vec::new();
    let mut started: Vec<(&At, Child)> = Vec::new();
    for one in all {
        let left_ns = as_ns(one.at).saturating_sub(clock.now_ns().saturating_add(begun_ns));
        if ends.recv_timeout(Duration::from_nanos(left_ns)) != Err(RecvTimeoutError::Timeout) {
            notes.push(note(one, "was not run, because the trial was over"));
            continue;
        }
        let mut shell = Command::new("sh");
        // It is not this program's business to hand its own secrets on.
        shell.arg("-c").arg(&one.command).env_remove(secrets::ARGUMENTS);
        match shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => started.push((one, child)),
            Err(error) => notes.push(note(one, &format!("could not be run: {error}"))),
        }
    }
    if !started.is_empty() {
        // Until the trial is over.
        let _ = ends.recv();
    }
    for (one, mut child) in started {
        let state = match child.try_wait() {
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                "still ran when the trial was over, and was ended".to_owned()
            }
            Ok(Some(status)) if status.success() => continue,
            Ok(Some(status)) => format!("ended with {status}"),
            Err(error) => format!("is lost: {error}"),
        };
        notes.push(note(one, &state));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32, command: &str) -> At {
        At { at: ms * MS, command: command.into() }
    }

    #[test]
    fn commands_run_at_their_time_and_end_with_the_trial() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("there");
        let all = [
            at(60_000, "true"),
            at(40, &format!("echo > {}", file.display())),
            at(45, "exec sleep 60"),
            at(0, "exit 3"),
        ];
        let clock = Clock::start();
        // The load began 30 ms ago.
        let commands = Commands::begin(&all, 30 * MS);
        while !file.exists() {
            assert!(clock.now_ns() < 20_000_000_000, "it never came");
            thread::sleep(MS);
        }
        assert!(clock.now_ns() >= 9_000_000, "it was not run at once");
        thread::sleep(50 * MS);
        let notes = commands.end();
        let says = ["`true` (--at) was not run", "`exit 3` (--at) ended with exit status: 3", "still ran"];
        assert_eq!(notes.len(), says.len(), "{notes:?}");
        notes.iter().zip(says).for_each(|(note, says)| assert!(note.contains(says), "{note}"));
        assert!(clock.now_ns() < 30_000_000_000, "a command that goes on is not waited for");
    }
}
