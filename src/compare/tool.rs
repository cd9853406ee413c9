//! Runs git and cargo. They are ended when the user interrupts the command, whether or not they listen: git may wait for a server that does
//! not answer, and a build script may do anything.

use crate::interrupt::{
    Interrupt,
    farewell::{Farewell, OF_TOOL},
};
use drumpost_core::clock::{Clock, Now};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    fs::File,
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How often a tool that runs is looked after.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// A tool that runs.
#[derive(Debug)]
pub(super) struct Tool {
    pub child: Child,
    /// It leads a group of processes.
    is_group: bool,
    farewell: Farewell,
    clock: Clock,
    is_killed: bool,
}

impl Tool {
    /// # Errors
    /// It cannot be run.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Where there is a terminal, Ctrl-C reaches a tool and what it started by itself, and ssh or git may ask for a password there, which
        // stops a group in the background. Elsewhere they are a group of their own, so that they can be ended together.
        let is_group = File::open("/dev/tty").is_err();
        if is_group {
            command.process_group(0);
        }
        let child = command.spawn()?;
        Ok(Self {
            child,
            is_group,
            farewell: Farewell::new(OF_TOOL),
            clock: Clock::start(),
            is_killed: false,
        })
    }

    /// Sends the signal that is due, if one is. Says whether the tool was killed, after which nothing that it says is waited for.
    pub(super) fn is_killed(&mut self, interrupted: &Interrupt) -> bool {
        let now = Duration::from_nanos(self.clock.now_ns());
        if let Some(signal) = self.farewell.due(now, now, interrupted) {
            let send = if self.is_group { kill_process_group } else { kill_process };
            let _ = send(Pid::from_child(&self.child), signal);
            self.is_killed = signal == Signal::KILL;
        }
        self.is_killed
    }

    /// What a thread reads to the end; nothing if the tool is killed before.
    fn wait_for(&mut self, read: &Receiver<Vec<u8>>, interrupted: &Interrupt) -> Vec<u8> {
        while !self.is_killed(interrupted) {
            match read.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                read => return read.unwrap_or_default(),
            }
        }
        Vec::new()
    }
}

/// Runs a tool to its end, as [`Command::output`] does.
///
/// # Errors
/// As there.
pub(super) fn output(command: &mut Command, interrupted: &Interrupt) -> io::Result<Output> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = Tool::start(command)?;
    let (stdout, stderr) = (read(tool.child.stdout.take()), read(tool.child.stderr.take()));
    let (stdout, stderr) = (tool.wait_for(&stdout, interrupted), tool.wait_for(&stderr, interrupted));
    Ok(Output { status: tool.child.wait()?, stdout, stderr })
}

/// A thread that reads to the end.
fn read(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (tell, all) = channel();
    let read = move || {
        let mut bytes = Vec::new();
        // What was read before an error is told.
        let _ = from.map(|mut from| from.read_to_end(&mut bytes));
        let _ = tell.send(bytes);
    };
    // Without a thread the channel is closed at once, which is told as a tool that said nothing.
    let _ = thread::Builder::new().name("tool".into()).spawn(read);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn what_a_tool_says_is_given_with_its_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let Output { status, stdout, stderr } = output(&mut command, &Interrupt::default()).unwrap();
        assert_eq!((status.code(), &stdout[..], &stderr[..]), (Some(3), &b"one\n"[..], &b"two\n"[..]));
    }

    #[test]
    fn a_tool_that_does_not_listen_is_killed() {
        let interrupted = Interrupt::default();
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' INT TERM; echo; sleep 60"]).stdout(Stdio::piped());
        let mut tool = Tool::start(&mut command).unwrap();
        tool.child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        assert!(!tool.is_killed(&interrupted));
        interrupted.ask();
        assert!(!tool.is_killed(&interrupted), "it was asked");
        interrupted.ask();
        while !tool.is_killed(&interrupted) {
            thread::sleep(LOOK);
        }
        assert_eq!(tool.child.wait().unwrap().signal(), Some(9));
    }
}
