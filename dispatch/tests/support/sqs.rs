//! Private emulators of SQS for tests, on a free loopback port: ElasticMQ, and moto, which has SNS, too. They end when the value is
//! dropped.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{Permit, Permits, PrivateServer, Process, free_port, started};
use serde_json::{Value, json};
use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
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
    process: Process,
    port: u16,
    /// Removed after the server has ended.
    _folder: TempDir,
    _permit: Permit,
}

/// A Java machine each.
static PERMITS: Permits = Permits::new(4);

impl SqsServer {
    /// Starts ElasticMQ.
    pub fn start() -> Self {
        Self::of(Emulator::ElasticMq)
    }

    /// Starts an emulator. One that is killed has lost everything.
    ///
    /// # Panics
    /// There are no credentials.
    pub fn of(emulator: Emulator) -> Self {
        assert!(
            env::var_os("AWS_ACCESS_KEY_ID").is_some(),
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: run scripts/test, or set them to any text"
        );
        started(emulator.variable(), |mut command| {
            let (permit, port, folder) =
                (PERMITS.take(), free_port(), tempfile::tempdir().expect("a folder"));
            command.arg(port.to_string()).arg(folder.path()).current_dir(env::temp_dir());
            // Half of the time to start.
            command.env("ELASTICMQ_JAVA", "-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
            let answers = move || Tools(port).ask("ListQueues", &json!({})).is_some();
            let process = Process::start(command, answers)?;
            Some(Self { process, port, _folder: folder, _permit: permit })
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that knows nothing of drumpost.
    pub const fn tools(&self) -> Tools {
        Tools(self.port)
    }
}

impl PrivateServer for SqsServer {
    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.tools().queues())
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
