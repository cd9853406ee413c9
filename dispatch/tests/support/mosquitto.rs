//! A private mosquitto for tests, on a free loopback port and with a store of its own. It ends when the value is dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, PrivateServer, Process, free_port, program, started};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
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
    process: Process,
    pub port: u16,
    /// Its configuration and its store.
    folder: TempDir,
    _permit: Permit,
}

static PERMITS: Permits = Permits::new(3);

impl Mosquitto {
    /// Starts a server that lets everyone in.
    pub fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts a server with these lines in its configuration besides its address.
    pub fn start_with(lines: &str) -> Self {
        started(BINARY, |mut command| {
            let (permit, port, folder) =
                (PERMITS.take(), free_port(), tempfile::tempdir().expect("a folder"));
            let own = format!(
                "listener {port} 127.0.0.1\npersistence true\npersistence_location {}/\nmax_packet_size {MOST_BYTES}\n\
                 max_queued_messages 0\nset_tcp_nodelay true\nmax_inflight_messages 0\n{}{lines}",
                folder.path().display(),
                user()
            );
            let configuration = folder.path().join("conf");
            fs::write(&configuration, own).expect("written");
            command.arg("-c").arg(configuration);
            let process = Process::start(command, move || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
            Some(Self { process, port, folder, _permit: permit })
        })
    }

    /// `mqtt://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: &str) {
        let asked = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "it cannot be asked");
    }

    /// The names of all sessions that the server keeps, in order: those of clients that are connected and of those that are not. The server
    /// is asked to write its store, which has them.
    pub fn sessions(&self) -> Vec<String> {
        let store = self.folder.path().join("mosquitto.db");
        let _ = fs::remove_file(&store);
        self.signal("-USR1");
        for _ in 0..3_000 {
            // It is written aside and renamed, so it is whole as soon as it is there.
            if let Ok(store) = fs::read(&store) {
                return sessions_in(&store);
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not write its store");
    }

    /// A program that lies beside the server.
    pub fn beside(name: &str) -> PathBuf {
        let beside = Path::new(&program(BINARY)).with_file_name(name);
        if beside.exists() { beside } else { name.into() }
    }
}

impl PrivateServer for Mosquitto {
    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.sessions())
    }
}

/// The names in a store of version 6. After 23 bytes come chunks, each with its kind and its length. A chunk of kind 6 is a client that keeps its
/// session: 24 bytes, of which the 15th and the 16th are the length of its name, and then the name.
fn sessions_in(store: &[u8]) -> Vec<String> {
    let number = |at: usize| u32::from_be_bytes(store[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(number(19), 6, "a store of another version");
    let (mut at, mut names) = (23, Vec::new());
    while at < store.len() {
        let (kind, len) = (number(at), number(at + 4) as usize);
        let chunk = &store[at + 8..at + 8 + len];
        if kind == 6 {
            let name_len = usize::from(u16::from_be_bytes([chunk[14], chunk[15]]));
            names.push(String::from_utf8_lossy(&chunk[24..24 + name_len]).into_owned());
        }
        at += 8 + len;
    }
    names.sort();
    names
}

/// A server that the superuser starts becomes another user, who may not read the folder, unless it is told not to.
fn user() -> String {
    let name = Command::new("id").arg("-un").output().map(|output| output.stdout).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    if name.is_empty() { String::new() } else { format!("user {name}\n") }
}
