//! `redis-pubsub`: every destination is a channel, to which each receiving service is subscribed. Nothing is stored: who is not
//! subscribed when a message is published never gets it. Replies have a channel for each instance that asks.
//!
//! - *Competing instances* are refused, because every subscriber of a channel gets each message.
//! - *Confirms* are the answers to `PUBLISH`, which say how many subscribers the message was passed on to. A message that was passed on to
//!   none of those who should hear it counts as refused.
//! - *Silent lines*: an instance that waits for messages and hears nothing asks the server with `PING`, on the connection of its
//!   subscriptions. A slow instance is not quiet: there is always something to read.
//! - *Slow subscribers*: a subscriber reads no more than its lane handles. The server holds what is on its way to
//!   it, and closes its connection at `client-output-buffer-limit`. The sentence about the lost connection says so, unless the server is gone. What was on its way is lost,
//!   which the audit counts.

use super::{
    connection::{Command, Piped, Server, URL, refuse_headers},
    silence::{Ear, Quiet, silent},
};
use drumpost_kit::{encode::decode, prelude::*};
use redis::{Cmd, Msg, RedisResult, Value, ValueCodec, cmd};
use std::mem::take;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::codec::Framed;

const OPTIONS: [OptionEntry; 1] = [URL];
/// Why a connection may have been closed: the server does not say.
const TOO_SLOW: &str = "the server closed it and is there, as it does at client-output-buffer-limit with subscribers that are too slow, and \
                        when it is started again";
/// The reason if nobody answers any more.
const GONE: &str = "the server closed it and is not there any more";
/// How long the server may take to answer when it is asked whether it is there.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// Why a message counts as refused.
const NOBODY: &str = "PUBLISH answered 0: nobody was subscribed";

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "redis-pubsub",
        summary: "Redis PUBLISH and SUBSCRIBE: a channel for each destination, one instance of each service; at most once, without storage",
        promise: Promise {
            delivery: promise::Delivery::AtMostOnce,
            confirms: promise::Confirms::Leader,
            acks: "answers to PUBLISH as confirms",
            ..BROKER.promise
        },
        options: &OPTIONS,
        make: |options| {
            Ok(Box::new(Tasked::new(PubSub { server: Server::from_options(options, "redis-pubsub")? })))
        },
        ..BROKER
    }
}

#[derive(Debug)]
pub(super) struct PubSub {
    pub(super) server: Server,
}

impl PubSub {
    /// A connection that is subscribed to these channels. Nothing is read from it but what is asked for, so that a lane that is slow is
    /// slow for the server, too.
    pub(super) async fn subscribe(&self, channels: &[String]) -> Result<Channels, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let stream = self.server.stream().await.map_err(|error| text(&error))?;
        let mut framed = Framed::new(stream, ValueCodec::default());
        let login = self.server.client.get_connection_info().redis_settings();
        let (mut asked, mut answers) = (Vec::new(), channels.len());
        if let Some(password) = login.password() {
            asked.extend(cmd("AUTH").arg(login.username()).arg(password).get_packed_command());
            answers += 1;
        }
        asked.extend(cmd("SUBSCRIBE").arg(channels).get_packed_command());
        framed.send(asked).await.map_err(|error| text(&error))?;
        for _ in 0..answers {
            let answer = framed.next().await.ok_or("the server closed the connection")?;
            answer.and_then(|answer| answer.extract_error()).map_err(|error| text(&error))?;
        }
        Ok(Channels { framed, heard: false, ear: Ear::new() })
    }
}

impl AsyncTransport for PubSub {
    type Send = Outbox<Written<Piped<Tell>>>;
    type Recv = Inbox<Subscriptions>;

    const REOPENS: bool = true;

    async fn probe(&self) -> Result<Option<ServerFacts>, OpenError> {
        self.server.probe().await
    }

    async fn prepare(&self, wiring: &Wiring) -> Result<(), OpenError> {
        for sent in wiring.destinations.iter().filter(|sent| sent.intent != Intent::Reply) {
            let several =
                sent.receivers.iter().map(|of| &wiring.services[*of]).find(|of| of.instances.len() > 1);
            if let Some(service) = several {
                return Err(OpenError::Refused(format!(
                    "redis-pubsub cannot carry {} `{}` to {} instances of {}: every subscriber of a channel gets each message; in \
                     redis-stream instances compete",
                    sent.intent,
                    sent.name,
                    service.instances.len(),
                    service.name
                )));
            }
        }
        refuse_headers(wiring, "redis-pubsub", "what is published")?;
        self.server.begin(wiring).await.map(drop)
    }

    async fn open(&self, wiring: &Wiring, me: u16) -> Result<Endpoint<Self::Send, Self::Recv>, OpenError> {
        let (session, layout) = (self.server.connect().await?, Layout::new(wiring, ':'));
        let (mut sources, mut apart) = (Vec::new(), Vec::new());
        for (channels, is_apart) in layout.consumers(me) {
            sources.push(self.server.at.step("subscribe", self.subscribe(&channels)).await?);
            apart.push(is_apart);
        }
        let line = session.line.clone();
        let sends = layout.outboxes(me, &line, self.server.keys.refusals(), |sent| {
            Piped::over(&session, Tell { is_heard: !sent.receivers.is_empty() })
        });
        let (at, pool) = (Arc::clone(&self.server.at), Arc::clone(&wiring.pool));
        let subscriptions = Subscriptions { line: line.clone(), pool, sources, at, closed: None };
        Ok(Endpoint { sends, inbox: Inbox::new(wiring, line, &apart, subscriptions) })
    }

    async fn close(&self) -> Result<(), String> {
        self.server.close().await
    }
}

/// Publishes to a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tell {
    /// Someone should be subscribed.
    is_heard: bool,
}

impl Command for Tell {
    fn write(&self, channel: &str, payload: &[u8], _message: &Message, _pool: &Pool) -> Cmd {
        // The client owns each command. With room for everything it makes two allocations.
        let mut publish = Cmd::with_capacity(3, channel.len() + payload.len() + 8);
        publish.arg("PUBLISH").arg(channel).arg(payload);
        publish
    }

    fn stored(&self, answer: &Value) -> Result<(), String> {
        match answer {
            Value::Int(0) if self.is_heard => Err(NOBODY.into()),
            _ => Ok(()),
        }
    }
}

/// A connection that is subscribed.
pub(super) struct Channels {
    framed: Framed<TcpStream, ValueCodec>,
    /// Something came since the last look.
    heard: bool,
    ear: Ear,
}

impl Channels {
    /// The next message or error. `None`: the server closed the connection without a word.
    ///
    /// # Errors
    /// The line is silent, in words.
    pub(super) fn poll_value(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<RedisResult<Value>>, String>> {
        while let Poll::Ready(value) = self.framed.poll_next_unpin(context) {
            self.heard = true;
            if !matches!(&value, Some(Ok(value)) if is_pong(value)) {
                return Poll::Ready(Ok(value));
            }
        }
        while ready!(self.ear.poll(context, || take(&mut self.heard))) == Quiet::Ask {
            // The first poll writes the question. An error is told by the next read.
            let _written = self.framed.send(cmd("PING").get_packed_command()).now_or_never();
        }
        Poll::Ready(Err(silent()))
    }
}

/// Whether this is the answer to `PING` on a connection that is subscribed.
fn is_pong(value: &Value) -> bool {
    let first = |all: &[Value]| matches!(all.first(), Some(Value::BulkString(word)) if word == b"pong");
    matches!(value, Value::Array(all) if first(all))
}

/// What one instance is subscribed to.
pub(super) struct Subscriptions {
    line: Line,
    pool: Arc<Pool>,
    sources: Vec<Channels>,
    at: Arc<At>,
    /// Why one of them was closed, once that is known.
    closed: Option<BoxFuture<'static, &'static str>>,
}

impl Subscriptions {
    /// The error of a connection that was closed without a word: the server is asked whether it is there.
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<PortError> {
        let at = Arc::clone(&self.at);
        let asked = self.closed.get_or_insert_with(|| {
            // For a moment the system takes connections for a process that was killed, and nobody answers there.
            let answers = async move {
                let stream = TcpStream::connect(&*at.addresses().await).await.ok()?;
                let mut framed = Framed::new(stream, ValueCodec::default());
                framed.send(cmd("PING").get_packed_command()).await.ok()?;
                framed.next().await?.ok()
            };
            let why = timeout(ANSWERS_WITHIN, answers);
            async move { if matches!(why.await, Ok(Some(_))) { TOO_SLOW } else { GONE } }.boxed()
        });
        let why = ready!(asked.poll_unpin(context));
        self.closed = None;
        Poll::Ready(self.line.broken(true, &why))
    }
}

impl Deliveries for Subscriptions {
    type Token = ();

    fn poll_next(&mut self, source: usize, context: &mut Context<'_>) -> Poll<PortResult<Delivery<()>>> {
        let value = match self.closed {
            Some(_) => None,
            None => match ready!(self.sources[source].poll_value(context)) {
                Ok(value) => value,
                Err(why) => return Poll::Ready(Err(self.line.broken(true, &why))),
            },
        };
        let value = match value {
            Some(Ok(value)) => value,
            Some(Err(error)) if error.is_io_error() => {
                return Poll::Ready(Err(self.line.broken(true, &error)));
            }
            // A message that breaks off is no error of input and output to the client.
            Some(Err(_)) | None => return self.poll_closed(context).map(Err),
        };
        let message = Msg::from_owned_value(value)
            .ok_or_else(|| self.line.broken(false, &"something else than a message"))?;
        let none = std::iter::empty::<(&str, &[u8])>();
        let channel = || message.get_channel_name().to_owned();
        let message = decode(message.get_payload_bytes(), none, &self.pool, channel)?;
        Poll::Ready(Ok(Delivery { message, told: Told::default(), token: () }))
    }
}
