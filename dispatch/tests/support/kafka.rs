//! A private Kafka server for tests, on free loopback ports. A server takes some seconds to start, so the tests of a binary use two in
//! turn, each of which one test has. They end with the process of the tests, however that ends. A server ends sooner if its test fails, or
//! if there would be three with one that is secured.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use drumpost_kit::suite::{PrivateServer, Process, Proxy, ServerPool, Taken, free_port, started};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
};
use std::{collections::BTreeSet, env, ops::Deref, thread, time::Duration};

/// Names the program; `scripts/kafka-server` prints one.
pub const PROGRAM: &str = "DRUMPOST_KAFKA_SERVER";

/// Largest batch that the servers take, in bytes.
pub const MOST_BYTES: u32 = 1 << 20;

/// The password of the user `me`, who is asked for it at one of the server's ports. It may stand nowhere.
pub const SECRET: &str = "hush0815hush";

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server takes seconds of both cores to start, and some 400 MiB. With one server all tests, and all checks of the suite, would run one
/// after the other, although most of their time is spent waiting. A test that kills its server has it alone, as every test has.
static POOL: ServerPool<Node> = ServerPool::new(2);

/// A server that one test has.
pub struct KafkaServer(Taken<Node>);

impl KafkaServer {
    /// Takes a server that no test has, as it is without drumpost, or starts one.
    pub fn start() -> Self {
        Self(POOL.take(|_| true, Node::is_emptied, || Node::start(None)))
    }
}

impl Deref for KafkaServer {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl PrivateServer for KafkaServer {
    fn port(&self) -> u16 {
        self.port
    }

    fn process(&mut self) -> &mut Process {
        &mut self.0.process
    }

    fn line(&self) -> Option<Proxy> {
        Some(self.line.clone())
    }

    fn objects(&self) -> Option<Vec<String>> {
        Some(self.plain().names())
    }
}

/// A server's process, and where it listens.
pub struct Node {
    process: Process,
    pub port: u16,
    guarded: u16,
    /// A line to a port of the server that tells its clients to connect to the line.
    pub line: Proxy,
}

/// A server of one test, which also listens with TLS and asks for a client's certificate.
#[cfg(feature = "kafka-tls")]
pub struct SecuredServer {
    pub node: Taken<Node>,
    port: u16,
}

#[cfg(feature = "kafka-tls")]
impl SecuredServer {
    /// Starts one with certificates that lie at these paths: of the authority, and the server's with its key.
    pub fn start(authority: &str, server: &str) -> Self {
        let settings = [
            "ssl.keystore.type=PEM".to_owned(),
            format!("ssl.keystore.location={server}"),
            "ssl.truststore.type=PEM".to_owned(),
            format!("ssl.truststore.location={authority}"),
            "ssl.client.auth=required".to_owned(),
        ];
        let settings = settings.map(|line| format!("listener.name.secured.{line}"));
        let port = free_port();
        Self { node: POOL.fresh(|| Node::start(Some((port, &settings[..])))), port }
    }

    /// `kafkas://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("kafkas://127.0.0.1:{}", self.port)
    }
}

impl Node {
    /// Starts a server, if asked for with a further listener on this port with its settings.
    fn start(secured: Option<(u16, &[String])>) -> Self {
        started(PROGRAM, |mut command| {
            let (port, guarded, behind) = (free_port(), free_port(), free_port());
            let line = Proxy::to(behind);
            let folder = env::temp_dir().join(format!("drumpost-kafka-{}-{port}", std::process::id()));
            command.env("KAFKA_JAVA", "-Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1");
            command.arg(port.to_string()).arg(&folder);
            command.args(settings([port, guarded, behind, line.port()], secured.map(|(port, _)| port)));
            command.args(secured.into_iter().flat_map(|(_, lines)| lines));
            let process = Process::start_shared(command, &folder, move || Plain(port).answers())?;
            Some(Self { process, port, guarded, line })
        })
    }

    /// Mends its line, and removes the topics that a line that stayed silent left behind. False: topics are still there after a second,
    /// or it does not answer.
    fn is_emptied(&self) -> bool {
        let plain = self.plain();
        if !plain.answers() {
            return false;
        }
        self.line.mend();
        plain.remove_all();
        // Kafka confirms that a topic is removed before it leaves it out of its list of topics.
        (0..20).any(|_| {
            let is_emptied = plain.has_no_topics();
            if !is_emptied {
                thread::sleep(Duration::from_millis(50));
            }
            is_emptied
        })
    }

    /// `kafka://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("kafka://127.0.0.1:{}", self.port)
    }

    /// The address where it asks for a password.
    pub fn guarded(&self) -> String {
        format!("127.0.0.1:{}", self.guarded)
    }

    /// A client that knows nothing of drumpost.
    pub fn plain(&self) -> Plain {
        Plain(self.port)
    }
}

/// Lines of the configuration of a server with these ports, of which the last is that of its line.
fn settings([port, guarded, behind, line]: [u16; 4], secured: Option<u16>) -> [String; 6] {
    let further = secured.map(|port| format!(",SECURED://127.0.0.1:{port}")).unwrap_or_default();
    let controller = if port < 40_000 { port + 20_000 } else { port - 20_000 };
    [
        format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded},LINE://127.0.0.1:{behind},\
             CONTROLLER://127.0.0.1:{controller}{further}"
        ),
        format!(
            "advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded},LINE://127.0.0.1:{line}{further}"
        ),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINE:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT,\
         SECURED:SSL"
            .into(),
        "listener.name.guarded.sasl.enabled.mechanisms=PLAIN".into(),
        format!(
            "listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
             required user_me=\"{SECRET}\";"
        ),
        format!("message.max.bytes={MOST_BYTES}"),
    ]
}

/// A client of librdkafka's own for the server on this port.
#[derive(Clone, Copy)]
pub struct Plain(u16);

impl Plain {
    fn config(self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", format!("127.0.0.1:{}", self.0)).set("group.id", "drumpost-owners");
        config
    }

    fn consumer(self) -> BaseConsumer {
        let mut config = self.config();
        config.remove("group.id");
        config.create().expect("a client")
    }

    fn answers(self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.0)).is_ok()
            && self
                .consumer()
                .fetch_metadata(None, Duration::from_secs(5))
                .is_ok_and(|all| !all.brokers().is_empty())
    }

    /// All topics that are not the server's own, each with its partitions.
    pub fn topics(self) -> Vec<(String, usize)> {
        self.listed().expect("an answer")
    }

    fn listed(self) -> Result<Vec<(String, usize)>, KafkaError> {
        let all = self.consumer().fetch_metadata(None, PATIENCE)?;
        let ours = all.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        Ok(ours.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
    }

    /// Not so if it does not answer.
    fn has_no_topics(self) -> bool {
        self.listed().is_ok_and(|topics| topics.is_empty())
    }

    /// The names of these topics.
    pub fn names(self) -> Vec<String> {
        self.topics().into_iter().map(|(name, _)| name).collect()
    }

    /// By topic and partition, the offset after the last message.
    pub fn ends(self) -> Vec<u64> {
        let (client, mut ends) = (self.consumer(), Vec::new());
        for (topic, partitions) in self.topics() {
            for partition in 0..partitions {
                let (_, end) =
                    client.fetch_watermarks(&topic, partition as i32, PATIENCE).expect("an answer");
                ends.push(end as u64);
            }
        }
        ends
    }

    /// How many messages another consumer reads from all topics. Those of transactions that were rolled back are not among them, and
    /// neither are the markers of transactions, which have offsets, too.
    pub fn messages(self) -> u64 {
        let mut config = self.config();
        config.set("group.id", "drumpost-counts").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        let mut messages = 0;
        for (topic, partitions) in self.topics() {
            let consumer: BaseConsumer = config.create().expect("a client");
            let mut all = TopicPartitionList::new();
            for partition in 0..partitions {
                let from = all.add_partition_offset(&topic, partition as i32, Offset::Beginning);
                from.expect("an offset");
            }
            consumer.assign(&all).expect("its partitions");
            let mut read = BTreeSet::new();
            while read.len() < partitions {
                match consumer.poll(PATIENCE).expect("an answer") {
                    Ok(_) => messages += 1,
                    Err(KafkaError::PartitionEOF(partition)) => {
                        read.insert(partition);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        messages
    }

    /// Creates a topic of one partition, with these words about its owner if there are any.
    pub fn create(self, topic: &str, owner: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
        let new = [NewTopic::new(topic, 1, TopicReplication::Fixed(1))];
        wait(admin.create_topics(&new, &AdminOptions::new())).pop().expect("one").expect("it is created");
        if !owner.is_empty() {
            let mut notes = TopicPartitionList::new();
            let mut note = notes.add_partition(topic, 0);
            note.set_offset(Offset::Offset(0)).expect("an offset");
            note.set_metadata(owner);
            let client: BaseConsumer = self.config().create().expect("a client");
            client.commit(&notes, CommitMode::Sync).expect("it is noted");
        }
    }

    /// Removes all topics.
    pub fn remove_all(self) {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if !names.is_empty() {
            let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
            wait(admin.delete_topics(&names, &AdminOptions::new()));
        }
    }
}

fn wait<T>(done: impl Future<Output = rdkafka::error::KafkaResult<T>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(done).expect("an answer")
}
