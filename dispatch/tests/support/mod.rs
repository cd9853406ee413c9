//! A private nats-server for tests, on a free loopback port and with a store of its own. It ends when the value is
//! dropped.
#![allow(unreachable_pub, reason = "shared by the test binaries of two packages, each of which uses a part")]
#![allow(dead_code, reason = "the same")]

pub use drumpost_kit::suite::free_port;
use drumpost_kit::suite::{Permit, Permits};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// Names the binary; `scripts/nats-server` prints one.
pub const BINARY: &str = "DRUMPOST_NATS_SERVER";

/// A running server.
pub struct NatsServer {
    child: Child,
    port: u16,
    store: PathBuf,
    binary: OsString,
    arguments: Vec<OsString>,
    monitor: u16,
    _permit: Permit,
}

static PERMITS: Permits = Permits::new(8);

impl NatsServer {
    /// Starts a server with JetStream.
    ///
    /// # Panics
    /// There is no binary: tests that need one are ignored, by name, unless they are asked for.
    pub fn start() -> Self {
        Self::start_with(&["-js"])
    }

    /// Starts a server with these arguments besides its address.
    pub fn start_with(arguments: &[&str]) -> Self {
        let Some(binary) = env::var_os(BINARY) else {
            panic!("{BINARY} is not set: run scripts/test, or set it to what scripts/nats-server prints");
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // A port that was free a moment ago may be taken by the time the server binds it, so there are a few attempts.
        for _ in 0..5 {
            let permit = PERMITS.take();
            let (port, monitor) = (free_port(), free_port());
            let store = format!("drumpost-nats-{}-{}", id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let store = env::temp_dir().join(store);
            fs::create_dir_all(&store).expect("a directory for the server's store");
            let place = ["-a", "127.0.0.1", "-p", &port.to_string(), "-m", &monitor.to_string(), "-sd"];
            let all = place.iter().map(OsString::from).chain([store.clone().into_os_string()]);
            let arguments: Vec<OsString> = all.chain(arguments.iter().map(OsString::from)).collect();
            let child = spawn(&binary, &arguments);
            let binary = binary.clone();
            let mut server = Self { child, port, store, binary, arguments, monitor, _permit: permit };
            if server.is_healthy() {
                return server;
            }
        }
        panic!("{} does not become healthy", binary.display());
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The command line that starts it, for a shell.
    pub fn line(&self) -> String {
        let quoted = |word: &OsString| format!("'{}'", word.display());
        let words: Vec<String> = [&self.binary].into_iter().chain(&self.arguments).map(quoted).collect();
        words.join(" ")
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
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

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// As after a crash that a supervisor notices: killed, and started again over the same store.
    pub fn crash_and_come_back(&mut self) {
        self.kill();
        self.come_back();
    }

    /// Starts it again after a kill, over the same store.
    pub fn come_back(&mut self) {
        self.child = spawn(&self.binary, &self.arguments);
        assert!(self.is_healthy(), "it does not come back");
    }

    /// Waits until `/healthz` answers, at most 10 seconds; false if the server has ended.
    fn is_healthy(&mut self) -> bool {
        for _ in 0..500 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if healthz(self.monitor).is_some_and(|answer| answer.contains(" 200 OK")) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

fn spawn(binary: &OsStr, arguments: &[OsString]) -> Child {
    Command::new(binary)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", binary.display()))
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.store);
    }
}

fn healthz(port: u16) -> Option<String> {
    get(port, "healthz")
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
