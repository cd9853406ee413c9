//! Connections to a RabbitMQ server. The client keeps its own thread for each connection and does not connect again by itself,
//! because a reconnect would be hidden in the figures.

use drumpost_kit::{prelude::*, url::decoded};
use lapin::{
    Channel, Connection, ConnectionProperties, Error, ErrorKind, Event,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A server or a client that says nothing for twice as long is gone.
const HEARTBEAT_S: u16 = 5;
/// What a client says first, and the length of a frame's header.
const GREETING: &[u8] = b"AMQP\x00\x00\x09\x01";
const FRAME_HEADER_LEN: usize = 7;

const ABSENT: &str = "start one with \"$(scripts/rabbitmq-server)\", or set rabbitmq.url to one that runs";
const CREDENTIALS: &str = "give USER:PASSWORD@ and the virtual host in rabbitmq.url, as in \
                           amqp://USER:PASSWORD@HOST:PORT/VHOST, or set rabbitmq.user and rabbitmq.password";

/// The address of the server and the login.
#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    login: Login<()>,
    pub(super) at: Arc<At>,
    pub(super) refusals: Arc<Refusals>,
    /// Connections of the trial that instances share.
    pub(super) shared: SharedConnections<Arc<Connection>>,
}

impl Server {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let url = Url::read("rabbitmq.url", options.url("rabbitmq.url"), "amqp", 5672)?;
        let login = Login::read("rabbitmq", options, &url, vec![])?;
        let at = Arc::new(At::new("RabbitMQ", &url.shown()));
        Ok(Self { url, login, at, refusals: Arc::default(), shared: SharedConnections::default() })
    }

    /// The connection of an instance.
    pub(super) async fn session(&self, wiring: &Wiring, me: u16) -> Result<Session, OpenError> {
        let connection = self.shared.of(wiring, me, |name| self.attach(name)).await?;
        Ok(Session { connection, line: Line::to(&self.at) })
    }

    /// A connection apart from any load.
    pub(super) async fn connect(&self, name: String) -> Result<Session, OpenError> {
        Ok(Session { connection: self.attach(name).await?, line: Line::to(&self.at) })
    }

    async fn attach(&self, name: String) -> Result<Arc<Connection>, OpenError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let why = |error: &_| Unreachable::of(is_refusal(error), CREDENTIALS, ABSENT);
        let connection = self.at.reach(Connection::connect_uri(self.uri(), properties), ABSENT, why).await?;
        let (mut events, refusals) = (connection.events_listener(), Arc::clone(&self.refusals));
        // Ends with the connection.
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::ConnectionBlocked(reason) = event {
                    refusals.hold_up(reason);
                }
            }
        });
        Ok(Arc::new(connection))
    }

    fn uri(&self) -> AMQPUri {
        let (username, password) = match &self.login.who {
            Who::User { name, password } => (name.clone(), password.clone().unwrap_or_default()),
            // The server's own default, which it takes from the same machine only.
            Who::Anyone | Who::By(()) => ("guest".to_owned(), "guest".to_owned()),
        };
        let Url { host, port, path, .. } = &self.url;
        let host = host.trim_matches(['[', ']']).to_owned();
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority { userinfo: AMQPUserInfo { username, password }, host, port: *port },
            vhost: if path.is_empty() { "/".to_owned() } else { decoded(path) },
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT_S), ..AMQPQueryString::default() },
        }
    }

    /// The version, which the server tells to everyone who greets it. The client does not hand it out.
    pub(super) async fn version(&self) -> io::Result<String> {
        let host = self.url.host.trim_matches(['[', ']']);
        let (mut stream, mut header) =
            (TcpStream::connect((host, self.url.port)).await?, [0; FRAME_HEADER_LEN]);
        stream.write_all(GREETING).await?;
        stream.read_exact(&mut header).await?;
        let mut frame = vec![0; u16::from_be_bytes([header[5], header[6]]).into()];
        stream.read_exact(&mut frame).await?;
        Ok(version(&frame).unwrap_or_default())
    }
}

/// The server's version in the frame with which it answers a greeting: a long string with this name in a table.
pub(super) fn version(frame: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\x07versionS";
    let at = frame.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let (len, text) = frame[at..].split_first_chunk()?;
    let text = text.get(..u32::from_be_bytes(*len) as usize)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Whether the server knows who connects and does not let them in.
fn is_refusal(error: &Error) -> bool {
    const ACCESS_REFUSED: u16 = 403;
    const NOT_ALLOWED: u16 = 530;
    matches!(error.kind(), ErrorKind::ProtocolError(said) if [ACCESS_REFUSED, NOT_ALLOWED].contains(&said.get_id()))
}

/// Whether an error means that the connection is gone. Otherwise the server closed a channel, because it refuses what was asked.
pub(super) fn is_lost(error: &Error) -> bool {
    !error.is_amqp_soft_error()
}

/// A connection, and what a lane knows of it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    connection: Arc<Connection>,
    pub(super) line: Line,
}

impl Session {
    /// A new channel.
    pub(super) async fn channel(&self) -> Result<Arc<Channel>, OpenError> {
        let opening = self.connection.create_channel();
        self.line.at.step("open a channel", opening).await.map(Arc::new)
    }
}
