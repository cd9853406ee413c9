//! A private RabbitMQ server for tests, on a free loopback port. A server takes some seconds to start, so the tests of a binary
//! use two in turn, each of which one test has. They end with the process of the tests, however that ends. A server ends sooner if its test
//! fails, or if there would be three with one that is secured.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{PrivateServer, Process, ServerPool, Taken, free_port, program, started};
use serde_json::Value;
use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    ops::Deref,
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

/// Names the program; `scripts/rabbitmq-server` prints one.
pub const PROGRAM: &str = "DRUMPOST_RABBITMQ_SERVER";

/// Largest message that the servers take, in bytes.
pub const MOST_BYTES: u32 = 1 << 20;

/// A server takes seconds of both cores to start, and some 150 MiB.
static POOL: ServerPool<Node> = ServerPool::new(2);

/// A server that one test has.
pub struct RabbitServer {
    node: Taken<Node>,
    /// Where the suite finds it.
    suite_port: u16,
}

impl RabbitServer {
    /// Takes a server that no test has, or starts one.
    pub fn start() -> Self {
        Self::with(|node| node.port)
    }

    /// The same for the suite of a transport over streams.
    pub fn start_for_streams() -> Self {
        Self::with(|node| node.stream_port)
    }

    fn with(suite_port: impl Fn(&Node) -> u16) -> Self {
        let node = POOL.take(|_| true, Node::is_running, || Node::start(&[]));
        Self { suite_port: suite_port(&node), node }
    }
}

impl Deref for RabbitServer {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl PrivateServer for RabbitServer {
    fn port(&self) -> u16 {
        self.suite_port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.node.process
    }

    /// Not before the server has written which queues there are, which it does every two seconds.
    fn kill(&mut self) {
        thread::sleep(Duration::from_millis(2_500));
        self.process().kill();
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.tools().objects())
    }
}

/// A server for one test that speaks TLS and asks for a client's certificate.
#[cfg(feature = "amqp-tls")]
pub struct SecuredServer {
    pub node: Taken<Node>,
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
        Self { node: POOL.fresh(|| Node::start(&settings)), port }
    }

    /// `amqps://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("amqps://127.0.0.1:{}", self.port)
    }
}

/// A server's process, where it listens, and its tools.
pub struct Node {
    process: Process,
    pub port: u16,
    /// The port on which its plug-in for streams listens.
    stream_port: u16,
    tools: Tools,
}

impl Node {
    fn start(settings: &[String]) -> Self {
        started(PROGRAM, |mut command| {
            let (port, management, stream_port) = (free_port(), free_port(), free_port());
            let folder = env::temp_dir().join(format!("drumpost-rabbitmq-{}-{port}", std::process::id()));
            command.arg(port.to_string()).arg(&folder).args([
                format!("max_message_size={MOST_BYTES}"),
                "management.tcp.ip=127.0.0.1".into(),
                format!("management.tcp.port={management}"),
                "management_agent.disable_metrics_collector=true".into(),
                format!("stream.listeners.tcp.1=127.0.0.1:{stream_port}"),
            ]);
            command.args(settings);
            let listens = move || are_open([port, stream_port]);
            let process = Process::start_shared(command, &folder, listens)?;
            Some(Self { process, port, stream_port, tools: Tools { port, management, folder } })
        })
    }

    /// `amqp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.port)
    }

    /// `rabbitmq-stream://127.0.0.1:PORT`.
    pub fn stream_url(&self) -> String {
        format!("rabbitmq-stream://127.0.0.1:{}", self.stream_port)
    }

    /// A client that knows nothing of drumpost.
    pub fn tools(&self) -> Tools {
        self.tools.clone()
    }

    fn is_running(&self) -> bool {
        are_open([self.port, self.stream_port])
    }
}

fn are_open(ports: [u16; 2]) -> bool {
    ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
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
        let mut ctl = Command::new(program(PROGRAM));
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
