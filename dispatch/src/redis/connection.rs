//! The server, connections to it, writing by pipelines, and the removal of keys: what all transports over Redis share.

use super::silence::carry;
use drumpost_kit::prelude::*;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Value,
    aio::MultiplexedConnection, cmd, pipe,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    mem::take,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::net::TcpStream;
use tokio_util::{io::InspectReader, task::AbortOnDropHandle};

/// The beginning of the name of a hash at the server: the keys of one transport, and the processes that made them.
const OWNERS: &str = "drumpost:owners";

/// Most writes that the client queues: more than there are ever under way.
const WRITES: usize = 1 << 16;

const ABSENT: &str = "start one with \"$(scripts/redis-server)\", or set redis.url to one that runs";
const DETAIL: &str =
    "address of the server: redis://HOST:PORT/DATABASE without TLS; may contain USER:PASSWORD@";

/// The option that all have.
pub(super) const URL: OptionEntry =
    OptionEntry::new("redis.url", Grammar::Url(&["redis"]), "redis://127.0.0.1:6379", DETAIL)
        .address()
        .or_environment("REDIS_URL");

/// The server, and the keys of a trial there.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) at: Arc<At>,
    pub(super) keys: Objects,
    /// The name of the hash with the owners of keys.
    owners: String,
}

impl Server {
    /// Reads `redis.url`, for a transport of this name.
    pub(super) fn from_options(options: &Values, transport: &str) -> Result<Self, String> {
        let text = options.url("redis.url");
        let at = Arc::new(At::new("redis-server", &Url::read("redis.url", text, "redis", 6379)?.shown()));
        let text = if text.contains("://") { text.into() } else { format!("redis://{text}") };
        // The client's whole error would repeat parts of the URL.
        let client = Client::open(text).map_err(|error| format!("option redis.url: {}", error.category()))?;
        let owners = format!("{OWNERS}:{transport}");
        Ok(Self { client, keys: Objects::at(&at), at, owners })
    }

    /// The version, and settings that say how durable what is stored is.
    pub(super) async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        let mut session = self.connect().await?;
        let version = self.at.step("ask for the version", session.info("server", "redis_version")).await?;
        let durable = session.settings(&["appendonly", "appendfsync"]).await;
        let durable: String = durable.iter().map(|(name, value)| format!(", {name} {value}")).collect();
        let version = format!("{}{durable}", version.unwrap_or_default());
        Ok(Some(self.at.facts(&version, self.at.addresses().await)))
    }

    /// Begins a trial: refuses messages that the server would not take, and removes what earlier trials had to leave.
    pub(super) async fn begin(&self, wiring: &Wiring) -> Result<Session, OpenError> {
        let mut session = self.connect().await?;
        let limits = session.settings(&["proto-max-bulk-len"]).await;
        let limit = limits.values().find_map(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        self.at.takes(&wiring.pool, 0, limit, "proto-max-bulk-len")?;
        self.keys.begin(self, &session).await;
        Ok(session)
    }

    /// Notes a key, here and at the server, before `make` makes it.
    pub(super) fn note(&self, key: &str, make: &mut Pipeline) {
        self.keys.note(key);
        self.note_there(key, make);
    }

    /// Notes a key at the server, which may have lost what was noted there before.
    pub(super) fn note_there(&self, key: &str, make: &mut Pipeline) {
        make.cmd("HSET").arg(&self.owners).arg(key).arg(Owner::here());
    }

    /// Whether the server still has what was noted of a key. It has not if it was started again without its data.
    pub(super) async fn has_note(&self, mut session: Session, key: &str) -> Result<bool, OpenError> {
        let ask = cmd("HEXISTS").arg(&self.owners).arg(key).take();
        self.at.step("ask for what was made", ask.query_async(&mut session.redis)).await
    }

    /// A stream to the server.
    pub(super) async fn stream(&self) -> std::io::Result<TcpStream> {
        let place = self.at.address().split("://").last().unwrap_or_default();
        TcpStream::connect(place).await
    }

    /// Connects and logs in. A task of its own reads and writes, and notices a silent line.
    async fn attach(&self, line: &Line) -> RedisResult<(MultiplexedConnection, AbortOnDropHandle<()>)> {
        // The client's own limits are off. They are limits of a whole answer, and a long one over a slow line takes long. The client takes every
        // write at once: a write that waits for room would keep the room from later ones, if the port that wrote it is not polled again.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WRITES);
        let heard = Arc::new(AtomicBool::default());
        let hears = Arc::clone(&heard);
        let stream = InspectReader::new(self.stream().await?, move |_: &[u8]| hears.store(true, Relaxed));
        let login = self.client.get_connection_info().redis_settings();
        let (redis, driver) = MultiplexedConnection::new_with_config(login, stream, config).await?;
        let carried = tokio::spawn(carry(driver, redis.clone(), heard, line.clone()));
        Ok((redis, AbortOnDropHandle::new(carried)))
    }

    /// A connection for an instance of a group.
    pub(super) async fn session(&self, group: String) -> Result<Session, OpenError> {
        Ok(Session { group, ..self.connect().await? })
    }

    /// Removes the keys.
    pub(super) async fn close(&self) -> Result<(), String> {
        self.keys.close(self).await
    }

    /// What waits for each destination. `ask` has the commands for a place, and `add` takes the answers to them, by number. It gives
    /// `None` if the server does not know.
    pub(super) async fn depths<T: FromRedisValue>(
        &self,
        wiring: &Wiring,
        ask: impl Fn(String) -> Vec<Cmd>,
        add: impl Fn(&mut Depth, usize, T) -> Option<()>,
    ) -> Result<Option<Vec<Depth>>, OpenError> {
        const STEP: &str = "tell what waits";
        let (layout, mut asked, mut of, mut depths) =
            (Layout::new(wiring, ':'), pipe(), Vec::new(), Vec::new());
        for sent in &wiring.destinations {
            let places = layout.subscriptions(sent).into_iter().map(|(place, ..)| place);
            for place in places.collect::<BTreeSet<_>>() {
                for (number, ask) in ask(place).into_iter().enumerate() {
                    asked.add_command(ask);
                    of.push((depths.len(), number));
                }
            }
            depths.push(Depth { destination: sent.id, ..Depth::default() });
        }
        if !of.is_empty() {
            let mut session: Session = self.keys.session(self).await?;
            let answers: Vec<T> = self.at.step(STEP, asked.query_async(&mut session.redis)).await?;
            for ((depth, number), answer) in of.into_iter().zip(answers) {
                let unknown = || self.at.failed(STEP, &"it does not know now");
                add(&mut depths[depth], number, answer).ok_or_else(unknown)?;
            }
            self.keys.keep(session);
        }
        Ok(Some(depths))
    }
}

impl Keeper for Server {
    type Session = Session;
    const OBJECTS: &'static str = "keys";

    async fn connect(&self) -> Result<Session, OpenError> {
        let line = Line::to(&self.at);
        let connecting = async {
            let (mut redis, carried) = self.attach(&line).await?;
            // A server that asks for a password lets every client connect, and refuses its first command. One that was started again takes
            // connections while it reads its data, and refuses commands until it has.
            match cmd("PING").exec_async(&mut redis).await {
                Err(error) if asks_for_login(&error) || error.code() == Some("LOADING") => Err(error),
                _ => Ok((redis, carried)),
            }
        };
        let is_refused =
            |error: &RedisError| error.kind() == ErrorKind::AuthenticationFailed || asks_for_login(error);
        let why = |error: &_| Unreachable::of(is_refused(error), "set USER:PASSWORD@ in redis.url", ABSENT);
        let (redis, carried) = self.at.reach(connecting, ABSENT, why).await?;
        Ok(Session { redis, line, group: String::new(), _carried: Arc::new(carried) })
    }

    async fn list(&self, session: &Session) -> Result<Found, OpenError> {
        let (mut session, list) = (session.clone(), cmd("HGETALL").arg(&self.owners).take());
        self.at.step("list the keys", list.query_async(&mut session.redis)).await.map(Found::of)
    }

    async fn remove(&self, session: &Session, key: &str) -> bool {
        let (mut session, mut remove) = (session.clone(), pipe());
        remove.cmd("UNLINK").arg(key).cmd("HDEL").arg(&self.owners).arg(key);
        remove.exec_async(&mut session.redis).await.is_ok()
    }
}

/// Whether a command was refused because the connection has not logged in.
fn asks_for_login(error: &RedisError) -> bool {
    error.code() == Some("NOAUTH")
}

/// Refuses application headers, for what has no place for them.
pub(super) fn refuse_headers(wiring: &Wiring, name: &str, what: &str) -> Result<(), OpenError> {
    match wiring.pool.headers().count() {
        0 => Ok(()),
        _ => Err(OpenError::Refused(format!(
            "{name} carries no headers: {what} is one value without any; redis-stream has them"
        ))),
    }
}

/// A connection for a group. It ends when all clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) redis: MultiplexedConnection,
    pub(super) line: Line,
    pub(super) group: String,
    /// The task that reads and writes.
    _carried: Arc<AbortOnDropHandle<()>>,
}

impl Session {
    /// Settings of the server; none if it does not tell this user.
    async fn settings(&mut self, names: &[&str]) -> BTreeMap<String, String> {
        cmd("CONFIG").arg("GET").arg(names).query_async(&mut self.redis).await.unwrap_or_default()
    }

    /// What the server says of itself under this name.
    pub(super) async fn info(&mut self, section: &str, name: &str) -> Result<Option<String>, RedisError> {
        let all: String = cmd("INFO").arg(section).query_async(&mut self.redis).await?;
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned());
        Ok(all.lines().find_map(value))
    }

    /// The error of a port. A silent line says so itself: the client only says that the connection is gone. A server that has no group any
    /// more has lost its data: nothing else removes a group in a trial.
    pub(super) fn broken(&self, error: &RedisError) -> PortError {
        if let Err(why) = self.line.link.check() {
            return why;
        }
        if error.code() == Some("NOGROUP") {
            let lost = format!("it has lost its consumer groups, and the messages that they held ({error})");
            return self.line.broken(false, &lost);
        }
        self.line.broken(error.is_io_error(), error)
    }

    /// A round trip after everything else that was asked.
    pub(super) fn last(&self) -> RoundTrip {
        let session = self.clone();
        async move {
            // The whole session: the connection ends with it.
            let mut session = session;
            cmd("PING").exec_async(&mut session.redis).await.map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// Most bytes of payloads in a command that takes several: the server answers when it has the whole command, and until then the line is
/// silent.
const COMMAND: usize = 64 << 10;

/// How a message is written, and what the answer says of it.
pub(super) trait Command: Send + Sync + Copy + 'static {
    /// The payload is the last argument, and a command may have several payloads: it is carried out for all of them or for none.
    const TAKES_SEVERAL: bool = false;

    /// The command that writes a message to a key or channel.
    fn write(&self, place: &str, payload: &[u8], message: &Message, pool: &Pool) -> Cmd;

    /// Whether an answer that is no error says that the message is stored.
    ///
    /// # Errors
    /// It is not, for a reason in words.
    fn stored(&self, _answer: &Value) -> Result<(), String> {
        Ok(())
    }
}

/// Writes what a lane sends in one step as one pipeline.
#[derive(Debug)]
pub(super) struct Piped<C> {
    session: Session,
    next: Pipeline,
    /// How many messages each command of it has.
    messages: Vec<usize>,
    /// Where the last command writes, if it takes several messages, and how many bytes of payload it has.
    place: String,
    len: usize,
    command: C,
}

impl<C: Command> Piped<C> {
    pub(super) fn over(session: &Session, command: C) -> Written<Self> {
        let (messages, place) = (Vec::new(), String::new());
        Written::by(Self { session: session.clone(), next: pipe(), messages, place, len: 0, command })
    }
}

impl<C: Command> Write for Piped<C> {
    type Place = String;

    fn put(&mut self, place: &String, payload: Bytes, message: &Message, pool: &Pool) {
        if let Some(messages) = self.messages.last_mut()
            && C::TAKES_SEVERAL
            && self.place == *place
            && self.len + payload.len() <= COMMAND
        {
            self.next.arg(&payload[..]);
            self.len += payload.len();
            *messages += 1;
            return;
        }
        self.next.add_command(self.command.write(place, &payload, message, pool));
        self.messages.push(1);
        self.len = payload.len();
        if C::TAKES_SEVERAL {
            self.place.clone_from(place);
        }
    }

    fn write(&mut self) -> Outcomes {
        let (writes, messages) = (take(&mut self.next), take(&mut self.messages));
        let (mut session, command) = (self.session.clone(), self.command);
        Box::pin(async move {
            let answers = session.redis.send_packed_commands(&writes, 0, writes.len()).await;
            let outcome = |answer: Value| match answer.extract_error() {
                Ok(answer) => command.stored(&answer),
                Err(error) => Err(error.to_string()),
            };
            let answers = answers.map_err(|error| session.broken(&error))?;
            let of_each = |(answer, messages)| iter::repeat_n(outcome(answer), messages);
            Ok(answers.into_iter().zip(messages).flat_map(of_each).collect())
        })
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}
