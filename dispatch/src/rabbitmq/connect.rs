//! The server: options of the connection, connecting, and what the server says of itself.

use super::{RabbitMq, plain};
use drumpost_kit::prelude::*;
use lapin::{
    Channel, Connection, ConnectionProperties, Error, ErrorKind, Event,
    tcp::{OwnedIdentity, OwnedTLSConfig},
    uri::*,
};

const ABSENT: &str = "start one with \"$(scripts/rabbitmq-server)\", or set rabbitmq.url to one that runs";
/// The client keeps room for 32 frames each way, for each connection. Servers offer frames of 128 KiB, which makes 8 MiB of a connection.
const FRAME_BYTES: u32 = 32 * 1024;
/// Beside the values of its headers, what the first frame of a message has for each, name included, and in all: properties, and what a server
/// adds to a dead letter.
const HEADER_FRAMING: usize = 64;
const PROPERTIES_BYTES: usize = 4 * 1024;
const CREDENTIALS: &str = "set rabbitmq.url=amqp://USER:PASSWORD@HOST:PORT/VHOST, or rabbitmq.password; VHOST has to be there, and USER needs permissions in it";

const HAS_TLS: bool = cfg!(feature = "amqp-tls");
const URL: &str = match HAS_TLS {
    true => {
        "address of the server: amqp://HOST:PORT/VHOST, or amqps:// for TLS (the record then lacks the server's version); may contain USER:PASSWORD@"
    }
    false => "address of the server: amqp://HOST:PORT/VHOST, without TLS; may contain USER:PASSWORD@",
};
const SCHEMES: &[&str] = if HAS_TLS { &["amqp", "amqps"] } else { &["amqp"] };

/// The options of the connection.
pub(super) const OPTIONS: [OptionEntry; if HAS_TLS { 6 } else { 3 }] = first(drumpost_kit::login_options! {
    family: "rabbitmq",
    environment: "RABBITMQ",
    url: Grammar::Url(SCHEMES), "amqp://127.0.0.1:5672", URL,
    ways: [],
});

/// The virtual host.
pub(super) fn vhost(url: &Url) -> String {
    url.decoded_path().unwrap_or_else(|| "/".to_owned())
}

/// The frames that carry the messages of a pool. A payload may take several, but all headers are in one.
pub(super) fn frame_bytes(pool: &Pool) -> Option<u32> {
    let headers_len = drumpost_kit::encode::headers_len(pool, HEADER_FRAMING) + PROPERTIES_BYTES;
    (headers_len <= FRAME_BYTES as usize).then_some(FRAME_BYTES)
}

impl RabbitMq {
    /// A connection. The client has a thread for each, and does not connect again by itself: that would be hidden in the figures.
    ///
    /// `frame_bytes` is the longest frame that it asks for; `None`: the server's.
    pub(super) async fn attach(
        &self,
        name: String,
        frame_bytes: Option<u32>,
    ) -> Result<Connection, OpenError> {
        // `guest`, whom a server lets in from its own machine.
        let guest = AMQPUserInfo::default();
        let own = |(name, password): (&str, &str)| AMQPUserInfo {
            username: name.to_owned(),
            password: password.to_owned(),
        };
        let (userinfo, vhost) = (self.login.user().map_or(guest, own), vhost(&self.url));
        let authority =
            AMQPAuthority { userinfo, host: self.url.bare_host().to_owned(), port: self.url.port };
        let scheme = if self.is_encrypted() { AMQPScheme::AMQPS } else { AMQPScheme::AMQP };
        // In seconds. Who says nothing for twice as long is gone.
        let query = AMQPQueryString { heartbeat: Some(5), frame_max: frame_bytes, ..plain() };
        let uri = AMQPUri { scheme, authority, vhost, query };
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().map_err(|error| self.at.failed("connect", &error))?;
        let connect = Connection::connect_uri_with_config(uri, properties, self.tls(), runtime);
        let connection = self.at.reach(connect, ABSENT, |error| self.why(error)).await?;
        let (mut events, refusals) = (connection.events_listener(), Arc::clone(self.queues.refusals()));
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

    pub(super) async fn channel(&self, connection: &Connection) -> Result<Arc<Channel>, OpenError> {
        self.at.step("open a channel", connection.create_channel()).await.map(Arc::new)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme == "amqps"
    }

    fn why(&self, error: &Error) -> (Unreachable, String) {
        use std::io::ErrorKind::{ConnectionReset, InvalidData, UnexpectedEof};
        match error.kind() {
            // `ACCESS_REFUSED` and `NOT_ALLOWED`: the login, or the virtual host.
            ErrorKind::ProtocolError(error) if [403, 530].contains(&error.get_id()) => {
                (Unreachable::Refused, CREDENTIALS.into())
            }
            // What the TLS library says. A server may drop the connection of a client whose certificate it wants before it says so.
            ErrorKind::IOError(error)
                if self.is_encrypted()
                    && matches!(error.kind(), InvalidData | ConnectionReset | UnexpectedEof) =>
            {
                (Unreachable::Refused, tls_advice("rabbitmq"))
            }
            _ => (Unreachable::Absent, ABSENT.into()),
        }
    }

    /// The certificates to trust and to show.
    fn tls(&self) -> OwnedTLSConfig {
        let Login { authority, certificate, .. } = self.login.clone();
        let identity = certificate.map(|(certificate, key)| OwnedIdentity::PKCS8 {
            pem: certificate.text.into_bytes(),
            key: key.text.into_bytes(),
        });
        OwnedTLSConfig { identity, cert_chain: authority.map(|authority| authority.text) }
    }
}

/// The version in the server's first frame: a text of this name in a table, after four bytes that have its length.
pub(super) fn version(frame: &[u8]) -> String {
    let at = frame.windows(9).position(|part| part == b"\x07versionS").map_or(frame.len(), |at| at + 13);
    frame.iter().skip(at).map(|byte| char::from(*byte)).take_while(char::is_ascii_graphic).collect()
}
