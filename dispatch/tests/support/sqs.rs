//! Private emulators of SQS for tests, on a free loopback port: ElasticMQ, and moto, which has SNS, too. An emulator takes some seconds
//! to start, so the tests of a binary use a few in turn, each of which one test has. They end with the process of the tests, however that
//! ends. An emulator ends sooner if its test fails, or if another kind is wanted and there are as many as may run.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{PrivateServer, Process, ServerPool, Taken, free_port, started};
use serde_json::{Value, json};
use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

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

/// An emulator takes seconds of both cores to start, as a Java machine or a Python with all of moto, so it is kept for other tests. What
/// tests left there is removed when it is taken again. So many may run, of both kinds together.
static POOL: ServerPool<Node> = ServerPool::new(4);

/// An emulator that one test has.
pub struct SqsServer {
    node: Taken<Node>,
    port: u16,
}

impl SqsServer {
    /// Takes an ElasticMQ that no test has, or starts one.
    pub fn start() -> Self {
        Self::of(Emulator::ElasticMq)
    }

    /// Takes an emulator that no test has, of which all queues and topics are removed, or starts one.
    ///
    /// # Panics
    /// There are no credentials.
    pub fn of(emulator: Emulator) -> Self {
        let is_wanted = |node: &Node| node.emulator == emulator;
        let node = POOL.take(is_wanted, Node::is_emptied, || Node::start(emulator));
        Self { port: node.port, node }
    }

    /// Starts an emulator that no other test has before or afterwards, for a test that kills it. One that is killed has lost everything.
    ///
    /// # Panics
    /// There are no credentials.
    pub fn fresh(emulator: Emulator) -> Self {
        let node = POOL.fresh(|| Node::start(emulator));
        Self { port: node.port, node }
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
        &mut self.node.process
    }

    /// No other test has it afterwards. The checks of the suite do not say beforehand whether they kill their server.
    fn kill(&mut self) {
        self.node.is_kept = false;
        self.process().kill();
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.tools().queues())
    }
}

/// An emulator's process, and where it listens.
struct Node {
    emulator: Emulator,
    process: Process,
    port: u16,
}

impl Node {
    fn start(emulator: Emulator) -> Self {
        assert!(
            env::var_os("AWS_ACCESS_KEY_ID").is_some(),
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: run scripts/test, or set them to any text"
        );
        started(emulator.variable(), |mut command| {
            let port = free_port();
            let folder = env::temp_dir().join(format!("drumpost-sqs-{}-{port}", std::process::id()));
            command.arg(port.to_string()).arg(&folder).current_dir(env::temp_dir());
            // Half of the time to start.
            command.env("ELASTICMQ_JAVA", "-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
            let process = Process::start_shared(command, &folder, move || Tools(port).answers())?;
            Some(Self { emulator, process, port })
        })
    }

    /// Removes what other tests left. False: something is still there, or the emulator does not answer.
    fn is_emptied(&self) -> bool {
        let (tools, has_topics) = (Tools(self.port), self.emulator == Emulator::Moto);
        if !tools.answers() {
            return false;
        }
        tools.queues().iter().for_each(|queue| tools.remove(queue));
        if has_topics {
            tools.remove_topics();
        }
        tools.has_no_queues() && (!has_topics || tools.has_no_topics())
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

    fn answers(self) -> bool {
        self.ask("ListQueues", &json!({})).is_some()
    }

    /// Not so if it does not answer.
    fn has_no_queues(self) -> bool {
        let said = self.ask("ListQueues", &json!({}));
        said.is_some_and(|said| said["QueueUrls"].as_array().is_none_or(Vec::is_empty))
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
        self.listed("ListTopics", "TopicArn").unwrap_or_default()
    }

    /// Removes all topics and subscriptions.
    fn remove_topics(self) {
        for (list, tag, removal) in [
            ("ListSubscriptions", "SubscriptionArn", "Unsubscribe"),
            ("ListTopics", "TopicArn", "DeleteTopic"),
        ] {
            for name in self.listed(list, tag).unwrap_or_default() {
                self.ask_sns(&format!("Action={removal}&Version=2010-03-31&{tag}={name}"));
            }
        }
    }

    /// Nor any subscriptions. Not so if it does not answer.
    fn has_no_topics(self) -> bool {
        let lists = [("ListSubscriptions", "SubscriptionArn"), ("ListTopics", "TopicArn")];
        lists.iter().all(|(list, tag)| self.listed(list, tag).is_some_and(|names| names.is_empty()))
    }

    /// The resource names, in elements with this tag, that an action lists.
    fn listed(self, action: &str, tag: &str) -> Option<Vec<String>> {
        let said = self.ask_sns(&format!("Action={action}&Version=2010-03-31"))?;
        let begin = format!("<{tag}>");
        let names = said.split(begin.as_str()).skip(1);
        Some(names.filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())).collect())
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
