//! `rabbitmq`: AMQP 0-9-1. Every destination is a queue, and the instances of the receiving service are consumers that compete.
//! Replies have a queue for each instance that asks. Every event is a fanout exchange with a queue for each service that hears it.
//!
//! - *Queues* are durable, and messages are persistent. `rabbitmq.queue` = `quorum` or `classic`. Quorum is the default, because
//!   RabbitMQ recommends it for messages that must not be lost, and because only quorum queues count deliveries. Of a repeated
//!   delivery from a classic queue only a flag is known, which is told as the second attempt.
//! - *Confirms* are `basic.ack` for a message and `basic.nack` for one that is refused: see [`send`]. A quorum queue confirms
//!   when a majority of its replicas have written the message to their disks, a classic queue when it is on the disk.
//! - *Acknowledgements* are `basic.ack` after handling, one frame for all messages of a queue that a turn handled: see
//!   [`receive`]. What a consumer had when its channel closed goes back into the queue, and so does what it gives back.
//! - *Order*: a queue keeps the order of its publishers. A message that is delivered again comes late, so order is not promised.
//! - *Removal*: AMQP cannot list queues, so `drumpost clean` finds none. The server itself removes a queue that nobody has used
//!   for an hour (`x-expires`), and an exchange with its last queue (`auto_delete`).
//! - *Waiting messages*: AMQP tells how many are ready and not how many are unacknowledged, so these count as 0.
//! - *Server alarms*: a server that is low on memory or disk stops reading from connections that publish. The client then writes
//!   nothing, not even acknowledgements. The run says so.

mod receive;
mod send;
mod server;
#[cfg(test)]
mod tests;

use drumpost_kit::prelude::*;
use lapin::{
    ExchangeKind,
    options::{
        BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
        ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use receive::{Queues, Source};
use send::Exchange;
use server::{Server, Session};

/// The server removes a queue that has had no consumer for so long. Longer than any instance of a run stays away.
const UNUSED: Duration = Duration::from_hours(1);

const URL: &str = "address of the server: amqp://HOST:PORT/VHOST without TLS; may contain USER:PASSWORD@; guest:guest@ by default";
const QUEUE: &str = "type of the queues; quorum queues count deliveries";
const PREFETCH: &str = "how many unacknowledged messages a consumer may have";
const OPTIONS: [OptionEntry; 5] = {
    let [url, user, password, ..] = drumpost_kit::login_options! {
        family: "rabbitmq",
        environment: "RABBITMQ",
        url: Grammar::Url(&["amqp"]), "amqp://127.0.0.1:5672", URL,
        ways: [],
    };
    let queue = OptionEntry::new("rabbitmq.queue", Grammar::Word(&["quorum", "classic"]), "quorum", QUEUE);
    let prefetch = Grammar::Count { min: 1, max: u16::MAX as u64 };
    let prefetch = OptionEntry::new("rabbitmq.prefetch", prefetch, "512", PREFETCH).of("messages");
    [url, user, password, queue.unfair().brokers_own(), prefetch.unfair().brokers_own()]
};

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "rabbitmq",
        summary: "RabbitMQ (AMQP 0-9-1): quorum or classic queues, publisher confirms, acks after handling; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Replicated,
            // Not before handling: what was prefetched would be confirmed to nobody, and the seam does not say so at set-up.
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "publisher confirms, basic.ack after handling",
            persistence: "disk of a majority of replicas, or of one server with rabbitmq.queue=classic",
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RabbitMq::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct RabbitMq {
    server: Server,
    /// `quorum` or `classic`.
    kind: &'static str,
    prefetch: u16,
    queues: Objects,
}

impl RabbitMq {
    fn from_options(options: &Values) -> Result<Self, String> {
        let (server, kind) = (Server::from_options(options)?, options.word("rabbitmq.queue"));
        let prefetch = u16::try_from(options.count("rabbitmq.prefetch")).unwrap_or(u16::MAX);
        Ok(Self { queues: Objects::at(&server.at), server, kind, prefetch })
    }
}

impl AsyncTransport for RabbitMq {
    type Send = Outbox<Exchange>;
    type Recv = Inbox<Queues>;

    const SHARES_CONNECTIONS: bool = true;
    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let promised = match self.kind {
            "quorum" => Promise { persistence: "disk of a majority of replicas", ..listed },
            _ => Promise { confirms: promise::Confirms::Durable, persistence: "disk", ..listed },
        };
        promised.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.connect().await?;
        let at = &self.server.at;
        let version = at.step("ask for the version", self.server.version()).await?;
        Ok(Some(at.facts(&version, at.addresses().await)))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (session, layout, at) = (self.connect().await?, Layout::new(wiring, '.'), &self.server.at);
        send::takes_the_longest(&session, &wiring.pool, &self.server.refusals).await?;
        self.queues.begin(self, &session).await;
        let channel = session.channel().await?;
        for sent in &wiring.destinations {
            let (exchange, durable) = (layout.place(sent), true);
            if send::is_fanout(sent) {
                self.queues.note(&*exchange);
                let options = ExchangeDeclareOptions { durable, auto_delete: true, ..Default::default() };
                let (name, kind) = (exchange.clone().into(), ExchangeKind::Fanout);
                let declare = channel.exchange_declare(name, kind, options, FieldTable::default());
                at.step("declare an exchange", declare).await?;
            }
            for (place, group, _) in layout.subscriptions(sent) {
                let queue = queue_name(sent, place, &group);
                self.queues.note(&*queue);
                let options = QueueDeclareOptions { durable, ..Default::default() };
                let declare = channel.queue_declare(queue.clone().into(), options, self.arguments());
                at.step("declare a queue", declare).await?;
                if send::is_fanout(sent) {
                    let (exchange, options) = (exchange.clone().into(), QueueBindOptions::default());
                    let bind =
                        channel.queue_bind(queue.into(), exchange, "".into(), options, FieldTable::default());
                    at.step("bind a queue", bind).await?;
                }
            }
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (session, layout) = (self.server.session(wiring, me).await?, Layout::new(wiring, '.'));
        let (at, line) = (&self.server.at, &session.line);
        let (mut sources, mut apart, mut sends) = (Vec::new(), Vec::new(), Vec::new());
        for heard in layout.heard(me) {
            let (channel, queue) =
                (session.channel().await?, queue_name(heard.destination, heard.place, &heard.group));
            let options = BasicQosOptions::default();
            at.step("set the prefetch", channel.basic_qos(self.prefetch, options)).await?;
            let (tag, options) = ("".into(), BasicConsumeOptions::default());
            let consume = channel.basic_consume((&*queue).into(), tag, options, FieldTable::default());
            let consumer = at.step("consume from a queue", consume).await?;
            sources.push(Source { queue, consumer, channel, prefetch: self.prefetch, due: None });
            apart.push(heard.is_apart);
        }
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let channel = session.channel().await?;
            let select = channel.confirm_select(ConfirmSelectOptions::default());
            at.step("ask for confirms", select).await?;
            let exchange = Exchange::new(sent, channel, line.clone());
            let outbox = Outbox::new(wiring, layout, sent, line.clone(), exchange);
            sends.push(outbox.noting(&self.server.refusals));
        }
        let queues = Queues { pool: Arc::clone(&wiring.pool), line: line.clone(), sources };
        Ok(Endpoint { inbox: Inbox::new(wiring, line.clone(), &apart, queues), sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (session, layout) = (self.queues.session(self).await?, Layout::new(wiring, '.'));
        let (channel, mut depths) = (session.channel().await?, Vec::new());
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for (place, group, _) in layout.subscriptions(sent) {
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                let name = queue_name(sent, place, &group).into();
                let ask = channel.queue_declare(name, options, FieldTable::default());
                depth.ready += u64::from(self.server.at.step("tell what waits", ask).await?.message_count());
            }
            depths.push(depth);
        }
        self.queues.keep(session);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.server.shared.forget();
        self.queues.close_and_tell(self, self.server.refusals.sentence("RabbitMQ")).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.queues.clean(self).await.map(Some)
    }
}

impl Keeper for RabbitMq {
    type Session = Session;
    const OBJECTS: &'static str = "queues and exchanges";
    const FORGETS_AFTER: Option<Duration> = Some(UNUSED);

    async fn connect(&self) -> Result<Session, OpenError> {
        self.server.connect("drumpost, set-up and removal".into()).await
    }

    /// Removes the queue and the exchange of that name, of which one exists.
    async fn remove(&self, session: &Session, name: &str) -> bool {
        let Ok(channel) = session.channel().await else { return false };
        let queue = channel.queue_delete(name.into(), QueueDeleteOptions::default()).await;
        queue.is_ok() && channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await.is_ok()
    }
}

impl RabbitMq {
    /// The arguments of a queue.
    fn arguments(&self) -> FieldTable {
        let (mut arguments, unused_ms) = (FieldTable::default(), UNUSED.as_millis() as i64);
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(self.kind.into()));
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(unused_ms));
        arguments
    }
}

/// The queue of a group at a place. Only an event has several.
fn queue_name(sent: &Destination, place: String, group: &str) -> String {
    if sent.intent == Intent::Event { format!("{place}.{group}") } else { place }
}
