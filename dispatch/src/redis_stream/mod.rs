//! `redis-stream`: every destination is a Redis stream, and every receiving service is a consumer group of it. Instances are consumers
//! that compete. Replies have a stream for each instance that asks. An instance has a connection for commands and one for reads.
//!
//! - *Confirms* are the answers to `XADD`. What one turn sends is one write.
//! - *Acknowledgements* are `XACK`s after handling. A consumer has a new name each time an instance is opened. It first claims what
//!   earlier consumers of its instance had pending, and later what others have had pending for `redis.claim-idle`. So a read that
//!   was under way when its consumer died loses nothing.
//! - *Memory*: a task deletes what every group has acknowledged (`trim`). `XADD MAXLEN` would delete entries that nobody has read,
//!   and a receiver that deletes by `XDEL` does not know whether another group needs the entry.
//! - *Order*: a stream keeps the order of its producers. An entry that is delivered again comes late, so order is not promised.
//! - *Durability* is what the server's `appendonly` and `appendfsync` say, which stand beside its version.

#[cfg(test)]
mod tests;

use drumpost_core::wire;
use drumpost_kit::{encode::decode, prelude::*};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value,
    aio::MultiplexedConnection, cmd, pipe,
};
use std::{collections::BTreeMap, mem::take, sync::atomic};
use tokio::time;

/// A hash at the server: the streams, and the processes that made them.
const OWNERS: &str = "drumpost:owners";
/// A busy stream holds what came in so long.
const TRIM_EVERY: Duration = Duration::from_millis(100);
/// The longest wait of a read. Claims are looked for when it is over.
const BLOCK: Duration = Duration::from_secs(1);
/// Most entries of a read. The next one begins when fewer are left.
const COUNT: usize = 256;
/// Most entries that are claimed at once.
const CLAIMS: usize = 10_000;

const ABSENT: &str = "start one with \"$(scripts/redis-server)\", or set redis.url to one that runs";
const URL: &str = "address of the server: redis://HOST:PORT/DATABASE without TLS; may contain USER:PASSWORD@";
const IDLE: &str = "a message that is not acknowledged within this time goes to an instance that asks for it";
const OPTIONS: [OptionEntry; 2] = [
    OptionEntry::new("redis.url", Grammar::Url(&["redis"]), "redis://127.0.0.1:6379", URL)
        .address()
        .or_environment("REDIS_URL"),
    OptionEntry::new("redis.claim-idle", Grammar::SOME_TIME, "5s", IDLE).unfair(),
];

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "redis-stream",
        summary: "Redis streams: consumer groups, answers to XADD as confirms, XACK after handling; at least once",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Leader,
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "answers to XADD as confirms, XACK after handling",
            persistence: "memory, and a file if the server's appendonly says so",
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RedisStream::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct RedisStream {
    client: Client,
    at: Arc<At>,
    claim_idle: Duration,
    streams: Objects,
    refusals: Arc<Refusals>,
}

impl RedisStream {
    fn from_options(options: &Values) -> Result<Self, String> {
        let text = options.url("redis.url");
        let at = At::new("redis-server", &Url::read("redis.url", text, "redis", 6379)?.shown());
        let text = if text.contains("://") { text.into() } else { format!("redis://{text}") };
        // The client's whole error would repeat parts of the URL.
        let client = Client::open(text).map_err(|error| format!("option redis.url: {}", error.category()))?;
        let (at, claim_idle) = (Arc::new(at), options.time("redis.claim-idle").max(Duration::from_millis(2)));
        Ok(Self { client, streams: Objects::at(&at), at, claim_idle, refusals: Arc::default() })
    }
}

impl AsyncTransport for RedisStream {
    type Send = Outbox<Written<Adds>>;
    type Recv = Inbox<Pulled<Consumer, Session>>;

    const REOPENS: bool = true;

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        let (mut session, info) = (self.connect().await?, cmd("INFO").arg("server").take());
        let info: String = self.at.step("ask for the version", info.query_async(&mut session.redis)).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default();
        let durable = session.settings(&["appendonly", "appendfsync"]).await;
        let durable: String = durable.iter().map(|(name, value)| format!(", {name} {value}")).collect();
        Ok(Some(self.at.facts(&format!("{version}{durable}"), self.at.addresses().await)))
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let (mut session, mut make) = (self.connect().await?, pipe());
        let limits = session.settings(&["proto-max-bulk-len"]).await;
        let limit = limits.values().find_map(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        self.at.takes(&wiring.pool, 0, limit, "proto-max-bulk-len")?;
        self.streams.begin(self, &session).await;
        let owner = Owner::this().map(|owner| owner.description()).unwrap_or_default();
        let places = Layout::new(wiring, ':').places();
        for (stream, groups) in &places {
            self.streams.note(stream);
            make.cmd("HSET").arg(OWNERS).arg(stream).arg(&owner);
            // A stream is made with a group, also one that nobody hears.
            for group in groups.iter().map(String::as_str).chain(["none"]) {
                make.cmd("XGROUP").arg("CREATE").arg(stream).arg(group).arg(0).arg("MKSTREAM");
            }
            make.cmd("XGROUP").arg("DESTROY").arg(stream).arg("none");
        }
        self.at.step("create the groups", make.exec_async(&mut session.redis)).await?;
        let streams: Vec<String> = places.into_keys().collect();
        // Once here, so that a user who may not is told.
        self.at.step("trim the streams", trim(&mut session.redis, &streams)).await?;
        let (client, mut redis) = (self.client.clone(), session.redis);
        self.streams.tend(async move {
            let mut every = time::interval(TRIM_EVERY);
            loop {
                every.tick().await;
                if trim(&mut redis, &streams).await.is_err() {
                    redis = client.get_multiplexed_async_connection().await.unwrap_or(redis);
                }
            }
        });
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let layout = Layout::new(wiring, ':');
        let session = Session { group: layout.group(me), ..self.connect().await? };
        let sends = wiring.sends_of(wiring.service_of(me)).map(|sent| {
            let adds = Written::by(Adds { session: session.clone(), next: pipe() });
            Outbox::new(wiring, layout, sent, session.line.clone(), adds).noting(&self.refusals)
        });
        let (sends, mut consumers) = (sends.collect(), Vec::new());
        for (streams, is_apart) in layout.consumers(me) {
            let session = Session { group: layout.group(me), ..self.connect().await? };
            consumers.push((Consumer::new(session, wiring, me, &streams, self.claim_idle), is_apart));
        }
        let inbox = Pulled::inbox(wiring, session.line.clone(), consumers, COUNT, session);
        Ok(Endpoint { sends, inbox })
    }

    async fn close(&self) -> Result<(), String> {
        self.streams.close_and_tell(self, self.refusals.sentence("redis-server")).await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.streams.clean(self).await.map(Some)
    }
}

impl Keeper for RedisStream {
    type Session = Session;
    const OBJECTS: &'static str = "streams";

    /// The client's own limits on waiting are off, because a read waits for longer.
    async fn connect(&self) -> Result<Session, OpenError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let is_refused = |error: &RedisError| error.kind() == ErrorKind::AuthenticationFailed;
        let why = |error: &_| Unreachable::of(is_refused(error), "set USER:PASSWORD@ in redis.url", ABSENT);
        let redis = self.at.reach(connecting, ABSENT, why).await?;
        Ok(Session { redis, line: Line::to(&self.at), group: String::new() })
    }

    async fn list(&self, session: &Session) -> Result<Vec<(String, String)>, OpenError> {
        let (mut session, list) = (session.clone(), cmd("HGETALL").arg(OWNERS).take());
        self.at.step("list the streams", list.query_async(&mut session.redis)).await
    }

    async fn remove(&self, session: &Session, stream: &str) -> bool {
        let (mut session, mut remove) = (session.clone(), pipe());
        remove.cmd("UNLINK").arg(stream).cmd("HDEL").arg(OWNERS).arg(stream);
        remove.exec_async(&mut session.redis).await.is_ok()
    }
}

/// Deletes the entries before the oldest that a group needs: its oldest pending one, or else the last that was delivered to it.
/// A group is delivered entries in their order, so what comes before was acknowledged.
async fn trim(redis: &mut MultiplexedConnection, streams: &[String]) -> RedisResult<()> {
    for stream in streams {
        let mut needed = (u64::MAX, u64::MAX);
        let groups: Vec<BTreeMap<String, Option<String>>> =
            cmd("XINFO").arg("GROUPS").arg(stream).query_async(redis).await?;
        for mut group in groups {
            let [name, delivered] = ["name", "last-delivered-id"].map(|name| group.remove(name).flatten());
            let pending: (Value, Option<String>, Value, Value) =
                cmd("XPENDING").arg(stream).arg(name).query_async(redis).await?;
            let oldest = pending.1.or(delivered).unwrap_or_default();
            let (time, number) = oldest.split_once('-').unwrap_or_default();
            needed = needed.min((time.parse().unwrap_or(0), number.parse().unwrap_or(0)));
        }
        let mut trim = cmd("XTRIM");
        trim.arg(stream).arg("MINID").arg("~").arg(format!("{}-{}", needed.0, needed.1));
        trim.arg("LIMIT").arg(0).exec_async(redis).await?;
    }
    Ok(())
}

/// A connection for a group. Acknowledges what an instance handled.
#[derive(Clone, Debug)]
struct Session {
    redis: MultiplexedConnection,
    line: Line,
    group: String,
}

impl Session {
    /// Settings of the server; none if it does not tell this user.
    async fn settings(&mut self, names: &[&str]) -> BTreeMap<String, String> {
        cmd("CONFIG").arg("GET").arg(names).query_async(&mut self.redis).await.unwrap_or_default()
    }

    fn broken(&self, error: &RedisError) -> PortError {
        self.line.broken(error.is_io_error(), error)
    }
}

impl Settle for Session {
    type Token = Token;

    fn acknowledge(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        let (mut acks, mut session) = (pipe(), self.clone());
        for of_stream in tokens.chunk_by(|one, next| Arc::ptr_eq(&one.0, &next.0)) {
            let ids: Vec<&[u8]> = of_stream.iter().map(|token| &*token.1).collect();
            acks.cmd("XACK").arg(&of_stream[0].0).arg(&self.group).arg(ids);
        }
        let acknowledge =
            async move { acks.exec_async(&mut session.redis).await.map_err(|error| session.broken(&error)) };
        acknowledge.boxed()
    }

    /// An exchange after everything else that was asked.
    fn last(&self) -> Exchange {
        let mut redis = self.redis.clone();
        async move { cmd("PING").exec_async(&mut redis).await.map_err(|error| error.to_string()) }.boxed()
    }
}

/// Adds to a stream.
#[derive(Debug)]
struct Adds {
    session: Session,
    next: Pipeline,
}

impl Write for Adds {
    type Place = String;

    fn put(&mut self, stream: &String, payload: Bytes, message: &Message, pool: &Pool) {
        let (headers, shape) = (wire::headers(message, pool), pool.headers());
        let len = stream.len() + payload.len() + (shape.count() * (shape.value_len() + 16)) as usize + 8;
        // The client owns each command. With room for everything it makes two allocations.
        let mut add = Cmd::with_capacity(5 + 2 * headers.len(), len);
        add.arg("XADD").arg(stream).arg("*").arg("m").arg(&payload[..]);
        headers.for_each(|(name, value)| _ = add.arg(name).arg(value));
        self.next.add_command(add);
    }

    fn write(&mut self) -> Outcomes {
        let (adds, mut session) = (take(&mut self.next), self.session.clone());
        Box::pin(async move {
            let answers = session.redis.send_packed_commands(&adds, 0, adds.len()).await;
            let outcome = |answer: Value| answer.extract_error().map(drop).map_err(|error| error.to_string());
            Ok(answers.map_err(|error| session.broken(&error))?.into_iter().map(outcome).collect())
        })
    }

    fn last(&self) -> Exchange {
        self.session.last()
    }
}

/// An entry's stream and id.
type Token = (Arc<String>, Vec<u8>);
/// An entry's id and its fields.
type Entry = (Vec<u8>, Vec<Vec<u8>>);

/// Reads some streams.
#[derive(Debug)]
struct Consumer {
    session: Session,
    pool: Arc<Pool>,
    streams: Vec<Arc<String>>,
    /// `INSTANCE/NUMBER`.
    name: String,
    read: Cmd,
    claim_idle: Duration,
    is_new: bool,
    /// When to look for claims.
    look: time::Interval,
}

impl Consumer {
    fn new(session: Session, wiring: &Wiring, me: u16, streams: &[String], claim_idle: Duration) -> Self {
        static OPENED: atomic::AtomicU64 = atomic::AtomicU64::new(0);
        let look = claim_idle / 2;
        let name = format!("{}/{}", wiring.instance_name(me), OPENED.fetch_add(1, atomic::Ordering::Relaxed));
        let (mut read, block_ms) = (cmd("XREADGROUP"), BLOCK.min(look).as_millis() as u64);
        read.arg("GROUP").arg(&session.group).arg(&name).arg("COUNT").arg(COUNT).arg("BLOCK").arg(block_ms);
        read.arg("STREAMS").arg(streams).arg(vec![">"; streams.len()]);
        let streams = streams.iter().cloned().map(Arc::new).collect();
        let (pool, look) = (Arc::clone(&wiring.pool), time::interval(look));
        Self { session, pool, streams, name, read, claim_idle, is_new: true, look }
    }

    fn delivery(&self, stream: &Arc<String>, attempt: u16, entry: Entry) -> PortResult<Delivery<Token>> {
        let (id, fields) = entry;
        let headers = fields.get(2..).unwrap_or_default().chunks_exact(2);
        let headers = headers.map(|pair| (String::from_utf8_lossy(&pair[0]), &pair[1]));
        let message = fields.get(1).map_or(&[][..], |message| message);
        let message = decode(message, headers, &self.pool, || stream.to_string())?;
        Ok(Delivery { message, told: Told { attempt, shard: 0 }, token: (Arc::clone(stream), id) })
    }

    /// What others had pending.
    async fn claim(&mut self) -> RedisResult<PortResult<Vec<Delivery<Token>>>> {
        let (is_new, mut all) = (take(&mut self.is_new), Vec::new());
        let idle_ms = if is_new { 0 } else { self.claim_idle.as_millis() as u64 };
        let instance = |consumer: &str| consumer.rfind('/').map(|end| consumer[..end].to_owned());
        let mut redis = self.session.redis.clone();
        for stream in &self.streams {
            let of_group = |command| cmd(command).arg(stream).arg(&self.session.group).take();
            let ask = of_group("XPENDING").arg("IDLE").arg(idle_ms).arg("-").arg("+").arg(CLAIMS).take();
            let mut pending: Vec<(String, String, u64, u16)> = ask.query_async(&mut redis).await?;
            pending
                .retain(|(_, of, ..)| *of != self.name && (!is_new || instance(of) == instance(&self.name)));
            if !pending.is_empty() {
                let ids: Vec<&str> = pending.iter().map(|(id, ..)| id.as_str()).collect();
                let claim = of_group("XCLAIM").arg(&self.name).arg(idle_ms).arg(ids).take();
                let claimed: Vec<Entry> = claim.query_async(&mut redis).await?;
                // In order, without those that another consumer was quicker to claim.
                let mut pending = pending.iter();
                all.extend(claimed.into_iter().map(|entry| {
                    let before = pending.find(|of| of.0.as_bytes() == entry.0).map_or(1, |of| of.3);
                    self.delivery(stream, before.saturating_add(1), entry)
                }));
            }
        }
        Ok(all.into_iter().collect())
    }

    async fn read(&mut self) -> RedisResult<PortResult<Vec<Delivery<Token>>>> {
        let read: Vec<(String, Vec<Entry>)> = self.read.query_async(&mut self.session.redis).await?;
        let all = read.into_iter().flat_map(|(name, entries)| {
            let stream = self.streams.iter().find(|stream| ***stream == *name).unwrap_or(&self.streams[0]);
            entries.into_iter().map(|entry| self.delivery(stream, 1, entry))
        });
        Ok(all.collect())
    }
}

impl Pull for Consumer {
    type Token = Token;
    const TELLS_ATTEMPTS: bool = true;

    async fn pull(&mut self) -> PortResult<Vec<Delivery<Token>>> {
        let is_time = self.look.tick().now_or_never().is_some();
        let pulled = if is_time { self.claim().await } else { self.read().await };
        pulled.map_err(|error| self.session.broken(&error))?
    }
}
