//! The administrative connection: it creates and removes topics, notes their owner, waits for groups and asks how much waits.

use super::*;
use rdkafka::{
    TopicPartitionList as Offsets,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    topic_partition_list::TopicPartitionListElem as Note,
};
use std::{net::SocketAddr, thread};
use tokio::time::{Instant, timeout};

/// The group that notes whose the topics are.
pub(super) const OWNERS: &str = "drumpost-owners";

/// How long groups may take to give out their partitions. A server waits 3 s for further members by default.
pub(super) const JOINED: Duration = Duration::from_secs(15);
/// Between two looks at something that comes soon.
const SOON: Duration = Duration::from_millis(10);
/// How long a question is repeated. Shorter than [`PATIENCE`], after which a step of the set-up is given up: so the server's last error is told.
const TRIES: Duration = Duration::from_secs(4);

/// A connection apart from the load.
pub(super) struct Session {
    admin: Arc<AdminClient<DefaultClientContext>>,
    client: Arc<BaseConsumer<Events>>,
    /// Clients that know the offsets of groups.
    pub(super) groups: BTreeMap<String, Arc<BaseConsumer<Events>>>,
}

impl Session {
    pub(super) fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&BaseConsumer<Events>) -> KafkaResult<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        let client = Arc::clone(&self.client);
        ask(move || call(&client))
    }

    /// The longest batch that the server takes; no limit if it does not tell this user.
    pub(super) async fn limit(&self) -> Result<usize, Failure> {
        const LIMIT: &str = "message.max.bytes";
        let server = self.ask(|client| client.fetch_metadata(Some(OWNERS), PATIENCE)).await?;
        let Some(broker) = server.brokers().first().map(|broker| broker.id()) else { return Ok(usize::MAX) };
        let which = ResourceSpecifier::Broker(broker);
        let settings = self.admin.describe_configs([&which], &AdminOptions::new()).await?.pop();
        let settings = settings.and_then(Result::ok);
        let limit = settings.as_ref().and_then(|settings| settings.get(LIMIT)?.value.as_ref()?.parse().ok());
        Ok(limit.unwrap_or(usize::MAX))
    }

    /// Creates topics with as many replicas as the server gives them.
    pub(super) async fn create(&self, topics: &[String], partitions: usize) -> Result<(), String> {
        let new: Vec<_> = topics
            .iter()
            .map(|topic| NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(-1)))
            .collect();
        let created = self.admin.create_topics(&new, &AdminOptions::new()).await;
        let all = created.map_err(|error| error.to_string())?;
        all.into_iter().try_for_each(|one| one.map(drop).map_err(|(topic, why)| format!("{topic}: {why}")))
    }

    /// Waits until a server takes messages for each partition of new topics. Their creation is answered earlier: the metadata names a leader at
    /// once, and that server refuses messages until it has made the partition's log. Two batches of an idempotent producer may be under way then.
    /// If the server refuses the first and stores the second, as it does with any sequence number of a producer that it does not know, librdkafka
    /// confirms both, and the messages of the first are lost.
    pub(super) async fn wait_for_leaders(&self, topics: &[String], partitions: usize) -> Result<(), Failure> {
        let mut all = Offsets::new();
        topics.iter().for_each(|topic| all.add_partition_range(topic, 0, partitions as i32 - 1));
        all.set_all_offsets(Offset::End)?;
        // Only the leader of a partition answers, and an error of one partition is that of the question.
        let answer = move |client: &BaseConsumer<Events>, left| {
            client.offsets_for_times(all.clone(), left).map(|_| true)
        };
        self.ask(move |client| until(TRIES, is_led_soon, |left| answer(client, left))).await
    }

    /// Notes that these topics are this process', once the server knows them.
    pub(super) async fn note_owner(&self, topics: Vec<String>) -> Result<(), Failure> {
        let owner = Owner::this().map(|owner| owner.description()).unwrap_or_default();
        let mut notes = Offsets::new();
        for topic in topics {
            let mut note = notes.add_partition(&topic, 0);
            note.set_offset(Offset::Offset(0))?;
            note.set_metadata(&owner);
        }
        let note =
            move |client: &BaseConsumer<Events>| client.commit(&notes, CommitMode::Sync).map(|()| true);
        self.ask(move |client| until(TRIES, is_known_soon, |_| note(client))).await
    }

    /// Waits until groups have so many members and have given out their partitions.
    pub(super) async fn wait_for_groups(&self, members: BTreeMap<String, usize>) -> Result<(), Failure> {
        let rests = move |client: &BaseConsumer<Events>, group: &str, count, left| {
            let found = client.fetch_group_list(Some(group), left)?;
            let mut found = found.groups().iter();
            Ok(found.any(|found| found.state() == "Stable" && found.members().len() == count))
        };
        let all = move |client: &BaseConsumer<Events>| {
            members.iter().try_for_each(|(group, count)| {
                until(JOINED, |_| false, |left| rests(client, group, *count, left))
            })
        };
        self.ask(all).await
    }
}

/// Whether an error says that a server does not know a topic yet, or was just started and still reads the offsets of its groups.
fn is_known_soon(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::CoordinatorLoadInProgress)
}

/// Whether an error says that a partition has no leader yet that serves it.
fn is_led_soon(code: Code) -> bool {
    use Code::{
        KafkaStorageError, LeaderNotAvailable, NotLeaderForPartition, OffsetNotAvailable,
        ReplicaNotAvailable, UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
    };
    matches!(
        code,
        KafkaStorageError
            | LeaderNotAvailable
            | OffsetNotAvailable
            | NotLeaderForPartition
            | ReplicaNotAvailable
            | UnknownPartition
            | UnknownTopic
            | UnknownTopicOrPartition
    )
}

/// Repeats a question until its answer is yes, with the time that is left for the answer. An error that `passes` is an answer to repeat the
/// question after. After `limit` it gives up with the last such error.
fn until(
    limit: Duration,
    passes: impl Fn(Code) -> bool,
    mut is_so: impl FnMut(Duration) -> KafkaResult<bool>,
) -> KafkaResult<()> {
    let start = Instant::now();
    let mut last = KafkaError::Canceled;
    loop {
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(last);
        }
        match is_so(left) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if error.rdkafka_error_code().is_some_and(&passes) => last = error,
            Err(error) => return Err(error),
        }
        thread::sleep(SOON);
    }
}

/// The kind of addresses to which clients connect: IPv6 only where the server has no others. Of two addresses of a host, one that refuses
/// would count as a lost connection.
pub(super) fn family(addresses: &[SocketAddr]) -> &'static str {
    if !addresses.is_empty() && addresses.iter().all(SocketAddr::is_ipv6) { "v6" } else { "v4" }
}

impl Kafka {
    /// Looks up what the server's name stands for, once. A name that is not known is told by the client.
    async fn find_family(&self) {
        if self.family.get().is_none()
            && let Ok(addresses) = timeout(PATIENCE, self.at.addresses()).await
            && !addresses.is_empty()
        {
            // Fails if another connection was quicker.
            let _set = self.family.set(family(&addresses));
        }
    }

    pub(super) fn with_family(&self, config: &ClientConfig) -> ClientConfig {
        let mut config = config.clone();
        if let Some(family) = self.family.get() {
            config.set("broker.address.family", *family);
        }
        config
    }

    /// A client that asks for the offsets of a group, without being a member.
    fn asks(&self, group: &str, line: &Line) -> Result<Arc<BaseConsumer<Events>>, OpenError> {
        let client: BaseConsumer<Events> =
            self.client(self.settings.asking.clone().set("group.id", group), Events::to(line))?;
        tend(client, |client, wait| drop(client.poll(wait))).map_err(OpenError::Failed)
    }

    /// How many messages of a topic come after what a group committed.
    pub(super) async fn lag(&self, session: &mut Session, of: (String, String)) -> Result<u64, OpenError> {
        let ((topic, group), last) = (of, self.settings.partitions as i32 - 1);
        if !session.groups.contains_key(&group) {
            session.groups.insert(group.clone(), self.asks(&group, &Line::to(&self.at))?);
        }
        let client = Arc::clone(&session.groups[&group]);
        let lag = ask(move || {
            let mut all = Offsets::new();
            all.add_partition_range(&topic, 0, last);
            let committed = client.committed_offsets(all.clone(), PATIENCE)?;
            all.set_all_offsets(Offset::End)?;
            let ends = client.offsets_for_times(all, PATIENCE)?;
            let offset = |one: &Note<'_>| one.offset().to_raw().unwrap_or(0).max(0);
            let sum = |offsets: &Offsets| offsets.elements().iter().map(offset).sum::<i64>();
            Ok((sum(&ends) - sum(&committed)).max(0) as u64)
        });
        self.at.step("tell what waits", lag).await
    }
}

impl Keeper for Kafka {
    type Session = Session;
    const OBJECTS: &'static str = "topics";

    async fn connect(&self) -> Result<Session, OpenError> {
        let line = Line::to(&self.at);
        self.find_family().await;
        let client = self.asks(OWNERS, &line)?;
        let asked = Arc::clone(&client);
        self.reach(&line, move || asked.fetch_metadata(Some(OWNERS), PATIENCE).map(drop)).await?;
        let asking = self.with_family(&self.settings.asking);
        // The client panics if the system has no thread for it, so it is made where a panic is an error.
        let admin = self.at.step("make a client", ask(move || asking.create())).await?;
        // Its drop waits for the end of that thread.
        let admin = tend(admin, |_, wait| thread::sleep(wait)).map_err(OpenError::Failed)?;
        Ok(Session { admin, client, groups: BTreeMap::new() })
    }

    async fn list(&self, session: &Session) -> Result<Found, OpenError> {
        let notes = session.ask(|client| {
            let mut all = Offsets::new();
            for topic in client.fetch_metadata(None, PATIENCE)?.topics() {
                all.add_partition(topic.name(), 0);
            }
            let noted = client.committed_offsets(all, PATIENCE)?;
            let of = |note: &Note<'_>| (note.topic().to_owned(), note.metadata().to_owned());
            Ok(noted.elements().iter().map(of).collect())
        });
        self.at.step("list the topics", notes).await.map(Found::of)
    }

    async fn remove(&self, session: &Session, topic: &str) -> bool {
        let told = session.admin.delete_topics(&[topic], &AdminOptions::new()).await;
        let name = topic.to_owned();
        // The controller has removed it; the server that is asked hears of that a little later.
        let gone = session.ask(move |client| {
            until(
                TRIES,
                |_| false,
                |left| {
                    let found = client.fetch_metadata(Some(&name), left)?;
                    Ok(found.topics().iter().all(|topic| topic.partitions().is_empty()))
                },
            )
        });
        matches!(told.as_deref(), Ok([Ok(_) | Err((_, Code::UnknownTopicOrPartition))])) && gone.await.is_ok()
    }
}
