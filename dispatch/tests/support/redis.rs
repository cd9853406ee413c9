//! A private redis-server for tests, on a free loopback port and without a file, unless it is asked for one. It ends when the value is dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, PrivateServer, Process, free_port, program, started};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Names the binary; `scripts/redis-server` prints one.
pub const BINARY: &str = "DRUMPOST_REDIS_SERVER";

/// Arguments of a server that writes what it confirms to a file, so that it has it when it comes back after a kill.
pub const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A running server.
pub struct RedisServer {
    process: Process,
    pub port: u16,
    /// Where its files are, if it writes any. Removed after the server has ended.
    pub folder: TempDir,
    _permit: Permit,
}

static PERMITS: Permits = Permits::new(8);

impl RedisServer {
    /// Starts a server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with these arguments besides its address.
    pub fn start_with(arguments: &[&str]) -> Self {
        started(BINARY, |mut command| {
            let (permit, port, folder) =
                (PERMITS.take(), free_port(), tempfile::tempdir().expect("a folder"));
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.args(arguments).current_dir(folder.path());
            let process = Process::start(command, move || ping(port).is_some())?;
            Some(Self { process, port, folder, _permit: permit })
        })
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The names of all keys.
    pub fn keys(&self) -> Vec<String> {
        Cli(self.port).lines(&["KEYS", "*"])
    }

    /// A client that knows nothing of drumpost.
    pub const fn cli(&self) -> Cli {
        Cli(self.port)
    }
}

impl PrivateServer for RedisServer {
    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.keys().into_iter().filter(|key| !key.starts_with("drumpost:owners")).collect())
    }
}

/// `redis-cli` for one server.
#[derive(Clone, Copy)]
pub struct Cli(u16);

impl Cli {
    /// What it prints for a command.
    pub fn lines(self, command: &[&str]) -> Vec<String> {
        let beside = Path::new(&program(BINARY)).with_file_name("redis-cli");
        let program = if beside.exists() { beside } else { "redis-cli".into() };
        let port = self.0.to_string();
        let output = Command::new(program).args(["-p", &port]).args(command).output().expect("redis-cli");
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// How often the server was given a command.
    pub fn calls(self, command: &str) -> u64 {
        let all = self.lines(&["INFO", "commandstats"]);
        let of = format!("cmdstat_{command}:calls=");
        let calls = all.iter().find_map(|line| line.strip_prefix(&*of)?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    }

    /// How many elements all lists have together.
    pub fn in_lists(self) -> u64 {
        let keys = self.lines(&["KEYS", "*"]);
        let lens = keys.iter().filter(|key| self.lines(&["TYPE", key]) == ["list"]);
        lens.map(|key| self.lines(&["LLEN", key])[0].parse::<u64>().expect("a number")).sum()
    }

    /// Of all streams: the entries that were ever added, and those that are there.
    pub fn entries(self) -> (u64, u64) {
        let (mut added, mut there) = (0, 0);
        for key in self.lines(&["KEYS", "*"]) {
            let about = self.lines(&["XINFO", "STREAM", &key]);
            let number = |name: &str| {
                let at = about.iter().position(|line| line == name)?;
                about.get(at + 1)?.parse::<u64>().ok()
            };
            added += number("entries-added").unwrap_or(0);
            there += number("length").unwrap_or(0);
        }
        (added, there)
    }
}

fn ping(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    // `+PONG`, or that it wants a password.
    stream.read(&mut [0; 64]).ok().filter(|count| *count > 0).map(drop)
}
