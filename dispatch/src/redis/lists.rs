//! `redis`: every destination is a list. Senders push to its tail, and the instances of the receiving service compete for its head.
//! Replies have a list for each instance that asks. Lists have no fan-out, so events are refused.
//!
//! - *Confirms* are the answers to `RPUSH`. What a lane sends in one step is one write, and messages that follow each other to one list are one
//!   `RPUSH`, which the server carries out for all of them or for none.
//! - *Taking*, `redis.take` = `move` or `pop`. `move` takes with `LMOVE` into a list of the consumer's own, which holds what is not
//!   acknowledged: at least once. `BLMOVE` waits for the first message. Pipelines of `LMOVE` follow, each of twice as many as the last
//!   one found, until one finds nothing. `pop` takes with `BLMPOP`, up to 256 messages at once: at most once.
//! - *Acknowledgements* are an `LREM` for each message, which the server finds at the head of the consumer's list. `LTRIM` by a count
//!   would be cheaper, but one that a dead consumer had sent may come when its list has been moved over, and would remove others.
//! - *Killed consumers*: a consumer has a list with a new name each time an instance is opened. It first moves over what earlier
//!   consumers of its instance had in theirs, and looks there again once a second: the server may take a message for a consumer that is
//!   gone while that one's last call waits.
//! - *Order*: a list keeps the order of its producers. With `move` a message that is delivered again comes late, so order is not promised.
//! - *A full server* (`maxmemory`) refuses `RPUSH`, which is counted, and `LMOVE`, which ends the run. It does not refuse `BLMPOP`.

use super::connection::{Command, Piped, Server, Session, URL, refuse_headers};
use drumpost_kit::{encode::decode, prelude::*};
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, cmd, pipe};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};
use tokio::time;

/// The longest wait of a read, in seconds. What earlier consumers have is looked for when it is over.
const BLOCK_S: u64 = 1;
/// Most messages that are taken at once. More are asked for when fewer are left.
const COUNT: usize = 256;

const TAKES: Grammar = Grammar::Word(&["move", "pop"]);
const TAKE: &str =
    "move: into a list of the consumer's own until it is acknowledged; pop: off the list, at most once";
const OPTIONS: [OptionEntry; 2] = [URL, tuning("redis.take", TAKES, "move", TAKE)];

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "redis",
        summary: "Redis lists: RPUSH, LMOVE into a list of each consumer, LREM after handling; at least once, or at most once with BLMPOP",
        promise: Promise {
            delivery: promise::Delivery::AtLeastOnce,
            order: Order::None,
            confirms: promise::Confirms::Leader,
            acknowledges: &[Acks::After, Acks::Confirmed],
            acks: "answers to RPUSH as confirms, LREM from the consumer's own list after handling",
            persistence: "memory, and a file if the server's appendonly says so",
            stores: true,
            ..BROKER.promise
        },
        intents: &[(Style::Message, &[Intent::Command, Intent::Request, Intent::Reply])],
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked::new(Lists::from_options(options)?))),
        ..BROKER
    }
}

#[derive(Debug)]
struct Lists {
    server: Server,
    moves: bool,
    /// By place: the lists of its consumers, with the instance of each.
    taken: Mutex<BTreeMap<String, Vec<(u16, String)>>>,
}

impl Lists {
    fn from_options(options: &Values) -> Result<Self, String> {
        let moves = options.word("redis.take") == "move";
        Ok(Self { server: Server::from_options(options, "redis")?, moves, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, Vec<(u16, String)>>> {
        lock(&self.taken)
    }

    /// A new list for a consumer of an instance at a place, and those of earlier ones.
    fn own(&self, place: &str, me: u16) -> (String, Vec<String>) {
        let mut taken = self.taken();
        let all = taken.entry(place.to_owned()).or_default();
        let own = format!("{place}:taken:{me}:{}", all.len());
        let earlier = all.iter().filter(|(of, _)| *of == me).map(|(_, list)| list.clone()).collect();
        all.push((me, own.clone()));
        (own, earlier)
    }
}

impl AsyncTransport for Lists {
    type Send = Outbox<Written<Piped<Push>>>;
    type Recv = Inbox<Pulled<Consumer, Handled>>;

    const REOPENS: bool = true;

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        let popped = Promise {
            delivery: promise::Delivery::AtMostOnce,
            order: Order::PerProducer,
            acknowledges: &[],
            acks: "answers to RPUSH as confirms",
            ..listed
        };
        match self.moves {
            false => popped.when(asked),
            true => listed.when(asked).map_err(|why| match popped.when(&Asked { acks: None, ..*asked }) {
                Ok(_) => format!("{why}; at most once is redis.take=pop"),
                Err(_) => why,
            }),
        }
    }

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        if let Some(event) = wiring.destinations.iter().find(|sent| sent.intent == Intent::Event) {
            return Err(OpenError::Refused(format!(
                "redis cannot carry Event `{}`: a list gives each message to one consumer, so its publisher would have to know \
                 who subscribes; redis-stream and redis-pubsub carry events",
                event.name
            )));
        }
        refuse_headers(wiring, "redis", "an element of a list")?;
        self.taken().clear();
        let (mut session, mut make) = (self.server.begin(wiring).await?, pipe());
        Layout::new(wiring, ':').places().keys().for_each(|list| self.server.note(list, &mut make));
        self.server.at.step("note the lists", make.exec_async(&mut session.redis)).await
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let layout = Layout::new(wiring, ':');
        let mut session = self.server.connect().await?;
        let (mut make, mut consumers, mut handled) = (pipe(), Vec::new(), Vec::new());
        // A server that came back without its data knows none of its lists, and this instance may make them by sending. Lists of replies
        // are noted by the instances that ask.
        let sent = wiring.sends_of(wiring.service_of(me)).filter(|sent| sent.intent != Intent::Reply);
        for (list, ..) in sent.flat_map(|sent| layout.subscriptions(sent)) {
            self.server.note_there(&list, &mut make);
        }
        for heard in layout.heard(me) {
            self.server.note_there(&heard.place, &mut make);
            let (own, earlier) = if self.moves { self.own(&heard.place, me) } else { Default::default() };
            if self.moves {
                self.server.note(&own, &mut make);
            }
            let consumer = Consumer {
                session: self.server.connect().await?,
                pool: Arc::clone(&wiring.pool),
                number: handled.len(),
                list: heard.place,
                own: Some(own.clone()).filter(|_| self.moves),
                earlier,
                look: time::interval(Duration::from_secs(BLOCK_S)),
                more: 0,
            };
            consumers.push((consumer, heard.is_apart));
            handled.push(own);
        }
        if !make.is_empty() {
            self.server.at.step("note the lists of an instance", make.exec_async(&mut session.redis)).await?;
        }
        let line = session.line.clone();
        let sends = layout.outboxes(me, &line, self.server.keys.refusals(), |_| Piped::over(&session, Push));
        let handled = Handled { session, own: handled, moves: self.moves };
        Ok(Endpoint { sends, inbox: Pulled::inbox(wiring, line, consumers, COUNT, handled) })
    }

    async fn depth(&self, wiring: &Wiring) -> Result<Option<Vec<Depth>>, OpenError> {
        let len = |list: &str| cmd("LLEN").arg(list).take();
        let ask = |place: String| {
            let taken = self.taken();
            let own = taken.get(&place).into_iter().flatten().map(|(_, own)| len(own));
            [len(&place)].into_iter().chain(own).collect()
        };
        let add = |depth: &mut Depth, number, len: u64| {
            match number {
                0 => depth.ready += len,
                _ => depth.add_unacknowledged(len),
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

/// Pushes to a list.
#[derive(Clone, Copy, Debug)]
struct Push;

impl Command for Push {
    const TAKES_SEVERAL: bool = true;

    fn write(&self, list: &str, payload: &[u8], _message: &Message, _pool: &Pool) -> Cmd {
        // The client owns each command. With room for everything it makes two allocations.
        let mut push = Cmd::with_capacity(3, list.len() + payload.len() + 8);
        push.arg("RPUSH").arg(list).arg(payload);
        push
    }
}

/// The number of a consumer, and what it took.
type Token = (usize, Vec<u8>);

/// Acknowledges what an instance handled.
#[derive(Debug)]
struct Handled {
    session: Session,
    /// The list of each consumer.
    own: Vec<String>,
    moves: bool,
}

impl Settle for Handled {
    type Token = Token;

    fn acknowledge(&mut self, tokens: Vec<Token>) -> BoxFuture<'static, PortResult> {
        if !self.moves {
            return async { Ok(()) }.boxed();
        }
        let (mut removes, mut session) = (pipe(), self.session.clone());
        for (of, value) in &tokens {
            let own = &self.own[*of];
            let mut remove = Cmd::with_capacity(4, own.len() + value.len() + 8);
            remove.arg("LREM").arg(own).arg(1).arg(value);
            removes.add_command(remove);
        }
        async move { removes.exec_async(&mut session.redis).await.map_err(|error| session.broken(&error)) }
            .boxed()
    }

    fn last(&self) -> RoundTrip {
        self.session.last()
    }
}

/// Takes from one list.
#[derive(Debug)]
struct Consumer {
    session: Session,
    pool: Arc<Pool>,
    /// Which consumer of the instance it is.
    number: usize,
    list: String,
    /// Where what is not acknowledged lies; `None`: nowhere.
    own: Option<String>,
    /// The lists of earlier consumers of its instance.
    earlier: Vec<String>,
    /// When to look into these.
    look: time::Interval,
    /// How many messages to take without waiting. None: wait for one.
    more: usize,
}

impl Consumer {
    async fn ask<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> RedisResult<T> {
        pipeline.query_async(&mut self.session.redis).await
    }

    /// Moves up to so many messages of a list into its own.
    async fn move_all(&mut self, from: &str, own: &str, count: usize) -> RedisResult<Vec<Vec<u8>>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut moves = pipe();
        for _ in 0..count {
            moves.cmd("LMOVE").arg(from).arg(own).arg("LEFT").arg("RIGHT");
        }
        let moved: Vec<Option<Vec<u8>>> = self.ask(&moves).await?;
        Ok(moved.into_iter().flatten().collect())
    }

    /// What earlier consumers of the instance did not acknowledge.
    async fn recover(&mut self, own: &str) -> RedisResult<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for list in self.earlier.clone() {
            let [len]: [usize; 1] = self.ask(pipe().cmd("LLEN").arg(&list)).await?;
            all.extend(self.move_all(&list, own, len).await?);
        }
        Ok(all)
    }

    /// The next messages, of which each is handed out for so many times.
    async fn take(&mut self) -> RedisResult<(u16, Vec<Vec<u8>>)> {
        let Some(own) = self.own.clone() else {
            let pop =
                cmd("BLMPOP").arg(BLOCK_S).arg(1).arg(&self.list).arg("LEFT").arg("COUNT").arg(COUNT).take();
            let popped: Option<(String, Vec<Vec<u8>>)> = pop.query_async(&mut self.session.redis).await?;
            return Ok((1, popped.map_or_else(Vec::new, |(_, all)| all)));
        };
        if !self.earlier.is_empty() && self.look.tick().now_or_never().is_some() {
            return Ok((2, self.recover(&own).await?));
        }
        let taken = if self.more == 0 {
            let mut wait = cmd("BLMOVE");
            wait.arg(&self.list).arg(&own).arg("LEFT").arg("RIGHT").arg(BLOCK_S);
            let first: Option<Vec<u8>> = wait.query_async(&mut self.session.redis).await?;
            first.into_iter().collect()
        } else {
            let list = self.list.clone();
            self.move_all(&list, &own, self.more).await?
        };
        self.more = (2 * taken.len()).min(COUNT);
        Ok((1, taken))
    }
}

impl Pull for Consumer {
    type Token = Token;
    const TELLS_ATTEMPTS: bool = true;

    async fn pull(&mut self) -> PortResult<Vec<Delivery<Token>>> {
        let (attempt, taken) = self.take().await.map_err(|error| self.session.broken(&error))?;
        let (none, told) = (std::iter::empty::<(&str, &[u8])>, Told { attempt, shard: 0 });
        let deliver = |bytes: Vec<u8>| {
            let message = decode(&bytes, none(), &self.pool, || self.list.clone())?;
            Ok(Delivery { message, told, token: (self.number, bytes) })
        };
        taken.into_iter().map(deliver).collect()
    }
}
