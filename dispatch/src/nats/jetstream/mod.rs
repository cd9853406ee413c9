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
//! - *Limits*, chosen so that they do not limit what is measured: every instance requests four batches (at least 512 messages)
//!   in advance and requests more when half of them have arrived. A consumer may have twice as many unacknowledged messages as
//!   its instances can hold (`max_ack_pending`). The ack wait of a message begins when it is fetched. So handlers that take longer
//!   than ack wait ÷ messages fetched in advance cause redelivery.
//! - *Order*: a stream keeps the order of its publishers. It delivers in that order, to one instance or to several in turn, so each
//!   instance sees its part in order. A message that is delivered again comes late. So order is not promised.
//! - *Storage*: `jetstream.storage` = `file` or `memory`. `file` goes through the operating system's cache. By default the server
//!   syncs it to the disk every two minutes.

mod receive;
mod send;

use super::{
    connection::{Connection, Server},
    headers, login,
};
use async_nats::jetstream::{
    self, Context, ErrorCode,
    consumer::{AckPolicy, pull},
    context::DeleteStreamErrorKind,
    stream::{Config, RetentionPolicy, StorageType},
};
use drumpost_core::{
    dispatcher::Tasked,
    options::{Grammar, OptionEntry, Values},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    server::ServerFacts,
    transport::{AsyncTransport, Cleaned, Endpoint, OpenError},
    wiring::{Destination, Wiring},
};
use drumpost_kit::{
    layout::{Layout, token},
    left::Left,
    owner::{Found, Owner},
    server::PATIENCE,
};
use futures_util::StreamExt;
use receive::{JetStreamRecv, Source};
use send::{JetStreamSend, Refusals};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

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
        make: |options| Ok(Box::new(Tasked::new(JetStream::from_options(options)?))),
    }
}

/// Streams of this process that could not be removed.
static LEFT: Left = Left::new();

/// The transport.
#[derive(Debug)]
struct JetStream {
    server: Server,
    storage: StorageType,
    ack_wait: Duration,
    made: Mutex<Made>,
}

/// What a trial made, to be removed.
#[derive(Debug, Default)]
struct Made {
    refusals: Arc<Refusals>,
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
            made: Mutex::default(),
        })
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncTransport for JetStream {
    type Send = JetStreamSend;
    type Recv = JetStreamRecv;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise) -> Promise {
        let persistence = if self.storage == StorageType::File { "file" } else { "memory" };
        Promise { persistence, ..listed }
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await.map(Some)
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let manager = self.server.connect_to_tidy().await?;
        if !manager.client.server_info().jetstream {
            return Err(OpenError::Refused(format!(
                "{} has no JetStream: start it with -js",
                self.server.at
            )));
        }
        let headers_len = headers::len(&wiring.pool);
        if headers_len > MAX_HEADERS_LEN {
            return Err(OpenError::Refused(format!(
                "JetStream takes at most {MAX_HEADERS_LEN} bytes of headers in a message, and this run's are {headers_len}"
            )));
        }
        let context = jetstream::new(manager.client.clone());
        *self.made() = Made { manager: Some(manager), ..Made::default() };
        LEFT.remove_left(self.server.at.address(), |streams| delete(context.clone(), streams)).await;
        for destination in &wiring.destinations {
            self.lay_out(wiring, destination, &context).await?;
        }
        Ok(())
    }

    async fn open(
        &self,
        wiring: &Wiring,
        instance: u16,
    ) -> Result<Endpoint<JetStreamSend, JetStreamRecv>, OpenError> {
        let connection = self.server.connect(wiring, instance).await?;
        let mut sources = [const { Vec::new() }; 2];
        for heard in Layout::new(wiring, '.').heard(instance) {
            let stream = stream_name(wiring, heard.destination);
            let source = Source::new(heard.destination, &stream, &heard.group);
            sources[usize::from(!heard.is_apart)].push(source);
        }
        let inbox = JetStreamRecv::open(wiring, &connection, sources, fetch(wiring)).await?;
        let (refusals, mut sends) = (Arc::clone(&self.made().refusals), Vec::new());
        for sent in wiring.sends_of(wiring.service_of(instance)) {
            sends.push(JetStreamSend::open(wiring, &connection, sent, Arc::clone(&refusals)).await?);
        }
        connection.round_trip().await?;
        Ok(Endpoint { inbox, sends })
    }

    async fn close(&self) -> Result<(), String> {
        let Made { refusals, manager, streams } = std::mem::take(&mut *self.made());
        let shown = self.server.at.address();
        let remove = async |streams: Vec<String>, attempt| {
            let own = manager.clone().filter(|own| attempt == 0 && own.link.check().is_ok());
            let connection = match own {
                Some(own) => Ok(own),
                None => self.server.connect_to_tidy().await,
            };
            match connection {
                Ok(connection) => delete(jetstream::new(connection.client), streams).await,
                Err(_) => streams,
            }
        };
        let left = LEFT.remove(shown, streams, remove).await;
        let left = (!left.is_empty()).then(|| {
            format!(
                "streams may remain at nats-server at {shown}: {}; remove them with `drumpost clean {shown}` after \
                 this run",
                left.join(", ")
            )
        });
        let said: Vec<String> = [refusals.sentence(), left].into_iter().flatten().collect();
        if said.is_empty() { Ok(()) } else { Err(said.join("; ")) }
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        let connection = self.server.connect_to_tidy().await?;
        let context = jetstream::new(connection.client.clone());
        let (mut found, mut streams) = (Found::default(), context.streams());
        loop {
            let next = async { streams.next().await.transpose() };
            let Some(info) = self.server.at.step("list the streams", next).await? else { break };
            let description = info.config.description.unwrap_or_default();
            found.sort(info.config.name, &description);
        }
        drop(streams);
        let Found { dead, mut kept } = found;
        let still = delete(context, dead.clone()).await;
        let removed = dead.into_iter().filter(|name| !still.contains(name)).collect();
        kept.extend(still.into_iter().map(|name| format!("{name}: the server did not remove it")));
        Ok(Some(Cleaned { at: self.server.at.address().into(), removed, kept }))
    }
}

/// Deletes streams and gives back those that may still be there. One that is not there is deleted.
async fn delete(context: Context, streams: Vec<String>) -> Vec<String> {
    let mut left = Vec::new();
    for stream in streams {
        let gone = match timeout(PATIENCE, context.delete_stream(&stream)).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => matches!(
                error.kind(),
                DeleteStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND
            ),
            Err(_) => false,
        };
        left.extend((!gone).then_some(stream));
    }
    left
}

impl JetStream {
    /// Makes the stream of a destination and the durable consumers of those who hear it.
    async fn lay_out(
        &self,
        wiring: &Wiring,
        destination: &Destination,
        context: &Context,
    ) -> Result<(), OpenError> {
        let layout = Layout::new(wiring, '.');
        let subject = layout.place(destination);
        let config = Config {
            name: stream_name(wiring, destination),
            subjects: vec![match destination.intent {
                Intent::Reply => format!("{subject}.*"),
                _ => subject,
            }],
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
        self.made().streams.push(config.name.clone());
        let stream = self.server.at.step("create a stream", context.create_stream(config)).await?;
        for (filter_subject, durable, instances) in layout.subscriptions(destination) {
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
            self.server.at.step("create a consumer", stream.create_consumer(config)).await?;
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
