//! The process of a private server: it is started, waited for until it serves, killed and started again.

use super::warden::warden;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// The time between two looks whether a server serves.
const PAUSE: Duration = Duration::from_millis(20);

/// The most looks. They take three minutes, as a server that runs on Java may on a busy machine.
const LOOKS: u32 = 9_000;

/// The program of a server, which a variable of the environment names.
///
/// # Panics
/// The variable is not set. Tests that need a server are ignored, by name, unless they are asked for.
#[must_use]
pub fn program(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run scripts/test, or set it to what the script of that server prints")
    })
}

/// Starts a server with the program that a variable of the environment names. `attempt` gets its command. A port that was free a moment
/// ago may be taken by the time the server binds it, so there are a few attempts.
///
/// # Panics
/// As [`program`], or no attempt gave a server.
pub fn started<S>(variable: &str, mut attempt: impl FnMut(Command) -> Option<S>) -> S {
    let program = program(variable);
    let server = (0..5).find_map(|_| attempt(Command::new(&program)));
    server.unwrap_or_else(|| panic!("{} ends as soon as it is started", program.display()))
}

/// The process of a server. It ends when the value is dropped.
pub struct Process {
    command: Command,
    child: Child,
    serves: Box<dyn Fn() -> bool + Send + Sync>,
    /// The process that ends this one with the tests, and the folder that it removes then.
    warden: Option<(Child, PathBuf)>,
}

impl Process {
    /// Starts a server without input and output, and waits until `serves` says that it does. `None`: it ended before, perhaps because
    /// another process has its port.
    ///
    /// # Panics
    /// There is no such program, or it neither ends nor serves within three minutes.
    pub fn start(command: Command, serves: impl Fn() -> bool + Send + Sync + 'static) -> Option<Self> {
        Self::with(command, None, Box::new(serves))
    }

    /// The same for a server that tests share in a `static`, which is never dropped: it ends with the process of the tests, however that
    /// ends, and `folder` is removed then.
    ///
    /// # Panics
    /// As [`Process::start`].
    pub fn start_shared(
        command: Command,
        folder: &Path,
        serves: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Option<Self> {
        Self::with(command, Some(folder), Box::new(serves))
    }

    fn with(
        mut command: Command,
        folder: Option<&Path>,
        serves: Box<dyn Fn() -> bool + Send + Sync>,
    ) -> Option<Self> {
        let child = spawn(&mut command);
        let warden = folder.map(|folder| (warden(&child, folder), folder.to_owned()));
        let mut process = Self { command, child, serves, warden };
        process.is_up().then_some(process)
    }

    /// The command that starts it.
    #[must_use]
    pub const fn command(&self) -> &Command {
        &self.command
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after a kill, with the same command, and waits until it serves.
    ///
    /// # Panics
    /// It does not.
    pub fn come_back(&mut self) {
        self.child = spawn(&mut self.command);
        if let Some((watches, folder)) = &mut self.warden {
            // It would remove the folder.
            let _ = watches.kill();
            let _ = watches.wait();
            *watches = warden(&self.child, folder);
        }
        assert!(self.is_up(), "{} does not come back", self.command.get_program().display());
    }

    /// Waits until the server serves; false if it has ended.
    fn is_up(&mut self) -> bool {
        for _ in 0..LOOKS {
            let serves = (self.serves)();
            // Another process may serve at its port.
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if serves {
                return true;
            }
            thread::sleep(PAUSE);
        }
        panic!("{} does not serve", self.command.get_program().display());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if let Some((watches, _)) = &mut self.warden {
            drop(watches.stdin.take());
            let _ = watches.wait();
        }
    }
}

fn spawn(command: &mut Command) -> Child {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    spawned.unwrap_or_else(|error| panic!("failed to start {}: {error}", command.get_program().display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    /// A process that sleeps, or ends at once.
    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_server_is_there_when_it_serves_and_not_when_it_has_ended() {
        let asked = Arc::new(AtomicBool::new(false));
        let again = Arc::clone(&asked);
        // Not at the first look.
        let serves = move || again.swap(true, Ordering::Relaxed);
        let mut server = Process::start(shell("exec sleep 60"), serves).unwrap();
        assert!(asked.load(Ordering::Relaxed));
        let first = server.id();
        server.kill();
        server.come_back();
        assert_ne!(server.id(), first);
        assert!(Process::start(shell("exit 1"), || false).is_none());
    }

    #[test]
    fn a_shared_server_keeps_its_folder_when_it_comes_back_and_not_when_it_is_dropped() {
        let folder = env::temp_dir().join(format!("drumpost-process-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = Process::start_shared(shell("exec sleep 60"), &folder, || true).unwrap();
        server.kill();
        server.come_back();
        assert!(folder.exists());
        drop(server);
        assert!(!folder.exists());
    }
}
