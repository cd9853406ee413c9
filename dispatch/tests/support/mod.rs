//! A private nats-server for tests, on a free loopback port and with a store of its own. It ends when the value is
//! dropped.
#![allow(unreachable_pub, reason = "shared by the test binaries of two packages, each of which uses a part")]
#![allow(dead_code, reason = "the same")]

pub use drumpost_kit::suite::free_port;
use drumpost_kit::suite::{Permit, Permits, Process, started};
use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use tempfile::TempDir;

/// Names the binary; `scripts/nats-server` prints one.
pub const BINARY: &str = "DRUMPOST_NATS_SERVER";

/// A running server.
pub struct NatsServer {
    pub process: Process,
    pub port: u16,
    monitor: u16,
    /// Removed after the server has ended.
    _store: TempDir,
    _permit: Permit,
}

static PERMITS: Permits = Permits::new(8);

impl NatsServer {
    /// Starts a server with JetStream.
    pub fn start() -> Self {
        Self::start_with(&["-js"])
    }

    /// Starts a server with these arguments besides its address.
    pub fn start_with<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        started(BINARY, |mut command| {
            let (permit, store) = (PERMITS.take(), tempfile::tempdir().expect("a folder"));
            let (port, monitor) = (free_port(), free_port());
            command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-m", &monitor.to_string(), "-sd"]);
            command.arg(store.path()).args(arguments);
            let is_healthy = move || get(monitor, "healthz").is_some_and(|answer| answer.contains(" 200 OK"));
            let process = Process::start(command, is_healthy)?;
            Some(Self { process, port, monitor, _store: store, _permit: permit })
        })
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The command line that starts it, for a shell.
    pub fn line(&self) -> String {
        let command = self.process.command();
        let words = [command.get_program()].into_iter().chain(command.get_args());
        words.map(|word| format!("'{}' ", word.display())).collect()
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What the server says of itself on its monitoring port, such as `varz`.
    pub fn monitored(&self, what: &str) -> serde_json::Value {
        let answer = get(self.monitor, what).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// As after a crash that a supervisor notices: killed, and started again over the same store.
    pub fn crash_and_come_back(&mut self) {
        self.process.kill();
        self.process.come_back();
    }
}

fn get(port: u16, what: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let request = format!("GET /{what} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
