//! A private redis-server for tests, on a free loopback port and without a file. It ends when the value is dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, free_port};
use std::{
    env,
    ffi::OsString,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Names the binary; `scripts/redis-server` prints one.
pub const BINARY: &str = "DRUMPOST_REDIS_SERVER";

/// A running server.
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    _permit: Permit,
}

static PERMITS: Permits = Permits::new(8);

fn binary() -> OsString {
    env::var_os(BINARY).unwrap_or_else(|| {
        panic!("{BINARY} is not set: run scripts/test, or set it to what scripts/redis-server prints")
    })
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Panics
    /// There is no binary: tests that need one are ignored, by name, unless they are asked for.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with these arguments besides its address.
    pub fn start_with(arguments: &[&str]) -> Self {
        // A port that was free a moment ago may be taken by the time the server binds it, so there are a few attempts.
        for _ in 0..5 {
            let permit = PERMITS.take();
            let port = free_port();
            let place = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""].map(str::to_owned);
            let arguments: Vec<String> =
                place.into_iter().chain(arguments.iter().map(|one| (*one).to_owned())).collect();
            let mut server = Self { child: spawn(&arguments), port, arguments, _permit: permit };
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

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after a kill, with the same arguments.
    pub fn come_back(&mut self) {
        self.child = spawn(&self.arguments);
        assert!(self.answers(), "it does not come back");
    }

    /// The names of all keys.
    pub fn keys(&self) -> Vec<String> {
        Cli(self.port).lines(&["KEYS", "*"])
    }

    /// A client that knows nothing of drumpost.
    pub const fn cli(&self) -> Cli {
        Cli(self.port)
    }

    /// Waits until the server answers, at most a minute; false if it has ended.
    fn answers(&mut self) -> bool {
        for _ in 0..3_000 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if ping(self.port).is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `redis-cli` for one server.
#[derive(Clone, Copy)]
pub struct Cli(u16);

impl Cli {
    /// What it prints for a command.
    pub fn lines(self, command: &[&str]) -> Vec<String> {
        let beside = Path::new(&binary()).with_file_name("redis-cli");
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

fn spawn(arguments: &[String]) -> Child {
    let binary = binary();
    Command::new(&binary)
        .args(arguments)
        .current_dir(env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", binary.display()))
}

fn ping(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    // `+PONG`, or that it wants a password.
    stream.read(&mut [0; 64]).ok().filter(|count| *count > 0).map(drop)
}
