//! `jetstream`: every destination is a stream, and every receiving service is a durable pull consumer of it.
//!
//! - *Streams* are named after the run and the destination. They are removed when the run is over, over a fresh connection if
//!   the run's own is lost ([`tidy`]). Their description says which process made them ([`owner`]), so that `drumpost clean` can
//!   remove those of a killed process. The server deletes messages and consumers after a day. Commands, requests and replies are
//!   work queues: a message is deleted once it is acknowledged. An event's stream keeps everything (retention by limits, of
//!   which there are none). A consumer made later would receive all of it, so consumers are made before the load begins.
//! - *Replies* have a stream of their own and do not use core NATS, so that a requester that is killed loses none. Each
//!   requesting instance has a durable consumer, filtered by its subject `RUN.DESTINATION.INSTANCE`. The publisher confirm
//!   uses the native reply subject of a request, so the replier derives the subject from the message's header.
//! - *Confirms*: see [`send`]. At most 1,024 messages of one send port (or one batch, if that is more) are unconfirmed.
//! - *Acknowledgements*: explicit, one by one, after handling: see [`receive`]. A message that is not acknowledged within the ack
//!   wait (`jetstream.ack-wait`; 30 s by default, like the server's own) is delivered again, to any instance of the service. A
//!   run with `--kill` needs an ack wait shorter than its drain deadline.
//! - *Limits*, chosen so that they do not limit what is measured: every instance requests four batches (at least 512 messages)
//!   in advance and requests more when half of them have arrived. A consumer may have twice as many unacknowledged messages as
//!   its instances can hold (`max_ack_pending`). The ack wait of a message begins when it is fetched. So handlers that take longer
//!   than ack wait ÷ messages fetched in advance cause redelivery.
//! - *Order*: a stream keeps the order of its publishers. It delivers in that order, to one instance or to several in turn, so each
//!   instance sees its part in order. A message that is delivered again comes late. So order is not promised.
//! - *Storage*: `jetstream.storage` = `file` or `memory`. `file` goes through the operating system's cache. By default the server
//!   syncs it to the disk every two minutes.

mod owner;
mod receive;
mod send;
mod tidy;

use super::{
    address::{reply_subject, subject, token},
    connection::{Connection, Server},
    encode::headers_len,
    login,
};
use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    stream::{Config, RetentionPolicy, StorageType, Stream},
};
use drumpost_core::{
    dispatcher::Tasked,
    options::{Grammar, OptionEntry, Values},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    server::ServerFacts,
    transport::{AsyncTransport, Cleaned, Endpoint, Endpoints, OpenError},
    wiring::{Destination, Wiring},
};
use owner::Owner;
use receive::{JetStreamRecv, Source};
use send::{JetStreamSend, Refusals};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Largest size of headers that a stream stores with a message, whatever `max_payload` is.
const MAX_HEADERS_LEN: usize = u16::MAX as usize;

/// A net under what is removed by name: the server itself forgets messages and consumers that nobody has asked for in so
/// long. Longer than any message of a run waits, for a message that the server forgot would count as lost.
const NET: Duration = Duration::from_hours(24);

/// The parts that both transports share, and the settings of streams.
const OPTIONS: [OptionEntry; login::OPTIONS.len() + 2] = {
    let mut all = [login::OPTIONS[0]; login::OPTIONS.len() + 2];
    let mut at = 0;
    while at < login::OPTIONS.len() {
        all[at] = login::OPTIONS[at];
        at += 1;
    }
    let storage = Grammar::Word(&["file", "memory"]);
    all[at] =
        OptionEntry::new("jetstream.storage", storage, "file", "where the server stores messages").unfair();
    all[at + 1] = OptionEntry::new(
        "jetstream.ack-wait",
        Grammar::SOME_TIME,
        "30s",
        "a message that is not acknowledged within this time is delivered again",
    )
    .unfair()
    .brokers_own();
    all
};

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "jetstream",
        summary: "NATS JetStream: streams, durable pull consumers, publisher confirms; at least once",
        intents: &[
            (Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]),
            (Style::Event, &[Intent::Event]),
        ],
        runs_on: RunsOn::Tasks,
        promise: Promise {
            holds_up_senders: false,
            ordered: false,
            lossless: true,
            may_duplicate: true,
            acks: "publisher confirms, explicit acks after handling",
            persistence: "file, or memory with jetstream.storage=memory",
        },
        needs_server: true,
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked(JetStream::from_options(options)?))),
    }
}

/// The transport. Keeps what it has to remove.
#[derive(Debug)]
struct JetStream {
    server: Server,
    storage: StorageType,
    ack_wait: Duration,
    refusals: Arc<Refusals>,
    /// Deliveries of the last trial that were repeated.
    redelivered: Arc<AtomicU64>,
    /// The connection over which the streams were made.
    manager: Option<Connection>,
    streams: Vec<String>,
}

impl JetStream {
    fn from_options(options: &Values) -> Result<Self, String> {
        let is_file = options.word("jetstream.storage") == "file";
        Ok(Self {
            server: Server::from_options(options)?,
            storage: if is_file { StorageType::File } else { StorageType::Memory },
            ack_wait: options.time("jetstream.ack-wait"),
            refusals: Arc::default(),
            redelivered: Arc::default(),
            manager: None,
            streams: Vec::new(),
        })
    }
}

impl AsyncTransport for JetStream {
    type Send = JetStreamSend;
    type Recv = JetStreamRecv;

    fn promise(&self, listed: Promise) -> Promise {
        let persistence = if self.storage == StorageType::File { "file" } else { "memory" };
        Promise { persistence, ..listed }
    }

    async fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<JetStreamSend, JetStreamRecv>, OpenError> {
        let mut connections = Vec::new();
        for instance in 0..wiring.instance_count() {
            connections.push(self.server.connect(wiring, instance).await?);
        }
        (self.refusals, self.redelivered) = (Arc::default(), Arc::default());
        let Some(first) = connections.first() else { return Ok(Vec::new()) };
        if !first.client.server_info().jetstream {
            return Err(OpenError::Refused(format!(
                "nats-server at {} has no JetStream: start it with -js",
                first.link.shown()
            )));
        }
        let headers_len = headers_len(&wiring.pool);
        if headers_len > MAX_HEADERS_LEN {
            return Err(OpenError::Refused(format!(
                "JetStream takes at most {MAX_HEADERS_LEN} bytes of headers in a message, and this run's are {headers_len}"
            )));
        }
        let context = jetstream::new(first.client.clone());
        self.manager = Some(first.clone());
        tidy::remove_left(&self.server, &context).await;
        for destination in &wiring.destinations {
            self.lay_out(wiring, destination, &context).await?;
        }
        let mut endpoints = Vec::new();
        for (connection, instance) in connections.iter().zip(0..) {
            endpoints.push(self.endpoint(wiring, connection, instance).await?);
        }
        for connection in &connections {
            connection.round_trip(&self.server).await?;
        }
        Ok(endpoints)
    }

    fn server(&self) -> Option<ServerFacts> {
        self.server.facts()
    }

    async fn close(&mut self) -> Result<(), String> {
        let mut said: Vec<String> = self.refusals.sentence().into_iter().collect();
        let own = self.manager.take();
        let left = tidy::remove(&self.server, own.as_ref(), std::mem::take(&mut self.streams)).await;
        if !left.is_empty() {
            let shown = self.server.shown();
            said.push(format!(
                "streams may remain at nats-server at {shown}: {}; remove them with `drumpost clean {shown}` after \
                 this run",
                left.join(", ")
            ));
        }
        if said.is_empty() { Ok(()) } else { Err(said.join("; ")) }
    }

    fn redelivered(&self) -> Option<u64> {
        Some(self.redelivered.load(Ordering::Relaxed))
    }

    async fn clean(&mut self) -> Result<Option<Cleaned>, OpenError> {
        tidy::clean(&self.server).await.map(Some)
    }
}

impl JetStream {
    /// Makes the stream of a destination and the durable consumers of those who hear it.
    async fn lay_out(
        &mut self,
        wiring: &Wiring,
        destination: &Destination,
        context: &Context,
    ) -> Result<(), OpenError> {
        let subject = subject(wiring, destination);
        let is_reply = destination.intent == Intent::Reply;
        let config = Config {
            name: stream_name(wiring, destination),
            subjects: vec![if is_reply { format!("{subject}.*") } else { subject.clone() }],
            retention: match destination.intent {
                Intent::Event => RetentionPolicy::Limits,
                _ => RetentionPolicy::WorkQueue,
            },
            storage: self.storage,
            num_replicas: 1,
            max_messages: -1,
            max_bytes: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_age: NET,
            description: Owner::this().map(|owner| owner.description()),
            ..Config::default()
        };
        // Noted first: a request that times out may still have made it.
        self.streams.push(config.name.clone());
        let stream = context.create_stream(config).await;
        let stream = stream.map_err(|error| self.server.failed("create a stream", &error))?;
        for service in &destination.receivers {
            let instances = wiring.services[*service].instances.clone();
            if is_reply {
                for instance in instances {
                    let filter = reply_subject(wiring, destination, instance);
                    let durable = consumer_name(wiring, destination, instance);
                    self.consumer(wiring, &stream, durable, filter, 1).await?;
                }
            } else {
                let durable = consumer_name(wiring, destination, instances.start);
                self.consumer(wiring, &stream, durable, subject.clone(), instances.len()).await?;
            }
        }
        Ok(())
    }

    async fn consumer(
        &self,
        wiring: &Wiring,
        stream: &Stream,
        durable: String,
        filter_subject: String,
        instances: usize,
    ) -> Result<(), OpenError> {
        let held = fetch(wiring) + 2 * wiring.batch;
        let config = pull::Config {
            durable_name: Some(durable),
            filter_subject,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            inactive_threshold: NET,
            max_ack_pending: i64::try_from(2 * held * instances).unwrap_or(i64::MAX),
            ..pull::Config::default()
        };
        let created = stream.create_consumer(config).await;
        created.map(|_| ()).map_err(|error| self.server.failed("create a consumer", &error))
    }

    async fn endpoint(
        &self,
        wiring: &Wiring,
        connection: &Connection,
        instance: u16,
    ) -> Result<Endpoint<JetStreamSend, JetStreamRecv>, OpenError> {
        let service = wiring.service_of(instance);
        let apart = wiring.has_replies_apart(service);
        let (mut inbox, mut replies) = (Vec::new(), Vec::new());
        for heard in wiring.heard_by(service) {
            let stream = stream_name(wiring, heard);
            let source = Source::new(heard, &stream, &consumer_name(wiring, heard, instance));
            let port = if apart && heard.intent == Intent::Reply { &mut replies } else { &mut inbox };
            port.push(source);
        }
        let mut sends = Vec::new();
        for sent in wiring.sends_of(service) {
            let refusals = Arc::clone(&self.refusals);
            let port = JetStreamSend::open(wiring, connection, sent, refusals).await;
            sends.push(port.map_err(|error| self.server.failed("subscribe", &error))?);
        }
        let ports =
            receive::open(wiring, connection, [inbox, replies], fetch(wiring), &self.redelivered).await;
        let (inbox, replies) = ports.map_err(|error| self.server.failed("subscribe", &error))?;
        Ok(Endpoint { inbox, replies, sends })
    }
}

/// How many messages an instance asks for ahead of what it has been handed.
fn fetch(wiring: &Wiring) -> usize {
    (4 * wiring.batch).max(512)
}

fn stream_name(wiring: &Wiring, destination: &Destination) -> String {
    format!("{}-{}-{}", token(&wiring.run_name), destination.id, token(&destination.name))
}

/// The durable consumer through which an instance hears a destination: its service's, or for replies its own.
fn consumer_name(wiring: &Wiring, destination: &Destination, instance: u16) -> String {
    let service = token(&wiring.services[wiring.service_of(instance)].name);
    match destination.intent {
        Intent::Reply => format!("{service}-{instance}"),
        _ => service,
    }
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
        assert_eq!(usual.server.shown(), "nats://127.0.0.1:4222");
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
