//! A private RabbitMQ server for tests, on a free loopback port. A server takes some seconds to start, so the tests of a binary
//! use a few in turn, each of which one test has. They end with the process of the tests, however that ends.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, free_port, warden};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Names the program; `scripts/rabbitmq-server` prints one.
pub const PROGRAM: &str = "DRUMPOST_RABBITMQ_SERVER";

/// Largest message that the servers take, in bytes.
pub const MOST_BYTES: u32 = 1 << 20;

/// Servers that no test has now.
static IDLE: Mutex<Vec<Node>> = Mutex::new(Vec::new());

/// A server takes seconds of both cores to start, and some 150 MiB.
static PERMITS: Permits = Permits::new(2);

/// A server that one test has.
pub struct RabbitServer {
    node: Option<Node>,
    _permit: Permit,
}

impl RabbitServer {
    /// Takes a server that no test has, or starts one.
    ///
    /// # Panics
    /// There is no program: tests that need one are ignored, by name, unless they are asked for.
    pub fn start() -> Self {
        let permit = PERMITS.take();
        let running = idle().pop().filter(Node::is_running);
        Self { node: Some(running.unwrap_or_else(Node::start)), _permit: permit }
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("it is there until the test ends")
    }

    fn node_mut(&mut self) -> &mut Node {
        self.node.as_mut().expect("it is there until the test ends")
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.node().port
    }

    /// `amqp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.port())
    }

    /// The port on which its plug-in for streams listens.
    pub fn stream_port(&self) -> u16 {
        self.node().streams
    }

    /// `rabbitmq-stream://127.0.0.1:PORT`.
    pub fn stream_url(&self) -> String {
        format!("rabbitmq-stream://127.0.0.1:{}", self.stream_port())
    }

    /// Kills the server, as a crash would. Not before it has written which queues there are, which it does every two seconds.
    pub fn kill(&mut self) {
        thread::sleep(Duration::from_millis(2_500));
        self.node_mut().kill();
    }

    /// Starts it again after a kill, over the same store.
    pub fn come_back(&mut self) {
        self.node_mut().come_back();
    }

    /// A client that knows nothing of drumpost.
    pub fn tools(&self) -> Tools {
        self.node().tools()
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        idle().extend(self.node.take().filter(Node::is_running));
    }
}

fn idle() -> MutexGuard<'static, Vec<Node>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server for one test that speaks TLS and asks for a client's certificate.
#[cfg(feature = "amqp-tls")]
pub struct SecuredServer {
    node: Node,
    port: u16,
}

#[cfg(feature = "amqp-tls")]
impl SecuredServer {
    /// With the certificates `ca.pem`, `server.pem` and `server.key`, of which `path` says where they are.
    pub fn start(path: impl Fn(&str) -> String) -> Self {
        let port = free_port();
        let file = |option: &str, name: &str| format!("ssl_options.{option}={}", path(name));
        let settings = [
            format!("listeners.ssl.default=127.0.0.1:{port}"),
            file("cacertfile", "ca.pem"),
            file("certfile", "server.pem"),
            file("keyfile", "server.key"),
            "ssl_options.verify=verify_peer".into(),
            "ssl_options.fail_if_no_peer_cert=true".into(),
        ];
        Self { node: Node::start_with(&settings), port }
    }

    /// `amqps://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("amqps://127.0.0.1:{}", self.port)
    }

    /// `amqp://127.0.0.1:PORT`, without TLS.
    pub fn plain_url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.node.port)
    }

    /// As [`RabbitServer::stream_url`].
    pub fn stream_url(&self) -> String {
        format!("rabbitmq-stream://127.0.0.1:{}", self.node.streams)
    }

    /// As [`RabbitServer::tools`].
    pub fn tools(&self) -> Tools {
        self.node.tools()
    }
}

struct Node {
    settings: Vec<String>,
    child: Child,
    /// Ends the server and removes its folder when nobody holds the other end of its input any more.
    warden: Child,
    port: u16,
    management: u16,
    streams: u16,
    folder: PathBuf,
}

impl Node {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(settings: &[String]) -> Self {
        // A port that was free a moment ago may be taken by the time the server binds it, so there are a few attempts.
        for _ in 0..3 {
            let (port, management, streams) = (free_port(), free_port(), free_port());
            let folder = env::temp_dir().join(format!("drumpost-rabbitmq-{}-{port}", std::process::id()));
            let stream = format!("stream.listeners.tcp.1=127.0.0.1:{streams}");
            let settings = [settings, &[stream]].concat();
            let child = spawn(port, management, &folder, &settings);
            let warden = warden(&child, &folder);
            let mut node = Self { settings, child, warden, port, management, streams, folder };
            if node.answers() {
                return node;
            }
        }
        panic!("{} does not answer", program().display());
    }

    fn tools(&self) -> Tools {
        Tools { port: self.port, management: self.management, folder: self.folder.clone() }
    }

    fn is_running(&self) -> bool {
        [self.port, self.streams].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
    }

    /// Waits until the server takes connections, at most three minutes, as a busy machine takes one; false if it has ended.
    fn answers(&mut self) -> bool {
        for _ in 0..3_600 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if self.is_running() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn come_back(&mut self) {
        self.child = spawn(self.port, self.management, &self.folder, &self.settings);
        let _ = self.warden.kill();
        let _ = self.warden.wait();
        self.warden = warden(&self.child, &self.folder);
        assert!(self.answers(), "it does not come back");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        drop(self.warden.stdin.take());
        let _ = self.warden.wait();
    }
}

fn program() -> OsString {
    env::var_os(PROGRAM).unwrap_or_else(|| {
        panic!("{PROGRAM} is not set: run scripts/test, or set it to what scripts/rabbitmq-server prints")
    })
}

fn spawn(port: u16, management: u16, folder: &PathBuf, more: &[String]) -> Child {
    let settings = [
        format!("max_message_size={MOST_BYTES}"),
        "management.tcp.ip=127.0.0.1".into(),
        format!("management.tcp.port={management}"),
        "management_agent.disable_metrics_collector=true".into(),
    ];
    Command::new(program())
        .arg(port.to_string())
        .arg(folder)
        .args(settings)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", program().display()))
}

/// RabbitMQ's own tools and its management interface, for one server.
#[derive(Clone)]
pub struct Tools {
    port: u16,
    management: u16,
    folder: PathBuf,
}

impl Tools {
    /// Lines that `rabbitmqctl` prints.
    pub fn ctl(&self, arguments: &[&str]) -> Vec<String> {
        let mut ctl = Command::new(program());
        ctl.env("RABBITMQ_CTL", "rabbitmqctl").arg(self.port.to_string()).arg(&self.folder).args(arguments);
        let output = ctl.output().expect("rabbitmqctl");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// What the management interface answers; `Null` if that is nothing.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.management)).expect("the management interface");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        // guest:guest
        let request = format!(
            "{method} /api/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a question");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") }
    }

    /// All queues, or all exchanges that are not the server's own.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let Value::Array(all) = self.ask("GET", kind, "") else { panic!("no list of {kind}") };
        let is_own =
            |one: &Value| one["name"].as_str().is_none_or(|name| name.is_empty() || name.starts_with("amq."));
        all.into_iter().filter(|one| !is_own(one)).collect()
    }

    /// The names of all queues and exchanges.
    pub fn objects(&self) -> Vec<String> {
        let all = [self.all("queues"), self.all("exchanges")].concat();
        all.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    }

    /// Removes them.
    pub fn remove_all(&self) {
        for kind in ["queues", "exchanges"] {
            for one in self.all(kind) {
                let name = one["name"].as_str().expect("it has one");
                self.ask("DELETE", &format!("{kind}/%2f/{name}"), "");
            }
        }
    }
}
