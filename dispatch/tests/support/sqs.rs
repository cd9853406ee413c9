//! Private emulators of SQS for tests, on a free loopback port: ElasticMQ, and moto, which has SNS, too. They end when the value is
//! dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, free_port};
use serde_json::{Value, json};
use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// An emulator: what names its program, and what the tests say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    ElasticMq,
    Moto,
}

impl Emulator {
    const fn variable(self) -> &'static str {
        match self {
            Self::ElasticMq => "DRUMPOST_ELASTICMQ_SERVER",
            Self::Moto => "DRUMPOST_MOTO_SERVER",
        }
    }
}

/// A running server.
pub struct SqsServer {
    child: Child,
    port: u16,
    emulator: Emulator,
    /// Removed after the server has ended.
    folder: TempDir,
    _permit: Permit,
}

/// A Java machine each.
static PERMITS: Permits = Permits::new(4);

impl SqsServer {
    /// Starts ElasticMQ.
    pub fn start() -> Self {
        Self::of(Emulator::ElasticMq)
    }

    /// Starts an emulator.
    ///
    /// # Panics
    /// There is no program: tests that need one are ignored, by name, unless they are asked for. There are no credentials.
    pub fn of(emulator: Emulator) -> Self {
        assert!(
            env::var_os("AWS_ACCESS_KEY_ID").is_some(),
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: run scripts/test, or set them to any text"
        );
        // A port that was free a moment ago may be taken by the time the server binds it, so there are a few attempts.
        for _ in 0..5 {
            let permit = PERMITS.take();
            let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
            let child = spawn(emulator, port, &folder);
            let mut server = Self { child, port, emulator, folder, _permit: permit };
            if server.answers() {
                return server;
            }
        }
        panic!("{emulator:?} does not answer");
    }

    /// The port on which it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after a kill. It has lost everything.
    pub fn come_back(&mut self) {
        self.child = spawn(self.emulator, self.port, &self.folder);
        assert!(self.answers(), "it does not come back");
    }

    /// A client that knows nothing of drumpost.
    pub const fn tools(&self) -> Tools {
        Tools(self.port)
    }

    /// Waits until the server answers, at most three minutes, as a busy machine takes one; false if it has ended.
    fn answers(&mut self) -> bool {
        for _ in 0..3_600 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if self.tools().ask("ListQueues", &json!({})).is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for SqsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Requests in the protocol of SQS, over a connection each.
#[derive(Clone, Copy, Debug)]
pub struct Tools(u16);

impl Tools {
    /// What SQS answers to an action. `None` if it does not, or refuses.
    pub fn ask(self, action: &str, body: &Value) -> Option<Value> {
        let headers =
            format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n");
        serde_json::from_str(&self.post("sqs", &headers, &body.to_string())?).ok()
    }

    /// The XML that SNS answers to an action with these parameters.
    pub fn ask_sns(self, form: &str) -> Option<String> {
        self.post("sns", "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// The names of all queues.
    pub fn queues(self) -> Vec<String> {
        let said = self.ask("ListQueues", &json!({})).unwrap_or_default();
        let urls = said["QueueUrls"].as_array().cloned().unwrap_or_default();
        let name = |url: &Value| url.as_str().and_then(|url| url.rsplit('/').next()).map(str::to_owned);
        urls.iter().filter_map(name).collect()
    }

    /// How many messages are in a queue, those that a receiver has included.
    pub fn messages(self, queue: &str) -> u64 {
        let url = self.ask("GetQueueUrl", &json!({"QueueName": queue})).unwrap_or_default();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let asked = json!({"QueueUrl": url["QueueUrl"], "AttributeNames": names});
        let said = self.ask("GetQueueAttributes", &asked).unwrap_or_default();
        let count =
            |name: &&str| said["Attributes"][name].as_str().and_then(|count| count.parse::<u64>().ok());
        names.iter().filter_map(count).sum()
    }

    /// Removes a queue.
    pub fn remove(self, queue: &str) {
        let url = self.ask("GetQueueUrl", &json!({"QueueName": queue})).unwrap_or_default();
        self.ask("DeleteQueue", &json!({"QueueUrl": url["QueueUrl"]}));
    }

    /// The resource names of all topics.
    pub fn topics(self) -> Vec<String> {
        let said = self.ask_sns("Action=ListTopics&Version=2010-03-31").unwrap_or_default();
        said.split("<TopicArn>").skip(1).filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())).collect()
    }

    /// The body of an answer that says that all went well. The signature is not checked by emulators.
    fn post(self, service: &str, headers: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let request = format!(
            "POST / HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=any/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            self.0,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
    }
}

fn spawn(emulator: Emulator, port: u16, folder: &TempDir) -> Child {
    let variable = emulator.variable();
    let program = env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run scripts/test, or set it to what the script of that server prints")
    });
    Command::new(&program)
        .arg(port.to_string())
        .arg(folder.path())
        // Half of the time to start.
        .env("ELASTICMQ_JAVA", "-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .current_dir(env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", program.display()))
}
