//! Questions apart from the load: topics, whose they are, groups, and what waits.

use super::*;
use rdkafka::{
    TopicPartitionList as Offsets,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    topic_partition_list::TopicPartitionListElem as Note,
};
use std::thread;

/// The group that notes whose the topics are.
pub(super) const OWNERS: &str = "drumpost-owners";

/// How long groups may take to give out their partitions. A server waits 3 s for further members by default.
pub(super) const JOINED: Duration = Duration::from_secs(15);
/// Between two looks at something that comes soon.
const SOON: Duration = Duration::from_millis(10);

/// A connection apart from the load.
pub(super) struct Session {
    admin: Arc<AdminClient<DefaultClientContext>>,
    client: Arc<BaseConsumer<Events>>,
    /// Clients that know the offsets of groups.
    pub(super) groups: BTreeMap<String, Arc<BaseConsumer<Events>>>,
}

impl Session {
    fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&BaseConsumer<Events>) -> KafkaResult<T> + Send + 'static,
    ) -> impl Future<Output = KafkaResult<T>> + Send {
        let client = Arc::clone(&self.client);
        ask(move || call(&client))
    }

    /// The longest batch that the server takes; no limit if it does not tell this user.
    pub(super) async fn limit(&self) -> KafkaResult<usize> {
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

    /// Notes that these topics are this process', once the server knows them.
    pub(super) async fn own(&self, topics: Vec<String>) -> KafkaResult<()> {
        let owner = Owner::this().map(|owner| owner.description()).unwrap_or_default();
        let mut notes = Offsets::new();
        for topic in topics {
            let mut note = notes.add_partition(&topic, 0);
            note.set_offset(Offset::Offset(0))?;
            note.set_metadata(&owner);
        }
        let note = move |client: &BaseConsumer<Events>| match client.commit(&notes, CommitMode::Sync) {
            Err(error) if error.rdkafka_error_code() == Some(Code::UnknownTopicOrPartition) => Ok(false),
            done => done.map(|()| true),
        };
        self.ask(move |client| until(PATIENCE, || note(client))).await
    }

    /// Waits until groups have so many members and have given out their partitions.
    pub(super) async fn rest(&self, members: BTreeMap<String, usize>) -> KafkaResult<()> {
        let rests = move |client: &BaseConsumer<Events>, group: &str, count| {
            let found = client.fetch_group_list(Some(group), PATIENCE)?;
            let mut found = found.groups().iter();
            Ok(found.any(|found| found.state() == "Stable" && found.members().len() == count))
        };
        let all = move |client: &BaseConsumer<Events>| {
            members.iter().try_for_each(|(group, count)| until(JOINED, || rests(client, group, *count)))
        };
        self.ask(all).await
    }
}

/// Looks until something is so, or nobody waits any more.
fn until(limit: Duration, mut is_so: impl FnMut() -> KafkaResult<bool>) -> KafkaResult<()> {
    for _ in 0..limit.as_millis() / SOON.as_millis() {
        if is_so()? {
            return Ok(());
        }
        thread::sleep(SOON);
    }
    Err(KafkaError::Canceled)
}

impl Kafka {
    /// A client that asks for the offsets of a group, without being a member.
    fn asks(&self, group: &str, line: &Line) -> Result<Arc<BaseConsumer<Events>>, OpenError> {
        let client: BaseConsumer<Events> =
            self.client(self.settings.asking.clone().set("group.id", group), Events::to(line))?;
        Ok(tend(client, |client, wait| drop(client.poll(wait))))
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
        let client = self.asks(OWNERS, &line)?;
        let asked = Arc::clone(&client);
        self.reach(&line, move || asked.fetch_metadata(Some(OWNERS), PATIENCE).map(drop)).await?;
        let admin = self.settings.asking.create();
        let admin = admin.map_err(|error| self.at.failed("make a client", &error))?;
        // It has a thread of its own, whose end its drop waits for.
        let admin = tend(admin, |_, wait| thread::sleep(wait));
        Ok(Session { admin, client, groups: BTreeMap::new() })
    }

    async fn list(&self, session: &Session) -> Result<Vec<(String, String)>, OpenError> {
        let notes = session.ask(|client| {
            let mut all = Offsets::new();
            for topic in client.fetch_metadata(None, PATIENCE)?.topics() {
                all.add_partition(topic.name(), 0);
            }
            let noted = client.committed_offsets(all, PATIENCE)?;
            let of = |note: &Note<'_>| (note.topic().to_owned(), note.metadata().to_owned());
            Ok(noted.elements().iter().map(of).collect())
        });
        self.at.step("list the topics", notes).await
    }

    async fn remove(&self, session: &Session, topic: &str) -> bool {
        let told = session.admin.delete_topics(&[topic], &AdminOptions::new()).await;
        let name = topic.to_owned();
        // The controller has removed it; the server that is asked hears of that a little later.
        let gone = session.ask(move |client| {
            until(PATIENCE, || {
                let found = client.fetch_metadata(Some(&name), PATIENCE)?;
                Ok(found.topics().iter().all(|topic| topic.partitions().is_empty()))
            })
        });
        matches!(told.as_deref(), Ok([Ok(_) | Err((_, Code::UnknownTopicOrPartition))])) && gone.await.is_ok()
    }
}
