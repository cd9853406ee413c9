//! Connections to a RabbitMQ server. The client has a thread for each connection. It does not connect again by itself, because
//! a reconnect would be hidden in the figures.

use super::RabbitMq;
use drumpost_kit::{prelude::*, url::decoded};
use lapin::{Connection, ConnectionProperties, Error, ErrorKind, Event, uri::*};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The server or the client is gone if it says nothing for twice as long.
const HEARTBEAT_S: u16 = 5;
/// `ACCESS_REFUSED` and `NOT_ALLOWED`: the login, or the virtual host.
const REFUSED: [u16; 2] = [403, 530];

const ABSENT: &str = "start one with \"$(scripts/rabbitmq-server)\", or set rabbitmq.url to one that runs";
const CREDENTIALS: &str = "give user and virtual host with rabbitmq.url=amqp://USER:PASSWORD@HOST:PORT/VHOST, or the user with \
                           rabbitmq.user and rabbitmq.password";

impl RabbitMq {
    pub(super) async fn attach(&self, name: String) -> Result<Arc<Connection>, OpenError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let is_refusal = |error: &Error| matches!(error.kind(), ErrorKind::ProtocolError(said) if REFUSED.contains(&said.get_id()));
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
        let userinfo = match self.login.who.clone() {
            Who::User { name, password } => {
                AMQPUserInfo { username: name, password: password.unwrap_or_default() }
            }
            // `guest`, whom a server lets in from its own machine.
            Who::Anyone | Who::By(()) => AMQPUserInfo::default(),
        };
        let (host, port) = self.place();
        let vhost = if self.url.path.is_empty() { "/".to_owned() } else { decoded(&self.url.path) };
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority { userinfo, host: host.to_owned(), port },
            vhost,
            query: AMQPQueryString { heartbeat: Some(HEARTBEAT_S), ..Default::default() },
        }
    }

    fn place(&self) -> (&str, u16) {
        (self.url.host.trim_matches(['[', ']']), self.url.port)
    }

    /// The version, which the server tells to everyone who greets it. The client does not hand it out.
    pub(super) async fn version(&self) -> io::Result<String> {
        let (mut stream, mut answer) = (TcpStream::connect(self.place()).await?, [0; 4096]);
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        let len = stream.read(&mut answer).await?;
        Ok(version(&answer[..len]).unwrap_or_default())
    }
}

/// The version in the server's first frame: a long string of this name in a table.
pub(super) fn version(frame: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\x07versionS";
    let at = frame.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let (len, text) = frame[at..].split_first_chunk()?;
    let text = text.get(..u32::from_be_bytes(*len) as usize)?;
    Some(String::from_utf8_lossy(text).into_owned())
}
