//! `redis-stream`: every destination is a Redis stream, and every receiving service is a consumer group of it. Instances are consumers
//! that compete. Replies have a stream for each instance that asks. An instance has a connection for commands and one for reads.
//!
//! - *Confirms* are the answers to `XADD`. What a lane sends in one step is one write.
//! - *Acknowledgements* are `XACK`s after handling. A consumer has a new name each time an instance is opened. It first claims what
//!   earlier consumers of its instance had pending, and later what others have had pending for `redis.claim-idle`. So a read that
//!   was under way when its consumer died loses nothing.
//! - *Memory*: a task deletes what every group has acknowledged (`trim`). `XADD MAXLEN` would delete entries that nobody has read,
//!   and a receiver that deletes by `XDEL` does not know whether another group needs the entry.
//! - *Order*: a stream keeps the order of its producers. An entry that is delivered again comes late, so order is not promised.
//! - *Durability* is what the server's `appendonly` and `appendfsync` say, which stand beside its version. A server that comes back without
//!   its data gets its groups again from the first instance that opens a new connection.

use super::connection::{Command, Piped, Server, Session, URL};
use drumpost_core::wire;
use drumpost_kit::{encode::decode, prelude::*};
use redis::{Cmd, RedisResult, Value, aio::MultiplexedConnection, cmd, pipe};
use std::{collections::BTreeMap, mem::take, sync::atomic};
use tokio::time;

/// A busy stream holds what came in so long.
const TRIM_EVERY: Duration = Duration::from_millis(100);
/// The longest wait of a read. Claims are looked for when it is over.
const BLOCK: Duration = Duration::from_secs(1);
/// Most entries of a read. The next one begins when fewer are left.
const COUNT: usize = 256;
/// Most entries that are claimed at once.
const CLAIMS: usize = 10_000;

const IDLE: &str = "a message that is not acknowledged within this time goes to an instance that asks for it";
pub(super) const OPTIONS: [OptionEntry; 2] =
    [URL, OptionEntry::new("redis.claim-idle", Grammar::SOME_TIME, "5s", IDLE).unfair().redelivers()];

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
            stores: true,
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(RedisStream::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
pub(super) struct RedisStream {
    pub(super) server: Server,
    pub(super) claim_idle: Duration,
}

impl RedisStream {
    pub(super) fn from_options(options: &Values) -> Result<Self, String> {
        let claim_idle = options.time("redis.claim-idle").max(Duration::from_millis(2));
        Ok(Self { server: Server::from_options(options, "redis-stream")?, claim_idle })
    }

    /// Makes all groups of a wiring, with their streams.
    async fn make_groups(&self, wiring: &Wiring, session: &mut Session) -> Result<(), OpenError> {
        let mut make = pipe();
        for (stream, groups) in &Layout::new(wiring, ':').places() {
            self.server.note(stream, &mut make);
            // A stream is made with a group, also one that nobody hears.
            for group in groups.iter().map(String::as_str).chain(["none"]) {
                make.cmd("XGROUP").arg("CREATE").arg(stream).arg(group).arg(0).arg("MKSTREAM");
            }
            make.cmd("XGROUP").arg("DESTROY").arg(stream).arg("none");
        }
        self.server.at.step("create the groups", make.exec_async(&mut session.redis)).await
    }

    /// Makes all groups again if the server has lost its data.
    async fn make_groups_again(&self, wiring: &Wiring, session: &mut Session) -> Result<(), OpenError> {
        let Some(first) = Layout::new(wiring, ':').places().into_keys().next() else { return Ok(()) };
        let is_there = self.server.has_note(session.clone(), &first);
        self.server.keys.make_again(is_there, self.make_groups(wiring, session)).await
    }
}

impl AsyncTransport for RedisStream {
    type Send = Outbox<Written<Piped<Add>>>;
    type Recv = Inbox<Pulled<Consumer, Handled>>;

    const REOPENS: bool = true;

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        let Server { at, client, keys, .. } = &self.server;
        let mut session = self.server.begin(wiring).await?;
        self.make_groups(wiring, &mut session).await?;
        let streams: Vec<String> = Layout::new(wiring, ':').places().into_keys().collect();
        // Once here, so that a user who may not is told.
        at.step("trim the streams", trim(&mut session.redis, &streams)).await?;
        let client = client.clone();
        keys.tend(async move {
            // The whole session: the connection ends with it.
            let (mut session, mut every) = (session, time::interval(TRIM_EVERY));
            loop {
                every.tick().await;
                // A server that came back without its data has no groups until an instance makes them: its answer says so, and the connection is whole.
                if trim(&mut session.redis, &streams).await.is_err_and(|error| error.is_io_error())
                    && let Ok(redis) = client.get_multiplexed_async_connection().await
                {
                    session.redis = redis;
                }
            }
        });
        Ok(())
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let layout = Layout::new(wiring, ':');
        let mut session = self.server.session(layout.group(me)).await?;
        self.make_groups_again(wiring, &mut session).await?;
        let sends =
            layout.outboxes(me, &session.line, self.server.keys.refusals(), |_| Piped::over(&session, Add));
        let mut consumers = Vec::new();
        for (streams, is_apart) in layout.consumers(me) {
            let session = self.server.session(layout.group(me)).await?;
            consumers.push((Consumer::new(session, wiring, me, &streams, self.claim_idle), is_apart));
        }
        let inbox = Pulled::inbox(wiring, session.line.clone(), consumers, COUNT, Handled(session));
        Ok(Endpoint { sends, inbox })
    }

    /// A group has not been given its lag yet.
    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let ask = |stream: String| vec![cmd("XINFO").arg("GROUPS").arg(stream).take()];
        let add = |depth: &mut Depth, _, groups: Groups| {
            for group in groups {
                let number = |name| group.get(name)?.as_ref()?.parse::<u64>().ok();
                depth.ready += number("lag")?;
                depth.add_unacknowledged(number("pending")?);
            }
            Some(())
        };
        self.server.depths(wiring, ask, add).await
    }

    async fn close(&self) -> Result<(), String> {
        self.server.close().await
    }

    async fn clean(&self) -> Result<Option<Cleaned>, OpenError> {
        self.server.keys.clean(&self.server).await.map(Some)
    }
}

/// What is known of the groups of a stream.
type Groups = Vec<BTreeMap<String, Option<String>>>;

/// Deletes the entries before the oldest that a group needs: its oldest pending one, or else the last that was delivered to it.
/// A group is delivered entries in their order, so what comes before was acknowledged.
async fn trim(redis: &mut MultiplexedConnection, streams: &[String]) -> RedisResult<()> {
    for stream in streams {
        let mut needed = (u64::MAX, u64::MAX);
        let groups: Groups = cmd("XINFO").arg("GROUPS").arg(stream).query_async(redis).await?;
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

/// Acknowledges what an instance handled.
#[derive(Debug)]
pub(super) struct Handled(Session);

impl Settle for Handled {
    type Token = Token;

    fn acknowledge(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        let (mut acks, mut session) = (pipe(), self.0.clone());
        for of_stream in tokens.chunk_by(|one, next| Arc::ptr_eq(&one.0, &next.0)) {
            let ids: Vec<&[u8]> = of_stream.iter().map(|token| &*token.1).collect();
            acks.cmd("XACK").arg(&of_stream[0].0).arg(&session.group).arg(ids);
        }
        async move { acks.exec_async(&mut session.redis).await.map_err(|error| session.broken(&error)) }
            .boxed()
    }

    fn last(&self) -> RoundTrip {
        self.0.last()
    }
}

/// Adds to a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Add;

impl Command for Add {
    fn write(&self, stream: &str, payload: &[u8], message: &Message, pool: &Pool) -> Cmd {
        let (headers, shape) = (wire::headers(message, pool), pool.headers());
        let len = stream.len() + payload.len() + (shape.count() * (shape.value_len() + 16)) as usize + 8;
        // The client owns each command. With room for everything it makes two allocations.
        let mut add = Cmd::with_capacity(5 + 2 * headers.len(), len);
        add.arg("XADD").arg(stream).arg("*").arg("m").arg(payload);
        headers.for_each(|(name, value)| _ = add.arg(name).arg(value));
        add
    }
}

/// An entry's stream and id.
type Token = (Arc<String>, Vec<u8>);
/// An entry's id and its fields.
type Entry = (Vec<u8>, Vec<Vec<u8>>);

/// Reads some streams.
#[derive(Debug)]
pub(super) struct Consumer {
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
