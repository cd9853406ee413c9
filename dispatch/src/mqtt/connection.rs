//! Connections: where the broker is, who connects, and noticing that a connection is lost.

use super::{
    Mqtt, embedded,
    unmatched::{Packets, Unmatched},
};
use drumpost_core::{options::OptionFile, registry::EMBEDDED};
use drumpost_kit::{gathered::Gathered, prelude::*};
use rumqttc::{
    AckMode, AsyncClient, ConnAck, ConnectReturnCode, ConnectionError, Event, MqttOptions, NetworkOptions,
    Packet, PersistedAckMode, PersistedSession, Publish, QoS, SessionStore, SessionStoreError,
    SessionStoreKey, StateError, TlsConfiguration, TlsError, Transport, default_socket_connect,
    tokio_rustls::rustls,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::AbortOnDropHandle;

/// The server keeps the session of a receiver for so long after the longest time for which an instance of the trial may be away
/// ([`Wiring::away`]).
pub(super) const AWAY: Duration = Duration::from_hours(1);
/// A connection pings after so many seconds of silence. A ping without an answer ends it, and a broker ends one that is silent for half as
/// long again.
pub(super) const PING_EVERY_S: u16 = 5;
/// The same for a receiver at QoS 0. Nothing limits what a broker sends it, so one that is paused or slow has its queue full after a
/// while. It reads no more then, and what does not read hears no answer to a ping. Such a silence is not a fault.
pub(super) const RARELY_S: u16 = AWAY.as_secs() as u16;
/// How long a broker may take to tell its version, which it need not have.
const VERSION_WAIT: Duration = Duration::from_secs(2);

const ABSENT: &str = "start one with \"$(scripts/mosquitto-server)\", set mqtt.url to one that runs, or leave mqtt.url out for \
                      one in this process";
const CREDENTIALS: &str = "set mqtt.user and mqtt.password, or mqtt.url=mqtt://USER:PASSWORD@HOST:PORT";

/// The client's side of a session that the broker gives back: nothing is under way in it. A client without one makes no requests over a
/// session that it did not begin, so it could not subscribe again.
#[derive(Debug)]
struct Blank;

type Stored<'a, T> = BoxFuture<'a, Result<T, SessionStoreError>>;

impl SessionStore for Blank {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Stored<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: Some(1),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: vec![],
            incoming_qos2: vec![],
        };
        async move { Ok(Some(session)) }.boxed()
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Stored<'a, ()> {
        async { Ok(()) }.boxed()
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Stored<'a, ()> {
        async { Ok(()) }.boxed()
    }
}

/// A connection that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) client: AsyncClient,
    pub(super) inbound: mpsc::Receiver<Publish>,
    pub(super) connack: ConnAck,
    /// Messages that this connection published at QoS 2 and no subscription matched.
    pub(super) unmatched: Arc<Unmatched>,
    _task: AbortOnDropHandle<()>,
}

/// The certificates that a client trusts and shows; `None` without TLS.
pub(super) fn tls(url: &Url, login: &Login<()>) -> Result<Option<TlsConfiguration>, String> {
    let pem = |file: &OptionFile| file.text.clone().into_bytes();
    let client_auth = login.certificate.as_ref().map(|(certificate, key)| (pem(certificate), pem(key)));
    match (&*url.scheme, login.authority.as_ref().map(pem)) {
        ("mqtt", None) if client_auth.is_none() => Ok(None),
        ("mqtt", _) => Err("options mqtt.tls-*: they need an address with mqtts://".into()),
        (_, Some(ca)) => Ok(Some(TlsConfiguration::Simple { ca, alpn: None, client_auth })),
        _ if client_auth.is_some() => Err("option mqtt.tls-cert: it needs mqtt.tls-ca".into()),
        _ => TlsConfiguration::try_default_rustls().map(Some).map_err(|error| error.to_string()),
    }
}

impl Mqtt {
    pub(super) fn is_embedded(&self) -> bool {
        self.url.host == EMBEDDED
    }

    /// Host and port; starts the broker in this process.
    async fn place(&self) -> Result<(String, u16), OpenError> {
        if !self.is_embedded() {
            return Ok((self.url.bare_host().to_owned(), self.url.port));
        }
        let start = self.at.step("start a broker", embedded::start());
        let place = self.embedded.ready(start).await?;
        Ok((place.ip().to_string(), place.port()))
    }

    /// Connects. A broker ends the older of two connections with the same name, so no two processes have one. The session of the name ends
    /// with the connection, or the broker keeps it for `kept_for` and gives back one that is there. The connection pings after
    /// `keep_alive_s` of silence. The client does not connect again by itself: that would be hidden in the figures. Only a
    /// connection that `sends` may publish.
    pub(super) async fn attach(
        &self,
        name: String,
        kept_for: Option<Duration>,
        keep_alive_s: u16,
        line: &Line,
        sends: bool,
    ) -> Result<Attached, OpenError> {
        let (mut network, mut options) = (NetworkOptions::new(), MqttOptions::new(name, self.place().await?));
        // With each flush and each read the client looks at as many places for unconfirmed messages as there may be.
        let unconfirmed = if sends && self.qos != QoS::AtMostOnce { self.inflight } else { 1 };
        // With Nagle's algorithm a message would wait up to 40 ms for the system's acknowledgement of the one before.
        network.set_tcp_nodelay(true);
        options
            .set_keep_alive(keep_alive_s)
            // Mosquitto does not store a session that began clean, so it would be gone when the broker is started again.
            .set_clean_start(kept_for.is_none())
            .set_session_expiry_interval(kept_for.map(|time| time.as_secs().try_into().unwrap_or(u32::MAX)))
            .set_connect_timeout(PATIENCE)
            .set_network_options(network)
            .set_receive_maximum(Some(self.inflight))
            .set_outgoing_inflight_upper_limit(unconfirmed)
            .set_unlimited_incoming_packet_size()
            .set_max_request_batch(64)
            .set_ack_mode(AckMode::Manual);
        if let Some(tls) = self.tls.clone() {
            options.set_transport(Transport::tls_with_config(tls));
        }
        if let Some((name, password)) = self.login.user() {
            options.set_credentials(name, password.to_owned());
        }
        if kept_for.is_some() {
            // The client flushes each acknowledgement by itself.
            options.set_socket_connector(|host, network| async move {
                default_socket_connect(host, network).await.map(Gathered::over)
            });
            options.set_session_store(Blank);
        }
        let (client, mut events) = AsyncClient::builder(options).unbounded().build();
        let connecting = async {
            loop {
                if let Event::Incoming(Packet::ConnAck(connack)) = events.poll().await? {
                    return Ok(connack);
                }
            }
        };
        let connack = self.at.reach(connecting, ABSENT, why).await?;
        // The session store is read while the client connects. Later the client would tell it of every packet.
        events.options.clear_session_store();
        let ((hand, inbound), line) = (mpsc::channel(usize::from(self.inflight).max(4096)), line.clone());
        let unmatched = Arc::<Unmatched>::default();
        let mut packets = (sends && self.qos == QoS::ExactlyOnce).then(|| Packets::of(&unmatched));
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    // A receiver that is full stops reading: the server holds its messages.
                    Ok(Event::Incoming(Packet::Publish(publish))) => drop(hand.send(publish).await),
                    Ok(event) => packets.iter_mut().for_each(|packets| packets.note(&event)),
                    // Nobody has the connection any more.
                    Err(ConnectionError::RequestsDone) => return,
                    Err(error) => return line.lose(&error.to_string()),
                }
            }
        });
        Ok(Attached { client, inbound, connack, unmatched, _task: AbortOnDropHandle::new(task) })
    }

    /// What the broker is.
    pub(super) async fn facts(&self) -> Result<ServerFacts, OpenError> {
        let mut attached = self.connect().await?;
        if self.is_embedded() {
            return Ok(ServerFacts { is_embedded: true, ..self.at.facts(embedded::VERSION, []) });
        }
        // Many brokers keep this message for everyone who asks.
        let _asked = attached.client.try_subscribe("$SYS/broker/version", QoS::AtMostOnce);
        let told = timeout(VERSION_WAIT, attached.inbound.recv()).await.ok().flatten();
        let version = told.map(|told| String::from_utf8_lossy(&told.payload).into_owned());
        Ok(self.at.facts_now(&version.unwrap_or_default()).await)
    }
}

/// Why the client does not get in, and what the user can do.
fn why(error: &ConnectionError) -> (Unreachable, String) {
    use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
    let is_tls = match error {
        ConnectionError::ConnectionRefused(BadUserNamePassword | NotAuthorized) => {
            return (Unreachable::Refused, CREDENTIALS.into());
        }
        ConnectionError::Tls(TlsError::Io(error)) => has_cause::<rustls::Error>(error),
        ConnectionError::Tls(_) => true,
        // The client hides the cause.
        ConnectionError::MqttState(StateError::Deserialization(error)) => has_cause::<rustls::Error>(error),
        _ => has_cause::<rustls::Error>(error),
    };
    Unreachable::of(is_tls, &tls_advice("mqtt"), ABSENT)
}
