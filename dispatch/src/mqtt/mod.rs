//! `mqtt`: MQTT 5. Every destination is a topic. The instances of a service share a subscription (`$share/SERVICE/TOPIC`), so one of them
//! gets each command, and one of each service gets each event. Replies have a topic for each instance that asks, which a request names
//! as its response topic; both have the flow as correlation data. Headers are user properties.
//!
//! - *The broker* is in this process unless `mqtt.url` names one: see `embedded.rs`.
//! - *Connections*: an instance has one for sending, one for receiving, and one for replies that are apart, because a receive maximum that
//!   is used up by commands would hold up the reply that the lane awaits.
//! - *QoS 0*: a confirm says that a message was written to the connection. Nothing is acknowledged. What is sent while no subscriber
//!   is connected, and what a broker drops for a slow one, is lost.
//! - *Keep alive*: a connection pings after 5 s of silence (`PING_EVERY_S`), but not a receiver at QoS 0 (`RARELY_S`). A silent line is noticed
//!   there by the connection for sending, which an instance keeps at QoS 0 even if it sends nothing.
//! - *QoS 1 and 2*: a confirm is PUBACK or PUBCOMP. PUBACK or PUBREC is sent after handling. A receiver has a session that the broker keeps
//!   for an hour (`AWAY`), or an hour longer than an instance of the trial may be away: its subscriptions, what it has not acknowledged, and what comes in the meantime. An instance that comes
//!   back takes its session, so it loses nothing.
//! - *No subscription*: a message that no subscription matches, though somebody is to hear it, is refused if the broker says so (reason code
//!   0x10 in PUBACK or PUBREC). A broker need not say so: Mosquitto does at QoS 1 alone, and the broker in this process never. The audit counts
//!   a message of which the broker did not say so as lost.
//! - *Exactly once* is not promised at QoS 2 either. It keeps a message from being stored twice where a sender repeats it, and drumpost
//!   repeats none. A receiver that dies between handling and PUBREC is sent the message again.
//! - *Shared subscriptions and a session that is away*: MQTT lets a broker keep messages for it or give them to others. A message that was
//!   kept comes when its instance is back, and to nobody else, so an instance that stays away keeps its share.
//! - *Limits of brokers*: many drop confirmed messages of a receiver that has too many waiting. In Mosquitto it is `max_queued_messages`,
//!   which is 1,000 by default; 0 is no limit. The audit counts these as lost.
//! - *Durability* is the broker's. Mosquitto writes its store at intervals and when it ends, so a crash loses what it had confirmed since then.
//! - *Order*: a message that is delivered again comes late, so order is promised at QoS 0 only.
//! - *Removal*: a connection that takes over a session and ends it. A broker does not list sessions, so their names are written down for `drumpost clean` (`Objects::written_down`).

mod connection;
mod embedded;
mod ports;
#[cfg(test)]
mod tests;
mod unmatched;

use connection::{AWAY, Attached, PING_EVERY_S, RARELY_S, tls};
use drumpost_core::registry::EMBEDDED;
use drumpost_kit::{embedded::OfTrial, prelude::*};
use ports::{Subscriptions, Topic};
use rumqttc::{QoS, SubscribeReasonCode, TlsConfiguration};
use std::{collections::BTreeSet, net::SocketAddr, sync::Mutex};

/// Most bytes of a packet besides its payload and user properties: its topics, and the lengths and kinds of its properties.
const PACKET: usize = 1024;
/// The same of a user property beside its value.
const PROPERTY: usize = 32;

const URL: &str = "address of the broker: mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; may contain USER:PASSWORD@; \
                   \"embedded\" is one in this process, whose CPU time and memory are part of the process's";
const LEVELS: Grammar = Grammar::Word(&["0", "1", "2"]);
const COUNTS: Grammar = Grammar::Count { min: 1, max: u16::MAX as u64 };
const QOS: &str = "quality of service of messages and subscriptions";
const INFLIGHT: &str =
    "unacknowledged messages of a connection, sent or received (receive maximum); a broker may allow fewer";
const LOGIN: [OptionEntry; 6] = drumpost_kit::login_options! {
    family: "mqtt",
    environment: "MQTT",
    url: Grammar::Url(&["mqtt", "mqtts"]), EMBEDDED, URL,
    ways: [],
};
const OPTIONS: [OptionEntry; 8] = joined(
    LOGIN,
    [tuning("mqtt.qos", LEVELS, "1", QOS), tuning("mqtt.inflight", COUNTS, "1024", INFLIGHT).of("messages")],
);

/// How a guarantee that was asked for can be had, or why not.
const GUARANTEES: &str = "mqtt.qos=0 promises at most once, and 1 and 2 at least once: what was handled and not acknowledged when its \
                          receiver died comes again, also at QoS 2";

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "mqtt",
        summary: "MQTT 5: shared subscriptions, confirms, acks after handling; a broker in this process, or one that runs",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Leader,
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "PUBACK or PUBCOMP as confirms, PUBACK or PUBREC after handling",
            persistence: "memory, and what else the broker does",
            stores: true,
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Mqtt::from_options(options)?))),
        ..BROKER
    }
}

struct Mqtt {
    url: Url,
    at: Arc<At>,
    login: Login<()>,
    tls: Option<TlsConfiguration>,
    qos: QoS,
    /// Unacknowledged messages of a connection, either way.
    inflight: u16,
    sessions: Objects,
    /// The sessions of the trial to whose subscriptions the broker has agreed, all of them.
    granted: Mutex<BTreeSet<String>>,
    /// The broker in this process.
    embedded: OfTrial<SocketAddr>,
}

/// The rest may be secret: the client's own type shows the private key.
impl std::fmt::Debug for Mqtt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mqtt").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Mqtt {
    fn from_options(options: &Values) -> Result<Self, String> {
        let qos = match options.word("mqtt.qos") {
            "0" => QoS::AtMostOnce,
            "1" => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        let url = Url::of(options, "mqtt.url", &[("mqtt", 1883), ("mqtts", 8883)])?;
        let login = Login::read("mqtt", options, &url, vec![])?;
        let at = Arc::new(match &*url.host {
            EMBEDDED => At::new("mqtt5 (embedded)", "127.0.0.1"),
            _ => At::of("MQTT broker", &url),
        });
        let (tls, inflight) = (tls(&url, &login)?, options.count("mqtt.inflight") as u16);
        let (sessions, embedded) = (Objects::written_down::<Self>(&at, ""), OfTrial::default());
        Ok(Self { url, at, login, tls, qos, inflight, sessions, granted: Mutex::default(), embedded })
    }

    /// Connects and subscribes to places of an instance, unless the broker kept that in its session.
    ///
    /// An opening that broke off may have left a session without all its subscriptions, which are asked for again over it. What the broker
    /// has stored for it meanwhile was confirmed to its senders, and comes.
    async fn subscribed(
        &self,
        name: String,
        heard: &[Heard<'_>],
        kept_for: Duration,
        line: &Line,
    ) -> Result<Attached, OpenError> {
        let (kept_for, keep_alive_s) = match self.qos {
            QoS::AtMostOnce => (None, RARELY_S),
            _ => (Some(kept_for), PING_EVERY_S),
        };
        let attached = self.attach(name.clone(), kept_for, keep_alive_s, line, false).await?;
        let is_granted = lock(&self.granted).remove(&name) && attached.connack.session_present;
        for Heard { place, group, is_alone, .. } in heard.iter().filter(|_| !is_granted) {
            let filter = if *is_alone { place.clone() } else { format!("$share/{group}/{place}") };
            let subscribe = async {
                let asked = attached.client.subscribe_tracked(filter, self.qos).await;
                let granted = asked.map_err(|error| error.to_string())?.wait_async().await;
                let granted = granted.map_err(|error| error.to_string())?.return_codes;
                let is_granted = granted == [SubscribeReasonCode::Success(self.qos)];
                if is_granted { Ok(()) } else { Err(format!("{:?} is answered with {granted:?}", self.qos)) }
            };
            self.at.step("subscribe", subscribe).await?;
        }
        lock(&self.granted).insert(name);
        Ok(attached)
    }
}

/// The name of an instance, for sessions.
fn name(wiring: &Wiring, me: u16) -> String {
    format!("{}-{}", token(&wiring.run_name), token(&wiring.instance_name(me)))
}

/// The sessions of an instance: the name of each, whether it is one for replies that are apart, and what is heard over it.
fn sessions(wiring: &Wiring, me: u16) -> impl Iterator<Item = (String, bool, Vec<Heard<'_>>)> {
    Layout::new(wiring, '/').parts(me).map(move |(heard, is_apart)| {
        let what = if is_apart { "replies" } else { "heard" };
        (format!("{}-{what}", name(wiring, me)), is_apart, heard)
    })
}

impl AsyncTransport for Mqtt {
    type Send = Outbox<Topic>;
    type Recv = Inbox<Subscriptions>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let lossy = Promise {
            delivery: promise::Delivery::AtMostOnce,
            order: Order::PerProducer,
            confirms: promise::Confirms::Written,
            acknowledges: &[],
            acks: "none",
            persistence: "none",
            stores: false,
            ..listed
        };
        let promise = if self.qos == QoS::AtMostOnce { lossy } else { listed };
        promise.when(asked).map_err(|why| format!("{why}; {GUARANTEES}"))
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.facts().await.map(Some)
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let session = self.connect().await?;
        let most = session.connack.properties.as_ref().and_then(|limits| limits.max_packet_size);
        let most = most.map_or(usize::MAX, |most| most as usize);
        let beside = PACKET + headers_len(&wiring.pool, PROPERTY);
        self.at.takes(&wiring.pool, beside, most, "max_packet_size")?;
        self.sessions.begin(self, &session).await;
        lock(&self.granted).clear();
        // A broker in this process ends with the trial.
        if self.qos != QoS::AtMostOnce && !self.is_embedded() {
            let all = (0..wiring.instance_count()).flat_map(|me| sessions(wiring, me));
            all.for_each(|(name, ..)| self.sessions.note(name));
        }
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        // A name of its own: an instance whose consumer was killed sends on over the connection that it has.
        let sends = format!("{}-sends-{}", name(wiring, me), fresh());
        let (layout, line) = (Layout::new(wiring, '/'), Line::to(&self.at));
        let kept_for = AWAY.saturating_add(wiring.away);
        let (mut sources, mut apart) = (Vec::new(), Vec::new());
        for (name, is_apart, heard) in sessions(wiring, me) {
            sources.push(self.subscribed(name, &heard, kept_for, &line).await?);
            apart.push(is_apart);
        }
        let sender = Arc::new(self.attach(sends, None, PING_EVERY_S, &line, true).await?);
        let pings = (self.qos == QoS::AtMostOnce).then(|| Arc::clone(&sender));
        let sends = layout.outboxes(me, &line, self.sessions.refusals(), |sent| Topic {
            sender: Arc::clone(&sender),
            line: line.clone(),
            qos: self.qos,
            reply: layout.replies_to(sent, me).filter(|_| sent.intent == Intent::Request),
            is_correlated: matches!(sent.intent, Intent::Request | Intent::Reply),
            is_heard: !sent.receivers.is_empty(),
            confirms: Futures::default(),
        });
        let subscriptions =
            Subscriptions { pool: Arc::clone(&wiring.pool), line: line.clone(), sources, _pings: pings };
        Ok(Endpoint { inbox: Inbox::new(wiring, line, &apart, subscriptions), sends })
    }

    async fn close(&self) -> Result<(), String> {
        // Of a broker in this process nothing was noted, so none is started to find nothing there.
        let closed = self.sessions.close(self).await;
        self.embedded.stop().await;
        closed
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        if self.is_embedded() { Ok(None) } else { self.sessions.clean(self).await.map(Some) }
    }
}

impl Keeper for Mqtt {
    type Session = Attached;
    const OBJECTS: &'static str = "sessions";
    const FORGETS_AFTER: Option<Duration> = Some(AWAY);

    async fn connect(&self) -> Result<Attached, OpenError> {
        let name = format!("{}-{}", Owner::name(), fresh());
        self.attach(name, None, PING_EVERY_S, &Line::to(&self.at), false).await
    }

    async fn remove(&self, _: &Attached, name: &str) -> bool {
        self.attach(name.to_owned(), None, PING_EVERY_S, &Line::to(&self.at), false).await.is_ok()
    }
}
