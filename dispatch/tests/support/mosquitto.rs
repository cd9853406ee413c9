//! A private mosquitto for tests, on a free loopback port and with a store of its own. It ends when the value is dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::free_port;
use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Names the binary; `scripts/mosquitto-server` prints one.
pub const BINARY: &str = "DRUMPOST_MOSQUITTO_SERVER";

/// Largest packet that the servers take, in bytes.
pub const MOST_BYTES: u32 = 1 << 20;

/// A running server.
pub struct Mosquitto {
    child: Child,
    port: u16,
    /// Its configuration and its store.
    folder: TempDir,
    /// One server, and so one test that loads it, at a time.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

fn binary() -> OsString {
    env::var_os(BINARY).unwrap_or_else(|| {
        panic!("{BINARY} is not set: run scripts/test, or set it to what scripts/mosquitto-server prints")
    })
}

impl Mosquitto {
    /// Starts a server that lets everyone in.
    ///
    /// # Panics
    /// There is no binary: tests that need one are ignored, by name, unless they are asked for.
    pub fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts a server with these lines in its configuration besides its address.
    pub fn start_with(lines: &str) -> Self {
        // A port that was free a moment ago may be taken by the time the server binds it, so there are a few attempts.
        for _ in 0..5 {
            let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            let port = free_port();
            let folder = tempfile::tempdir().expect("a folder");
            let own = format!(
                "listener {port} 127.0.0.1\npersistence true\npersistence_location {}/\nmax_packet_size {MOST_BYTES}\n\
                 max_queued_messages 0\nset_tcp_nodelay true\nmax_inflight_messages 0\n{}{lines}",
                folder.path().display(),
                user()
            );
            fs::write(folder.path().join("conf"), own).expect("written");
            let mut server = Self { child: spawn(folder.path()), port, folder, _alone: alone };
            if server.answers() {
                return server;
            }
        }
        panic!("{} does not answer", binary().display());
    }

    /// The port on which it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `mqtt://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, over the same store.
    pub fn come_back(&mut self) {
        self.child = spawn(self.folder.path());
        assert!(self.answers(), "it does not come back");
    }

    /// A program that lies beside the server.
    pub fn beside(name: &str) -> PathBuf {
        let beside = Path::new(&binary()).with_file_name(name);
        if beside.exists() { beside } else { name.into() }
    }

    /// Waits until the server takes connections, at most a minute; false if it has ended.
    fn answers(&mut self) -> bool {
        for _ in 0..3_000 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that the superuser starts becomes another user, who may not read the folder, unless it is told not to.
fn user() -> String {
    let name = Command::new("id").arg("-un").output().map(|output| output.stdout).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    if name.is_empty() { String::new() } else { format!("user {name}\n") }
}

fn spawn(folder: &Path) -> Child {
    let binary = binary();
    Command::new(&binary)
        .arg("-c")
        .arg(folder.join("conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", binary.display()))
}
