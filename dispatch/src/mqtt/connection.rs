//! Connections: where the broker is, who connects, and noticing that a connection is lost.

use super::{Mqtt, embedded};
use drumpost_core::{options::OptionFile, registry::EMBEDDED};
use drumpost_kit::prelude::*;
use rumqttc::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, ConnAck, ConnectReturnCode, ConnectionError, Event,
    MqttOptions, NetworkOptions, Packet, Publish, QoS, StateError, TlsConfiguration, TlsError, Transport,
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

/// What becomes of the session of a client's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// One that is there ends, and the new one ends with the connection.
    None,
    /// One that is there ends, and the broker keeps the new one for so long after the connection.
    New(Duration),
    /// The broker gives back the one that is there, and keeps it for so long after the connection.
    Old(Duration),
}

impl Keeps {
    const fn is_clean(self) -> bool {
        !matches!(self, Self::Old(_))
    }

    fn expiry_s(self) -> Option<u32> {
        match self {
            Self::None => None,
            Self::New(time) | Self::Old(time) => Some(u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        }
    }
}

/// A connection that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) client: AsyncClient,
    pub(super) inbound: mpsc::Receiver<Publish>,
    pub(super) connack: ConnAck,
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

    /// Connects. A broker ends the older of two connections with the same name, so no two processes have one. The connection pings after
    /// `keep_alive_s` of silence. The client does not connect again by itself: that would be hidden in the figures.
    pub(super) async fn attach(
        &self,
        name: String,
        keeps: Keeps,
        keep_alive_s: u16,
        line: &Line,
    ) -> Result<Attached, OpenError> {
        let (mut network, mut options) = (NetworkOptions::new(), MqttOptions::new(name, self.place().await?));
        // With Nagle's algorithm a message would wait up to 40 ms for the system's acknowledgement of the one before.
        network.set_tcp_nodelay(true);
        options
            .set_keep_alive(keep_alive_s)
            .set_clean_start(keeps.is_clean())
            .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly)
            .set_session_expiry_interval(keeps.expiry_s())
            .set_connect_timeout(PATIENCE)
            .set_network_options(network)
            .set_receive_maximum(Some(self.inflight))
            .set_outgoing_inflight_upper_limit(self.inflight)
            .set_unlimited_incoming_packet_size()
            .set_max_request_batch(64)
            .set_ack_mode(AckMode::Manual);
        if let Some(tls) = self.tls.clone() {
            options.set_transport(Transport::tls_with_config(tls));
        }
        if let Some((name, password)) = self.login.user() {
            options.set_credentials(name, password.to_owned());
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
        let ((hand, inbound), line) = (mpsc::channel(usize::from(self.inflight).max(4096)), line.clone());
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    // A receiver that is full stops reading: the server holds its messages.
                    Ok(Event::Incoming(Packet::Publish(publish))) => drop(hand.send(publish).await),
                    Ok(_) => {}
                    // Nobody has the connection any more.
                    Err(ConnectionError::RequestsDone) => return,
                    Err(error) => return line.lose(&error.to_string()),
                }
            }
        });
        Ok(Attached { client, inbound, connack, _task: AbortOnDropHandle::new(task) })
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
