//! `jetstream`: every destination is a stream, and every receiving service is a durable pull consumer of it.
//!
//! - *Streams* are named after the run and the destination. They are removed when the run is over, over a fresh connection if
//!   the run's own is lost. Their description says which process made them, so that `drumpost clean` can remove those of a
//!   killed process. The server deletes messages and consumers after a day. Commands, requests and replies are
//!   work queues: a message is deleted once it is acknowledged. An event's stream keeps everything (retention by limits, of
//!   which there are none). A consumer made later would receive all of it, so consumers are made before the load begins.
//! - *Replies* have a stream of their own and do not use core NATS, so that a requester that is killed loses none. Each
//!   requesting instance has a durable consumer, filtered by its subject `RUN.DESTINATION.INSTANCE`. The publisher confirm
//!   uses the native reply subject of a request, so the replier derives the subject from the message's header.
//! - *Confirms*: see [`send`].
//! - *Acknowledgements*: explicit, one by one, after handling: see [`receive`]. A message that is not acknowledged within the ack
//!   wait (`jetstream.ack-wait`; 30 s by default, like the server's own) is delivered again, to any instance of the service. A
//!   run with `--kill` needs an ack wait shorter than its drain deadline.
//!   With `--acks before` consumers take no acknowledgements (`AckPolicy::None`): a message is done with when the server has sent it.
//!   Work queues refuse such consumers, so every stream then keeps everything (retention by limits).
//! - *Dead letters*: see [`dead`].
//! - *Limits*, chosen so that they do not limit what is measured: every instance requests four batches (at least 512 messages)
//!   in advance and requests more when half of them have arrived. A consumer may have twice as many unacknowledged messages as
//!   its instances can hold (`max_ack_pending`). The ack wait of a message begins when it is fetched. So handlers that take longer
//!   than ack wait ÷ messages fetched in advance cause redelivery.
//! - *Order*: a stream keeps the order of its publishers. It delivers in that order, to one instance or to several in turn, so each
//!   instance sees its part in order. A message that is delivered again comes late. So order is not promised.
//! - *Storage*: `jetstream.storage` = `file` or `memory`. `file` goes through the operating system's cache. By default the server
//!   syncs it to the disk every two minutes.

mod dead;
mod receive;
mod send;

use super::{
    connection::{Connection, Server},
    headers, login,
};
use async_nats::jetstream::{
    self, ErrorCode,
    consumer::{AckPolicy, pull},
    context::DeleteStreamErrorKind as Kind,
    stream::{self, Config, RetentionPolicy, StorageType},
};
use drumpost_kit::prelude::*;
use receive::Pulls;
use send::Confirmed;

/// Largest size of headers that a stream stores with a message, whatever `max_payload` is.
const MAX_HEADERS_LEN: usize = u16::MAX as usize;

/// A net under what is removed by name: the server itself forgets messages and consumers that nobody has asked for in so
/// long. Longer than any message of a run waits, for a message that the server forgot would count as lost.
const NET: Duration = Duration::from_hours(24);

const STORAGE: &str = "where the server stores messages";
const ACK_WAIT: &str = "a message that is not acknowledged within this time is delivered again";
const MAX_DELIVER: &str = "a message that is delivered so often and not acknowledged becomes a dead letter";
const COUNTS: Grammar = Grammar::Count { min: 1, max: u16::MAX as u64 };
/// The parts that both transports share, and the settings of streams.
const OPTIONS: [OptionEntry; login::OPTIONS.len() + 3] = joined(
    login::OPTIONS,
    [
        OptionEntry::new("jetstream.storage", Grammar::Word(&["file", "memory"]), "file", STORAGE).unfair(),
        OptionEntry::new("jetstream.ack-wait", Grammar::SOME_TIME, "30s", ACK_WAIT).unfair().brokers_own(),
        OptionEntry::optional("jetstream.max-deliver", COUNTS, MAX_DELIVER)
            .or_else("no limit")
            .of("deliveries")
            .unfair()
            .brokers_own()
            .gives_up(),
    ],
);

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "jetstream",
        summary: "NATS JetStream: streams, durable pull consumers, publisher confirms; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Leader,
            acknowledges: &Acks::ALL,
            acks: "publisher confirms, explicit acks after handling",
            persistence: "file, or memory with jetstream.storage=memory",
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(JetStream::from_options(options)?))),
        ..BROKER
    }
}

/// The transport.
#[derive(Debug)]
struct JetStream {
    server: Server,
    storage: StorageType,
    ack_wait: Duration,
    /// How often a message is delivered at most.
    max_deliver: Option<u64>,
    streams: Objects,
    refusals: Arc<Refusals>,
}

impl JetStream {
    fn from_options(options: &Values) -> Result<Self, String> {
        let is_file = options.word("jetstream.storage") == "file";
        let server = Server::from_options(options)?;
        Ok(Self {
            streams: Objects::at(&server.at),
            server,
            storage: if is_file { StorageType::File } else { StorageType::Memory },
            ack_wait: options.time("jetstream.ack-wait"),
            max_deliver: options.count_if_set("jetstream.max-deliver"),
            refusals: Arc::default(),
        })
    }
}

impl AsyncTransport for JetStream {
    type Send = Outbox<Confirmed>;
    type Recv = Inbox<Pulls>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        if self.max_deliver.is_some() && asked.acks(&listed) == Acks::Before {
            return Err("gives up on no message that nobody acknowledges: leave jetstream.max-deliver or --acks before out".into());
        }
        let persistence = if self.storage == StorageType::File { "file" } else { "memory" };
        Promise { persistence, ..listed }.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (session, at) = (self.connect().await?, &self.server.at);
        if !session.client.server_info().jetstream {
            return Err(OpenError::Refused(format!("{at} has no JetStream: start it with -js")));
        }
        let headers_len = headers::len(&wiring.pool);
        if headers_len > MAX_HEADERS_LEN {
            return Err(OpenError::Refused(format!(
                "JetStream takes at most {MAX_HEADERS_LEN} bytes of headers in a message, and this run's are {headers_len}"
            )));
        }
        self.streams.begin(self, &session).await;
        let context = jetstream::new(session.client);
        for destination in &wiring.destinations {
            self.lay_out(wiring, destination, &context).await?;
        }
        if self.max_deliver.is_some() {
            self.streams.note(dead::stream(wiring));
            // What a killed consumer had of them comes again in the same time as its messages.
            let (ack_wait, inactive_threshold) = (self.ack_wait, NET);
            let consumers = pull::Config { ack_wait, inactive_threshold, ..pull::Config::default() };
            dead::lay_out(wiring, &context, &self.server.at, self.stream(), &consumers).await?;
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (layout, connection) = (Layout::new(wiring, '.'), self.server.connect(wiring, me).await?);
        let heard = layout.heard(me).collect();
        let inbox =
            Pulls::open(wiring, &connection, heard, self.max_deliver.is_some(), fetch(wiring)).await?;
        let mut sends = Vec::new();
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let (line, confirmed) = (connection.line.clone(), Confirmed::open(wiring, &connection).await?);
            sends.push(Outbox::new(wiring, layout, sent, line, confirmed).noting(&self.refusals));
        }
        connection.round_trip().await?;
        Ok(Endpoint { inbox, sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (session, mut depths) = (self.streams.session(self).await?, Vec::new());
        let context = jetstream::new(session.client.clone());
        for destination in &wiring.destinations {
            let stream = context.get_stream_no_info(stream_name(wiring, destination)).await;
            let mut consumers = stream.map_err(|error| OpenError::Failed(error.to_string()))?.consumers();
            let mut depth = Depth { destination: destination.id, ..Depth::default() };
            while let Some(consumer) = self.server.at.step("tell what waits", consumers.try_next()).await? {
                depth.ready += consumer.num_pending;
                depth.unacknowledged += consumer.num_ack_pending as u64;
            }
            depths.push(depth);
        }
        self.streams.keep(session);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.streams.close_and_tell(self, self.refusals.sentence("nats-server")).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.streams.clean(self).await.map(Some)
    }
}

impl Keeper for JetStream {
    type Session = Connection;
    const OBJECTS: &'static str = "streams";

    async fn connect(&self) -> Result<Connection, OpenError> {
        self.server.connect_to_tidy().await
    }

    async fn list(&self, session: &Connection) -> Result<Vec<(String, String)>, OpenError> {
        let streams = jetstream::new(session.client.clone()).streams();
        let config = |info: stream::Info| (info.config.name, info.config.description.unwrap_or_default());
        self.server.at.step("list the streams", streams.map_ok(config).try_collect()).await
    }

    async fn remove(&self, session: &Connection, name: &str) -> bool {
        let deleted = jetstream::new(session.client.clone()).delete_stream(name).await;
        let is_none = |error: &jetstream::Error| error.error_code() == ErrorCode::STREAM_NOT_FOUND;
        deleted
            .map_or_else(|error| matches!(error.kind(), Kind::JetStream(error) if is_none(&error)), |_| true)
    }
}

impl JetStream {
    /// What all streams have in common: one replica, and no limits, which are the server's own defaults.
    fn stream(&self) -> Config {
        let description = Owner::this().map(|owner| owner.description());
        Config { storage: self.storage, max_age: NET, description, ..Config::default() }
    }

    /// Makes the stream of a destination and the durable consumers of those who hear it.
    async fn lay_out(
        &self,
        wiring: &Wiring,
        destination: &Destination,
        context: &jetstream::Context,
    ) -> Result<(), OpenError> {
        let (layout, at) = (Layout::new(wiring, '.'), &self.server.at);
        let (subject, is_event) = (layout.place(destination), destination.intent == Intent::Event);
        let (is_reply, no_acks) = (destination.intent == Intent::Reply, wiring.acks == Acks::Before);
        let config = Config {
            name: stream_name(wiring, destination),
            subjects: vec![if is_reply { format!("{subject}.*") } else { subject }],
            retention: if is_event || no_acks { RetentionPolicy::Limits } else { RetentionPolicy::WorkQueue },
            ..self.stream()
        };
        self.streams.note(&*config.name);
        let stream = at.step("create a stream", context.create_stream(config)).await?;
        for (filter_subject, durable, instances) in layout.subscriptions(destination) {
            let held = fetch(wiring) + 2 * wiring.batch;
            let config = pull::Config {
                durable_name: Some(durable),
                filter_subject,
                ack_policy: if no_acks { AckPolicy::None } else { AckPolicy::Explicit },
                ack_wait: self.ack_wait,
                max_deliver: self.max_deliver.map_or(0, |most| most as i64),
                inactive_threshold: NET,
                max_ack_pending: if no_acks {
                    0
                } else {
                    i64::try_from(2 * held * instances).unwrap_or(i64::MAX)
                },
                ..pull::Config::default()
            };
            at.step("create a consumer", stream.create_consumer(config)).await?;
        }
        Ok(())
    }
}

/// How many messages an instance asks for ahead of what it has been handed.
fn fetch(wiring: &Wiring) -> usize {
    (4 * wiring.batch).max(512)
}

fn stream_name(wiring: &Wiring, destination: &Destination) -> String {
    format!("{}-{}-{}", token(&wiring.run_name), destination.id, token(&destination.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::options::Options;

    static DECLARED: [OptionEntry; OPTIONS.len()] = OPTIONS;

    fn made(set: &[(&str, &str)]) -> Result<JetStream, String> {
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, *value));
        JetStream::from_options(&options.of(&DECLARED).map_err(|error| error.to_string())?)
    }

    #[test]
    fn options_say_where_messages_are_stored_and_how_long_the_server_waits() {
        let usual = made(&[]).unwrap();
        assert_eq!((usual.storage, usual.ack_wait), (StorageType::File, Duration::from_secs(30)));
        assert_eq!(usual.server.at.address(), "nats://127.0.0.1:4222");
        let other = made(&[("jetstream.storage", "memory"), ("jetstream.ack-wait", "1.5s")]).unwrap();
        assert_eq!((other.storage, other.ack_wait), (StorageType::Memory, Duration::from_millis(1_500)));
    }

    #[test]
    fn options_are_refused_with_what_they_may_be() {
        for (name, value, says) in [
            (
                "jetstream.storage",
                "tape",
                "option jetstream.storage, set by --set: \"tape\" is not `file` or `memory`",
            ),
            ("jetstream.ack-wait", "0s", "\"0s\" is not a time above zero"),
            ("jetstream.ack-wait", "2", "the unit is missing, as in 2s"),
        ] {
            let error = made(&[(name, value)]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
