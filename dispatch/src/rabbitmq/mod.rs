//! `rabbitmq`: AMQP 0-9-1. Every destination is a queue, and the instances of the receiving service are consumers that compete.
//! Replies have a queue for each instance that asks. Every event is a fanout exchange with a queue for each service that hears it.
//!
//! - *Queues* are durable, and messages are persistent. `rabbitmq.queue` = `quorum` or `classic`. Quorum is the default, because
//!   RabbitMQ recommends it for messages that must not be lost, and because only quorum queues count deliveries. Of a repeated
//!   delivery from a classic queue only a flag is known, which is told as the second attempt.
//! - *Confirms* are `basic.ack` for a message and `basic.nack` for one that is refused: see [`ports`]. A quorum queue confirms
//!   when a majority of its replicas have written the message to their disks, a classic queue when it is on the disk.
//! - *Acknowledgements* are `basic.ack` after handling, one frame for all messages of a queue that a turn handled. What a
//!   consumer had when its channel closed goes back into the queue, and so does what it gives back.
//! - *Order*: a queue keeps the order of its publishers. A message that is delivered again comes late, so order is not promised.
//! - *Removal*: AMQP cannot list queues, so `drumpost clean` finds none. The server itself removes a queue that nobody has used
//!   for an hour (`x-expires`), and an exchange with its last queue (`auto_delete`).
//! - *Waiting messages*: AMQP tells how many are ready and not how many are unacknowledged, so these count as 0.
//! - *Server alarms*: a server that is low on memory or disk stops reading from connections that publish. The client then writes
//!   nothing, not even acknowledgements. The run says so.

mod ports;
mod server;
#[cfg(test)]
mod tests;

use drumpost_kit::prelude::*;
use lapin::{Channel, Connection, Error, ExchangeKind, options::*, types::*};
use ports::{Exchange, Queues, Source};

/// The server removes a queue that has had no consumer for so long. Longer than any instance of a run stays away.
const UNUSED: Duration = Duration::from_hours(1);

const URL: &str =
    "address of the server: amqp://HOST:PORT/VHOST without TLS; may contain USER:PASSWORD@, else guest";
const QUEUE: &str = "type of the queues; quorum queues count deliveries";
const PREFETCH: &str = "most unacknowledged messages of a consumer";
const OPTIONS: [OptionEntry; 5] = {
    let [url, user, password, ..] = drumpost_kit::login_options! {
        family: "rabbitmq",
        environment: "RABBITMQ",
        url: Grammar::Url(&["amqp"]), "amqp://127.0.0.1:5672", URL,
        ways: [],
    };
    let queue = OptionEntry::new("rabbitmq.queue", Grammar::Word(&["quorum", "classic"]), "quorum", QUEUE);
    let range = Grammar::Count { min: 1, max: u16::MAX as u64 };
    let prefetch = OptionEntry::new("rabbitmq.prefetch", range, "512", PREFETCH).of("messages");
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
            // Before handling it would be a consumer without acknowledgements, and `open` does not hear of that.
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "publisher confirms, basic.ack after handling",
            persistence: "disks of a majority of replicas, or one disk with rabbitmq.queue=classic",
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RabbitMq::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct RabbitMq {
    url: Url,
    login: Login<()>,
    at: Arc<At>,
    /// `quorum` or `classic`.
    kind: &'static str,
    prefetch: u16,
    queues: Objects,
    refusals: Arc<Refusals>,
    /// Connections of the trial that instances share.
    shared: SharedConnections<Arc<Connection>>,
}

impl RabbitMq {
    fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::read("rabbitmq.url", options.url("rabbitmq.url"), "amqp", 5672)?;
        let (login, kind) = (Login::read("rabbitmq", options, &url, vec![])?, options.word("rabbitmq.queue"));
        let prefetch = u16::try_from(options.count("rabbitmq.prefetch")).unwrap_or(u16::MAX);
        let (at, refusals, shared) =
            (Arc::new(At::new("RabbitMQ", &url.shown())), Arc::default(), Default::default());
        Ok(Self { queues: Objects::at(&at), at, url, login, kind, prefetch, refusals, shared })
    }

    async fn channel(&self, connection: &Connection) -> Result<Arc<Channel>, OpenError> {
        self.at.step("open a channel", connection.create_channel()).await.map(Arc::new)
    }

    /// The arguments of a queue.
    fn arguments(&self) -> FieldTable {
        let (mut arguments, unused_ms) = (FieldTable::default(), UNUSED.as_millis() as i64);
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(self.kind.into()));
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(unused_ms));
        arguments
    }
}

impl AsyncTransport for RabbitMq {
    type Send = Outbox<Exchange>;
    type Recv = Inbox<Queues>;

    const SHARES_CONNECTIONS: bool = true;
    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let promised = match self.kind {
            "quorum" => Promise { persistence: "disks of a majority of replicas", ..listed },
            _ => Promise { confirms: promise::Confirms::Durable, persistence: "disk", ..listed },
        };
        promised.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.connect().await?;
        let version = self.at.step("ask for the version", self.version()).await?;
        Ok(Some(self.at.facts(&version, self.at.addresses().await)))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (connection, layout) = (self.connect().await?, Layout::new(wiring, '.'));
        let channel = self.channel(&connection).await?;
        let publish = async |longest: Vec<u8>| {
            channel.confirm_select(Default::default()).await?;
            let (nowhere, options) = ("drumpost.nowhere".into(), Default::default());
            let confirm = channel.basic_publish("".into(), nowhere, options, &longest, Default::default());
            confirm.await?.await.map(drop)
        };
        let (is_refusal, refusals) = (Error::is_amqp_soft_error, &self.refusals);
        self.at.takes_the_longest(&wiring.pool, publish, is_refusal, refusals, "max_message_size").await?;
        self.queues.begin(self, &connection).await;
        for sent in &wiring.destinations {
            let (exchange, is_fanout) = (layout.place(sent), ports::is_fanout(sent));
            if is_fanout {
                self.queues.note(&*exchange);
            }
            for (place, group, _) in layout.subscriptions(sent) {
                let (queue, exchange) = (queue_name(sent, place, &group), ShortString::from(&*exchange));
                self.queues.note(queue.as_str());
                let declare = async {
                    let options = QueueDeclareOptions { durable: true, ..Default::default() };
                    channel.queue_declare(queue.clone(), options, self.arguments()).await?;
                    if is_fanout {
                        let (options, none) = (
                            ExchangeDeclareOptions { durable: true, auto_delete: true, ..Default::default() },
                            FieldTable::default(),
                        );
                        channel
                            .exchange_declare(exchange.clone(), ExchangeKind::Fanout, options, none.clone())
                            .await?;
                        channel.queue_bind(queue, exchange, "".into(), Default::default(), none).await?;
                    }
                    Ok::<_, Error>(())
                };
                self.at.step("declare a queue", declare).await?;
            }
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let connection = self.shared.of(wiring, me, |name| self.attach(name)).await?;
        let (layout, line) = (Layout::new(wiring, '.'), Line::to(&self.at));
        let (mut sources, mut apart, mut sends) = (Vec::new(), Vec::new(), Vec::new());
        for heard in layout.heard(me) {
            let channel = self.channel(&connection).await?;
            let queue = queue_name(heard.destination, heard.place, &heard.group);
            let consume = async {
                channel.basic_qos(self.prefetch, Default::default()).await?;
                channel.basic_consume(queue, "".into(), Default::default(), Default::default()).await
            };
            let consumer = self.at.step("consume from a queue", consume).await?;
            sources.push(Source { consumer, channel, due: None });
            apart.push(heard.is_apart);
        }
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let channel = self.channel(&connection).await?;
            self.at.step("ask for confirms", channel.confirm_select(Default::default())).await?;
            let exchange = Exchange::new(sent, channel, line.clone());
            sends.push(Outbox::new(wiring, layout, sent, line.clone(), exchange).noting(&self.refusals));
        }
        let queues = Queues { pool: Arc::clone(&wiring.pool), line: line.clone(), sources };
        Ok(Endpoint { inbox: Inbox::new(wiring, line, &apart, queues), sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (connection, layout) = (self.queues.session(self).await?, Layout::new(wiring, '.'));
        let (channel, mut depths) = (self.channel(&connection).await?, Vec::new());
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for (place, group, _) in layout.subscriptions(sent) {
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                let ask = channel.queue_declare(queue_name(sent, place, &group), options, Default::default());
                depth.ready += u64::from(self.at.step("tell what waits", ask).await?.message_count());
            }
            depths.push(depth);
        }
        self.queues.keep(connection);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.shared.forget();
        self.queues.close_and_tell(self, self.refusals.sentence("RabbitMQ")).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.queues.clean(self).await.map(Some)
    }
}

impl Keeper for RabbitMq {
    type Session = Arc<Connection>;
    const OBJECTS: &'static str = "queues and exchanges";
    const FORGETS_AFTER: Option<Duration> = Some(UNUSED);

    async fn connect(&self) -> Result<Arc<Connection>, OpenError> {
        self.attach("drumpost, set-up and removal".into()).await
    }

    /// Removes the queue and the exchange of that name, of which one exists.
    async fn remove(&self, connection: &Arc<Connection>, name: &str) -> bool {
        let Ok(channel) = self.channel(connection).await else { return false };
        let queue = channel.queue_delete(name.into(), Default::default()).await;
        queue.is_ok() && channel.exchange_delete(name.into(), Default::default()).await.is_ok()
    }
}

/// The queue of a group at a place. Only an event has several.
fn queue_name(sent: &Destination, place: String, group: &str) -> ShortString {
    if sent.intent == Intent::Event { format!("{place}.{group}").into() } else { place.into() }
}
