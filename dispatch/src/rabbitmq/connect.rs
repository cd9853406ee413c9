//! The server: options of the connection, connecting, and what the server says of itself.

use super::plain;
use drumpost_kit::{prelude::*, url::decoded};
use lapin::{
    Channel, Connection, ConnectionProperties, Error, ErrorKind, Event, tcp::OwnedTLSConfig, uri::*,
};

const ABSENT: &str = "start one with \"$(scripts/rabbitmq-server)\", or set rabbitmq.url to one that runs";
const CREDENTIALS: &str = "set rabbitmq.url=amqp://USER:PASSWORD@HOST:PORT/VHOST, or rabbitmq.password";

const HAS_TLS: bool = cfg!(feature = "amqp-tls");
const URL: &str = match HAS_TLS {
    true => "address of the server: amqp://HOST:PORT/VHOST, or amqps:// for TLS; may contain USER:PASSWORD@",
    false => "address of the server: amqp://HOST:PORT/VHOST, without TLS; may contain USER:PASSWORD@",
};
const SCHEMES: &[&str] = if HAS_TLS { &["amqp", "amqps"] } else { &["amqp"] };
const ALL: [OptionEntry; 6] = drumpost_kit::login_options! {
    family: "rabbitmq",
    environment: "RABBITMQ",
    url: Grammar::Url(SCHEMES), "amqp://127.0.0.1:5672", URL,
    ways: [],
};

/// The options of the connection.
pub(super) const OPTIONS: [OptionEntry; if HAS_TLS { 6 } else { 3 }] = {
    let mut options = [ALL[0]; if HAS_TLS { 6 } else { 3 }];
    let mut at = 1;
    while at < options.len() {
        options[at] = ALL[at];
        at += 1;
    }
    options
};

/// Where the server is, and who connects.
pub(super) struct Server {
    url: Url,
    login: Login<()>,
    tls: OwnedTLSConfig,
    pub(super) at: Arc<At>,
    pub(super) refusals: Arc<Refusals>,
}

/// The rest may be secret.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let address = options.url("rabbitmq.url");
        let port = if address.starts_with("amqps:") { 5671 } else { 5672 };
        let url = Url::read("rabbitmq.url", address, "amqp", port)?;
        let login = Login::read("rabbitmq", options, &url, vec![])?;
        let at = Arc::new(At::new("RabbitMQ", &url.shown()));
        Ok(Self { url, login, tls: tls(options), at, refusals: Arc::default() })
    }

    /// The virtual host.
    pub(super) fn vhost(&self) -> String {
        if self.url.path.is_empty() { "/".to_owned() } else { decoded(&self.url.path) }
    }

    /// A connection. The client has a thread for each, and does not connect again by itself: that would be hidden in the figures.
    pub(super) async fn attach(&self, name: String) -> Result<Connection, OpenError> {
        // `guest`, whom a server lets in from its own machine.
        let mut userinfo = AMQPUserInfo::default();
        if let Who::User { name, password } = self.login.who.clone() {
            userinfo = AMQPUserInfo { username: name, password: password.unwrap_or_default() };
        }
        let (vhost, Url { host, port, .. }) = (self.vhost(), &self.url);
        let authority =
            AMQPAuthority { userinfo, host: host.trim_matches(['[', ']']).to_owned(), port: *port };
        let scheme = if self.is_encrypted() { AMQPScheme::AMQPS } else { AMQPScheme::AMQP };
        // In seconds. Who says nothing for twice as long is gone.
        let query = AMQPQueryString { heartbeat: Some(5), ..plain() };
        let uri = AMQPUri { scheme, authority, vhost, query };
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().map_err(|error| self.at.failed("connect", &error))?;
        let connect = Connection::connect_uri_with_config(uri, properties, self.tls.clone(), runtime);
        let connection = self.at.reach(connect, ABSENT, |error| self.why(error)).await?;
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

    pub(super) async fn channel(&self, connection: &Connection) -> Result<Arc<Channel>, OpenError> {
        self.at.step("open a channel", connection.create_channel()).await.map(Arc::new)
    }

    /// What the server is. The client does not hand out what the server tells everyone who greets it, and a greeting that is
    /// encrypted is not read.
    pub(super) async fn facts(&self) -> Result<ServerFacts, OpenError> {
        let version = match self.is_encrypted() {
            true => String::new(),
            false => version(&self.at.first_words(b"AMQP\x00\x00\x09\x01").await?),
        };
        Ok(self.at.facts(&version, self.at.addresses().await))
    }

    fn is_encrypted(&self) -> bool {
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
                (Unreachable::Refused, drumpost_kit::server::tls_advice("rabbitmq"))
            }
            _ => (Unreachable::Absent, ABSENT.into()),
        }
    }
}

/// The certificates to trust and to show.
#[cfg(feature = "amqp-tls")]
fn tls(options: &Values) -> OwnedTLSConfig {
    let text = |name| options.file(name).map(|file| file.text.clone());
    let identity = text("rabbitmq.tls-cert").zip(text("rabbitmq.tls-key"));
    let identity = identity
        .map(|(pem, key)| lapin::tcp::OwnedIdentity::PKCS8 { pem: pem.into_bytes(), key: key.into_bytes() });
    OwnedTLSConfig { identity, cert_chain: text("rabbitmq.tls-ca") }
}

#[cfg(not(feature = "amqp-tls"))]
fn tls(_options: &Values) -> OwnedTLSConfig {
    OwnedTLSConfig::default()
}

/// The version in the server's first frame: a text of this name in a table, after four bytes that have its length.
pub(super) fn version(frame: &[u8]) -> String {
    let at = frame.windows(9).position(|part| part == b"\x07versionS").map_or(frame.len(), |at| at + 13);
    frame.iter().skip(at).map(|byte| char::from(*byte)).take_while(char::is_ascii_graphic).collect()
}
