//! `kafka`: every destination is a topic, and every receiving service is a consumer group, whose instances share the partitions.
//! Replies have a topic and a group for each instance that asks. An instance has a producer, and a consumer for each of its groups.
//!
//! - *Confirms* are delivery reports: with `kafka.acks=all` all replicas in sync have the message, with `1` the leader has it, with
//!   `0` it was written to the connection. Kafka does not wait for disks.
//! - *Acknowledgements* are offsets that are stored after handling, which the client commits every `kafka.commit-every`. A group gets
//!   what comes after the committed offset again; Kafka does not say that it is again. A killed consumer leaves its group as a
//!   client that is closed: it commits what was handled. The server would notice a crash after `session.timeout.ms`.
//! - *Transactions* (`--acks transaction`): see `transactions/mod.rs`. A confirm is then the commit, and a message is seen after it.
//! - *Order*: a message goes to the partition of its key. One partition keeps the order of its producers, several keep that of each
//!   key. What is delivered again comes in order, too. Without `kafka.idempotent` the client repeats no request, as that could
//!   change the order: a request that fails refuses its messages.
//! - *Replay*: the run makes its topics, so a group reads them from the beginning. `kafka.from` says where an instance begins that
//!   comes back after a kill or a lost connection: after what was committed, at the beginning again, or at the end. That is so for the first
//!   partitions that it is given. When members of its group come and go later, it goes on after what was committed.
//! - *Removal*: topics have no description. Whose a topic is stands in the metadata of an offset that the group `drumpost-owners`
//!   commits for it. The server removes this offset with the topic, and groups that have no offsets left. The ids of transactions cannot
//!   be removed: the server forgets them after its `transactional.id.expiration.ms`.
//! - *Disks*: the server keeps all messages of a topic until the run is over, or as long as it is configured to.
//! - *Waiting messages*: what comes after the committed offsets. Kafka does not know which of it a consumer has, so that is part of it.
//! - *Addresses*: the client goes on with those that the server tells (`advertised.listeners`).

mod clients;
mod options;
mod ports;
mod session;
#[cfg(test)]
mod tests;
mod transactions;

use clients::{Events, PORT};
use drumpost_kit::{
    blocking::{apart, tend},
    prelude::*,
};
pub(super) use options::entry;
use options::{ABSENT, CREDENTIALS, DATES, Settings};
use ports::{Consumer, Consumers, Topic};
use rdkafka::{
    ClientConfig, Offset,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code},
    producer::{BaseProducer, Producer as _},
};
use session::{JOINED, OWNERS};
use std::{
    collections::BTreeMap,
    process,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    sync::{Mutex, OnceLock},
};
use transactions::Transactions;

/// How long a server may take to begin transactions: it makes a topic for the first ones. The engine gives an instance 10 s to open.
const TRANSACTS: Duration = Duration::from_secs(9);
/// What a batch with one message has beside that, at most.
const FRAMING: usize = 128;
/// The same of an application header beside its value.
const HEADER_FRAMING: usize = 24;
/// The first question of every client, `ApiVersions`.
const GREETING: &[u8] = b"\0\0\0\x1f\0\x12\0\x03\0\0\0\0\0\x08drumpost\0\x09drumpost\x020\0";

struct Kafka {
    at: Arc<At>,
    /// The kind of addresses to which clients connect, once the server's name was looked up.
    family: OnceLock<&'static str>,
    settings: Settings,
    topics: Objects,
    /// Each trial has groups of its own, so no offset of an earlier topic of the same name counts.
    trial: AtomicU64,
    /// By instance.
    transactions: Mutex<BTreeMap<u16, Arc<Transactions>>>,
}

/// Why a client did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Client(#[from] KafkaError),
    /// The system has no thread on which to ask.
    #[error("{0}")]
    NoThread(String),
}

/// What a call of a client comes to that waits for the server.
fn ask<T: Send + 'static>(
    call: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> impl Future<Output = Result<T, Failure>> + Send {
    let asked = apart(call);
    async move {
        let told = asked.map_err(Failure::NoThread)?.await;
        Ok(told.unwrap_or(Err(KafkaError::Canceled))?)
    }
}

impl Kafka {
    fn client<C: FromClientConfigAndContext<Events>>(
        &self,
        config: &ClientConfig,
        events: Events,
    ) -> Result<C, OpenError> {
        self.with_family(config)
            .create_with_context(events)
            .map_err(|error| self.at.failed("make a client", &error))
    }

    /// Waits until the server has answered a client, or its line is lost.
    async fn reach<T: Send + 'static>(
        &self,
        line: &Line,
        call: impl FnOnce() -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, OpenError> {
        let first = line.unless_lost(ask(call));
        self.at.reach(first, ABSENT, |error| self.why(error)).await
    }

    fn why(&self, error: &str) -> (Unreachable, String) {
        // A server may close the connection of a client whose certificate it wants before it says so.
        let is_tls = ["SSL", "ssl", "isconnected"].iter().any(|word| error.contains(word));
        if self.settings.is_encrypted && is_tls {
            // librdkafka tells nobody why a certificate cannot be verified.
            let dates = if error.contains("could not be verified") { DATES } else { "" };
            return (Unreachable::Refused, format!("{}{dates}", tls_advice("kafka")));
        }
        Unreachable::of(error.contains("uthenticat"), CREDENTIALS, ABSENT)
    }

    fn group(&self, wiring: &Wiring, name: &str) -> String {
        format!("{}.{name}.{}-{}", token(&wiring.run_name), process::id(), self.trial.load(Relaxed))
    }

    /// What an instance consumes: by group the topics, and whether they are replies that are apart.
    fn groups(&self, wiring: &Wiring, me: u16) -> BTreeMap<String, (Vec<String>, bool)> {
        let mut groups = BTreeMap::<String, (Vec<String>, bool)>::new();
        for heard in Layout::new(wiring, '.').heard(me) {
            let (topics, is_apart) = groups.entry(self.group(wiring, &heard.group)).or_default();
            topics.push(heard.place);
            *is_apart = heard.is_apart;
        }
        groups
    }
}

impl AsyncTransport for Kafka {
    type Send = Outbox<Topic>;
    type Recv = Inbox<Consumers>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        self.settings.promise(listed, asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.connect().await?;
        self.at.greeted(GREETING, self.settings.is_encrypted, version).await.map(Some)
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        self.trial.store(fresh(), Relaxed);
        lock(&self.transactions).clear();
        let session = self.connect().await?;
        let limit = self.at.step("ask for the longest message", session.limit()).await?;
        let beside = FRAMING + headers_len(&wiring.pool, HEADER_FRAMING);
        self.at.takes(&wiring.pool, beside, limit, "message.max.bytes")?;
        self.topics.begin(self, &session).await;
        let topics: Vec<String> = Layout::new(wiring, '.').places().into_keys().collect();
        topics.iter().for_each(|topic| self.topics.note(topic));
        let partitions = self.settings.partitions;
        self.at.step("create the topics", session.create(&topics, partitions)).await?;
        self.at
            .step("wait for leaders of the partitions", session.wait_for_leaders(&topics, partitions))
            .await?;
        self.at.step("note whose the topics are", session.note_owner(topics)).await
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (layout, line) = (Layout::new(wiring, '.'), Line::to(&self.at));
        let sent: Vec<&Destination> = wiring.sends_of(wiring.service_of(me)).collect();
        let transacts = wiring.acks == Acks::Transaction;
        let confirms: Vec<_> =
            (0..sent.len() as u64).map(|port| Callbacks::numbered_from(port << PORT)).collect();
        let callers = confirms.iter().map(Callbacks::caller).filter(|_| !transacts).collect();
        let mut producing = self.settings.producing.clone();
        if transacts {
            producing.set("transactional.id", self.group(wiring, &format!("instance-{me}")));
            // The server rolls a transaction back that takes longer.
            let limit = self.settings.commit_every + Duration::from_secs(60);
            producing.set("transaction.timeout.ms", limit.as_millis().to_string());
        }
        let producer = self.client(&producing, Events { callers, ..Events::to(&line) })?;
        let producer = tend(producer, |producer: &BaseProducer<Events>, wait| producer.poll(wait))
            .map_err(OpenError::Failed)?;
        // It asks for its topics now, so that the first message does not wait for that.
        let topics = sent.iter().flat_map(|sent| layout.subscriptions(sent)).map(|(topic, ..)| topic);
        let (topics, of): (Vec<String>, _) = (topics.chain([OWNERS.into()]).collect(), Arc::clone(&producer));
        let metadata = move |topic: &String| of.client().fetch_metadata(Some(topic), PATIENCE).map(drop);
        self.reach(&line, move || topics.iter().try_for_each(metadata)).await?;
        let (mut consumers, mut apart) = (Vec::new(), Vec::new());
        let comes_back = self.topics.comes_back(me);
        let from = self.settings.from.filter(|_| comes_back);
        for (group, (topics, is_apart)) in self.groups(wiring, me) {
            let mut config = self.settings.consuming.clone();
            if transacts {
                config.set("isolation.level", "read_committed").set("enable.auto.commit", "false");
            }
            let events = Events { from: Mutex::new(from), ..Events::to(&line) };
            let client = self.client(config.set("group.id", group), events)?;
            let consumer = Consumer::subscribed(client, consumers.len(), topics, Arc::clone(&wiring.pool));
            consumers.push(consumer.map_err(|error| self.at.failed("subscribe", &error))?);
            apart.push(is_apart);
        }
        let mut transacting = None;
        if transacts {
            let (mine, every) =
                (Arc::clone(lock(&self.transactions).entry(me).or_default()), self.settings.commit_every);
            let begun = line.unless_lost(mine.begin(Arc::clone(&producer), &consumers, every, &line));
            transacting = Some(self.at.step_within(TRANSACTS, "begin transactions", begun).await?);
        }
        let sends = sent.into_iter().zip(confirms).enumerate().map(|(port, (sent, confirms))| {
            let transacting = transacting.clone();
            let topic =
                Topic { producer: Arc::clone(&producer), line: line.clone(), port, confirms, transacting };
            Outbox::new(wiring, layout, sent, line.clone(), topic).noting(self.topics.refusals())
        });
        let sends = sends.collect();
        let consumers = Consumers { all: consumers, transacting };
        Ok(Endpoint { inbox: Inbox::new(wiring, line, &apart, consumers), sends })
    }

    /// A group that has all its members and rests has given out its partitions.
    async fn joined(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (session, layout) = (self.topics.session(self).await?, Layout::new(wiring, '.'));
        let groups = wiring.destinations.iter().flat_map(|sent| layout.subscriptions(sent));
        let members = groups.map(|(_, group, count)| (self.group(wiring, &group), count)).collect();
        self.at.step_within(JOINED, "join the groups", session.wait_for_groups(members)).await?;
        self.topics.keep(session);
        Ok(())
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (mut session, layout) = (self.topics.session(self).await?, Layout::new(wiring, '.'));
        let mut depths = Vec::new();
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for (topic, group, _) in layout.subscriptions(sent) {
                depth.ready += self.lag(&mut session, (topic, self.group(wiring, &group))).await?;
            }
            depths.push(depth);
        }
        self.topics.keep(session);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.topics.close(self).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.topics.clean(self).await.map(Some)
    }
}

/// The level of `metadata.version` that the servers agreed on: a server tells its clients no version of its own.
fn version(answer: &[u8]) -> String {
    const NAME: &[u8] = b"metadata.version";
    let at = answer.windows(NAME.len()).rposition(|part| part == NAME).map(|at| at + NAME.len());
    match at.and_then(|at| answer.get(at..at + 2)) {
        Some([high, low]) => format!("metadata.version {}", u16::from_be_bytes([*high, *low])),
        _ => String::new(),
    }
}
