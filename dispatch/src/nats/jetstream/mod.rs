//! `jetstream`: every destination is a stream, and every receiving service is a durable pull consumer of it.
//!
//! - *Streams* are named after the run and the destination. They are removed when the run is over, over a fresh connection if
//!   the run's own is lost. Their description says which process made them, so that `drumpost clean` can remove those of a
//!   killed process. The server deletes messages and consumers after a day. `jetstream.retention` says when it deletes a message
//!   before that. By default commands, requests and replies are work queues: a message is deleted once it is acknowledged. An event's
//!   stream keeps everything (retention by limits, of which there are none). Consumers are made before the load begins.
//! - *Replies* have a stream of their own and do not use core NATS, so that a requester that is killed loses none. Each
//!   requesting instance has a durable consumer, filtered by its subject `RUN.DESTINATION.INSTANCE`. The publisher confirm
//!   uses the native reply subject of a request, so the replier derives the subject from the message's header.
//! - *Confirms*: see [`send`].
//! - *Acknowledgements*: explicit, one by one, after handling: see [`receive`]. A message that is not acknowledged within the ack
//!   wait (`jetstream.ack-wait`; 30 s by default, like the server's own) is delivered again, to any instance of the service. A
//!   run with `--kill` needs an ack wait shorter than its drain deadline.
//!   With `--acks before` consumers take no acknowledgements (`AckPolicy::None`): a message is done with when the server has sent it.
//!   Work queues refuse such consumers, so every stream then keeps everything (retention by limits).
//!   The server forgets at a kill what it has delivered in the last tenth of a second, and delivers it again from a store in files. So this
//!   promises at most once over a store in memory alone, which is gone with its server; see `Settings::promise`.
//! - *Dead letters*: see [`dead`].
//! - *Limits*, chosen so that they do not limit what is measured: every instance requests four batches (at least 512 messages)
//!   in advance and requests more when half of them have arrived. A consumer may have twice as many unacknowledged messages as
//!   its instances can hold (`max_ack_pending`). The ack wait of a message begins when it is fetched. So handlers that take longer
//!   than ack wait ÷ messages fetched in advance cause redelivery.
//! - *Order*: a stream keeps the order of its publishers. It delivers in that order, to one instance or to several in turn, so each
//!   instance sees its part in order. A message that is delivered again comes late. So order is promised only with
//!   `jetstream.partitions`, within a key: see [`durable`], which also has replay.
//! - *Storage*: `jetstream.storage` = `file` or `memory`. `file` goes through the operating system's cache. By default the server
//!   syncs it to the disk every two minutes.

mod dead;
mod durable;
mod options;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use super::{
    connection::{Connection, Server},
    headers,
};
use async_nats::jetstream::{
    self, ErrorCode,
    consumer::{AckPolicy, pull},
    context::DeleteStreamErrorKind as Kind,
    stream::{self, Config},
};
use drumpost_kit::prelude::*;
use durable::Durable;
use options::Settings;
pub(super) use options::entry;
use receive::Pulls;
use send::Confirmed;

/// Largest size of headers that a stream stores with a message, whatever `max_payload` is.
const MAX_HEADERS_LEN: usize = u16::MAX as usize;

/// A net under what is removed by name: the server itself forgets messages and consumers that nobody has asked for in so
/// long. Longer than any message of a run waits, for a message that the server forgot would count as lost.
const NET: Duration = Duration::from_hours(24);

/// The transport.
#[derive(Debug)]
struct JetStream {
    server: Server,
    settings: Settings,
    streams: Objects,
}

impl JetStream {
    fn from_options(options: &Values) -> Result<Self, String> {
        let (server, settings) = (Server::from_options(options)?.keeping_all(), Settings::read(options)?);
        Ok(Self { streams: Objects::at(&server.at), server, settings })
    }
}

impl AsyncTransport for JetStream {
    type Send = Outbox<Confirmed>;
    type Recv = Inbox<Pulls>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        self.settings.promise(listed, asked)
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
        self.settings.check(wiring)?;
        if self.settings.begins_anew() && !session.client.is_server_compatible(2, 14, 0) {
            return Err(OpenError::Refused(format!(
                "jetstream.partitions and jetstream.from reset consumers, which needs a nats-server 2.14 or later, and {at} is {}",
                session.client.server_info().version
            )));
        }
        self.streams.begin(self, &session).await;
        let context = jetstream::new(session.client);
        for destination in &wiring.destinations {
            self.lay_out(wiring, destination, &context).await?;
        }
        if self.settings.max_deliver.is_some() {
            self.lay_out_letters(wiring, &context).await?;
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (layout, connection) = (Layout::new(wiring, '.'), self.server.connect(wiring, me).await?);
        let partitions = self.settings.partitions;
        let own = |heard: Heard<'_>| (durable::of_instance(wiring, partitions, &heard, me), heard.is_apart);
        let heard: Vec<_> = layout.heard(me).map(own).collect();
        if self.streams.comes_back(me) && self.settings.begins_anew() {
            let context = jetstream::new(connection.client.clone());
            for durable in heard.iter().flat_map(|(durables, _)| durables) {
                self.begin_anew(&context, durable).await?;
            }
        }
        let gives_up = self.settings.max_deliver.is_some();
        let inbox = Pulls::open(wiring, &connection, heard, gives_up, fetch(wiring)).await?;
        let mut sends = Vec::new();
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let line = connection.line.clone();
            let confirmed = Confirmed::open(wiring, &connection, sent, partitions).await?;
            sends.push(Outbox::new(wiring, layout, sent, line, confirmed).noting(self.streams.refusals()));
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
                depth.add_unacknowledged(consumer.num_ack_pending as u64);
            }
            depths.push(depth);
        }
        self.streams.keep(session);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.streams.close(self).await
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

    async fn list(&self, session: &Connection) -> Result<Found, OpenError> {
        let streams = jetstream::new(session.client.clone()).streams();
        let config = |info: stream::Info| (info.config.name, info.config.description.unwrap_or_default());
        self.server.at.step("list the streams", streams.map_ok(config).try_collect()).await.map(Found::of)
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
        Config { storage: self.settings.storage, max_age: NET, description, ..Config::default() }
    }

    /// Makes the stream of a destination and the durable consumers of those who hear it.
    async fn lay_out(
        &self,
        wiring: &Wiring,
        destination: &Destination,
        context: &jetstream::Context,
    ) -> Result<(), OpenError> {
        let (settings, at, no_acks) = (&self.settings, &self.server.at, wiring.acks == Acks::Before);
        let subject = Layout::new(wiring, '.').place(destination);
        let has_several =
            destination.intent == Intent::Reply || durable::parts(settings.partitions, destination) > 1;
        let config = Config {
            name: stream_name(wiring, destination),
            subjects: vec![if has_several { format!("{subject}.*") } else { subject }],
            retention: settings.retention(destination, wiring.acks),
            ..self.stream()
        };
        self.streams.note(&*config.name);
        let stream = at.step("create a stream", context.create_stream(config)).await?;
        for durable in self.durables(wiring, destination) {
            let held = fetch(wiring) + 2 * wiring.batch;
            let config = pull::Config {
                durable_name: Some(durable.name),
                filter_subject: durable.subject,
                ack_policy: if no_acks { AckPolicy::None } else { AckPolicy::Explicit },
                ack_wait: settings.ack_wait,
                max_deliver: settings.max_deliver.map_or(0, |most| most as i64),
                inactive_threshold: NET,
                max_ack_pending: if no_acks {
                    0
                } else {
                    i64::try_from(2 * held * durable.instances).unwrap_or(i64::MAX)
                },
                ..pull::Config::default()
            };
            at.step("create a consumer", stream.create_consumer(config)).await?;
        }
        Ok(())
    }

    fn durables(&self, wiring: &Wiring, destination: &Destination) -> Vec<Durable> {
        durable::of_stream(wiring, self.settings.partitions, destination)
    }
}

/// How many messages an instance asks for ahead of what it has been handed.
fn fetch(wiring: &Wiring) -> usize {
    (4 * wiring.batch).max(512)
}

fn stream_name(wiring: &Wiring, destination: &Destination) -> String {
    format!("{}-{}-{}", token(&wiring.run_name), destination.id, token(&destination.name))
}
