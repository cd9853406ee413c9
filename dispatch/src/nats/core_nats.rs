//! `nats`: core NATS, publish and subscribe without storage. A message without a subscriber, or one that a receiver
//! does not take in time, is lost.
//!
//! A destination is a subject, `RUN.DESTINATION`. A receiving service subscribes in a queue group of its name, so one
//! of its instances gets each message, for commands and for events. The server picks the instance at random. A request
//! carries a native reply subject, `RUN.DESTINATION.INSTANCE`, to which only the requesting instance subscribes. The
//! replier derives the same subject from the message's header.
//!
//! Back-pressure: the client's queue to the server holds `capacity` messages. It blocks the sender when it is full,
//! which happens when the server reads more slowly. A slow receiver blocks no sender: the client keeps `capacity`
//! messages (at least 65,536) for each subscription and drops the rest, which is counted as lagged.

use super::{
    address::{Address, heard_subject, replies_to, token},
    connection::{Connection, Link, Outlet, Server, there_and_back},
    drops::{Doubt, Tally},
    encode::{Encoder, decode},
    login::OPTIONS,
};
use async_nats::{Client, Subject, Subscriber, message::OutboundMessage};
use drumpost_core::{
    dispatcher::Tasked,
    message::Message,
    payload::Pool,
    port::{AsyncRecvPort, AsyncSendPort, Confirms, PortError},
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    server::ServerFacts,
    transport::{AsyncTransport, Endpoint, Endpoints, OpenError},
    wiring::{Destination, Wiring},
};
use futures_util::StreamExt;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::task::unconstrained;

/// The entry for the registry.
pub(super) fn entry() -> TransportEntry {
    TransportEntry {
        name: "nats",
        summary: "core NATS: subjects, queue groups and native reply subjects; at most once, without storage",
        intents: &[
            (Style::Message, &[Intent::Command, Intent::Request, Intent::Reply]),
            (Style::Event, &[Intent::Event]),
        ],
        runs_on: RunsOn::Tasks,
        promise: Promise { holds_up_senders: false, lossless: false, ..Promise::IN_MEMORY },
        needs_server: true,
        options: &OPTIONS,
        make: |options| Ok(Box::new(Tasked(Nats { server: Server::from_options(options)? }))),
    }
}

#[derive(Debug)]
struct Nats {
    server: Server,
}

impl AsyncTransport for Nats {
    type Send = NatsSend;
    type Recv = NatsRecv;

    async fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<NatsSend, NatsRecv>, OpenError> {
        let (mut connections, mut endpoints) = (Vec::new(), Vec::new());
        for instance in 0..wiring.instance_count() {
            let connection = self.server.connect(wiring, instance).await?;
            let tally = Arc::new(Tally::new(connection.client.statistics()));
            endpoints.push(self.endpoint(wiring, &connection, instance, &tally).await?);
            connections.push((connection, tally));
        }
        for (connection, tally) in &connections {
            connection.round_trip(&self.server).await?;
            tally.begin();
        }
        Ok(endpoints)
    }

    fn server(&self) -> Option<ServerFacts> {
        self.server.facts()
    }
}

impl Nats {
    async fn endpoint(
        &self,
        wiring: &Wiring,
        connection: &Connection,
        instance: u16,
        tally: &Arc<Tally>,
    ) -> Result<Endpoint<NatsSend, NatsRecv>, OpenError> {
        let service = wiring.service_of(instance);
        let apart = wiring.has_replies_apart(service);
        let (mut inbox, mut replies) = (Vec::new(), Vec::new());
        for heard in wiring.heard_by(service) {
            let subject = heard_subject(wiring, heard, instance);
            let group = token(&wiring.services[service].name);
            let subscribed = connection.client.queue_subscribe(subject.clone(), group.clone()).await;
            let subscriber = subscribed.map_err(|error| self.server.failed("subscribe", &error))?;
            let port = if apart && heard.intent == Intent::Reply { &mut replies } else { &mut inbox };
            port.push((subscriber, (subject, group)));
        }
        let merged = |subscribed: Vec<(Subscriber, Subscription)>| {
            let (subscribers, subscriptions): (Vec<_>, Vec<_>) = subscribed.into_iter().unzip();
            (!subscribers.is_empty()).then_some(Merged { subscribers, subscriptions, first: 0 })
        };
        let (own, apart) = (merged(inbox), merged(replies).map(|replies| Arc::new(Mutex::new(replies))));
        let port = |own, apart| NatsRecv::new(wiring, connection, own, apart, Arc::clone(tally));
        let sends = wiring.sends_of(service).map(|sent| NatsSend::new(wiring, connection, sent, instance));
        Ok(Endpoint {
            sends: sends.collect(),
            replies: apart.clone().map(|apart| port(None, Some(apart))),
            inbox: own.map(|own| port(Some(own), apart)),
        })
    }
}

/// Publishes to one destination.
#[derive(Debug)]
struct NatsSend {
    outlet: Outlet,
    encoder: Encoder,
    address: Address,
    reply: Option<Subject>,
}

impl NatsSend {
    fn new(wiring: &Wiring, connection: &Connection, sent: &Destination, instance: u16) -> Self {
        let asks = sent.intent == Intent::Request;
        Self {
            outlet: connection.outlet(),
            encoder: Encoder::new(Arc::clone(&wiring.pool)),
            address: Address::new(wiring, sent),
            reply: asks.then(|| replies_to(wiring, sent, instance)).flatten(),
        }
    }
}

impl AsyncSendPort for NatsSend {
    fn offer(&mut self, batch: &[Message]) -> Result<usize, PortError> {
        self.outlet.link.check()?;
        for (taken, message) in batch.iter().enumerate() {
            if !self.outlet.has_room()? {
                return Ok(taken);
            }
            self.outlet.put(OutboundMessage {
                subject: self.address.of(message)?.clone(),
                payload: self.encoder.bytes(message),
                reply: self.reply.clone(),
                headers: self.encoder.headers(message),
            })?;
        }
        Ok(batch.len())
    }

    async fn ready(&mut self) -> Result<(), PortError> {
        poll_fn(|context| self.outlet.poll_room(context)).await
    }

    async fn settle(&mut self, at_most: Duration) -> Option<Confirms> {
        // Not confirmed: core NATS has no confirms.
        self.outlet.settle(at_most).await;
        None
    }

    fn check(&self) -> Result<(), PortError> {
        self.outlet.link.check()
    }
}

/// A subject, and the queue group of the service that hears it.
type Subscription = (String, String);

/// Several subscriptions, merged by asking them in turn.
#[derive(Debug)]
struct Merged {
    subscribers: Vec<Subscriber>,
    /// What each of them is to.
    subscriptions: Vec<Subscription>,
    first: usize,
}

impl Merged {
    /// Takes what is there into `batch`, until that holds `max`.
    fn fill(
        &mut self,
        batch: &mut Vec<Message>,
        max: usize,
        pool: &Pool,
        link: &Link,
        context: &mut Context<'_>,
    ) -> Result<(), PortError> {
        let count = self.subscribers.len();
        for at in self.first..self.first + count {
            let subscriber = &mut self.subscribers[at % count];
            while batch.len() < max {
                match subscriber.poll_next_unpin(context) {
                    Poll::Ready(Some(envelope)) => batch.push(decode(&envelope, pool)?),
                    Poll::Ready(None) => return Err(link.closed()),
                    Poll::Pending => break,
                }
            }
        }
        self.first = (self.first + 1) % count.max(1);
        Ok(())
    }
}

/// Receives what one instance hears, or only its replies.
#[derive(Debug)]
struct NatsRecv {
    link: Arc<Link>,
    client: Client,
    pool: Arc<Pool>,
    own: Option<Merged>,
    /// The replies, if they are apart: the port for replies and the one for everything read them, from the same task.
    apart: Option<Arc<Mutex<Merged>>>,
    tally: Arc<Tally>,
    doubt: Doubt,
    batch: Vec<Message>,
}

impl NatsRecv {
    fn new(
        wiring: &Wiring,
        connection: &Connection,
        own: Option<Merged>,
        apart: Option<Arc<Mutex<Merged>>>,
        tally: Arc<Tally>,
    ) -> Self {
        let (link, pool) = (Arc::clone(&connection.link), Arc::clone(&wiring.pool));
        Self {
            link,
            client: connection.client.clone(),
            pool,
            own,
            apart,
            tally,
            doubt: Doubt::default(),
            batch: Vec::with_capacity(wiring.batch),
        }
    }

    /// Takes up to `max` messages that are there into `batch`, replies first.
    fn fill(&mut self, max: usize, context: &mut Context<'_>) -> Result<(), PortError> {
        self.batch.clear();
        if let Some(apart) = &self.apart {
            let mut apart = apart.lock().unwrap_or_else(PoisonError::into_inner);
            apart.fill(&mut self.batch, max, &self.pool, &self.link, context)?;
        }
        if let Some(own) = &mut self.own {
            own.fill(&mut self.batch, max, &self.pool, &self.link, context)?;
        }
        if !self.batch.is_empty() {
            self.tally.account(self.batch.len() as u64);
        }
        Ok(())
    }

    /// The same when the client has dropped messages: finds out how many are missing if nothing is there.
    fn fill_or_miss(
        &mut self,
        max: usize,
        dropping: bool,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<u64>, PortError>> {
        let arrived = self.tally.arrived();
        // A task that has used up its budget finds nothing even where there is something.
        let filled = pin!(unconstrained(poll_fn(|context| Poll::Ready(self.fill(max, context)))));
        ready!(filled.poll(context))?;
        if !self.batch.is_empty() {
            if dropping {
                self.link.keep_dropping();
            }
            return Poll::Ready(Ok(None));
        }
        match self.doubt.certain(self.tally.missing(arrived), arrived, dropping) {
            0 => self.link.listen(context),
            dropped => {
                self.tally.account(dropped);
                Poll::Ready(Ok(Some(dropped)))
            }
        }
    }
}

/// Subscribes again.
async fn subscribe(client: &Client, to: &[Subscription], link: &Link) -> Result<Vec<Subscriber>, PortError> {
    let mut subscribers = Vec::new();
    for (subject, group) in to {
        let subscribed = client.queue_subscribe(subject.clone(), group.clone()).await;
        subscribers.push(subscribed.map_err(|_| link.closed())?);
    }
    Ok(subscribers)
}

impl AsyncRecvPort for NatsRecv {
    const CAN_BE_KILLED: bool = true;

    /// The subscriptions go with the consumer, and what they hold. What is sent while it is away nobody keeps.
    async fn crash(&mut self, down: Duration) -> Result<(), PortError> {
        let locked = |apart: &Arc<Mutex<Merged>>| {
            let mut apart = apart.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut apart.subscribers), apart.subscriptions.clone())
        };
        let (mut gone, apart) = self.apart.as_ref().map(locked).unwrap_or_default();
        if let Some(own) = &mut self.own {
            gone.append(&mut own.subscribers);
        }
        for mut subscriber in gone {
            subscriber.unsubscribe().await.map_err(|_| self.link.closed())?;
        }
        #[expect(clippy::disallowed_methods, reason = "an outage in milliseconds, which paces nothing")]
        tokio::time::sleep(down).await;
        if let Some(own) = &mut self.own {
            own.subscribers = subscribe(&self.client, &own.subscriptions, &self.link).await?;
        }
        let replies = subscribe(&self.client, &apart, &self.link).await?;
        if let Some(apart) = &self.apart {
            apart.lock().unwrap_or_else(PoisonError::into_inner).subscribers = replies;
        }
        // It is back when the server says so.
        there_and_back(&self.client).await.map_err(PortError::Failed)?;
        self.link.check()
    }

    async fn drain(
        &mut self,
        max: usize,
        mut on_batch: impl FnMut(&[Message]) + Send,
    ) -> Result<usize, PortError> {
        poll_fn(|context| {
            self.link.check()?;
            // Only the port that hears everything can find everything empty.
            let dropping = self.own.is_some() && self.link.take_dropping();
            if !dropping && !self.doubt.is_some() {
                self.fill(max, context)?;
                if self.batch.is_empty() {
                    return self.link.listen(context);
                }
            } else if let Some(dropped) = ready!(self.fill_or_miss(max, dropping, context))? {
                return Poll::Ready(Err(PortError::Lagged(dropped)));
            }
            on_batch(&self.batch);
            Poll::Ready(Ok(self.batch.len()))
        })
        .await
    }
}
