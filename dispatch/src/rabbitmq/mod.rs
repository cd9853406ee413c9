//! `rabbitmq`: AMQP 0-9-1. Every destination is a queue, and the instances of the receiving service are consumers that compete.
//! Replies have a queue for each instance that asks. Every event is a fanout exchange with a queue for each service that hears it.
//!
//! - *Queues* are durable, and messages are persistent. `rabbitmq.queue` = `quorum` or `classic`. Quorum is the default, because
//!   RabbitMQ recommends it for messages that must not be lost, and because only quorum queues count deliveries. Of a repeated
//!   delivery from a classic queue only a flag is known, which is told as the second attempt.
//! - *Confirms* are `basic.ack` for a message and `basic.nack` for one that is refused: see `ports.rs`. A quorum queue confirms
//!   when a majority of its replicas have written the message to their disks, a classic queue when it is on the disk.
//! - *Acknowledgements* are `basic.ack` after handling, one frame for all messages of a queue that a turn handled. What a
//!   consumer had when its channel closed goes back into the queue, and so does what it gives back. With `--acks before` consumers
//!   ask for no acknowledgements (`no_ack`): a message is done with when the server has written it to the connection, and the
//!   prefetch means nothing.
//! - *Dead letters*: with `rabbitmq.delivery-limit` a quorum queue gives up on a message that was given back more often, and moves it to
//!   a queue of its own (`x-dead-letter-exchange`, at least once), `QUEUE.dead`. The instances of the service receive from there,
//!   too, and hand over what they receive as dead letters.
//! - *Order*: a queue keeps the order of its publishers. A message that is delivered again comes late, so order is not promised.
//! - *Removal*: AMQP cannot list queues, so `drumpost clean` finds none. The server itself removes a queue that nobody has used
//!   for an hour (`x-expires`), and an exchange with its last queue (`auto_delete`).
//! - *Waiting messages*: AMQP tells how many are ready and not how many are unacknowledged, so these count as 0.
//! - *Server alarms*: a server that is low on memory or disk stops reading from connections that publish. The client then writes
//!   nothing, not even acknowledgements. The run says so.

mod ports;
#[cfg(test)]
mod tests;

use drumpost_kit::{prelude::*, url::decoded};
use lapin::{Channel, Connection, ConnectionProperties, Error, ErrorKind, Event, ExchangeKind};
use lapin::{options::*, types::*, uri::*};
use ports::{Exchange, Queues, Source};
use std::collections::BTreeMap;

/// The server removes a queue that has had no consumer for so long. Longer than any instance of a run stays away.
const UNUSED: Duration = Duration::from_hours(1);

const ABSENT: &str = "start one with \"$(scripts/rabbitmq-server)\", or set rabbitmq.url to one that runs";
const CREDENTIALS: &str = "set rabbitmq.url=amqp://USER:PASSWORD@HOST:PORT/VHOST, or rabbitmq.password";

const URL: &str = "address of the server: amqp://HOST:PORT/VHOST, without TLS; may contain USER:PASSWORD@";
const LIMIT: &str = "a message that is given back more often becomes a dead letter";
const TYPES: Grammar = Grammar::Word(&["quorum", "classic"]);
const COUNTS: Grammar = Grammar::Count { min: 1, max: u16::MAX as u64 };
const OPTIONS: [OptionEntry; 6] = {
    let [url, user, password, ..] = drumpost_kit::login_options! {
        family: "rabbitmq",
        environment: "RABBITMQ",
        url: Grammar::Url(&["amqp"]), "amqp://127.0.0.1:5672", URL,
        ways: [],
    };
    let queue = OptionEntry::new("rabbitmq.queue", TYPES, "quorum", "type of the queues").unfair();
    let most = OptionEntry::new("rabbitmq.prefetch", COUNTS, "512", "unacknowledged messages of a consumer");
    let limit = OptionEntry::optional("rabbitmq.delivery-limit", COUNTS, LIMIT).or_else("the server's own");
    let limit = limit.of("deliveries after the first").unfair().brokers_own().gives_up();
    [url, user, password, queue.brokers_own(), most.of("messages").unfair().brokers_own(), limit]
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
            acknowledges: &Acks::ALL,
            acks: "publisher confirms, basic.ack after handling",
            persistence: "disks of a majority of replicas; one disk with rabbitmq.queue=classic",
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
    /// How often a message is handed out again before it becomes a dead letter.
    limit: Option<u64>,
    queues: Objects,
    refusals: Arc<Refusals>,
}

impl RabbitMq {
    fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::read("rabbitmq.url", options.url("rabbitmq.url"), "amqp", 5672)?;
        let (login, kind) = (Login::read("rabbitmq", options, &url, vec![])?, options.word("rabbitmq.queue"));
        let at = Arc::new(At::new("RabbitMQ", &url.shown()));
        let (queues, prefetch) = (Objects::at(&at), options.count("rabbitmq.prefetch") as u16);
        let limit = options.count_if_set("rabbitmq.delivery-limit");
        if limit.is_some() && kind == "classic" {
            return Err(
                "option rabbitmq.delivery-limit needs quorum queues: classic queues do not count deliveries"
                    .into(),
            );
        }
        Ok(Self { url, login, at, kind, prefetch, limit, queues, refusals: Arc::default() })
    }

    /// A connection. The client has a thread for each, and does not connect again by itself: that would be hidden in the figures.
    async fn attach(&self, name: String) -> Result<Connection, OpenError> {
        // `guest`, whom a server lets in from its own machine.
        let mut userinfo = AMQPUserInfo::default();
        if let Who::User { name, password } = self.login.who.clone() {
            userinfo = AMQPUserInfo { username: name, password: password.unwrap_or_default() };
        }
        let Url { host, port, path, .. } = &self.url;
        let authority =
            AMQPAuthority { userinfo, host: host.trim_matches(['[', ']']).to_owned(), port: *port };
        let vhost = if path.is_empty() { "/".to_owned() } else { decoded(path) };
        // In seconds. Who says nothing for twice as long is gone.
        let query = AMQPQueryString { heartbeat: Some(5), ..plain() };
        let uri = AMQPUri { authority, vhost, query, ..plain() };
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        // `ACCESS_REFUSED` and `NOT_ALLOWED`: the login, or the virtual host.
        let refuses =
            |kind: &_| matches!(kind, ErrorKind::ProtocolError(e) if [403, 530].contains(&e.get_id()));
        let why = |error: &Error| Unreachable::of(refuses(error.kind()), CREDENTIALS, ABSENT);
        let connection = self.at.reach(Connection::connect_uri(uri, properties), ABSENT, why).await?;
        let (mut events, refusals) = (connection.events_listener(), Arc::clone(&self.refusals));
        // Ends with the connection.
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::ConnectionBlocked(reason) = event {
                    refusals.hold_up(reason);
                }
            }
        });
        Ok(connection)
    }

    async fn channel(&self, connection: &Connection) -> Result<Arc<Channel>, OpenError> {
        self.at.step("open a channel", connection.create_channel()).await.map(Arc::new)
    }

    /// Makes a queue with the one for its dead letters, and the exchange of an event, which it is bound to.
    async fn declare(&self, channel: &Channel, queue: &str, event: Option<&str>) -> lapin::Result<()> {
        let durable = QueueDeclareOptions::durable();
        if let Some(limit) = self.limit {
            channel.queue_declare(dead(queue).into(), durable, self.arguments().into()).await?;
            let mut arguments = self.arguments();
            arguments.extend(dies(queue, limit));
            channel.queue_declare(queue.into(), durable, arguments.into()).await?;
        } else {
            channel.queue_declare(queue.into(), durable, self.arguments().into()).await?;
        }
        let Some(exchange) = event else { return Ok(()) };
        let options = ExchangeDeclareOptions { durable: true, auto_delete: true, ..plain() };
        channel.exchange_declare(exchange.into(), ExchangeKind::Fanout, options, plain()).await?;
        channel.queue_bind(queue.into(), exchange.into(), plain(), plain(), plain()).await
    }

    fn arguments(&self) -> BTreeMap<ShortString, AMQPValue> {
        let unused = AMQPValue::LongLongInt(UNUSED.as_millis() as i64);
        let kind = AMQPValue::LongString(self.kind.into());
        BTreeMap::from([("x-queue-type".into(), kind), ("x-expires".into(), unused)])
    }

    /// Everything that is made for a queue: it, the exchange of its event, and the queue of its dead letters.
    fn objects(&self, queue: &str, event: Option<String>) -> impl Iterator<Item = String> {
        let dead = self.limit.map(|_| dead(queue));
        [queue.to_owned()].into_iter().chain(event).chain(dead)
    }
}

/// The queue for the dead letters of a queue.
fn dead(queue: &str) -> String {
    format!("{queue}.dead")
}

/// What has a queue move what was handed out more often to the queue for its dead letters. At least once, which needs a queue that
/// refuses what it has no room for.
fn dies(queue: &str, limit: u64) -> [(ShortString, AMQPValue); 5] {
    let text = |text: &str| AMQPValue::LongString(text.into());
    [
        ("x-delivery-limit".into(), AMQPValue::LongLongInt(limit as i64)),
        ("x-dead-letter-exchange".into(), text("")),
        ("x-dead-letter-routing-key".into(), text(&dead(queue))),
        ("x-dead-letter-strategy".into(), text("at-least-once")),
        ("x-overflow".into(), text("reject-publish")),
    ]
}

/// What the protocol has where nothing is asked for.
fn plain<T: Default>() -> T {
    T::default()
}

/// The queue of a group at a place, and the exchange of an event.
fn queue(sent: &Destination, place: String, group: &str) -> (String, Option<String>) {
    if sent.intent == Intent::Event { (format!("{place}.{group}"), Some(place)) } else { (place, None) }
}

/// The queues of a destination.
fn queues(layout: Layout<'_>, sent: &Destination) -> impl Iterator<Item = (String, Option<String>)> {
    layout.subscriptions(sent).into_iter().map(|(place, group, _)| queue(sent, place, &group))
}

impl AsyncTransport for RabbitMq {
    type Send = Outbox<Exchange>;
    type Recv = Inbox<Queues>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        if self.limit.is_some() && asked.acks(&listed) == Acks::Before {
            return Err("gives up on no message that nobody acknowledges: leave rabbitmq.delivery-limit or --acks before out".into());
        }
        let classic = Promise { confirms: promise::Confirms::Durable, persistence: "disk", ..listed };
        if self.kind == "classic" { classic } else { listed }.when(asked)
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.connect().await?;
        // The client does not hand out what the server tells everyone who greets it.
        let version = version(&self.at.first_words(b"AMQP\x00\x00\x09\x01").await?);
        Ok(Some(self.at.facts(&version, self.at.addresses().await)))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (connection, layout) = (self.connect().await?, Layout::new(wiring, '.'));
        let channel = self.channel(&connection).await?;
        let publish = async |longest: Vec<u8>| {
            channel.confirm_select(plain()).await?;
            // To the queue without a name, which no server has.
            channel.basic_publish(plain(), plain(), plain(), &longest, plain()).await?.await.map(drop)
        };
        let (is_refusal, refusals) = (Error::is_amqp_soft_error, &self.refusals);
        self.at.takes_the_longest(&wiring.pool, publish, is_refusal, refusals, "max_message_size").await?;
        self.queues.begin(self, &connection).await;
        for (queue, event) in wiring.destinations.iter().flat_map(|sent| queues(layout, sent)) {
            self.objects(&queue, event.clone()).for_each(|name| self.queues.note(name));
            self.at.step("declare a queue", self.declare(&channel, &queue, event.as_deref())).await?;
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let connection = self.attach(format!("drumpost {}", wiring.instance_name(me))).await?;
        let (layout, line) = (Layout::new(wiring, '.'), Line::to(&self.at));
        let (mut sources, mut apart, mut sends) = (Vec::new(), Vec::new(), Vec::new());
        let no_ack = wiring.acks == Acks::Before;
        let asked = BasicConsumeOptions { no_ack, ..plain() };
        for heard in layout.heard(me) {
            let (queue, _) = queue(heard.destination, heard.place, &heard.group);
            let dead = self.limit.map(|_| (dead(&queue), true));
            for (queue, is_dead) in [(queue, false)].into_iter().chain(dead) {
                let channel = self.channel(&connection).await?;
                let consume = async {
                    channel.basic_qos(self.prefetch, plain()).await?;
                    channel.basic_consume(queue.into(), plain(), asked, plain()).await
                };
                let consumer = self.at.step("consume from a queue", consume).await?;
                sources.push(Source { consumer, channel, is_dead });
                apart.push(heard.is_apart);
            }
        }
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let channel = self.channel(&connection).await?;
            self.at.step("ask for confirms", channel.confirm_select(plain())).await?;
            // What no queue takes comes back and counts as refused, but for an event without subscribers.
            let mandatory = !sent.receivers.is_empty();
            let (is_fanout, line) = (mandatory && sent.intent == Intent::Event, line.clone());
            let options = BasicPublishOptions { mandatory, ..plain() };
            let exchange = Exchange { channel, line, is_fanout, options, confirms: Futures::default() };
            let outbox = Outbox::new(wiring, layout, sent, exchange.line.clone(), exchange);
            sends.push(outbox.noting(&self.refusals));
        }
        let queues = Queues { pool: Arc::clone(&wiring.pool), line: line.clone(), sources, no_ack };
        Ok(Endpoint { inbox: Inbox::new(wiring, line, &apart, queues), sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (connection, layout) = (self.queues.session(self).await?, Layout::new(wiring, '.'));
        let (channel, mut depths) = (self.channel(&connection).await?, Vec::new());
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for (queue, _) in queues(layout, sent) {
                let ask =
                    channel.queue_declare(queue.into(), QueueDeclareOptions::default().passive(), plain());
                depth.ready += u64::from(self.at.step("tell what waits", ask).await?.message_count());
            }
            depths.push(depth);
        }
        self.queues.keep(connection);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.queues.close_and_tell(self, self.refusals.sentence("RabbitMQ")).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.queues.clean(self).await.map(Some)
    }
}

impl Keeper for RabbitMq {
    type Session = Connection;
    const OBJECTS: &'static str = "queues and exchanges";
    const FORGETS_AFTER: Option<Duration> = Some(UNUSED);

    async fn connect(&self) -> Result<Connection, OpenError> {
        self.attach("drumpost, set-up and removal".into()).await
    }

    /// Removes the queue and the exchange of that name, of which one exists.
    async fn remove(&self, connection: &Connection, name: &str) -> bool {
        let Ok(channel) = self.channel(connection).await else { return false };
        let is_gone = channel.queue_delete(name.into(), plain()).await.is_ok();
        is_gone && channel.exchange_delete(name.into(), plain()).await.is_ok()
    }
}

/// The version in the server's first frame: a text of this name in a table, after four bytes that have its length.
fn version(frame: &[u8]) -> String {
    let at = frame.windows(9).position(|part| part == b"\x07versionS").map_or(frame.len(), |at| at + 13);
    frame.iter().skip(at).map(|byte| char::from(*byte)).take_while(char::is_ascii_graphic).collect()
}
