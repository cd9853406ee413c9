//! `rabbitmq`: AMQP 0-9-1. Every destination is a queue, and the instances of the receiving service are consumers that compete.
//! Replies have a queue for each instance that asks, or with `rabbitmq.replies=direct` none: the server hands them to the channel of
//! the request (`amq.rabbitmq.reply-to`), and loses those to a channel that is gone. So that is at most once, with `--acks before`. Every event is an exchange with a queue for each service that hears it: a fanout
//! exchange, or with `rabbitmq.exchange=topic` a topic exchange, which compares the routing key `KIND.KEY` of each message with
//! `KIND.*` for each kind.
//!
//! - *Queues* are durable, and messages are persistent. `rabbitmq.queue` = `quorum`, `classic` or `transient`, which is `classic` with
//!   messages that are not persistent: a server that is restarted has lost them, confirmed or not. Quorum is the default, because
//!   RabbitMQ recommends it for messages that must not be lost, and because only quorum queues count deliveries. Of a repeated
//!   delivery from a classic queue only a flag is known, which is told as the second attempt.
//! - *Confirms* are `basic.ack` for a message and `basic.nack` for one that is refused: see `ports.rs`. A quorum queue confirms
//!   when a majority of its replicas have written the message to their disks, a classic queue when it is on the disk. With
//!   `rabbitmq.confirms=off` the server is asked for none: a message counts as confirmed when the client has written it to the
//!   connection, and nobody hears of one that no queue takes.
//! - *Acknowledgements* are `basic.ack` after handling, one frame for all messages of a queue that a lane handled in one step. What a
//!   consumer had when its channel closed goes back into the queue, and so does what it gives back.
//! - *Acknowledgements before handling* (`--acks before`) are `basic.ack` for what an inbox found, before the lane gets it. AMQP does not
//!   answer them, so one may be lost with its connection, and the server then hands out again what a handler may have had. It marks
//!   that, and a consumer passes over what is marked: at most once. So what a consumer that dies had not taken yet is lost, too.
//!   With `rabbitmq.no-ack=on` consumers ask for no acknowledgements at all (`no_ack`): a message is done with when the server has
//!   written it to the connection. The prefetch means nothing then, and the server sends what it has to a client whose memory for it
//!   has no limit.
//! - *Dead letters*: with `rabbitmq.delivery-limit` a quorum queue gives up on a message that was given back more often, and moves it to
//!   a queue of its own (`x-dead-letter-exchange`, at least once), `QUEUE.dead`. The instances of the service receive from there,
//!   too, and hand over what they receive as dead letters.
//! - *Order*: a queue keeps the order of its publishers. A message that is delivered again comes late, so order is not promised.
//! - *Removal*: AMQP cannot list queues, so their names are written down for `drumpost clean` (`Objects::written_down`). The server itself removes a queue that nobody has used
//!   for an hour, or an hour longer than an instance of the trial may be away (`x-expires`), and an exchange with its last queue (`auto_delete`).
//! - *Waiting messages*: AMQP tells how many are ready and not how many are unacknowledged, so the latter number is not told.
//! - *Server alarms*: a server that is low on memory or disk stops reading from connections that publish. The client then writes
//!   nothing, not even acknowledgements. The run says so.

mod connect;
mod declare;
mod ports;
#[cfg(test)]
mod tests;

use connect::{version, vhost};
use declare::{Queue, Shape, UNUSED};
use drumpost_kit::prelude::*;
use lapin::{Connection, Error, options::*};
use ports::{Addresses, Exchange, Queues, Route, Source};

const CONFIRMS: &str = "whether the server confirms messages; off may lose them";
const QUEUE: &str = "type of the queues; transient is classic with messages that are not persistent";
const EXCHANGE: &str =
    "type of the exchanges of events; topic has a routing key of each message's kind and key";
const LIMIT: &str = "a message that is given back more often becomes a dead letter";
const ON: Grammar = Grammar::Word(&["on", "off"]);
const TYPES: Grammar = Grammar::Word(&["quorum", "classic", "transient"]);
const EXCHANGES: Grammar = Grammar::Word(&["fanout", "topic"]);
const REPLIES: Grammar = Grammar::Word(&["queue", "direct"]);
const REPLY: &str = "how replies come back: direct is without a queue, at most once, and needs --acks before";
const NO_ACK: &str = "with --acks before: consumers ask for no acknowledgements, so the server sends all that it has and \
                      this process holds it, without a limit";
const COUNTS: Grammar = Grammar::Count { min: 1, max: u16::MAX as u64 };
const OPTIONS: [OptionEntry; connect::OPTIONS.len() + 7] = joined(
    connect::OPTIONS,
    [
        tuning("rabbitmq.queue", TYPES, "quorum", QUEUE),
        tuning("rabbitmq.prefetch", COUNTS, "512", "unacknowledged messages of a consumer").of("messages"),
        OptionEntry::new("rabbitmq.no-ack", ON, "off", NO_ACK).unfair(),
        OptionEntry::optional("rabbitmq.delivery-limit", COUNTS, LIMIT)
            .or_else("the server's own")
            .of("deliveries after the first")
            .unfair()
            .brokers_own()
            .gives_up(),
        tuning("rabbitmq.exchange", EXCHANGES, "fanout", EXCHANGE),
        OptionEntry::new("rabbitmq.replies", REPLIES, "queue", REPLY).unfair(),
        OptionEntry::new("rabbitmq.confirms", ON, "on", CONFIRMS).unfair(),
    ],
);

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "rabbitmq",
        summary: "RabbitMQ (AMQP 0-9-1): quorum or classic queues, publisher confirms, acks after handling; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Replicated,
            acknowledges: &Acks::WITHOUT_TRANSACTIONS,
            acks: "publisher confirms, basic.ack after handling",
            persistence: "disks of a majority of replicas; one disk or memory with rabbitmq.queue",
            stores: true,
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RabbitMq::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct RabbitMq {
    at: Arc<At>,
    url: Url,
    login: Login<()>,
    shape: Shape,
    prefetch: u16,
    /// Consumers that acknowledge before handling ask for no acknowledgements.
    no_ack: bool,
    is_confirmed: bool,
    queues: Objects,
}

impl RabbitMq {
    fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::of(options, "rabbitmq.url", &[("amqp", 5672), ("amqps", 5671)])?;
        let login = Login::read("rabbitmq", options, &url, vec![])?;
        let (at, shape) = (Arc::new(At::of("RabbitMQ", &url)), Shape::from_options(options)?);
        let prefetch = options.count("rabbitmq.prefetch") as u16;
        let [no_ack, is_confirmed] =
            ["rabbitmq.no-ack", "rabbitmq.confirms"].map(|name| options.word(name) == "on");
        let queues = Objects::written_down::<Self>(&at, &vhost(&url));
        Ok(Self { at, url, login, shape, prefetch, no_ack, is_confirmed, queues })
    }

    /// How messages get to whoever hears a destination.
    fn route(&self, sent: &Destination, addresses: &Arc<Addresses>) -> Route {
        match sent.intent == Intent::Event && !sent.receivers.is_empty() {
            true if self.shape.topics => Route::Topic,
            true => Route::Fanout,
            false if self.shape.is_direct(sent) => Route::Direct(Arc::clone(addresses)),
            false => Route::Queue,
        }
    }
}

/// The first words of every client.
const GREETING: &[u8] = b"AMQP\x00\x00\x09\x01";
/// The name that stands for a direct reply.
const DIRECT: &str = "amq.rabbitmq.reply-to";

/// What the protocol has where nothing is asked for.
fn plain<T: Default>() -> T {
    T::default()
}

impl AsyncTransport for RabbitMq {
    type Send = Outbox<Exchange>;
    type Recv = Inbox<Queues>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let before = asked.acks(&listed) == Acks::Before;
        if self.shape.limit.is_some() && before {
            return Err("gives up on no message with --acks before, as none comes twice: leave rabbitmq.delivery-limit or --acks before out".into());
        }
        if self.no_ack && !before {
            return Err(
                "has rabbitmq.no-ack=on only with --acks before: ask for that, or leave rabbitmq.no-ack out"
                    .into(),
            );
        }
        if self.shape.direct && !before {
            return Err("delivers direct replies at most once, and other messages only with --acks before: ask for that, or leave rabbitmq.replies out".into());
        }
        if !self.is_confirmed && asked.guarantee == Some(promise::Delivery::AtLeastOnce) {
            return Err("does not hear with rabbitmq.confirms=off what the server failed to store, so --guarantee at-least-once \
                        cannot be kept"
                .into());
        }
        let (confirms, persistence) = match self.shape.kind {
            "classic" => (promise::Confirms::Durable, "disk"),
            "transient" => (promise::Confirms::Leader, "memory"),
            _ => (listed.confirms, listed.persistence),
        };
        let acks = match (self.is_confirmed, before, self.no_ack) {
            (true, false, _) => listed.acks,
            (true, true, false) => "publisher confirms, basic.ack before handling",
            (true, true, true) => "publisher confirms, no acknowledgements (no_ack)",
            (false, false, _) => "no publisher confirms, basic.ack after handling",
            (false, true, false) => "no publisher confirms, basic.ack before handling",
            (false, true, true) => "neither publisher confirms nor acknowledgements (no_ack)",
        };
        let promise = Promise { confirms, persistence, acks, ..listed };
        let unconfirmed = Promise {
            confirms: promise::Confirms::Written,
            // What a killed consumer had not acknowledged comes again, unless it acknowledges before handling.
            delivery: promise::Delivery::Any,
            ..promise
        };
        if self.is_confirmed { promise.when(asked) } else { unconfirmed.when(asked) }
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.connect().await?;
        self.at.greeted(GREETING, self.is_encrypted(), version).await.map(Some)
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (connection, layout) = (self.connect().await?, Layout::new(wiring, '.'));
        let channel = self.channel(&connection).await?;
        let publish = async |longest: Vec<u8>| {
            channel.confirm_select(plain()).await?;
            // To the queue without a name, which no server has.
            channel.basic_publish(plain(), plain(), plain(), &longest, plain()).await?.await.map(drop)
        };
        let (is_refusal, refusals) = (Error::is_amqp_soft_error, self.queues.refusals());
        self.at.takes_the_longest(&wiring.pool, publish, is_refusal, refusals, "max_message_size").await?;
        self.queues.begin(self, &connection).await;
        for queue in wiring.destinations.iter().flat_map(|sent| self.shape.queues(layout, sent)) {
            self.shape.objects(&queue).for_each(|name| self.queues.note(name));
            self.at.step("declare a queue", self.shape.declare(&channel, &queue, wiring.away)).await?;
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let connection = self
            .attach(format!("drumpost {}", wiring.instance_name(me)), connect::frame_bytes(&wiring.pool))
            .await?;
        let (layout, line) = (Layout::new(wiring, '.'), Line::to(&self.at));
        let (mut sources, mut apart, mut sends) = (Vec::new(), Vec::new(), Vec::new());
        let before = wiring.acks == Acks::Before;
        let no_ack = before && self.no_ack;
        let asked = BasicConsumeOptions { no_ack, ..plain() };
        // Direct replies come over the channel of the requests.
        let asks = self.channel(&connection).await?;
        let addresses = Arc::new(Addresses::default());
        for heard in layout.heard(me) {
            if self.shape.is_direct(heard.destination) {
                if sources.iter().all(|source: &Source| !Arc::ptr_eq(&source.channel, &asks)) {
                    let no_ack = BasicConsumeOptions { no_ack: true, ..plain() };
                    let consume = asks.basic_consume(DIRECT.into(), plain(), no_ack, plain());
                    let consumer = self.at.step("consume replies", consume).await?;
                    sources.push(Source {
                        consumer,
                        channel: Arc::clone(&asks),
                        is_dead: false,
                        no_ack: true,
                    });
                    apart.push(heard.is_apart);
                }
                continue;
            }
            let queue = Queue::new(heard.destination, heard.place, &heard.group);
            let dead = self.shape.limit.map(|_| (queue.dead(), true));
            for (queue, is_dead) in [(queue.name, false)].into_iter().chain(dead) {
                let channel = self.channel(&connection).await?;
                let consume = async {
                    channel.basic_qos(self.prefetch, plain()).await?;
                    channel.basic_consume(queue.into(), plain(), asked, plain()).await
                };
                let consumer = self.at.step("consume from a queue", consume).await?;
                sources.push(Source { consumer, channel, is_dead, no_ack });
                apart.push(heard.is_apart);
            }
        }
        for sent in wiring.sends_of(wiring.service_of(me)) {
            let asks_directly = self.shape.direct && sent.intent == Intent::Request;
            let channel = match asks_directly {
                true => Arc::clone(&asks),
                false => self.channel(&connection).await?,
            };
            if self.is_confirmed {
                self.at.step("ask for confirms", channel.confirm_select(plain())).await?;
            }
            let has_queue = !sent.receivers.is_empty() && !self.shape.is_direct(sent);
            // What no queue takes comes back and counts as refused, but for an event without subscribers.
            let mandatory = has_queue && self.is_confirmed;
            let exchange = Exchange {
                channel,
                line: line.clone(),
                route: self.route(sent, &addresses),
                reply_to: asks_directly.then(|| DIRECT.into()),
                is_persistent: self.shape.kind != "transient",
                options: BasicPublishOptions { mandatory, ..plain() },
                confirms: Futures::default(),
            };
            let outbox = Outbox::new(wiring, layout, sent, line.clone(), exchange);
            sends.push(outbox.noting(self.queues.refusals()));
        }
        let queues =
            Queues { pool: Arc::clone(&wiring.pool), line: line.clone(), sources, before, addresses };
        Ok(Endpoint { inbox: Inbox::new(wiring, line, &apart, queues), sends })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let (connection, layout) = (self.queues.session(self).await?, Layout::new(wiring, '.'));
        let (channel, mut depths) = (self.channel(&connection).await?, Vec::new());
        for sent in &wiring.destinations {
            let mut depth = Depth { destination: sent.id, ..Depth::default() };
            for queue in self.shape.queues(layout, sent) {
                let ask = channel.queue_declare(
                    queue.name.into(),
                    QueueDeclareOptions::default().passive(),
                    plain(),
                );
                depth.ready += u64::from(self.at.step("tell what waits", ask).await?.message_count());
            }
            depths.push(depth);
        }
        self.queues.keep(connection);
        Ok(Some(depths))
    }

    async fn close(&self) -> Result<(), String> {
        self.queues.close(self).await
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
        self.attach("drumpost, set-up and removal".into(), None).await
    }

    /// Removes the queue and the exchange of that name, of which one exists.
    async fn remove(&self, connection: &Connection, name: &str) -> bool {
        let Ok(channel) = self.channel(connection).await else { return false };
        let is_gone = channel.queue_delete(name.into(), plain()).await.is_ok();
        is_gone && channel.exchange_delete(name.into(), plain()).await.is_ok()
    }
}
